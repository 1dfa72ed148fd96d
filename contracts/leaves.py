"""What a contract's schema asks of one field, and what is certain to keep it before any record has come.

A mapping writes its fields one by one, and most of what it writes is known when the catalogue is loaded: words of a
list, days, numbers of fourteen digits, names of plain letters. What is certain to be taken need not be asked of each
record. Whatever is not understood here is not certain, and then the schema itself is asked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import cast

import orjson

from contracts import functions, nid, text
from contracts.schemas import Schema, asking, compile_schema

_LEAVES_KEPT = 1024
"""Most fields ask the same as others do, in every version of a catalogue."""
_ONE_CLASS = re.compile(r"\^\[[^\[\]\\]+\][+*]\$")
"""A pattern that takes a text exactly if it takes each of its characters."""
_OF_TEXTS = {"type", "minLength", "maxLength", "pattern"}
_OF_LISTS = {"type", "items", "minItems", "maxItems"}
_OF_OBJECTS = {"type", "properties", "required", "additionalProperties"}


@dataclass(frozen=True, slots=True)
class Names:
    """Which names of plain letters a field takes, as `text.split_name` writes them."""

    shortest: int
    """Characters of the whole name."""
    longest: int
    most_words: int


@dataclass(frozen=True, eq=False)
class Leaf:
    """A field of a contract's schema that a mapping writes in one piece."""

    takes: Callable[[object], bool]
    """Ask the schema."""
    asked: Schema
    """What it asks, without what says nothing."""

    @cached_property
    def takes_days(self) -> bool:
        """Whether it takes every day of `functions.DAYS`."""
        return all(map(self.takes, functions.DAYS))

    @cached_property
    def takes_numbers(self) -> bool:
        """Whether it takes every text of the shape of a national ID."""
        shortest, longest = _bounds(self.asked, "Length")
        return (
            _asks_only(self.asked, "string", _OF_TEXTS)
            and self.asked.get("pattern") == f"^{nid.SHAPE.pattern}$"
            and shortest <= nid.DIGITS <= longest
        )

    @cached_property
    def takes_names(self) -> Names | None:
        """Which names of plain letters it takes; None where that is not certain of any."""
        properties, required = self.asked.get("properties"), self.asked.get("required", [])
        if not _asks_only(self.asked, "object", _OF_OBJECTS) or not isinstance(properties, dict):
            return None
        if not set(cast("list[str]", required)) <= {"full", "parts"} <= properties.keys():
            return None
        full, parts = asking(properties["full"]), asking(properties["parts"])
        part = asking(cast("Schema", parts.get("items", {})))
        (shortest, longest), (shortest_part, longest_part) = _bounds(full, "Length"), _bounds(part, "Length")
        fewest, most = _bounds(parts, "Items")
        if not _asks_only(parts, "array", _OF_LISTS) or fewest > 1 or shortest_part > 1:
            return None
        if not (_takes_letters(full) and _takes_letters(part)):
            return None
        # No part is longer than the whole, and there are no more parts than words.
        return Names(shortest, min(longest, longest_part), most)

    @cached_property
    def few(self) -> bool:
        """Whether it takes some words only, or truth values only."""
        words = self.asked.get("enum", [self.asked["const"]] if "const" in self.asked else None)
        if isinstance(words, list):
            return all(isinstance(word, str) for word in words)
        return self.asked.get("type") == "boolean"


def leaf_of(schema: Schema, node: Schema) -> Leaf:
    """Return the field of an acceptable schema that `node` describes."""
    asked = asking(node)
    if asked.keys() == {"$ref"}:
        asked = asking(definition(schema, asked))
    octets = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    if b'"$ref"' in octets:
        octets = orjson.dumps({**asked, "$defs": schema["$defs"]}, option=orjson.OPT_SORT_KEYS)
    return _leaf(octets)


def definition(schema: Schema, node: Schema) -> Schema:
    """Return what a subschema of an acceptable schema refers to."""
    definitions = cast("dict[str, Schema]", schema["$defs"])
    return definitions[str(node["$ref"]).removeprefix("#/$defs/")]


@lru_cache(maxsize=_LEAVES_KEPT)
def _leaf(octets: bytes) -> Leaf:
    asked = orjson.loads(octets)
    return Leaf(compile_schema(asked).is_valid, asked)


def _asks_only(asked: Schema, kind: str, keywords: set[str]) -> bool:
    return asked.get("type") == kind and asked.keys() <= keywords


def _bounds(asked: Schema, of: str) -> tuple[int, int]:
    """Return the fewest and the most characters or items; none at all where no end is given."""
    return cast("int", asked.get(f"min{of}", 0)), cast("int", asked.get(f"max{of}", 0))


def _takes_letters(asked: Schema) -> bool:
    """Whether a text may consist of plain letters and spaces; what is asked of its length apart."""
    if not _asks_only(asked, "string", _OF_TEXTS):
        return False
    pattern = asked.get("pattern")
    if pattern is None:
        return True
    letters = " " + text.PLAIN_LETTERS
    return bool(_ONE_CLASS.fullmatch(str(pattern))) and compile_schema({"pattern": pattern}).is_valid(letters)
