"""What the simulated Civil Status Organization sends: registered deaths as XML files, new voters as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date
from xml.sax.saxutils import escape, quoteattr

from contracts.rules import anniversary
from gateway.demo.papers import DAY, Form, Kind, Paper, Pile, death, setting, without
from gateway.demo.people import Generation, arabic_digits, person

FILE_RECORDS = 1000
"""Records in one file."""
_DEATHS = "urn:eg:moi:cso:deaths:1"
_COMING_OF_AGE_DAYS = 500
_MAJORITY_YEARS = 18
# fmt: off
_COLUMNS = (
    "REF", "ACTION", "PRIOR_REF", "NID", "NAME", "MOTHER", "BIRTH_DATE", "SEX", "REASON", "FROM_DATE",
    "NATIONALITY_DATE", "ISSUED", "GOV", "DISTRICT", "SHIAKHA", "ADDRESS", "POST",
)
# fmt: on


def submissions(count: int, today: date) -> Iterator[Pile]:
    """Yield submissions of `count` records together: three registered deaths to five new voters."""
    deaths = count * 3 // 8
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<Deaths xmlns={quoteattr(_DEATHS)}>\n'.encode()
    for papers in _files(REGISTRATIONS.papers(deaths, today)):
        yield Pile("death.v1", "application/xml", papers, head, b"</Deaths>\n")
    for papers in _files(ENTITLEMENTS.papers(count - deaths, today)):
        yield Pile("eligibility-gained.v1", "text/csv", papers, _row(_COLUMNS))


def _files(papers: Iterator[Paper]) -> Iterator[list[Paper]]:
    everything = list(papers)
    for first in range(0, len(everything), FILE_RECORDS):
        yield everything[first : first + FILE_RECORDS]


def _registration(number: int, today: date) -> Form:
    registered = death(number, today)
    who = registered.person
    return {
        "Reference": f"CSO-D-{number:07}",
        "nid": who.nid,
        "Name": who.name,
        "MotherName": who.mother,
        "BirthDate": who.born.isoformat(),
        "Sex": "1" if who.sex == "M" else "2",
        "DiedOn": registered.died.isoformat(),
        "RegisteredOn": registered.reported.isoformat(),
        "RegistryNumber": f"{number + 1}/{registered.reported.year}",
        "Office": f"CSO-{who.gov}",
        "Governorate": who.gov,
        "District": f"{who.gov}07",
        "Street": f"{arabic_digits(str(number % 90 + 1))} شارع النيل",
    }


def _write_registration(form: Form) -> bytes:
    text = {name: escape(str(value)) for name, value in form.items()}

    def elements(*names: str) -> str:
        return "".join(f"<{name}>{text[name]}</{name}>" for name in names if name in text)

    return (
        f'  <Death action="entry">{elements("Reference")}'
        f"<Person nid={quoteattr(str(form['nid']))}>{elements('Name', 'MotherName', 'BirthDate', 'Sex')}</Person>"
        f"{elements('DiedOn', 'RegisteredOn', 'RegistryNumber', 'Office')}"
        f'<Place kind="inside">{elements("Governorate", "District", "Street")}</Place></Death>\n'
    ).encode()


REGISTRATIONS = Kind(
    name="registration",
    fill=_registration,
    faults=(
        ("record.code.unknown", setting(Governorate="00")),
        ("record.date.calendar", setting(DiedOn="2026-02-30")),
        ("record.schema.unexpected", without("RegistryNumber")),
        ("record.rule.order", setting(RegisteredOn="1999-12-31")),
    ),
    reword=lambda form: {**form, "nid": arabic_digits(str(form["nid"]))},
    alter=setting(Street="شارع آخر"),
    doubt=("Sex", "1", "2"),
    write=_write_registration,
)


def _entitlement(number: int, today: date) -> Form:
    # Born so that they came of age in the days before `today`; who was born on 29 February does on 1 March.
    oldest = date(today.year - _MAJORITY_YEARS, today.month, 1) - DAY * (_COMING_OF_AGE_DAYS + 1)
    who = person(Generation(oldest, _COMING_OF_AGE_DAYS), number)
    entitled = date.fromisoformat(anniversary(who.born.isoformat(), _MAJORITY_YEARS))
    row = dict.fromkeys(_COLUMNS, "")
    return row | {
        "REF": f"CSO-E-{number:07}",
        "ACTION": "A",
        "NID": who.nid,
        "NAME": who.name,
        "MOTHER": who.mother,
        "BIRTH_DATE": f"{who.born:%d/%m/%Y}",
        "SEX": "1" if who.sex == "M" else "2",
        "REASON": "18",
        "FROM_DATE": f"{entitled:%d/%m/%Y}",
        "ISSUED": f"{entitled:%d/%m/%Y}",
        "GOV": who.gov,
        "DISTRICT": f"{who.gov}04",
        "ADDRESS": f"{arabic_digits(str(number % 90 + 1))} شارع الهرم; الدور 3",
    }


def _as_spreadsheets_do(form: Form) -> Form:
    return {**form, "NID": f"{str(form['NID'])[0]}.{str(form['NID'])[1:6]}E+13"}


def _row(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerow(values)
    return text.getvalue().encode()


ENTITLEMENTS = Kind(
    name="entitlement",
    fill=_entitlement,
    faults=(
        ("record.nid.scientific", _as_spreadsheets_do),
        ("record.rule.age", setting(REASON="18", FROM_DATE="01/01/2020", ISSUED="02/01/2020")),
        ("record.schema.pattern", setting(ACTION="X")),
        ("record.code.unknown", setting(REASON="XX")),
        ("record.csv.columns", without("POST")),
    ),
    reword=lambda form: {**form, "GOV": arabic_digits(str(form["GOV"]))},
    alter=setting(ADDRESS="عنوان آخر"),
    doubt=("SEX", "1", "2"),
    write=lambda form: _row(form.values()),
)
