"""How one agency writes the records of a contract: its fields, what happens to each, a sample and its result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson

from contracts.binding import Binding, Sample
from contracts.binding_documents import Field_
from contracts.schema_lint import resolve
from gateway.codes import CODES
from gateway.publication import words
from gateway.publication.html import Html, between, code, joined, tag, value
from gateway.publication.source import Library
from gateway.publication.voice import Text, Voice, rows

_SHOWN_CHARACTERS = 6000
"""Of a sample; the rest is in its file."""


def binding_part(voice: Voice, library: Library, binding: Binding) -> Html:
    """Return the part of a contract's page about one agency."""
    agency = voice.word(library.agencies, binding.agency)
    return tag(
        "section",
        tag("h3", agency, ": ", voice(binding.title_en, binding.title_ar), id=f"binding.{binding.agency}"),
        *_facts(voice, binding),
        *_mapping(voice, library, binding),
        *_sample(voice, binding),
        *_refused(voice, binding),
        *_papers(voice, binding),
    )


def _facts(voice: Voice, binding: Binding) -> Iterator[Html]:
    ways = voice.listed([voice.of(words.TRANSPORTS[way]) for way in binding.transport])
    most = binding.max_record_bytes
    kinds = between(" ", [code(kind) for kind in (*binding.media_types, binding.encoding)])
    yield tag(
        "ul",
        tag("li", voice("Way: ", "الوسيلة: "), ways),
        tag("li", voice("Format: ", "الصيغة: "), kinds),
        tag("li", voice(f"A record has at most {most} bytes", f"الحد الأقصى للسجل {most} بايت")),
        *_files(voice, binding),
    )


def _files(voice: Voice, binding: Binding) -> Iterator[Html]:
    """Say what files are called, and when each is whole."""
    if binding.files is None:
        return
    names = between(" ", [code(name) for name in binding.files.document.names])
    whole = voice.of(words.COMPLETE[binding.files.complete])
    yield tag(
        "li", voice("Files: ", "الملفات: "), names, voice(", whole when ", "، ويكتمل الملف حين "), whole
    )
    manifest = binding.files.document.manifest
    if manifest is not None:
        called = manifest.members.model_dump(exclude_none=True)
        told = [joined(voice.of(words.MANIFEST[fact]), ": ", code(member)) for fact, member in called.items()]
        beside = tag("bdi", code(manifest.name.replace("{file}", "FILE")))
        yield tag("li", voice("Manifest ", "بيان الملف "), beside, ": ", between(voice(", ", "، "), told))


def _mapping(voice: Voice, library: Library, binding: Binding) -> Iterator[Html]:
    head = (
        ("Canonical field", "الحقل القياسي"),
        ("Your field", "حقل جهتكم"),
        ("What happens on the way", "ما يجري عليه"),
    )
    key = binding.agency, binding.contract.name
    mapped = [
        (code(target), _origin(voice, binding, field), joined(*_steps(voice, library, field)))
        for target, field in library.mappings[key].fields.items()
    ]
    yield rows(voice, head, mapped)
    unused = library.bindings[key].unused
    if unused:
        names = between(" ", [code(name) for name in unused])
        yield tag("p", voice("Not read: ", "لا يُقرأ: "), names)


def _origin(voice: Voice, binding: Binding, field: Field_) -> Html:
    if field.from_ is None:
        return joined(voice("always ", "دائمًا "), code(value(field.const)))
    places = [field.from_] if isinstance(field.from_, str) else field.from_
    must = tag("small", voice("required", "واجب"), class_="must") if field.required else ""
    explained = [tag("div", tag("small", _explained(voice, binding, place))) for place in places]
    return joined(between(" ", [code(place) for place in places]), " ", must, *explained)


def _explained(voice: Voice, binding: Binding, place: str) -> str:
    """Return what the agency's own schema says of a field; nothing where it is an XSD."""
    if binding.source_schema is None:
        return ""
    node = resolve(binding.source_schema, "/" + place.replace(".", "/")) or {}
    return str(node.get(voice("description", "x-description-ar"), ""))


def _steps(voice: Voice, library: Library, field: Field_) -> Iterator[Html]:
    for call in field.fn:
        name, colon, argument = call.partition(":")
        said = tag("span", voice.of(words.FUNCTIONS[name]))
        yield tag("div", said, *((" ", code(argument)) if colon else ()))
    if isinstance(field.lookup, str):
        name, _, column = field.lookup.partition("/")
        about = library.catalogue.code_lists[name].about
        link = tag("a", voice(about.title_en, about.title_ar), href=f"codes.html#{name}")
        by = joined(" (", code(column), ")") if column else ""
        yield tag("div", voice("code list: ", "قائمة: "), link, by)
    elif field.lookup is not None:
        for word, meant in field.lookup.items():
            yield tag("div", code(word), " → ", code(value(meant)), dir="ltr")
    if field.lookup is not None and field.on_unknown == "review":
        yield tag("div", voice("an unknown word goes to an officer", "الكلمة غير المعروفة تُحال إلى ضابط"))


def _sample(voice: Voice, binding: Binding) -> Iterator[Html]:
    """Give the shortest valid sample and its result: the rest are files."""
    valid = [sample for sample in binding.samples if sample.expected]
    if not valid:
        return
    sample = min(valid, key=lambda one: (len(one.octets), one.file))
    sent = sample.octets.decode(binding.encoding)
    became = "\n".join(_indented(line) for line in (sample.expected or b"").splitlines())
    for en, ar, shown in (
        ("What is sent", "ما يُرسل", sent),
        ("What becomes of it", "ما يصير إليه", became),
    ):
        yield tag("details", tag("summary", voice(en, ar)), tag("pre", shown[:_SHOWN_CHARACTERS], lang="ar"))


def _indented(line: bytes) -> str:
    return orjson.dumps(orjson.loads(line), option=orjson.OPT_INDENT_2).decode()


def _refused(voice: Voice, binding: Binding) -> Iterator[Html]:
    broken = [sample for sample in binding.samples if sample.expected is None]
    if broken:
        head = (("Sample", "العينة"), ("Code", "الرمز"), ("What to do", "ما العمل"))
        table = rows(voice, head, [_refusal(voice, sample) for sample in broken])
        yield tag("details", tag("summary", voice("What would be refused", "ما كان ليُرفض")), table)


def _refusal(voice: Voice, sample: Sample) -> Sequence[str]:
    codes = list(dict.fromkeys(sample.codes))
    links = [tag("div", tag("a", code(name), href=f"errors.html#{name}")) for name in codes]
    remedies = [tag("div", voice.of(Text(CODES[name].remedy_en, CODES[name].remedy_ar))) for name in codes]
    return code(sample.file.rpartition("/")[2]), joined(*links), joined(*remedies)


def _papers(voice: Voice, binding: Binding) -> Iterator[Html]:
    at = f"../agencies/{binding.agency}/{binding.contract.name}/"
    names = ("binding.yaml", "mapping.yaml", binding.source_document[0])
    links = between(" ", [tag("a", code(name), href=at + name) for name in names])
    yield tag("p", voice("For programs: ", "للبرامج: "), links)
