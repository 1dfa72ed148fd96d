"""What the values of one field of a sample are: dates, national IDs, words for yes and no."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from contracts import nid
from contracts.errors import Refused
from contracts.kit.reading import Record

_MONTHS = 12
_DATE_FORMS = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d", "%m/%d/%Y", "%Y%m%d")
_TRUTHS = (("نعم", "لا"), ("Y", "N"), ("yes", "no"), ("1", "0"), ("true", "false"))


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a sample."""

    path: tuple[str, ...]
    values: tuple[object, ...]
    """What it holds in each record that has it."""
    always: bool
    """Whether every record has it."""

    @property
    def texts(self) -> tuple[str, ...]:
        """Its values that are texts."""
        return tuple(value for value in self.values if isinstance(value, str))


def fields_of(records: Iterable[Record]) -> list[Field]:
    """Return the fields of flat names that hold a value in one of the records, in their order."""
    held: dict[tuple[str, ...], list[object]] = {}
    count = 0
    for record in records:
        count += any(value != "" for value in record.values())
        for path, value in _leaves(record, ()):
            values = held.setdefault(path, [])
            if value != "":
                values.append(value)
    return [Field(path, tuple(values), len(values) == count) for path, values in held.items()]


def is_identity(field: Field) -> bool:
    """Whether every value of the field has the shape of a national ID with a real birth date."""
    return bool(field.texts) and all(_identity(text) for text in field.texts)


def date_form(field: Field) -> str | None:
    """Return the form of the dates that the field holds, the day first where both orders would do."""
    texts = [ascii_digits(text.strip()) for text in field.texts]
    return next((form for form in _DATE_FORMS if texts and all(_is_date(text, form) for text in texts)), None)


def _identity(text: str) -> bool:
    try:
        return nid.birth_date(nid.normalise(text)) is not None
    except Refused:
        return False


def ascii_digits(text: str) -> str:
    """Return a text with its digits in ASCII; one that mixes kinds of digits stays as it is."""
    try:
        return nid.digits_ascii(text)
    except Refused:
        return text


def _is_date(text: str, form: str) -> bool:
    if len(text) != len(datetime(2000, 10, 10).strftime(form)):  # noqa: DTZ001 - only its length
        return False
    try:
        return 1800 < datetime.strptime(text, form).year < 2100  # noqa: DTZ007, PLR2004 - a legal date
    except ValueError:
        return False


def either_way(written: str) -> bool:
    """Whether a date of two digits, two digits and a year could be read with the month first."""
    digits = ascii_digits(written.strip())
    return max(int(digits[:2]), int(digits[3:5])) <= _MONTHS


def truth_call(field: Field) -> str | None:
    """Return the function that reads the field as true or false, as a mapping calls it; None when it is neither."""
    words = {*field.texts}
    pair = next((pair for pair in _TRUTHS if words and words <= {*pair}), None)
    return None if pair is None else f'fn: ["bool_map:{pair[0]}/{pair[1]}"]'


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    elif not isinstance(value, list):
        yield path, value
