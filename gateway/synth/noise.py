"""What people and machines do to records on their way, and what must become of each: the answer key.

At most one thing is done to a record, and its answer names it. Everything is drawn from the seed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.synth.chance import MILLION, Chance, Weighted
from gateway.synth.forms import Form, Slot, Voice
from gateway.synth.writing import Writer

ACCEPTED, QUARANTINED, DUPLICATE, REFUSED = "accepted", "quarantined", "duplicate", "refused"

AGAIN, OTHER_CONTENT, CORRECTED, VOIDED = "sent again", "other content", "corrected", "voided"
SPELLING, TWO_NAMES, WRONG_NAME = "spelling", "two names", "wrong name"
FAULT, SPREADSHEET_FILE, LATE, OUT_OF_ORDER = "fault", "spreadsheet file", "late", "out of order"
_DIGITS, _PRESENTATION, _DECORATION, _MARKS = (
    "arabic digits",
    "presentation forms",
    "tatweel and vowels",
    "direction mark",
)
WRONG_SEX, _WRONG_BIRTH_DATE, _WAITING = "wrong sex", "wrong birth date", "corrected while it waits"

USUAL: Mapping[str, int] = {
    SPELLING: 50_000,
    _DIGITS: 10_000,
    _DECORATION: 5_000,
    _PRESENTATION: 2_000,
    _MARKS: 1_000,
    TWO_NAMES: 5_000,
    WRONG_NAME: 10_000,
    WRONG_SEX: 500,
    _WRONG_BIRTH_DATE: 500,
    OUT_OF_ORDER: 10_000,
    FAULT: 10_000,
    AGAIN: 5_000,
    OTHER_CONTENT: 1_000,
    CORRECTED: 5_000,
    VOIDED: 500,
    _WAITING: 200,
    "corrected and again": 200,
    "correction of nothing": 200,
    "void of nothing": 200,
    "voided twice": 200,
    "corrected when void": 200,
    "void of a void": 200,
    SPREADSHEET_FILE: 2_000,
}
"""How often each thing is done, among a million records; the last one among a million files of CSV."""

_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_OVERRIDE, _MARK, _TATWEEL, _DAMMA = "\u202e", "\u200f", "\u0640", "\u064f"
_LAM_ALEF = ("لا", "\ufefb")  # as two letters, and as the one that old printers had
_MEEM = ("م", "\ufee3")
_SANITISED = "warning.text.sanitised"
_SPELLINGS = str.maketrans(
    {"أ": "\u0627", "إ": "\u0627", "آ": "\u0627", "ة": "\u0647"}
)  # bare alef, final ha
_LAST_YA = re.compile(r"ي\b")


@dataclass(frozen=True, slots=True)
class Answer:
    """What must become of one record. `code` is that of a refusal or review, `remarks` are `warning.*` codes.

    `noise` names what was done to it.
    """

    outcome: str
    code: str = ""
    remarks: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()


PLAIN = Answer(ACCEPTED)


@dataclass(frozen=True, slots=True)
class Follower:
    """A record that corrects or voids another, and what must become of it if that one is accepted.

    `of` counts from the record itself, 0, over its followers; -1 is one that was never sent.
    """

    op: str
    of: int
    outcome: str = ACCEPTED
    code: str = ""


_VOID = "record.prior_void"
FOLLOWERS: Mapping[str, tuple[Follower, ...]] = {
    CORRECTED: (Follower("correct", 0),),
    VOIDED: (Follower("void", 0),),
    _WAITING: (Follower("correct", 0),),
    "corrected and again": (Follower("correct", 0), Follower("correct", 1)),
    "correction of nothing": (Follower("correct", -1, REFUSED, "record.prior_missing"),),
    "void of nothing": (Follower("void", -1, REFUSED, "record.prior_missing"),),
    "voided twice": (Follower("void", 0), Follower("void", 0, REFUSED, _VOID)),
    "corrected when void": (Follower("void", 0), Follower("correct", 0, REFUSED, _VOID)),
    "void of a void": (Follower("void", 0), Follower("void", 1, REFUSED, _VOID)),
}
"""What follows a record at once, by what is done to it."""
Change = Callable[[Form], Form]
"""Returns an equal form where it does not apply."""


@dataclass(frozen=True, slots=True)
class _Treatment:
    """Something that is done to a form, and what becomes of the record then."""

    name: str
    change: Change
    outcome: str = ACCEPTED
    code: str = ""
    remarks: tuple[str, ...] = ()


class Noise:
    """What can be done to the records of one binding."""

    def __init__(self, voice: Voice, writer: Writer, rates: Mapping[str, int] = USUAL) -> None:
        """Prepare; see `USUAL` for `rates`, which add up to less than a million."""
        self._writer = writer
        self._slots = {slot.target: slot for slot in voice.slots}
        self._paths = [slot.path for slot in voice.slots]
        rules = [rule.years for rule in voice.binding.contract.rules if rule.years]
        self._age_counts = any("/person/birth_date" in years for years in rules)
        self._file_rate = rates.get(SPREADSHEET_FILE, 0) if writer.ending == "csv" else 0
        each = {name: rate for name, rate in rates.items() if name != SPREADSHEET_FILE}
        self._choice = Weighted({**each, "": MILLION - sum(each.values())})
        self._treatments = {treatment.name: treatment for treatment in self._gentle()}
        self._faults = list(self._harsh())

    def spoils_file(self, chance: Chance) -> bool:
        """Whether a spreadsheet has made numbers of all national IDs of a file."""
        return chance.happens(self._file_rate)

    def choose(self, chance: Chance) -> str:
        """Return what is to be done to a record; mostly nothing."""
        return self._choice.at(chance.draw())

    def treat(self, form: Form, name: str, chance: Chance) -> tuple[Form, Answer]:
        """Do what was chosen to a form, where it applies, and say what must become of it."""
        treatment = chance.one_of(self._faults) if name == FAULT else self._treatments.get(name)
        if treatment is None:
            return form, PLAIN
        changed = treatment.change(form)
        if changed == form:
            return form, PLAIN
        answer = Answer(treatment.outcome, treatment.code, treatment.remarks, (treatment.name,))
        return changed, answer

    def reworded(self, form: Form) -> Form:
        """Say the same with Arabic digits."""
        numbers = [slot.path for slot in self._slots.values() if slot.numeric]
        return self._rewritten(form, numbers, lambda text: text.translate(_ARABIC))

    def _gentle(self) -> Iterator[_Treatment]:
        """Give what a record survives, and the file that a spreadsheet has spoilt as a whole."""
        yield _Treatment(_DIGITS, self.reworded)
        yield _Treatment(_PRESENTATION, self._names(lambda name: name.replace(*_LAM_ALEF).replace(*_MEEM)))
        yield _Treatment(_DECORATION, self._names(_decorated), remarks=(_SANITISED,))
        yield _Treatment(_MARKS, self._names(lambda name: name + _MARK), remarks=(_SANITISED,))
        yield _Treatment(WRONG_SEX, self._other_sex, QUARANTINED, "review.nid.sex")
        if not self._age_counts:
            yield _Treatment(_WRONG_BIRTH_DATE, self._other_birth_date, QUARANTINED, "review.nid.birth_date")
        yield _Treatment(_WAITING, self._other_sex, QUARANTINED, "review.nid.sex")
        scientific = "record.nid.scientific"
        yield _Treatment(SPREADSHEET_FILE, self._number(_as_spreadsheets_do), REFUSED, scientific)

    def _harsh(self) -> Iterator[_Treatment]:
        """Give what a record must be refused for."""

        def fault(name: str, code: str, change: Change) -> _Treatment:
            return _Treatment(name, change, REFUSED, code)

        yield fault("short number", "record.nid.format", self._number(lambda nid: nid[:-1]))
        yield fault("spreadsheet number", "record.nid.scientific", self._number(_as_spreadsheets_do))
        mixed = self._number(lambda nid: nid[:-1] + nid[-1].translate(_ARABIC))
        yield fault("mixed digits", "record.digits.mixed", mixed)
        yield fault("disguised name", "record.text.bidi", self._names(lambda name: name + _OVERRIDE))
        for name, target, iso, code in (
            ("impossible day", "occurred_on", "2026-02-31", "record.date.calendar"),
            ("future report", "reported_on", "2099-12-31", "record.date.future"),
            ("report before event", "reported_on", "1901-01-01", "record.rule.order"),
        ):
            slot = self._slots.get(target)
            # A day that is also another field's would break another rule than the one that is meant.
            if slot is not None and (target == "occurred_on" or self._paths.count(slot.path) == 1):
                yield fault(name, code, self._day(slot, iso))
        words = [slot.path for slot in self._slots.values() if slot.refuses_unknown and self._free(slot)]
        if words:
            unknown: Change = lambda form: self._rewritten(form, words[:1], lambda _: "x")  # noqa: E731
            yield fault("unknown word", "record.code.unknown", unknown)

    def _free(self, slot: Slot) -> bool:
        """Whether the agency's own schema leaves open what may stand there."""
        return slot.path not in self._writer.fixed

    def _names(self, rewrite: Callable[[str], str]) -> Change:
        names = [
            self._slots[name].path for name in ("person.name", "person.mother_name") if name in self._slots
        ]
        return lambda form: self._rewritten(form, names, rewrite)

    def _number(self, rewrite: Callable[[str], str]) -> Change:
        numbers = [slot.path for target, slot in self._slots.items() if target == "person.nid"]
        return lambda form: self._rewritten(form, numbers, rewrite)

    def _day(self, slot: Slot, iso: str) -> Change:
        year, month, day = iso.split("-")
        written = slot.date_form.replace("%Y", year).replace("%m", month).replace("%d", day)
        return lambda form: self._rewritten(form, [slot.path], lambda _: written)

    def _rewritten(self, form: Form, paths: list[str], rewrite: Callable[[str], str]) -> Form:
        """Rewrite texts where the agency's schema, its limits and the encoding of its files allow it."""
        changed = dict(form)
        for path in paths:
            text = form.get(path)
            if isinstance(text, str) and path not in self._writer.fixed:
                again = rewrite(text)
                if self._fits(path, again):
                    changed[path] = again
        return changed

    def _fits(self, path: str, text: str) -> bool:
        try:
            text.encode(self._writer.encoding)
        except UnicodeEncodeError:
            return False
        return len(text) <= self._writer.lengths.get(path, len(text))

    def _other_sex(self, form: Form) -> Form:
        """Give the record the other sex than its national ID has, if it has both."""
        sex, nid = self._slots.get("person.sex"), self._slots.get("person.nid")
        if sex is None or nid is None or nid.path not in form or sex.path not in form:
            return form
        other = next((word for code in sex.values if (word := sex.back(code)) != form[sex.path]), None)
        return form if other is None else {**form, sex.path: other}

    def _other_birth_date(self, form: Form) -> Form:
        """Give the record another day of the month than its national ID has, if it has both."""
        born, nid = self._slots.get("person.birth_date"), self._slots.get("person.nid")
        if born is None or nid is None or born.path not in form or nid.path not in form:
            return form
        at = born.date_form.replace("%Y", "0000").replace("%m", "00").index("%d")
        written = str(form[born.path])
        other = "02" if written[at : at + 2] == "01" else "01"
        return {**form, born.path: written[:at] + other + written[at + 2 :]}


def misspelt(name: str) -> str:
    """Return a name as it is often spelt: without hamza, with a dotless last ya, with ha for ta marbuta."""
    return _LAST_YA.sub("ى", name.translate(_SPELLINGS))


def _decorated(name: str) -> str:
    """Stretch the first letter that can be stretched, and put a vowel mark on the last."""
    return name.replace("م", "م" + _TATWEEL, 1) + _DAMMA


def _as_spreadsheets_do(nid: str) -> str:
    return f"{nid[0]}.{nid[1:6]}E+13"
