"""What a mapping leaves out, on both sides: fields that the agency sends in vain, fields that the contract misses."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from contracts import schema_lint
from contracts.binding import Binding
from contracts.binding_documents import BindingDocument, Field_, MappingDocument
from contracts.codes import CodeList
from contracts.contract import Contract
from contracts.errors import Problem
from contracts.folder import Files, yaml_model
from contracts.kit.xsd import declared
from contracts.schemas import Schema, compile_schema


def problems(folder: str, files: Files, binding: Binding, codes: Mapping[str, CodeList]) -> Iterator[Problem]:
    """Give what the binding in `folder`, which loads, leaves out or writes in vain."""
    mapping = yaml_model(MappingDocument, files, folder, "mapping.yaml", _silent)
    document = yaml_model(BindingDocument, files, folder, "binding.yaml", _silent)
    if mapping is None or document is None:
        return
    yield from _unwritten(folder, mapping, binding.contract)
    yield from _unfitting(folder, mapping, binding.contract, codes)
    paths = [path for field in mapping.fields.values() for path in _places(field)]
    read = {_without_prefixes(path) if binding.format == "xml" else path for path in paths}
    sent = set(_source_fields(binding.source_schema, *binding.source_document))
    approved = set(document.unused)
    for name in sorted(sent - read - approved):
        yield Problem(
            f"{folder}/binding.yaml",
            "unused",
            "kit.unused",
            f"{name} is sent and not read",
            f"يُرسل {name} ولا يُقرأ",
        )
    for name in sorted(approved - (sent - read)):
        yield Problem(
            f"{folder}/binding.yaml",
            "unused",
            "kit.unused",
            f"{name} is no field that is left unread",
            f"{name} ليس حقلًا متروكًا بلا قراءة",
        )


def _places(field: Field_) -> list[str]:
    if field.from_ is None:
        return []
    return [field.from_] if isinstance(field.from_, str) else field.from_


def _source_fields(schema: Schema | None, name: str, octets: bytes) -> Iterator[str]:
    """Give the fields of a record that hold a value, as a mapping writes them, without prefixes.

    Args:
        schema: the source's JSON Schema where it has one.
        name: file of the agency's own schema.
        octets: that file.
    """
    if schema is not None:
        yield from _json_fields(schema, schema, "")
    elif name.endswith(".xsd"):
        yield from (one.path for one in declared(octets) if one.holds_value and one.steps)


def _json_fields(schema: Schema, node: object, prefix: str) -> Iterator[str]:
    for name, field in schema_lint.properties(schema, node).items():
        inner = list(_json_fields(schema, field, f"{prefix}{name}."))
        yield from inner or [prefix + name]


def _without_prefixes(path: str) -> str:
    return "/".join(
        ("@" if step.startswith("@") else "") + step.removeprefix("@").rpartition(":")[2]
        for step in path.split("/")
    )


def _unwritten(folder: str, mapping: MappingDocument, contract: Contract) -> Iterator[Problem]:
    """Give what an object requires that the mapping fills in parts; the loader looks at the outermost only."""
    inner = {target.rpartition(".")[0] for target in mapping.fields if "." in target}
    for target in sorted(inner):
        required = (schema_lint.resolve(contract.schema, "/" + target.replace(".", "/")) or {}).get(
            "required"
        )
        for name in required if isinstance(required, list) else []:
            whole = f"{target}.{name}"
            if not any(field == whole or field.startswith(whole + ".") for field in mapping.fields):
                yield Problem(
                    f"{folder}/mapping.yaml",
                    "fields",
                    "kit.mapping",
                    f"nothing gives {whole}",
                    f"لا شيء يكتب {whole}",
                )


def _unfitting(
    folder: str, mapping: MappingDocument, contract: Contract, codes: Mapping[str, CodeList]
) -> Iterator[Problem]:
    """Give the fixed words of the mapping that the contract would refuse in their field."""
    for target, field in mapping.fields.items():
        node = schema_lint.resolve(contract.schema, "/" + target.replace(".", "/"))
        if node is None:
            continue
        is_valid = compile_schema({"$defs": contract.schema.get("$defs", {}), **node}).is_valid
        wrong = sorted({str(word) for word in _written(field) if not is_valid(word)})
        listed = str(field.lookup).partition("/")[0] if isinstance(field.lookup, str) else ""
        if wrong:
            yield Problem(
                f"{folder}/mapping.yaml",
                f"fields.{target}",
                "kit.lookup",
                f"writes {', '.join(wrong)}",
                f"يكتب {'، '.join(wrong)}",
            )
        elif listed in codes and not any(map(is_valid, codes[listed].codes)):
            yield Problem(
                f"{folder}/mapping.yaml",
                f"fields.{target}",
                "kit.lookup",
                f"writes codes of the list {listed}",
                f"يكتب أكوادًا من القائمة {listed}",
            )


def _written(field: Field_) -> list[object]:
    """Return the words that a field is given whatever the record says."""
    words: list[object] = [] if field.const is None else [field.const]
    if isinstance(field.lookup, dict):
        words += field.lookup.values()
    with suppress(IndexError):
        if field.fn[-1].startswith("default:"):
            words.append(field.fn[-1].partition(":")[2])
    return words


def _silent(_file: str, _where: str, _rule: str, _message: str, _message_ar: str = "", /) -> None:
    """Say nothing: the folder has been loaded before."""
