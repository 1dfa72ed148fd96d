"""What an agency sends under a contract, file by file: its records, and the answer that each must get.

Files are cut by persons, so nobody has to know what another file holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import NamedTuple

from contracts.catalogue import Catalogue
from contracts.rules import anniversary
from gateway.synth import noise
from gateway.synth.chance import MILLION, Chance
from gateway.synth.demography import ADULT, DEATHS_PER_MILLION_A_YEAR
from gateway.synth.events import KINDS, Kind, dated, is_late
from gateway.synth.forms import Form, Voice, voice
from gateway.synth.noise import ACCEPTED, DUPLICATE, QUARANTINED, REFUSED, Answer, Noise, misspelt
from gateway.synth.people import Population
from gateway.synth.scenes import Record, Scene, Span
from gateway.synth.writing import Writer, writer

FILE_RECORDS = 10_000
"""About so many records are in a file."""
_EIGHTEENTHS = 24_000  # of a million adults in a year
_LATE = "warning.late"


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
        self._rate = min(self.kind.per_million * intensity * self._months, MILLION)
        self._file_records = file_records
        self._number_is_missed = any(
            rule.present == "/person/nid" for rule in self.voice.binding.contract.rules
        )
        self._tag = f"{population.key.number('tag') & 0xFFFF:04x}"

    @property
    def _months(self) -> int:
        return 1 if self.kind.per_million == MILLION else self.span.months

    @property
    def persons_per_file(self) -> int:
        """How many persons a file is about; most of them have nothing to report."""
        rate = self._rate
        if self.contract == "death.v1":
            rate = DEATHS_PER_MILLION_A_YEAR * self.span.months // 12
        elif self.contract == "eligibility-gained.v1":
            rate += _EIGHTEENTHS * self.span.months // 12
        return max(min(self._file_records * MILLION // max(rate, 1), self.population.persons), 1)

    @property
    def files(self) -> int:
        """How many files there are in all; one in which nothing happens is not written."""
        return -(-self.population.persons // self.persons_per_file)

    def persons_in(self, number: int) -> int:
        """Return how many persons file `number` is about."""
        return min(self.persons_per_file, self.population.persons - number * self.persons_per_file)

    def made(self, number: int) -> Iterator[Made]:
        """Yield the records of file `number`, from 0."""
        everywhere, last = self._everywhere(number), list[Made]()
        first = number * self.persons_per_file
        for person in range(first, first + self.persons_in(number)):
            scene = self._scene(person)
            if scene is not None:
                yield from self._told_of(scene, last, everywhere)
        yield from last

    def about(self, person: int) -> Iterator[Made]:
        """Yield the records about one person, as they are in a file and in that order."""
        scene = self._scene(person)
        if scene is None:
            return
        last = list[Made]()
        yield from self._told_of(scene, last, self._everywhere(person // self.persons_per_file))
        yield from last

    def _everywhere(self, number: int) -> str:
        """Return what is done to every record of file `number`, if anything is."""
        chance = Chance(self.population.key, f"file {self.agency} {self.contract} {number}")
        return noise.SPREADSHEET_FILE if self._noise.spoils_file(chance) else ""

    def _told_of(self, scene: Scene, last: list[Made], everywhere: str) -> Iterator[Made]:
        for count, record in enumerate(self.kind.tell(scene)):
            yield from self._records(record, scene, count, last, everywhere)

    def _scene(self, number: int) -> Scene | None:
        """Return when and about whom there is something to report, if there is."""
        occurred = self._occurs(number)
        if occurred is None:
            return None
        population = self.population
        chance = Chance(population.key, f"{self.agency} {self.contract} {number}")
        reported = dated(chance, occurred, self.span.until, can_be_late=bool(self.kind.late_from))
        return Scene(
            population, self.voice, population.person(number), chance, self.span, occurred.isoformat(), reported,
            partial(self._reference, number),
        )  # fmt: skip

    def _occurs(self, number: int) -> date | None:
        until = self.span.until
        if self.contract == "death.v1":
            gone = self._gone(number)
            return None if gone is None else until - timedelta(days=gone)
        if self.kind.per_million == MILLION:
            return None if self._gone(number) is not None else until
        chance = Chance(self.population.key, f"when {self.agency} {self.contract} {number}")
        ago = self._birthday(number)
        if ago is None:
            if not chance.happens(self._rate):
                return None
            ago = chance.below(self.span.days)
        gone = self._gone(number)
        # The dead do nothing any more.
        return None if gone is not None and ago <= gone else until - timedelta(days=ago)

    def _gone(self, number: int) -> int | None:
        return self.population.dies(number, self.span.months)

    def _birthday(self, number: int) -> int | None:
        """Return how many days ago an eighteenth birthday was that is to be told, or None."""
        if self.contract != "eligibility-gained.v1":
            return None
        day = date.fromisoformat(anniversary(self.population.born(number), ADULT))
        ago = (self.span.until - day).days
        return ago if 0 <= ago < self.span.days else None

    def _reference(self, person: int, contract: str, count: int) -> str:
        return f"{contract[:2].upper()}{self._tag}-{person:08}-{count}"

    def _records(
        self, record: Record, scene: Scene, count: int, last: list[Made], everywhere: str
    ) -> Iterator[Made]:
        """Yield a record as it is sent, and what corrects or voids it; `last` is sent at the end of the file."""
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
        if treatment == noise.OUT_OF_ORDER:
            answer = replace(answer, noise=(*answer.noise, noise.OUT_OF_ORDER))
            last.append(Made(octets, ref, "assert", answer, record, ref))
            return
        yield Made(octets, ref, "assert", answer, record, ref)
        if treatment == noise.AGAIN:
            if chance.below(2):
                octets = self.writer.record(self._noise.reworded(form))
            answer = Answer(DUPLICATE, noise=(noise.AGAIN,))
            last.append(Made(octets, ref, "assert", answer, record, ref, again=True))
        elif treatment == noise.OTHER_CONTENT and self.voice.writes("person.name"):
            other = record | {"person.name": f"{record['person.name']} زيدان"}
            octets = self.writer.record(self._form(other, ref, "assert") or form)
            answer = Answer(REFUSED, "record.conflict", noise=(noise.OTHER_CONTENT,))
            last.append(Made(octets, ref, "assert", answer, other, ref, again=True))
        yield from self._followers(treatment, record, ref, waits=answer.outcome == QUARANTINED)

    def _followers(self, treatment: str, record: Record, ref: str, *, waits: bool) -> Iterator[Made]:
        """Yield what corrects and voids a record, right behind it; what follows one that waits has to wait as well."""
        refs = [ref]
        for follower in noise.FOLLOWERS.get(treatment, ()):
            later = f"{ref}-{follower.op[0]}{len(refs)}"
            prior = refs[follower.of] if follower.of >= 0 else f"{ref}-x"
            form = self._form(record, later, follower.op, prior)
            if form is None:
                return
            refs.append(later)
            outcome, code = (QUARANTINED, "review.prior") if waits else (follower.outcome, follower.code)
            remarks = (_LATE,) if outcome != REFUSED and is_late(self.kind, record) else ()
            answer = Answer(outcome, code, remarks, (treatment,))
            yield Made(self.writer.record(form), later, follower.op, answer, record, ref)

    def _told(self, record: Record, scene: Scene, treatment: str) -> tuple[Record, tuple[str, ...]]:
        """Tell a record as people tell it: with another spelling, two names instead of four, a wrong name."""
        if "person.name" not in record:
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
