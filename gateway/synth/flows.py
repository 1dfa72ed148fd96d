"""What an agency sends under a contract, file by file: its records, and the answer that each must get.

Files are cut by persons, so nobody has to know what another file holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from itertools import islice
from typing import NamedTuple

from contracts.catalogue import Catalogue
from gateway.synth import noise
from gateway.synth.chance import MILLION, Chance
from gateway.synth.demography import DEATHS_PER_MILLION_A_YEAR
from gateway.synth.events import KINDS, Kind, dated, is_late
from gateway.synth.forms import Form, Voice, voice
from gateway.synth.noise import ACCEPTED, DUPLICATE, QUARANTINED, REFUSED, Answer, Noise, misspelt
from gateway.synth.occasions import DEATH, ELIGIBILITY, Occasions
from gateway.synth.people import Population
from gateway.synth.scenes import Record, Scene, Span
from gateway.synth.writing import Writer, writer

FILE_RECORDS = 10_000
"""About so many records are in a file."""
_EIGHTEENTHS = 24_000  # of a million adults in a year
_LATE = "warning.late"
_SUBJECT = ("person.nid", "subject_token")
_OF_NAMES = frozenset({noise.SPELLING, noise.TWO_NAMES, noise.WRONG_NAME})


class Made(NamedTuple):
    """One record as it stands in a file; `record` is what it was meant to say."""

    octets: bytes
    ref: str
    op: str
    answer: Answer
    record: Record
    first: str
    """The reference of the record that it repeats, corrects or voids, through all that lies between; else its own."""
    again: bool = False
    """Whether its reference was sent before."""
    at_end: bool = False
    """Whether it is sent at the end of its file."""


class Flow:
    """What one agency sends under one contract about a population in a window of months."""

    def __init__(
        self, catalogue: Catalogue, population: Population, agency: str, contract: str, *,
        months: int = 1, intensity: int = 1, rates: Mapping[str, int] = noise.USUAL,
        file_records: int = FILE_RECORDS,
    ) -> None:  # fmt: skip
        """Prepare to write; `intensity` makes events so many times as frequent as in life.

        A file has about `file_records` records.

        Raises:
            KeyError: the agency does not send such records, or they are not made up here.
            ValueError: they cannot be written.
        """
        self.agency, self.contract = agency, contract
        self.kind: Kind = KINDS[contract]
        self.population = population
        self.span = Span(months, population.until)
        self.voice: Voice = voice(catalogue, agency, contract)
        self.writer: Writer = writer(self.voice)
        self._noise = Noise(self.voice, self.writer, rates)
        snapshot = self.kind.per_million == MILLION
        self._rate = min(self.kind.per_million * intensity * (1 if snapshot else months), MILLION)
        self._occasions = Occasions(
            population, self.span, agency, contract, per_million=self._rate, at_end=snapshot
        )
        self.persons_per_file = self._persons_for(file_records)
        """How many persons a file is about; most of them have nothing to report."""
        self._number_is_missed = any(
            rule.present == "/person/nid" for rule in self.voice.binding.contract.rules
        )
        self._everywhere = lru_cache(1)(self._done_to_file)

    @property
    def files(self) -> int:
        """How many files there are in all; one in which nothing happens is not written."""
        return -(-self.population.persons // self.persons_per_file)

    def persons_in(self, number: int) -> range:
        """Return whom file `number` is about."""
        first = number * self.persons_per_file
        return range(first, min(first + self.persons_per_file, self.population.persons))

    def made(self, number: int) -> Iterator[Made]:
        """Yield the records of file `number`, from 0, in its order."""
        last = list[Made]()
        for made in self.told(number, self.persons_in(number)):
            if made.at_end:
                last.append(made)
            else:
                yield made
        yield from last

    def told(self, number: int, persons: range) -> Iterator[Made]:
        """Yield the records about `persons`, who are in file `number`, person by person."""
        everywhere, population = self._everywhere(number), self.population
        label, until = f"{self.agency} {self.contract}", self.span.until.isoformat()
        can_be_late = bool(self.kind.late_from)
        for person, occurred in self._occasions.among(persons):
            chance = Chance(population.key, f"{label} {person}")
            reported = dated(chance, occurred, until, can_be_late=can_be_late)
            whom = population.person(person)
            scene = Scene(population, self.voice, whom, chance, self.span, occurred, reported)
            for count, record in enumerate(self.kind.tell(scene)):
                yield from self._records(record, scene, count, everywhere)

    def _persons_for(self, records: int) -> int:
        rate, months = self._rate, self.span.months
        if self.contract == DEATH:
            rate = DEATHS_PER_MILLION_A_YEAR * months // 12
        elif self.contract == ELIGIBILITY:
            rate += _EIGHTEENTHS * months // 12
        return max(min(records * MILLION // max(rate, 1), self.population.persons), 1)

    def _done_to_file(self, number: int) -> str:
        """Return what is done to every record of file `number`, if anything is."""
        chance = Chance(self.population.key, f"file {self.agency} {self.contract} {number}")
        return noise.SPREADSHEET_FILE if self._noise.spoils_file(chance) else ""

    def _records(self, record: Record, scene: Scene, count: int, everywhere: str) -> Iterator[Made]:
        """Yield a record as it is sent, and what repeats, corrects or voids it."""
        chance = scene.chance
        treatment = everywhere or self._noise.choose(chance)
        unnumbered = self._number_is_missed and "person.nid" not in record
        if unnumbered and treatment in noise.FOLLOWERS:
            treatment = ""  # what followed would wait for two reasons, and an answer names one
        record, told = self._told(record, scene, treatment)
        ref = scene.reference(self.contract, count)
        form = self._form(record, ref, "assert")
        if form is None:
            return  # the agency has no words for it
        written, answer = self._noise.treat(form, treatment, chance)
        if unnumbered and answer.outcome == ACCEPTED:
            answer = replace(answer, outcome=QUARANTINED, code="review.nid.missing")
        if answer.outcome != REFUSED and is_late(self.kind, record):
            remarks = tuple(sorted((*answer.remarks, _LATE)))
            answer = replace(answer, remarks=remarks, noise=(*answer.noise, noise.LATE))
        if told:
            answer = replace(answer, noise=(*told, *answer.noise))
        octets = self.writer.record(written)
        if not treatment:
            yield Made(octets, ref, "assert", answer, record, ref)
            return
        if treatment == noise.OUT_OF_ORDER:
            answer = replace(answer, noise=(*answer.noise, noise.OUT_OF_ORDER))
            yield Made(octets, ref, "assert", answer, record, ref, at_end=True)
            return
        yield Made(octets, ref, "assert", answer, record, ref)
        again = self._again(treatment, record, form, ref, chance)
        if again is not None:
            yield again
        if treatment in noise.FOLLOWERS:
            waits = answer.outcome == QUARANTINED
            yield from self._followers(
                treatment, record, partial(self._anew, scene, count, record), ref, waits=waits
            )

    def _again(self, treatment: str, record: Record, form: Form, ref: str, chance: Chance) -> Made | None:
        """Return what comes under a used reference: the same, perhaps in other digits, or something else."""
        if treatment == noise.AGAIN:
            form = self._noise.reworded(form) if chance.below(2) else form
            answer = Answer(DUPLICATE, noise=(noise.AGAIN,))
        elif treatment == noise.OTHER_CONTENT and self.voice.writes("person.name"):
            record = record | {"person.name": f"{record['person.name']} زيدان"}
            form = self._form(record, ref, "assert") or form
            answer = Answer(REFUSED, "record.conflict", noise=(noise.OTHER_CONTENT,))
        else:
            return None
        return Made(self.writer.record(form), ref, "assert", answer, record, ref, again=True, at_end=True)

    def _followers(
        self, treatment: str, record: Record, anew: Callable[[], Record], ref: str, *, waits: bool
    ) -> Iterator[Made]:
        """Yield what corrects and voids a record, right behind it; what follows one that waits has to wait as well."""
        refs, said = [ref], record
        for follower in noise.FOLLOWERS[treatment]:
            later = f"{ref}-{follower.op[0]}{len(refs)}"
            prior = refs[follower.of] if follower.of >= 0 else f"{ref}-x"
            if follower.op == "correct" and self.voice.form(corrected := anew()) is not None:
                said = corrected
            form = self._form(said, later, follower.op, prior)
            if form is None:
                return  # the agency has no words for it
            refs.append(later)
            outcome, code = (QUARANTINED, "review.prior") if waits else (follower.outcome, follower.code)
            remarks = (_LATE,) if outcome != REFUSED and is_late(self.kind, said) else ()
            answer = Answer(outcome, code, remarks, (treatment,))
            yield Made(self.writer.record(form), later, follower.op, answer, said, ref)

    def _anew(self, scene: Scene, count: int, record: Record) -> Record:
        """Tell a record once more, with other particulars; as it was where they would be of another number."""
        told = next(islice(self.kind.tell(scene), count, None), record)
        return told if all(told.get(name) == record.get(name) for name in _SUBJECT) else record

    def _told(self, record: Record, scene: Scene, treatment: str) -> tuple[Record, tuple[str, ...]]:
        """Tell a record as people tell it: with another spelling, two names instead of four, a wrong name."""
        if treatment not in _OF_NAMES or "person.name" not in record:
            return record, ()
        name = str(record["person.name"])
        if treatment == noise.SPELLING:
            name = misspelt(name)
        elif treatment == noise.TWO_NAMES:
            name = " ".join(scene.person.parts[:2])
        elif treatment == noise.WRONG_NAME and self.contract == "death.v1":
            neighbour = (scene.person.number + 1) % self.population.persons
            name = " ".join(self.population.person(neighbour).parts)
        else:
            return record, ()
        return record | {"person.name": name}, (treatment,)

    def _form(self, record: Record, ref: str, op: str, prior: str = "") -> Form | None:
        whole = {**record, "source_ref": ref, "op": op}
        if prior:
            whole["prior_ref"] = prior
        return self.voice.form(whole)
