"""Records as agencies send them, of people who do not exist: national IDs are of the reserved range."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from datetime import date
from xml.sax.saxutils import escape, quoteattr

from contracts.nid import SYNTHETIC_OFFSET, check_digit

BORN = date(1958, 3, 14)
CAIRO = 1
NAME, MOTHER = "محمد أحمد عبد الرحمن حسن", "فاطمة محمود السيد"

JUDGMENTS = "urn:eg:ppo:judgments:1"
CONVICT, CONVICT_NID = "مينا جرجس حنا ميخائيل", "28811034204512"

Record = Mapping[str, object]
_numbers = itertools.count(1)


def national_id(serial: int = 13, born: date = BORN, governorate: int = CAIRO) -> str:
    """Return the number of somebody made up; `serial` (0 to 9999) is odd for men."""
    century = "2" if born.year < 2000 else "3"
    thirteen = f"{century}{born:%y%m%d}{governorate + SYNTHETIC_OFFSET:02}{serial:04}"
    return thirteen + check_digit(thirteen)


def notification(reference: str, **deceased: object) -> dict[str, object]:
    """Return a death as a health office notifies it (`moh`, `death.v1`)."""
    return {
        "notification_no": reference,
        "action": "NEW",
        "office": {"code": "HO-1203", "governorate": "القاهرة"},
        "deceased": {
            "national_id": national_id(),
            "name": NAME,
            "mother_name": MOTHER,
            "birth_date": f"{BORN:%d/%m/%Y}",
            "gender": "ذكر",
            **deceased,
        },
        "death": {"date": "02/06/2026", "time": "14:35", "governorate": "القاهرة"},
        "notified_on": "03/06/2026",
        "remarks": "وفاة بالمنزل",
    }


def registration(reference: str, name: str = NAME, *, nid: str = "", born: str = "") -> str:
    """Return the register's document with one death (`cso`, `death.v1`); `born` is a day as `YYYY-MM-DD`."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Deaths xmlns="urn:eg:moi:cso:deaths:1"><Death action="entry">'
        f"<Reference>{escape(reference)}</Reference><Person nid={quoteattr(nid or national_id())}>"
        f"<Name>{escape(name)}</Name><MotherName>{MOTHER}</MotherName><BirthDate>{born or BORN}</BirthDate>"
        "<Sex>1</Sex></Person><DiedOn>2026-06-02</DiedOn><RegisteredOn>2026-06-05</RegisteredOn>"
        "<RegistryNumber>1207/2026</RegistryNumber><Office>CSO-77</Office>"
        '<Place kind="inside"><Governorate>01</Governorate><District>0107</District></Place>'
        "</Death></Deaths>"
    )


def judgment(
    number: str = "",
    *,
    item: str = "28",
    born: str = "03/11/1988",
    name: str = CONVICT,
    nid: str = CONVICT_NID,
) -> str:
    """Return a final judgment as the prosecution writes it (`ppo`, `deprivation.v1`)."""
    return (
        f'<Judgment xmlns="{JUDGMENTS}" kind="جديد"><NotificationNo>{escape(number or reference())}</NotificationNo>'
        f'<Person nationalId="{nid}"><Name>{escape(name)}</Name><MotherName>مريم عزيز بشارة</MotherName>'
        f"<BirthDate>{born}</BirthDate><Sex>ذكر</Sex></Person>"
        "<Case><Court>محكمة شمال القاهرة الابتدائية</Court><Number>1234 جنح قسم أول</Number><Year>2025</Year>"
        "<JudgedOn>04/05/2026</JudgedOn><FinalOn>14/06/2026</FinalOn></Case>"
        f'<Verdict item="{item}" suspended="لا" inAbsentia="لا"><Offence>PC-318</Offence><Penalty>حبس</Penalty>'
        "<Months>12</Months></Verdict><NotifiedOn>20/06/2026</NotifiedOn></Judgment>"
    )


def reference() -> str:
    """Return a number of a notification that nobody has used."""
    return f"PPO-2026-{os.getpid() % 10_000:04}{next(_numbers):06}"


def disposition(reference: str, agency: str, record_id: str, source_ref: str) -> dict[str, object]:
    """Return the elections authority's answer for a record of an agency (`nea`, `disposition.v1`)."""
    return {
        "source_ref": reference,
        "op": "assert",
        "occurred_on": "2026-06-06",
        "event_source": agency,
        "event_id": record_id,
        "event_ref": source_ref,
        "outcome": "APPLIED",
        "applied_at": "2026-06-06T09:30:00Z",
    }


def ndjson(records: Iterable[Record]) -> bytes:
    """Return records as lines."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in records)
