"""The page of one contract: all that somebody needs to know who sends such records, or receives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import orjson

from contracts.contract import Contract, Example
from contracts.documents import LegalBasis, ServiceLevel
from gateway.codes import CODES
from gateway.publication import words
from gateway.publication.binding_part import binding_part
from gateway.publication.elements import badge, error_link, section
from gateway.publication.fields_part import fields_part
from gateway.publication.frame import page
from gateway.publication.html import Html, code, joined, tag
from gateway.publication.rules_part import rules_part
from gateway.publication.source import Library, path_of, published
from gateway.publication.voice import Text, Voice, rows

_PARTS = (
    ("law", "Legal basis", "الأساس القانوني"),
    ("who", "Who sends and who receives", "من يرسل ومن يستقبل"),
    ("freeze", "In an electoral freeze", "أثناء تجميد القيد قبل الانتخاب"),
    ("fields", "Fields", "الحقول"),
    ("rules", "Rules across fields", "قواعد بين الحقول"),
    ("examples", "Examples", "أمثلة"),
    ("bindings", "Bindings: how each agency writes it", "الربط: كيف تكتبه كل جهة"),
    ("errors", "What is refused, and what to do", "ما يُرفض وما العمل"),
    ("documents", "For programs", "للبرامج"),
)


def contract_page(voice: Voice, library: Library, contract: Contract) -> bytes:
    """Return the page of a contract."""
    title = voice(contract.title_en, contract.title_ar)
    return page(
        voice,
        f"{contract.name}.html",
        title,
        library.catalogue.digest,
        *_head(voice, library, contract, title),
        *_law(voice, contract),
        *_who(voice, library, contract),
        *_freeze(voice, contract),
        _part(voice, "fields"),
        *fields_part(voice, library, contract),
        _part(voice, "rules"),
        *rules_part(voice, contract),
        *_examples(voice, contract),
        *_bindings(voice, library, contract),
        *_errors(voice, contract),
        *_papers(voice, contract),
    )


def _part(voice: Voice, place: str) -> Html:
    en, ar = next((en, ar) for name, en, ar in _PARTS if name == place)
    return section(voice, place, en, ar)


def _head(voice: Voice, library: Library, contract: Contract, title: str) -> Iterator[Html]:
    yield tag("p", code(contract.name), class_="eyebrow")
    yield tag("h1", title)
    yield tag("p", voice(contract.description, contract.description_ar), class_="lead")
    yield tag("p", voice.of(Text(contract.usage, contract.usage_ar)))
    yield tag("p", voice.of(Text(contract.limitations, contract.limitations_ar)), class_="note")
    senders = [voice.word(library.agencies, role.role) for role in contract.roles if role.access == "write"]
    facts = (
        (voice("From", "من"), voice.listed(list(dict.fromkeys(senders)))),
        (
            voice("Version", "الإصدار"),
            joined(code(contract.version), " ", voice.of(words.STATUS[contract.status])),
        ),
        (
            voice("In an electoral freeze", "في تجميد القيد"),
            badge(voice, contract.freeze, words.FREEZE[contract.freeze]),
        ),
        (
            voice("Classification", "درجة السرية"),
            joined(
                badge(voice, contract.classification, words.CLASSES[contract.classification]),
                " ",
                voice.of(words.CLASSES_AT_LENGTH[contract.classification]),
            ),
        ),
        (
            voice("Service level", "مستوى الخدمة"),
            joined(*(_level(voice, one) for one in contract.service_levels)),
        ),
    )
    yield tag("dl", *(tag("div", tag("dt", name), tag("dd", said)) for name, said in facts), class_="facts")
    yield tag("nav", *(tag("a", voice(en, ar), href=f"#{place}") for place, en, ar in _PARTS), class_="here")


def _level(voice: Voice, level: ServiceLevel) -> Html:
    called = words.LEVELS.get(level.property, Text(level.property, level.property))
    lasts = (
        words.span(int(level.value), level.unit) if level.unit else Text(str(level.value), str(level.value))
    )
    driver = f" ({voice.of(words.DRIVERS[level.driver])})" if level.driver else ""
    return tag("div", f"{voice.of(called)} {voice.of(lasts)}{driver}")


def _law(voice: Voice, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "law")
    head = (
        ("Provision", "الحكم"),
        ("Reference", "المرجع"),
        ("Confirmed by counsel", "أكّده المستشار القانوني"),
    )
    yield rows(voice, head, [_provision(voice, basis) for basis in contract.legal_basis])


def _provision(voice: Voice, basis: LegalBasis) -> Sequence[str]:
    confirmed = Text("confirmed", "مؤكد") if basis.verified else Text("not yet", "ليس بعد")
    return (
        voice(basis.en, basis.ar),
        voice.of(words.citation(basis.reference)),
        badge(voice, "verified" if basis.verified else "unverified", confirmed),
    )


def _who(voice: Voice, library: Library, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "who")
    head = (("Agency", "الجهة"), ("Part", "الدور"), ("What it does", "ما تفعله"))
    parts = {"write": Text("sends", "ترسل"), "read": Text("receives", "تستقبل")}
    yield rows(
        voice,
        head,
        [
            (
                tag("a", voice.word(library.agencies, role.role), href=f"agencies.html#{role.role}"),
                voice.of(parts[role.access]),
                voice.of(Text(role.description, arabic)),
            )
            for role, arabic in zip(contract.roles, contract.roles_ar, strict=True)
        ],
    )
    yield tag("h3", voice("Service level", "مستوى الخدمة"))
    levels = zip(contract.service_levels, contract.service_levels_ar, strict=True)
    yield tag(
        "ul",
        *(
            tag("li", _level(voice, level), tag("small", voice.of(Text(level.description or "", arabic))))
            for level, arabic in levels
        ),
    )


def _freeze(voice: Voice, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "freeze")
    yield tag("p", badge(voice, contract.freeze, words.FREEZE[contract.freeze]))
    yield tag("p", voice.of(words.FREEZE_AT_LENGTH[contract.freeze]))


def _examples(voice: Voice, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "examples")
    valid = [one for one in contract.examples if one.why is None]
    for number, example in enumerate(valid):
        shown = orjson.dumps(orjson.loads(example.octets), option=orjson.OPT_INDENT_2).decode()
        remarks = joined(*(joined(" ", error_link(name)) for name in example.codes))
        summary = tag("summary", code(_stem(example)), remarks)
        opened = {"open": "open"} if number == 0 else {}
        yield tag("details", summary, tag("pre", shown, lang="ar"), **opened)


def _stem(example: Example) -> str:
    return example.file.rpartition("/")[2].removesuffix(".json").replace("_", " ")


def _bindings(voice: Voice, library: Library, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "bindings")
    found = library.bindings_of(contract.name)
    if not found:
        yield tag("p", voice("No agency has a binding yet.", "لا ربط لأي جهة بعد."))
    for binding in found:
        yield binding_part(voice, library, binding)


def _errors(voice: Voice, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "errors")
    yield tag(
        "p",
        voice(
            "An answer names the code, the field in your own terms and the rule, never a value. Examples are files "
            "beside this page.",
            "يذكر الرد الرمز والحقل بتسمية جهتكم والقاعدة، ولا يذكر القيمة أبدًا. والأمثلة ملفات بجانب هذه الصفحة.",
        ),
        class_="soft",
    )
    broken = sorted((one for one in contract.examples if one.why), key=lambda one: (str(one.why), one.file))
    head = (("Code", "الرمز"), ("Meaning", "المعنى"), ("What to do", "ما العمل"), ("Examples", "أمثلة"))
    body = []
    for why, examples in groupby(broken, key=lambda one: str(one.why)):
        meaning = CODES[why]
        files = [
            tag("div", tag("a", _stem(one), href=f"../{published(one.file)}", lang="en", dir="ltr"))
            for one in examples
        ]
        shown = tag("details", tag("summary", str(len(files))), *files)
        body.append(
            (
                error_link(why),
                voice(meaning.en, meaning.ar),
                voice(meaning.remedy_en, meaning.remedy_ar),
                shown,
            )
        )
    yield rows(voice, head, body)


def _papers(voice: Voice, contract: Contract) -> Iterator[Html]:
    yield _part(voice, "documents")
    at = f"../{published(f'canonical/{path_of(contract.name)}/')}"
    papers = (
        ("schema.json", "JSON Schema 2020-12, closed: what is accepted", "JSON Schema 2020-12 مغلق: ما يُقبل"),
        ("reader.schema.json", "the same, open: what a reader checks", "نفسه مفتوحًا: ما يتحقق منه القارئ"),
        ("contract.odcs.yaml", "Open Data Contract Standard 3.1.0", "معيار عقود البيانات المفتوح 3.1.0"),
        ("CHANGELOG.md", "what changed between versions", "ما تغيّر بين الإصدارات"),
    )
    yield tag(
        "ul",
        *(tag("li", tag("a", code(name), href=at + name), " ", voice(en, ar)) for name, en, ar in papers),
    )
