"""Every field of a canonical contract is explained: in both languages, with a class and an example that holds."""

import re
from collections.abc import Iterator

from contracts.contract import Contract
from contracts.errors import Problem
from contracts.schemas import Schema, compile_schema

_ARABIC = re.compile("[\u0621-\u064a]")


def problems(folder: str, contract: Contract) -> Iterator[Problem]:
    """Give every field of the contract in `folder` that is not fully described."""
    for at, field in fields(contract.schema, ""):
        lacks = [what for what, held in _described(field) if not held]
        if lacks:
            yield Problem(
                f"{folder}/schema.json",
                at,
                "kit.field",
                f"lacks {', '.join(lacks)}",
                f"ينقصه {'، '.join(lacks)}",
            )
        elif not _examples_hold(contract.schema, field):
            yield Problem(
                f"{folder}/schema.json",
                at,
                "kit.field",
                "has an example that it would refuse",
                "فيه مثال يرفضه هو نفسه",
            )


def fields(node: object, at: str) -> Iterator[tuple[str, Schema]]:
    """Give every field that a schema declares, with its pointer; conditions only speak of fields again."""
    if not isinstance(node, dict):
        return
    members = node.get("properties")
    for name, field in members.items() if isinstance(members, dict) else ():
        if isinstance(field, dict):
            yield f"{at}/properties/{name}", field
        yield from fields(field, f"{at}/properties/{name}")
    definitions = node.get("$defs")
    for name, definition in definitions.items() if isinstance(definitions, dict) else ():
        yield from fields(definition, f"{at}/$defs/{name}")
    yield from fields(node.get("items"), f"{at}/items")


def _described(field: Schema) -> tuple[tuple[str, bool], ...]:
    arabic = field.get("x-description-ar")
    return (
        ("description", bool(field.get("description"))),
        ("x-description-ar", isinstance(arabic, str) and bool(_ARABIC.search(arabic))),
        ("x-classification", bool(field.get("x-classification"))),
        ("examples", isinstance(field.get("examples"), list) and bool(field["examples"])),
    )


def _examples_hold(schema: Schema, field: Schema) -> bool:
    examples = field["examples"]
    is_valid = compile_schema({"$defs": schema.get("$defs", {}), **field}).is_valid
    return isinstance(examples, list) and all(map(is_valid, examples))
