"""The closed list of functions that a mapping may name: pure, total, without loops and without eval.

Each takes what was read, and a list that receives `review.*` and `warning.*` codes; it returns the canonical
value, or None when nothing is left. `_meta/functions.md` describes them for the people who write mappings.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from contracts import nid, text
from contracts.errors import Refused, Unfit

Value = object
Step = Callable[[Value, list[str]], Value]


@dataclass(frozen=True, slots=True)
class Recalling:
    """A step over words of which some are known: `known[word]` is what it gives for them, without a remark."""

    known: Mapping[str, Value]
    step: Step
    gives: Sequence[Value]
    """Whatever stands in `known`, now or later."""

    def __call__(self, value: Value, notes: list[str]) -> Value:
        """Run the step."""
        return self.step(value, notes)


_DIRECTIVES = re.compile(r"(?:%[dmYHMS]|[-/.: T])+")
_MAX_NUMBER_DIGITS = 15
_SMALL = {str(number): number for number in range(10_000)}
"""Years, months, counts: most whole numbers of records."""
_FIRST, _LAST = date(1900, 1, 1), date(2099, 12, 31)
DAYS = tuple((_FIRST + timedelta(number)).isoformat() for number in range((_LAST - _FIRST).days + 1))
"""ISO dates of 1900 to 2099. They repeat in records, so how they are written is remembered."""
_MAX_DATES_KEPT = 65536
"""A lifetime has fewer than 40,000 days, however they are written."""
_MAX_FORMS_KEPT = 32
"""Dates of one form are known once, whichever agency writes them."""


def _words(value: Value) -> str:
    """Return `value` if it is text; identifiers and names are never numbers."""
    if type(value) is str:
        return value
    raise Refused("record.schema.type", "", "must be of type string")


def _trim(value: Value, _notes: list[str]) -> Value:
    return _words(value).strip()


def _digits_ascii(value: Value, _notes: list[str]) -> Value:
    return nid.digits_ascii(_words(value))


def _nid(value: Value, _notes: list[str]) -> Value:
    return nid.normalise(_words(value))


def _text(value: Value, notes: list[str]) -> Value:
    return text.clean(_words(value), notes)


def _arabic_name(value: Value, notes: list[str]) -> Value:
    return text.arabic_name(_words(value), notes)


def _split_name(value: Value, _notes: list[str]) -> Value:
    return text.split_name(_words(value)) if value else None


def _upper(value: Value, _notes: list[str]) -> Value:
    return _words(value).upper()


def _int(value: Value, _notes: list[str]) -> Value:
    if type(value) is int:
        return value
    digits = nid.digits_ascii(_words(value).strip())
    if not re.fullmatch(r"-?[0-9]+", digits) or len(digits) > _MAX_NUMBER_DIGITS:
        raise Refused("record.number.format", "", f"a whole number of at most {_MAX_NUMBER_DIGITS} digits")
    return int(digits)


def _parts(value: Value) -> list[str]:
    """Return the texts of a `from` that lists several places; absent ones are None there."""
    return (
        [_words(part) for part in value if part is not None] if isinstance(value, list) else [_words(value)]
    )


def _first_non_empty(value: Value, _notes: list[str]) -> Value:
    return next((part for part in _parts(value) if part.strip()), None)


def _hash_ref(value: Value, _notes: list[str]) -> Value:
    """Make a reference for senders that have none: SHA-256 over the parts, each preceded by its length."""
    hasher = hashlib.sha256(b"isnad-ref/v1\0")
    for part in _parts(value):
        octets = part.encode()
        hasher.update(len(octets).to_bytes(4, "big") + octets)
    return "h-" + hasher.hexdigest()[:40]


def _concat(argument: str) -> Step:
    def joined(value: Value, _notes: list[str]) -> Value:
        return argument.join(part for part in _parts(value) if part)

    return joined


def _bool_map(argument: str) -> Step:
    yes, slash, no = argument.partition("/")
    if not (yes and slash and no) or yes == no:
        raise Unfit(
            "write bool_map:<word for true>/<word for false>",
            "اكتب بعد bool_map: كلمة القيمة true ثم / ثم كلمة القيمة false",
        )
    table = {yes: True, no: False}

    def truth(value: Value, _notes: list[str]) -> Value:
        found = table.get(_words(value))
        if found is None:
            raise Refused("record.code.unknown", "", f"must be {yes} or {no}")
        return found

    return Recalling(table, truth, tuple(table.values()))


def _checked_format(argument: str) -> str:
    if not _DIRECTIVES.fullmatch(argument) or not all(part in argument for part in ("%d", "%m", "%Y")):
        raise Unfit(
            "write the format with %d, %m, %Y, %H, %M, %S and the signs - / . : only",
            "اكتب الصيغة من: %d، %m، %Y، %H، %M، %S، والعلامات - / . : وحدها",
        )
    return argument


def _shape(form: str) -> re.Pattern[str]:
    """Return what a text in `form` looks like: strptime alone would also take 1/2/2026 for %d/%m/%Y."""
    escaped = re.escape(form).replace("%Y", "[0-9]{4}")
    return re.compile(re.sub(r"%[dmHMS]", "[0-9]{2}", escaped))


def _parser(argument: str) -> Callable[[str], datetime]:
    form = _checked_format(argument)
    shape = _shape(form)

    def parse(written: str) -> datetime:
        if not shape.fullmatch(written):
            raise Refused("record.date.format", "", f"a date written as {form}")
        try:
            return datetime.strptime(written, form)  # noqa: DTZ007 - legal dates have no zone; instants below add UTC
        except ValueError:
            raise Refused("record.date.calendar", "", "a day that exists in the calendar") from None

    return parse


@lru_cache(maxsize=_MAX_FORMS_KEPT)
def _date(argument: str) -> Step:
    parse = _parser(argument or "%Y-%m-%d")

    known: dict[str, str] = {}

    def iso(value: Value, _notes: list[str]) -> Value:
        written = _words(value)
        found = known.get(written)
        if found is not None:
            return found
        found = parse(nid.digits_ascii(written)).date().isoformat()
        if DAYS[0] <= found <= DAYS[-1] and len(known) < _MAX_DATES_KEPT:
            known[written] = found
        return found

    return Recalling(known, iso, DAYS)


def _datetime_utc(argument: str) -> Step:
    parse = _parser(argument or "%Y-%m-%dT%H:%M:%SZ".removesuffix("Z"))

    def instant(value: Value, _notes: list[str]) -> Value:
        written = nid.digits_ascii(_words(value)).removesuffix("Z")
        return parse(written).replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    return instant


_PLAIN: dict[str, Step] = {
    "trim": _trim,
    "digits_ascii": _digits_ascii,
    "nid": _nid,
    "text": _text,
    "arabic_name": _arabic_name,
    "split_name": _split_name,
    "upper": _upper,
    "int": Recalling(_SMALL, _int, tuple(_SMALL.values())),
    "first_non_empty": _first_non_empty,
    "hash_ref": _hash_ref,
}
_WITH_ARGUMENT: dict[str, Callable[[str], Step]] = {
    "concat": _concat,
    "bool_map": _bool_map,
    "date": _date,
    "datetime_utc": _datetime_utc,
}
OF_LISTS = frozenset({"concat", "first_non_empty", "hash_ref"})
"""Functions that take several places at once; they stand first."""


def named(call: str) -> Step:
    """Return the function for one entry of `fn`, such as `nid` or `date:%d/%m/%Y`.

    Raises:
        Unfit: for a name that is not in the list, or an argument that does not fit.
    """
    name, colon, argument = call.partition(":")
    if name in _PLAIN and not colon:
        return _PLAIN[name]
    if name in _WITH_ARGUMENT:
        return _WITH_ARGUMENT[name](argument)
    known = sorted(_PLAIN.keys() | _WITH_ARGUMENT.keys() | {"default"})
    raise Unfit(
        f"there is no function {call!r}; there are: {', '.join(known)}",
        f"لا توجد دالة باسم {call}، والموجود: {'، '.join(known)}",
    )


def lookup(table: Mapping[str, Value], list_name: str, *, review: bool) -> Recalling:
    """Return the step from an agency's word to a code; an unknown word is refused, or kept for an officer."""

    def found(value: Value, notes: list[str]) -> Value:
        code = table.get(_words(value))
        if code is not None:
            return code
        if review:
            notes.append("review.code.unknown")
            return value
        raise Refused("record.code.unknown", "", f"a word of the list {list_name}")

    return Recalling(table, found, tuple(table.values()))
