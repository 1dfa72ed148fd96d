"""JSON Schemas of records: how they are compiled, and how a failure is told without a value.

Which schemas are acceptable at all is said in `schema_lint`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import jsonschema_rs

from contracts.errors import Refused, Unfit

Schema = dict[str, object]

_SAYS_NOTHING = frozenset({"$schema", "$id", "title", "description", "examples", "$comment"})
"""Keywords that accept and refuse nothing; so do all that begin with `x-`."""

_PATTERN_BYTES = 1024 * 1024
"""Largest compiled pattern, in bytes of automaton; the engine runs in linear time whatever the text is."""

_MAX_FAILURES_READ = 64
"""How many failures of one record are compared to name the first; a hostile record may have thousands."""

_CODES = {
    "required": "record.schema.required",
    "additionalProperties": "record.schema.unexpected",
    "type": "record.schema.type",
    "pattern": "record.schema.pattern",
    "enum": "record.schema.enum",
    "const": "record.schema.enum",
    "minLength": "record.schema.length",
    "maxLength": "record.schema.length",
    "minimum": "record.schema.range",
    "maximum": "record.schema.range",
    "minItems": "record.schema.items",
    "maxItems": "record.schema.items",
    "uniqueItems": "record.schema.items",
    "anyOf": "record.schema.combination",
    "oneOf": "record.schema.combination",
    "not": "record.schema.combination",
    "format": "record.schema.pattern",
}


@dataclass(frozen=True, slots=True)
class Checker:
    """A compiled closed schema."""

    schema: Schema
    is_valid: Callable[[object], bool]
    """Fast answer without a reason."""
    _failures: Callable[[object], Sequence[jsonschema_rs.ValidationError]]

    def refusal(self, value: object) -> Refused:
        """Return why `value`, which is not valid, is refused: the failure nearest to the root."""
        return _tell(self.schema, min(self._failures(value), key=_importance))

    def failing(self, value: object) -> set[str]:
        """Return the JSON pointers, into the schema, of the keywords that refuse `value`."""
        return {"".join(f"/{step}" for step in failure.schema_path) for failure in self._failures(value)}


def compile_schema(schema: Schema) -> Checker:
    """Compile `schema`, which `schema_lint.problems` found nothing wrong with.

    Raises:
        Unfit: when the schema is not valid itself, or a pattern is too large or not linear.
    """
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES),
            offline=True,
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as problem:
        raise Unfit(
            f"is not an acceptable JSON Schema: {str(problem).splitlines()[0]}",
            "ليس مخطط JSON مقبولًا: كلمة بقيمة لا تصلح لها، أو نمط أكبر من الحد",
        ) from None
    return Checker(
        schema,
        validator.is_valid,
        lambda value: list(islice(validator.iter_errors(value), _MAX_FAILURES_READ)),
    )


def asking(schema: Schema) -> Schema:
    """Return the keywords of a schema that accept and refuse."""
    return {key: value for key, value in schema.items() if key not in _SAYS_NOTHING and key[:2] != "x-"}


def reader_schema(schema: Schema) -> Schema:
    """Return the open view of a closed schema: readers must live with fields that a later minor adds."""
    opened = _without_closing(schema)
    if not isinstance(opened, dict):
        raise TypeError("a schema is an object")
    return opened


def _without_closing(node: object) -> object:
    if isinstance(node, dict):
        return {key: _without_closing(inner) for key, inner in node.items() if key != "additionalProperties"}
    if isinstance(node, list):
        return [_without_closing(inner) for inner in node]
    return node


def _importance(failure: jsonschema_rs.ValidationError) -> tuple[int, int, list[str], bool]:
    """Sort what helps the sender most first: outer fields, and plain keywords before conditions."""
    place = _place(failure)
    return len(place), len(failure.schema_path), place, failure.kind.name == "format"


def _place(failure: jsonschema_rs.ValidationError) -> list[str]:
    place = [str(step) for step in failure.instance_path]
    if isinstance(failure.kind, jsonschema_rs.ValidationErrorKind.Required):
        place.append(failure.kind.property)
    return place


def _tell(schema: Schema, failure: jsonschema_rs.ValidationError) -> Refused:
    keyword = failure.kind.name
    field = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in _place(failure))
    code = _CODES.get(keyword, "record.schema.combination")
    if isinstance(failure.kind, jsonschema_rs.ValidationErrorKind.Format) and "date" in failure.kind.format:
        code = "record.date.calendar"
    return Refused(code, field, _rule(schema, failure, keyword))


def _rule(schema: Schema, failure: jsonschema_rs.ValidationError, keyword: str) -> str:
    """State in English what the failed keyword asks; all its words come from the schema."""
    owner: object = schema
    for step in failure.schema_path[:-1]:
        owner = owner[step] if isinstance(owner, dict | list) else None  # type: ignore[index]
    asked = owner.get(keyword) if isinstance(owner, Mapping) else None
    comment = owner.get("$comment") if isinstance(owner, Mapping) else None
    if isinstance(comment, str):
        return comment
    return _ENGLISH.get(keyword, "the combination that the schema describes").format(_shown(asked))


def _shown(asked: object) -> str:
    return ", ".join(map(str, asked)) if isinstance(asked, list) else str(asked)


_ENGLISH = {
    "required": "must be present",
    "additionalProperties": "only the fields of the schema",
    "type": "must be of type {}",
    "pattern": "must match {}",
    "enum": "must be one of {}",
    "const": "must be {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "uniqueItems": "no item twice",
    "format": "must be a real {}",
}
