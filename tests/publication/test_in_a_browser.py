"""The pages in Chromium: nothing is complained of, nothing sticks out, and the index can be searched."""

from pathlib import Path

import pytest
from publication.browser import Browser, chromium


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def pages(site: Path, language: str) -> list[Path]:
    return sorted((site / language).glob("*.html"))


@pytest.mark.parametrize(("language", "direction"), [("ar", "rtl"), ("en", "ltr")])
def test_every_page_opens_without_a_complaint_and_in_its_direction(
    browser: Browser, site, language, direction
):
    assert pages(site, language)
    for path in pages(site, language):
        browser.open(path)
        assert browser.ask("getComputedStyle(document.body).direction") == direction
        assert (
            browser.ask("getComputedStyle(document.querySelector('header')).backgroundColor")
            == "rgb(11, 93, 75)"
        )
    assert browser.complaints == []


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("pixels", [360, 1280])
def test_no_page_is_wider_than_the_window(browser: Browser, site, language, pixels):
    browser.width(pixels)
    for path in pages(site, language):
        browser.open(path)
        assert browser.ask("document.documentElement.scrollWidth <= innerWidth"), path.name


@pytest.mark.parametrize(
    ("language", "typed", "found"),
    [
        ("en", "nothing is called this", []),
        ("en", "death_date", ["death_date"]),
        ("ar", "الوفاه تاريخ", ["death_date"]),
        ("ar", "record.nid.format", ["record.nid.format"]),
    ],
)
def test_the_index_finds_fields_codes_and_errors(browser: Browser, site, language, typed, found):
    browser.open(site / language / "index.html")
    every = browser.ask("document.querySelectorAll('#index li:not([hidden])').length")
    browser.ask(
        f"const box=document.getElementById('find');box.value={typed!r};box.dispatchEvent(new Event('input'))"
    )
    shown = browser.ask(
        "[...document.querySelectorAll('#index li:not([hidden]) code')].map(c=>c.textContent)"
    )
    assert 0 <= len(shown) < every
    assert set(found) <= set(shown)
    assert browser.ask("document.getElementById('none').hidden") == bool(shown)


def test_a_script_that_is_not_the_pages_own_does_not_run(browser: Browser, site, tmp_path):
    page = (site / "en" / "index.html").read_text()
    (tmp_path / "index.html").write_text(
        page.replace("</main>", "</main><script>document.title='run'</script>")
    )
    browser.open(tmp_path / "index.html")
    assert browser.ask("document.title") != "run"
    assert any("Content Security Policy" in complaint for complaint in browser.complaints)
    browser.complaints.clear()
