"""The catalogue to browse: complete in both languages, and nothing in it leads or reaches outside."""

import re
from html.parser import HTMLParser
from posixpath import dirname, join, normpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import functions
from contracts.folder import SHIPPED, read
from gateway.codes import CODES
from gateway.publication import library as library_of
from gateway.publication import publish, words
from gateway.publication.conditions import conditions
from gateway.publication.fields import field_lines
from gateway.publication.html import tag
from gateway.publication.voice import Text

LANGUAGES = {"ar": "rtl", "en": "ltr"}


class Page(HTMLParser):
    """What a test asks about a page."""

    def __init__(self, octets: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self._silent = False
        self.feed(octets.decode())

    def handle_starttag(self, name, attributes):
        found = dict(attributes)
        self.tags.append((name, found))
        self._silent = name in {"script", "style"}
        if "id" in found:
            self.ids.append(found["id"])
        if name == "a":
            self.links.append(found["href"])

    def handle_endtag(self, _name):
        self._silent = False

    def handle_data(self, text):
        if not self._silent:
            self.text += text


@pytest.fixture(scope="session")
def pages(published):
    return {name: Page(octets) for name, octets in published.items() if name.endswith(".html")}


def of(pages, language):
    return {name: page for name, page in pages.items() if name.startswith(f"{language}/")}


def test_every_page_exists_in_both_languages_with_the_same_places(pages):
    arabic, english = of(pages, "ar"), of(pages, "en")
    assert [name[3:] for name in arabic] == [name[3:] for name in english]
    for name, page in arabic.items():
        assert page.ids == english["en" + name[2:]].ids, name


def test_every_page_says_its_language_and_direction(pages):
    for language, direction in LANGUAGES.items():
        for name, page in of(pages, language).items():
            assert page.tags[0] == ("html", {"lang": language, "dir": direction}), name


def test_no_place_is_named_twice_on_a_page(pages):
    for name, page in pages.items():
        assert len(set(page.ids)) == len(page.ids), name


def test_every_link_leads_to_a_file_and_a_place_in_it(pages, published):
    lost = []
    for name, page in pages.items():
        for link in page.links:
            path, _, place = link.partition("#")
            target = normpath(join(dirname(name), path)) if path else name
            if target not in published or (place and place not in pages[target].ids):
                lost.append((name, link))
    assert lost == []


def test_nothing_is_fetched_from_anywhere(pages):
    for name, page in pages.items():
        for element, attributes in page.tags:
            assert "src" not in attributes, name
            assert element not in {"link", "img", "iframe", "object", "form", "base"}, name
            assert not re.match(r"[a-z]+:|//", attributes.get("href", "")), name
            assert not any(attribute.startswith("on") or attribute == "style" for attribute in attributes), (
                name
            )


def test_the_browser_is_told_to_fetch_nothing_and_run_only_what_is_named(pages):
    for name, page in pages.items():
        policies = [found["content"] for _, found in page.tags if found.get("http-equiv")]
        assert len(policies) == 1, name
        assert "default-src 'none'" in policies[0]
        assert "unsafe" not in policies[0]


def test_every_field_of_every_contract_is_explained(pages, library):
    for language in LANGUAGES:
        for contract in library.contracts:
            page = pages[f"{language}/{contract.name}.html"]
            for line in field_lines(contract):
                said = line.text.ar if language == "ar" else line.text.en
                assert said, (contract.name, line.path)
                assert said in page.text, (contract.name, line.path)


def test_the_lines_of_a_contract_are_all_its_fields(library):
    lines = {line.path for line in field_lines(library.catalogue.contract("death.v1"))}
    assert {
        "source_ref",
        "person.nid",
        "person.name.parts[]",
        "person.mother_name.full",
        "place.gov",
    } <= lines
    order = field_lines(library.catalogue.contract("register-order.v1"))
    assert {line.path: line.codes for line in order if line.codes}


def test_purpose_law_freeze_rules_and_levels_are_told(pages, library):
    for contract in library.contracts:
        arabic = pages[f"ar/{contract.name}.html"].text
        english = pages[f"en/{contract.name}.html"].text
        for basis in contract.legal_basis:
            assert basis.en in english
            assert basis.ar in arabic
        for rule in contract.rules:
            assert rule.says in english
            assert rule.says_ar in arabic
        assert words.FREEZE_AT_LENGTH[contract.freeze].en in english
        assert words.FREEZE_AT_LENGTH[contract.freeze].ar in arabic
        for said in (
            contract.usage_ar,
            contract.limitations_ar,
            *contract.roles_ar,
            *contract.service_levels_ar,
        ):
            assert said in arabic, contract.name
        assert contract.usage in english


def test_a_provision_that_counsel_has_not_confirmed_is_marked(pages, library):
    for contract in library.contracts:
        unverified = sum(not basis.verified for basis in contract.legal_basis)
        page = pages[f"en/{contract.name}.html"]
        assert sum(found.get("class") == "badge unverified" for _, found in page.tags) == unverified


def test_every_condition_of_a_contract_is_told_in_both_languages(library):
    for contract in library.contracts:
        for condition in conditions(contract):
            for text in (*condition.when, *condition.then):
                assert text.en, contract.name
                assert text.ar, contract.name


def test_a_condition_is_told_with_its_contrary(library):
    told = conditions(library.catalogue.contract("death.v1"))
    when = Text("`op` is not `assert`", "`op` قيمته غير `assert`")
    then = Text("`prior_ref` is required", "`prior_ref` واجب")
    assert ((when,), (then,)) in [(condition.when, condition.then) for condition in told]


def test_a_value_is_told_as_a_record_has_it(library):
    told = [text for one in conditions(library.catalogue.contract("deprivation.v1")) for text in one.when]
    assert Text("`in_absentia` is `true`", "`in_absentia` قيمته `true`") in told


def test_every_code_of_every_list_is_there(pages, library):
    for language in LANGUAGES:
        page = pages[f"{language}/codes.html"]
        for name, listed in library.catalogue.code_lists.items():
            assert name in page.ids
            for row in listed.rows:
                assert row["code"] in page.text
                assert row[language] in page.text


def test_every_error_has_meaning_and_remedy(pages):
    for name, meaning in CODES.items():
        for language, said, remedy in (
            ("ar", meaning.ar, meaning.remedy_ar),
            ("en", meaning.en, meaning.remedy_en),
        ):
            page = pages[f"{language}/errors.html"]
            assert name in page.ids
            assert said in page.text
            assert remedy in page.text


def test_every_binding_shows_its_fields_and_where_they_come_from(pages, library):
    for (agency, name), mapping in library.mappings.items():
        for language in LANGUAGES:
            page = pages[f"{language}/{name}.html"]
            assert f"binding.{agency}" in page.ids
            for target, field in mapping.fields.items():
                places = [field.from_] if isinstance(field.from_, str) else (field.from_ or [])
                assert all(text in page.text for text in (target, *places)), (agency, name, target)


def test_the_index_leads_to_every_contract_field_list_and_error(pages, library):
    for language in LANGUAGES:
        links = set(pages[f"{language}/index.html"].links)
        wanted = {f"{contract.name}.html" for contract in library.contracts}
        wanted |= {f"codes.html#{name}" for name in library.catalogue.code_lists}
        wanted |= {f"errors.html#{name}" for name in CODES}
        assert wanted <= links
        fields = sum(len(field_lines(contract)) for contract in library.contracts)
        assert len([link for link in links if "#field." in link]) == fields


def test_the_arabic_pages_have_no_sentence_in_english_only(pages):
    for name, page in of(pages, "ar").items():
        left = [found for element, found in page.tags if element == "span" and found.get("lang") == "en"]
        assert left == [], name


def test_no_number_on_a_page_could_be_a_citizens(pages):
    """Except the one of 1 January 1900 that nobody has, which shows what is refused."""
    for name, page in pages.items():
        for number in re.findall(r"(?<![0-9a-f])[23][0-9]{13}(?![0-9a-f])", page.text):
            governorate = int(number[7:9])
            assert governorate > 40 or number.startswith("2000101"), name


def test_every_function_of_a_mapping_has_words():
    known = set(functions._PLAIN) | set(functions._WITH_ARGUMENT) | functions.OF_LISTS | {"default"}
    assert set(words.FUNCTIONS) == known


@pytest.mark.parametrize(
    ("reference", "arabic"),
    [
        ("Law 45/2014 art. 16", "القانون 45 لسنة 2014 مادة 16"),
        ("Constitution art. 208; Law 198/2017 art. 3", "الدستور مادة 208؛ القانون 198 لسنة 2017 مادة 3"),
        ("A circular of the ministry", ""),
    ],
)
def test_a_reference_to_a_law_is_cited_as_egyptians_do(reference, arabic):
    assert words.citation(reference) == Text(reference, arabic)


@pytest.mark.parametrize(
    ("count", "unit", "english", "arabic"),
    [
        (1, "d", "day", "يوم"),
        (2, "w", "2 weeks", "أسبوعان"),
        (3, "d", "3 days", "3 أيام"),
        (15, "d", "15 days", "15 يومًا"),
        (24, "h", "24 hours", "24 ساعة"),
    ],
)
def test_a_span_of_time_is_counted_as_the_language_does(count, unit, english, arabic):
    assert words.span(count, unit) == Text(english, arabic)


@given(text=st.text(), value=st.text())
def test_text_never_becomes_markup(text, value):
    page = Page(
        f"<main>{tag('p', text, title=value)}</main>".encode("utf-8", "surrogatepass")
        .decode("utf-8", "replace")
        .encode()
    )
    assert [name for name, _ in page.tags] == ["main", "p"]


def test_what_a_catalogue_says_is_shown_and_not_run():
    files = {name: octets for name, octets in read(SHIPPED).items() if not name.startswith("agencies/")}
    place = "canonical/death/v1/contract.odcs.yaml"
    files[place] = files[place].replace(b"value: Death}", b"value: '</title><script>alert(1)</script>'}")
    made = publish(library_of(files), {})
    page = Page(made["en/death.v1.html"])
    assert "<script>alert(1)</script>" in page.text
    assert [name for name, _ in page.tags if name == "script"] == []
