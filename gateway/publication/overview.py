"""The way in: the page that chooses a language, the list of contracts with its index, the agencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from contracts.contract import Contract
from gateway.codes import CODES
from gateway.publication import words
from gateway.publication.elements import badge, section
from gateway.publication.fields import field_lines
from gateway.publication.fields_part import anchor
from gateway.publication.frame import document, page
from gateway.publication.html import Html, between, code, joined, tag
from gateway.publication.source import Library, roles
from gateway.publication.voice import Voice, rows

_TITLES = ("Data contracts of the voter register exchange", "عقود بيانات تبادل قاعدة بيانات الناخبين")


def landing() -> bytes:
    """Return the page before the languages, in both of them."""
    english, arabic = _TITLES
    ways = (
        tag("a", tag("strong", "العربية"), tag("div", arabic), href="ar/index.html", lang="ar", dir="rtl"),
        tag("a", tag("strong", "English"), tag("div", english), href="en/index.html", lang="en", dir="ltr"),
    )
    brand = tag("h1", "إسناد · ", tag("span", "Isnad", lang="en"))
    return document(
        "ar", "rtl", "إسناد · Isnad", tag("main", brand, tag("nav", *ways, class_="choose"), id="content")
    )


def index_page(voice: Voice, library: Library) -> bytes:
    """Return the list of contracts, and an index of everything that is on the other pages."""
    intro = voice(
        "What agencies report to the National Elections Authority and what it answers: for each contract the fields, "
        "the rules, examples, who sends it and by which law, and what happens to it while the register is frozen.",
        "ما تبلّغه الجهات إلى الهيئة الوطنية للانتخابات وما ترد به عليها: لكل عقد حقوله وقواعده وأمثلته ومن يرسله وسنده "
        "القانوني، وما يجري له أثناء تجميد القيد.",
    )
    unverified = sum(not basis.verified for one in library.contracts for basis in one.legal_basis)
    note = voice(
        f"{unverified} of the provisions named here have not been confirmed by counsel against the official text. "
        "Each contract says which.",
        f"عدد الأحكام المذكورة هنا التي لم يؤكدها المستشار القانوني على النص الرسمي: {unverified}. ويبيّن كل عقد أيّها.",
    )
    return page(
        voice,
        "index.html",
        voice(*_TITLES),
        library.catalogue.digest,
        tag("h1", voice(*_TITLES)),
        tag("p", intro, class_="lead"),
        tag("p", note, class_="note") if unverified else "",
        section(voice, "contracts", "Contracts", "العقود"),
        tag("ul", *(_card(voice, library, one) for one in library.contracts), class_="cards"),
        *_calendar(voice, library),
        *_reading(voice),
        *_index(voice, library),
    )


def _card(voice: Voice, library: Library, contract: Contract) -> Html:
    senders = list(dict.fromkeys(voice.word(library.agencies, one) for one in roles(contract, "write")))
    return tag(
        "li",
        tag("h3", tag("a", voice(contract.title_en, contract.title_ar), href=f"{contract.name}.html")),
        tag("div", code(contract.name)),
        tag("p", voice(contract.description, contract.description_ar)),
        tag("p", tag("small", voice("From: ", "من: "), voice.listed(senders)), class_="soft"),
        tag(
            "div",
            badge(voice, contract.freeze, words.FREEZE[contract.freeze]),
            badge(voice, contract.classification, words.CLASSES[contract.classification]),
            class_="foot",
        ),
    )


def _calendar(voice: Voice, library: Library) -> Iterator[Html]:
    yield section(voice, "freeze", "In an electoral freeze", "أثناء تجميد القيد قبل الانتخاب")
    head = (("Class", "الفئة"), ("What happens", "ما يجري"), ("Contracts", "العقود"))
    body = []
    for kind, text in words.FREEZE.items():
        links = [
            tag("a", voice(one.title_en, one.title_ar), href=f"{one.name}.html#freeze")
            for one in library.contracts
            if one.freeze == kind
        ]
        body.append(
            (
                badge(voice, kind, text),
                voice.of(words.FREEZE_AT_LENGTH[kind]),
                between(voice(", ", "، "), links),
            )
        )
    yield rows(voice, head, body)


def _reading(voice: Voice) -> Iterator[Html]:
    yield section(voice, "reading", "How a record is handled", "كيف يُعامل السجل")
    yield tag("ol", *(tag("li", voice.of(step)) for step in words.STEPS))
    classes = [
        tag("li", badge(voice, kind, text), " ", voice.of(words.CLASSES_AT_LENGTH[kind]))
        for kind, text in words.CLASSES.items()
    ]
    yield tag("h3", voice("Classification of fields", "درجات سرية الحقول"))
    yield tag("ul", *classes)


def _index(voice: Voice, library: Library) -> Iterator[Html]:
    find = tag(
        "p",
        tag("label", voice("Find a field, code or error", "ابحث عن حقل أو كود أو خطأ"), for_="find"),
        tag("input", id="find", type="search", class_="find", autocomplete="off", spellcheck="false"),
        hidden="hidden",
    )
    none = tag("p", voice("Nothing found.", "لا نتائج."), id="none", hidden="hidden")
    yield tag(
        "section",
        section(voice, "everything", "Index", "الفهرس"),
        find,
        none,
        tag("ul", *_entries(voice, library), id="index", class_="index"),
        class_="index-part",
    )


def _entries(voice: Voice, library: Library) -> Iterator[Html]:
    for contract in library.contracts:
        at = f"{contract.name}.html"
        yield _entry(at, code(contract.name), voice(contract.title_en, contract.title_ar))
        for line in field_lines(contract):
            said = joined(voice(line.text.en, line.text.ar), " ", tag("bdi", f"({contract.name})"))
            yield _entry(f"{at}#{anchor(line.path)}", code(line.path), said)
    for name, listed in sorted(library.catalogue.code_lists.items()):
        yield _entry(f"codes.html#{name}", code(name), voice(listed.about.title_en, listed.about.title_ar))
    for name, meaning in CODES.items():
        yield _entry(f"errors.html#{name}", code(name), voice(meaning.en, meaning.ar))


def _entry(href: str, name: Html, said: str) -> Html:
    return tag("li", tag("a", name, href=href), " ", tag("small", said))


def agencies_page(voice: Voice, library: Library) -> bytes:
    """Return what each agency sends and receives."""
    title = voice("Agencies", "الجهات")
    return page(
        voice,
        "agencies.html",
        title,
        library.catalogue.digest,
        tag("h1", title),
        tag(
            "p",
            voice(
                "An agency writes its own records in its own form; a binding says what becomes of them.",
                "تكتب كل جهة سجلاتها بصيغتها، ويبيّن الربط ما تصير إليه.",
            ),
            class_="lead",
        ),
        *(part for row in library.agencies.rows for part in _agency(voice, library, row["code"])),
    )


def _agency(voice: Voice, library: Library, agency: str) -> Iterator[Html]:
    yield tag("h2", voice.word(library.agencies, agency), " ", code(agency), id=agency)
    head = (("Contract", "العقد"), ("Sends", "ترسل"), ("Way", "الوسيلة"), ("Format", "الصيغة"))
    bound = {one.contract.name: one for one in library.sent_by(agency)}
    body: list[Sequence[str]] = []
    for contract in library.contracts:
        if agency not in roles(contract, "write"):
            continue
        link = tag("a", voice(contract.title_en, contract.title_ar), href=f"{contract.name}.html")
        binding = bound.get(contract.name)
        if binding is None:
            body.append((link, voice("no binding yet", "لا ربط بعد"), "", ""))
            continue
        own = tag(
            "a", voice(binding.title_en, binding.title_ar), href=f"{contract.name}.html#binding.{agency}"
        )
        ways = voice.listed([voice.of(words.TRANSPORTS[way]) for way in binding.transport])
        body.append((link, own, ways, joined(code(binding.format), " ", code(binding.encoding))))
    if body:
        yield rows(voice, head, body)
    received = library.read_by(agency)
    if received:
        links = [tag("a", voice(one.title_en, one.title_ar), href=f"{one.name}.html") for one in received]
        yield tag("p", voice("Receives: ", "تستقبل: "), between(voice(", ", "، "), links))
