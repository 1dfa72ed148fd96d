"""What the simulated Ministry of Health sends: death notifications, one JSON object a line, in one stream."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

import orjson

from gateway.demo.papers import Form, Kind, Pile, death, setting, without
from gateway.demo.people import GOVERNORATES, arabic_digits

_OVERRIDE = "\u202e"  # right-to-left override: makes a name look like another one
_HABITS = 0.03  # share of notifications typed with Arabic digits, and of those with stretched letters


def submissions(count: int, today: date) -> Iterator[Pile]:
    """Yield the ministry's one submission of `count` notifications."""
    yield Pile("death.v1", "application/x-ndjson", list(NOTIFICATIONS.papers(count, today)))


def _notification(number: int, today: date) -> Form:
    reported = death(number, today)
    person, died = reported.person, f"{reported.died:%d/%m/%Y}"
    form: Form = {
        "notification_no": f"MOH-{person.gov}-{number:07}",
        "action": "NEW",
        "office.code": f"HO-{person.gov}03",
        "deceased.national_id": person.nid,
        "deceased.name": person.name,
        "deceased.mother_name": person.mother,
        "deceased.birth_date": f"{person.born:%d/%m/%Y}",
        "deceased.gender": "ذكر" if person.sex == "M" else "أنثى",
        "death.date": died,
        "death.time": f"{number % 24:02}:{number % 60:02}",
        "death.governorate": GOVERNORATES[person.gov],
        "notified_on": f"{reported.reported:%d/%m/%Y}",
        "remarks": "وفاة بالمنزل" if number % 3 else "وفاة بالمستشفى",
    }
    chance = Random(f"habit {number}")  # noqa: S311  no secrets
    if chance.random() < _HABITS:
        form = _typed_in_arabic(form)
    if chance.random() < _HABITS:
        form = {**form, "deceased.name": str(form["deceased.name"]).replace("م", "مـ", 1)}
    return form


def _typed_in_arabic(form: Form) -> Form:
    numbers = ("deceased.national_id", "deceased.birth_date", "death.date", "death.time", "notified_on")
    return {**form, **{name: arabic_digits(str(form[name])) for name in numbers}}


def _short_id(form: Form) -> Form:
    return {**form, "deceased.national_id": str(form["deceased.national_id"])[:-1]}


def _mixed_digits(form: Form) -> Form:
    nid = str(form["deceased.national_id"])
    other = arabic_digits("5") if nid.isascii() else "5"
    return {**form, "deceased.national_id": nid[:-1] + other}


def _disguised_name(form: Form) -> Form:
    return {**form, "deceased.name": f"{form['deceased.name']}{_OVERRIDE}"}


def _write(form: Form) -> bytes:
    """Write a form whose dotted names stand for objects in objects."""
    whole: dict[str, Any] = {}
    for name, value in form.items():
        outer, _, inner = name.partition(".")
        if inner:
            whole.setdefault(outer, {})[inner] = value
        else:
            whole[outer] = value
    return orjson.dumps(whole, option=orjson.OPT_APPEND_NEWLINE)


NOTIFICATIONS = Kind(
    name="notification",
    fill=_notification,
    faults=(
        ("record.nid.format", _short_id),
        ("record.schema.type", setting(deceased__national_id=2)),
        ("record.digits.mixed", _mixed_digits),
        ("record.text.bidi", _disguised_name),
        ("record.date.calendar", setting(death__date="31/02/2026")),
        ("record.code.unknown", setting(death__governorate="أطلانتس")),
        ("record.schema.required", without("deceased.name")),
    ),
    reword=_typed_in_arabic,
    alter=setting(remarks="تعديل بلا مرجع جديد"),
    doubt=("deceased.gender", "ذكر", "أنثى"),
    write=_write,
)
