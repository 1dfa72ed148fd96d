"""What contracts refer to: code lists, errors with their remedies, the documents for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contracts.codes import CodeList
from gateway.codes import CODES
from gateway.errors import Fate
from gateway.publication import words
from gateway.publication.elements import badge
from gateway.publication.frame import page
from gateway.publication.html import Html, between, code, tag
from gateway.publication.source import Library
from gateway.publication.voice import Text, Voice, rows

_FATES = {
    Fate.REJECTED: Text("change something, then send again", "غيّر ما يلزم ثم أعد الإرسال"),
    Fate.UNAVAILABLE: Text("nothing was promised; try again later", "لم يُتعهَّد بشيء، أعد المحاولة لاحقًا"),
    Fate.TAMPERED: Text("set aside and kept; an alarm was raised", "عُزل وحُفظ وأُطلق إنذار"),
    Fate.REVIEW: Text("promised, and kept until an officer has decided", "تُعُهِّد به ويُحفظ حتى يقرر ضابط الأمن"),
    Fate.NOTED: Text("accepted; the code only accompanies it", "قُبل، والرمز ملاحظة مرافقة فقط"),
}
_CONFIRMED = Text("confirmed by its owner", "أكدها صاحبها")
_UNCONFIRMED = Text("not yet confirmed", "لم تؤكَّد بعد")
_COLUMNS = {
    "code": Text("Code", "الكود"),
    "ar": Text("Arabic", "بالعربية"),
    "en": Text("English", "بالإنجليزية"),
    "class": Text("Class", "الفئة"),
    "period_years": Text("Years", "السنوات"),
    "start_rule": Text("Counted from", "تُحسب من"),
    "reference": Text("Reference", "المرجع"),
    "verified": Text("Confirmed", "مؤكد"),
    "opened_by": Text("Opened by", "يفتحه"),
    "closed_by": Text("Closed by", "يغلقه"),
    "kind": Text("Kind", "النوع"),
    "gov": Text("Governorate", "المحافظة"),
    "sender": Text("Sender", "المرسل"),
    "final": Text("Final", "نهائي"),
}


def codes_page(voice: Voice, library: Library) -> bytes:
    """Return every code list with all its rows."""
    lists = sorted(library.catalogue.code_lists.items())
    title = voice("Code lists", "قوائم الأكواد")
    entries = [
        tag("li", tag("a", voice(listed.about.title_en, listed.about.title_ar), href=f"#{name}"))
        for name, listed in lists
    ]
    parts = [part for name, listed in lists for part in _list(voice, name, listed)]
    return page(
        voice,
        "codes.html",
        title,
        library.catalogue.digest,
        tag("h1", title),
        tag(
            "p",
            voice(
                "A list has a version and a hash; it cannot change while its version stays.",
                "لكل قائمة إصدار وبصمة، ولا تتغير القائمة ما بقي إصدارها.",
            ),
            class_="lead",
        ),
        tag("ul", *entries, class_="toc"),
        *parts,
    )


def _list(voice: Voice, name: str, listed: CodeList) -> Iterator[Html]:
    about = listed.about
    yield tag("h2", voice(about.title_en, about.title_ar), " ", code(name), id=name)
    confirmed = (
        Text("confirmed by its owner", "أكدها صاحبها")
        if about.verified
        else Text("not yet confirmed", "لم تؤكَّد بعد")
    )
    yield tag(
        "p",
        voice("Version ", "الإصدار "),
        code(about.version),
        " ",
        badge(voice, "verified" if about.verified else "unverified", confirmed),
        " ",
        tag("a", voice("as CSV", "بصيغة CSV"), href=f"../codes/{name}.csv"),
    )
    yield tag("p", voice(about.source, about.source_ar), class_="soft")
    columns = list(listed.rows[0]) if listed.rows else []
    # The page's own language stands first; the other one is there for those who look for it.
    order = sorted(
        columns, key=lambda column: (column != "code", column != voice.language, column not in {"ar", "en"})
    )
    heads = [_COLUMNS.get(column, Text(column, column)) for column in order]
    body = [[_cell(voice, column, row[column]) for column in order] for row in listed.rows]
    yield rows(voice, [(head.en, head.ar) for head in heads], body)


def _cell(voice: Voice, column: str, value: str) -> str:
    if column in {"ar", "en"}:
        return tag("bdi", value, lang=column)
    if column == "reference":
        return voice.of(words.citation(value))
    if column in {"verified", "final"}:
        return voice("yes", "نعم") if value == "yes" else voice("no", "لا")
    return between(" ", [code(word) for word in value.split()])


def errors_page(voice: Voice, library: Library) -> bytes:
    """Return every code that the exchange answers with, its meaning and remedy."""
    title = voice("Errors", "الأخطاء")
    intro = voice(
        "A code is stable and the same everywhere: in answers, in the log, in result files. An error names the field "
        "and the rule, never a value.",
        "الرمز ثابت وواحد في كل مكان: في الردود وفي المسارات وفي ملفات النتائج. يذكر الخطأ الحقل والقاعدة ولا يذكر "
        "القيمة أبدًا.",
    )
    fates = rows(
        voice,
        (("Fate", "المآل"), ("What to do", "ما العمل")),
        [(code(fate.value), voice.of(text)) for fate, text in _FATES.items()],
    )
    top = tag(
        "tr",
        *(
            tag("th", voice(en, ar), scope="col")
            for en, ar in (
                ("Code", "الرمز"),
                ("Meaning", "المعنى"),
                ("What to do", "ما العمل"),
                ("Fate", "المآل"),
            )
        ),
    )
    body = [
        tag("tr", *(tag("td", cell) for cell in _error(voice, name)), id=name, class_="d0") for name in CODES
    ]
    table = tag("div", tag("table", tag("thead", top), tag("tbody", *body)), class_="wide", tabindex="0")
    lead = tag("p", intro, class_="lead")
    return page(voice, "errors.html", title, library.catalogue.digest, tag("h1", title), lead, fates, table)


def _error(voice: Voice, name: str) -> Sequence[str]:
    meaning = CODES[name]
    return (
        code(name),
        voice(meaning.en, meaning.ar),
        voice(meaning.remedy_en, meaning.remedy_ar),
        code(meaning.fate.value),
    )


def documents_page(voice: Voice, library: Library, names: Sequence[str]) -> bytes:
    """Return the list of documents for programs; `names` are those of the files that stand beside the pages."""
    title = voice("Documents for programs", "مستندات للبرامج")
    kinds = (
        ("asyncapi.json", "AsyncAPI 3.0: the queues and what is in them", "AsyncAPI 3.0: الطوابير وما فيها"),
        ("rest/", "OpenAPI 3.1: REST, for each agency", "OpenAPI 3.1: واجهة REST لكل جهة"),
        ("soap/", "WSDL 1.1: SOAP, for each agency and contract", "WSDL 1.1: واجهة SOAP لكل جهة وعقد"),
        ("contracts/", "JSON Schema and ODCS of each contract", "JSON Schema وODCS لكل عقد"),
        ("agencies/", "each agency's own schema, and its mapping", "مخطط كل جهة وربطها"),
        ("codes/", "code lists as CSV", "قوائم الأكواد بصيغة CSV"),
    )
    parts = []
    for start, en, ar in kinds:
        found = [name for name in names if name.startswith(start) and "/examples/" not in name]
        links = [tag("li", tag("a", code(name), href=f"../{name}")) for name in found]
        if links:
            parts += [tag("h2", voice(en, ar)), tag("ul", *links)]
    note = voice(
        "manifest.json names every file with its SHA-256. It is not signed: get it over a way that you trust.",
        "يذكر manifest.json كل ملف ببصمته SHA-256، وهو غير موقّع، فاحصلوا عليه بوسيلة تثقون بها.",
    )
    return page(
        voice,
        "documents.html",
        title,
        library.catalogue.digest,
        tag("h1", title),
        tag("p", note, " ", tag("a", code("manifest.json"), href="../manifest.json"), class_="note"),
        *parts,
    )
