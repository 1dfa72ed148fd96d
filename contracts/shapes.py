"""What a contract's schema asks of the payloads of one mapping, divided into fields and shape.

A payload has fields that the mapping writes in one piece, and a *shape*: which of them are there, and which word or
truth value stands in those that conditions look at. Once each field is known to be what the schema asks at its place,
all else that it can ask (fields that must be there, no others, conditions) depends on the shape alone. So what it
said of one payload holds for every other of that shape, and is not asked again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from contracts.leaves import Leaf, definition, leaf_of
from contracts.schemas import Schema, asking

Path = tuple[str, ...]

_TAKES_NOTHING: Schema = {"not": {}}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a schema asks of payloads with certain fields."""

    leaves: Mapping[str, Leaf]
    """By the fields' dotted paths."""
    deciding: frozenset[str] | None
    """Fields that conditions look at; None where they look at something without end, so that no shape tells."""


def read(schema: Schema, targets: Iterable[str]) -> Asked:
    """Divide what an acceptable `schema` asks of payloads that have fields at these dotted paths and nowhere else."""
    reading = _Reading(schema, {tuple(target.split(".")) for target in targets})
    reading.walk(schema, (), plain=True)
    leaves = {path: leaf_of(schema, reading.plain.get(path, _TAKES_NOTHING)) for path in reading.paths}
    told = not reading.unfit and all(leaves[path].few for path in reading.deciding)
    return Asked(
        {".".join(path): leaf for path, leaf in leaves.items()},
        frozenset(map(".".join, reading.deciding)) if told else None,
    )


@dataclass(slots=True)
class _Reading:
    """A walk through a schema, to each place that says something about a field or an object around fields."""

    schema: Schema
    paths: set[Path]
    plain: dict[Path, Schema] = field(default_factory=dict)
    """What is asked of a field whatever else is in the record."""
    deciding: set[Path] = field(default_factory=set)
    unfit: bool = False

    def walk(self, node: Schema, at: Path, *, plain: bool) -> None:
        """Take in a subschema; `plain` unless it is, or stands in, a condition."""
        if at in self.paths:
            if plain and at not in self.plain:
                self.plain[at] = node
            else:
                self.deciding.add(at)
            return
        if not any(path[: len(at)] == at for path in self.paths):
            return  # nothing is ever there
        for keyword, value in asking(node).items():
            self._object(keyword, value, at, plain=plain)

    def _object(self, keyword: str, value: object, at: Path, *, plain: bool) -> None:
        """Take in one keyword about an object that holds fields."""
        match keyword, value:
            case "properties", dict():
                for name, inner in value.items():
                    self.walk(inner, (*at, name), plain=plain)
            case "$ref", _:
                self.walk(definition(self.schema, {"$ref": value}), at, plain=plain)
            case "if" | "then" | "else" | "not", dict():
                self.walk(value, at, plain=False)
            case "allOf" | "anyOf" | "oneOf", list():
                for inner in value:
                    self.walk(inner, at, plain=False)
            case ("required" | "type" | "$defs", _) | ("additionalProperties", bool()):
                pass  # the same for all payloads of a shape
            case _:
                self.unfit = True
