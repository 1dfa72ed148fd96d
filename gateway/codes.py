"""Every code the exchange can answer with, in both languages, and the page about them.

`codes.yaml` holds the gateway's own; those of the contracts' floor come from there. Codes are only ever
added: agencies' programs branch on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pydantic import RootModel

import contracts.errors
from gateway.configuration import Document, Line, parse, read
from gateway.errors import Fate

FILE = "codes.yaml"


@dataclass(frozen=True, slots=True)
class Code:
    """What a code means and what to do about it, in both languages of the people who meet it."""

    fate: Fate
    en: str
    ar: str
    remedy_en: str
    remedy_ar: str


class _Texts(Document):
    fate: Fate
    en: Line
    ar: Line
    remedy_en: Line
    remedy_ar: Line


class _Codes(RootModel[dict[str, _Texts]]):
    pass


def _load() -> Mapping[str, Code]:
    folder = Path(__file__).parent
    own = {
        code: Code(text.fate, text.en, text.ar, text.remedy_en, text.remedy_ar)
        for code, text in parse(read(folder, FILE), FILE, _Codes).root.items()
    }
    of_contracts = {
        code: Code(_fate(code), text.en, text.ar, text.remedy_en, text.remedy_ar)
        for code, text in contracts.errors.CODES.items()
    }
    return dict(sorted({**of_contracts, **own}.items()))


def _fate(code: str) -> Fate:
    word, _, _ = code.partition(".")
    return {"record": Fate.REJECTED, "review": Fate.REVIEW}.get(word, Fate.NOTED)


CODES: Mapping[str, Code] = _load()
"""All codes, in alphabetical order."""

_FATES = {
    Fate.REJECTED: ("change something, then send again", "غيّر ما يلزم ثم أعد الإرسال"),
    Fate.UNAVAILABLE: ("nothing was promised; try again later", "لم يُتعهَّد بشيء، أعد المحاولة لاحقًا"),
    Fate.TAMPERED: ("set aside and kept; an alarm was raised", "عُزل وحُفظ وأُطلق إنذار"),
    Fate.REVIEW: ("promised, and kept until an officer has decided", "تُعُهِّد به ويُحفظ حتى يقرر ضابط الأمن"),
    Fate.NOTED: ("accepted; the code only accompanies it", "قُبل، والرمز ملاحظة مرافقة فقط"),
}

_HEAD = """# Errors · الأخطاء

<!-- Written by `isnad errors --page`; edit gateway/codes.yaml or contracts/code_texts.yaml. -->

A code is stable and the same everywhere: in the answer's problem type (`urn:isnad:error:<code>`), in log
lines, in the log's entries. An error names the field and the rule, never a value.

<div dir="rtl">

الرمز ثابت وواحد في كل مكان: في الرد وفي السجلات وفي قيود المسار. يذكر الخطأ الحقل والقاعدة ولا يذكر القيمة
أبدًا.

</div>

| fate · المآل | what to do | ما العمل |
|---|---|---|
"""


def page() -> str:
    """Return `docs/errors.md`: every code under its first word, with meaning and remedy."""
    fates = "".join(f"| {fate} | {en} | {ar} |\n" for fate, (en, ar) in _FATES.items())
    groups = groupby(CODES.items(), key=lambda item: item[0].partition(".")[0])
    return _HEAD + fates + "".join(_group(name, dict(codes)) for name, codes in groups)


def text(code: str) -> str:
    """Return what one code means and what to do, as the page has it."""
    meaning = CODES[code]
    return (
        f"### {code}\n\n*{meaning.fate}*: {meaning.en}. {meaning.remedy_en}\n\n"
        f'<div dir="rtl">\n\n{meaning.ar}. {meaning.remedy_ar}\n\n</div>\n'
    )


def _group(name: str, codes: Mapping[str, Code]) -> str:
    return f"\n## {name}\n\n" + "\n".join(text(code) for code in codes)
