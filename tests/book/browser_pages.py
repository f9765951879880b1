"""Protects what a reader meets in a browser: no request to another host, no error in the console, formulas and figures
that can be seen in light and dark and from a folder on a disk, a search that finds.
"""

import pytest

from tests.book.browser_tools import DESKTOP, Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

# Formulas that take no room, or have the colour of what lies behind them.
HIDDEN_FORMULAS = """() => {
  const formulas = [...document.querySelectorAll('.drawn-math > svg, .drawn-equation-body > svg')];
  return formulas.filter(svg => {
    const box = svg.getBoundingClientRect(), style = getComputedStyle(svg);
    let behind = svg, ground = 'rgba(0, 0, 0, 0)';
    while (behind && ground === 'rgba(0, 0, 0, 0)') {
        ground = getComputedStyle(behind).backgroundColor; behind = behind.parentElement;
    }
    const text = getComputedStyle(svg.parentElement).color;
    return box.width < 3 || box.height < 1 || style.visibility !== 'visible'
        || style.fill === ground || style.fill !== text;
  }).map(svg => svg.parentElement.textContent.slice(0, 60));
}"""
FORMULAS = "() => document.querySelectorAll('.drawn-math > svg, .drawn-equation-body > svg').length"
# Pictures that did not arrive, or that nobody sees.
# The still of an explorer gives way to the explorer as soon as that runs, on the front page at once.
MISSING_PICTURES = """() => [...document.querySelectorAll('.bd-article img')].filter(picture =>
    !picture.complete || !picture.naturalWidth ||
    !(picture.closest('.explorer.is-live')?.querySelector('.explorer-live') || picture).getBoundingClientRect().width
).map(picture => picture.getAttribute('src'))"""


def test_pages_are_quiet_and_their_formulas_visible_in_light_and_dark(book, browser, address):
    formulas = 0
    with Watched(browser, address, color_scheme="light", viewport=DESKTOP) as seen:
        for name in book.readable:
            seen.tab.emulate_media(color_scheme="light")
            seen.open(address, name)
            formulas += seen.tab.evaluate(FORMULAS)
            for scheme in ("light", "dark"):
                seen.tab.emulate_media(color_scheme=scheme)
                seen.tab.wait_for_function(
                    f"[undefined, '{scheme}'].includes(document.documentElement.dataset.theme)"
                )
                assert seen.tab.evaluate(HIDDEN_FORMULAS) == [], f"{name}, {scheme}"
                assert seen.tab.evaluate(MISSING_PICTURES) == [], f"{name}, {scheme}"
        seen.tab.wait_for_timeout(500)
    assert seen.problems == []
    assert formulas > 50


def test_a_chapter_that_is_opened_in_the_dark_is_dark(browser, address):
    with Watched(browser, address, color_scheme="dark", viewport=DESKTOP) as seen:
        seen.open(address, "chapters/04_objectives.html")
        assert seen.tab.evaluate("document.documentElement.dataset.theme") == "dark"
        assert seen.tab.evaluate(HIDDEN_FORMULAS) == []
    assert seen.problems == []


def test_pages_work_from_a_folder(book, browser):
    formulas = 0
    with Watched(browser, "file://") as seen:
        for name in book.needing_no_host:
            seen.open(book.html.as_uri() + "/", name)
            assert seen.tab.evaluate(HIDDEN_FORMULAS) == [], name
            assert seen.tab.evaluate(MISSING_PICTURES) == [], name
            formulas += seen.tab.evaluate(FORMULAS)
    assert seen.problems == []
    assert formulas > 50


def test_theme_button_changes_the_colours(browser, address):
    with Watched(browser, address, color_scheme="light", viewport=DESKTOP) as seen:
        seen.open(address, "book/notation.html")
        seen.tab.locator(".theme-switch-button:visible").first.click()
        modes = {seen.tab.evaluate("document.documentElement.dataset.mode")}
        seen.tab.locator(".theme-switch-button:visible").first.click()
        modes.add(seen.tab.evaluate("document.documentElement.dataset.mode"))
        assert len(modes) == 2
        assert seen.tab.evaluate(HIDDEN_FORMULAS) == []


@pytest.mark.parametrize("from_folder", [False, True])
def test_search_finds_a_word(book, browser, address, from_folder):
    base = book.html.as_uri() + "/" if from_folder else address
    with Watched(browser, "file://" if from_folder else address) as seen:
        seen.open(base, "search.html?q=divergence")
        hit = seen.tab.locator("#search-results a", has_text="Notation").first
        hit.wait_for(timeout=10_000)
    # From a folder, a browser refuses the search page the lines that it would quote from each hit; the hits are there.
    assert [problem for problem in seen.problems if not from_folder or "asked for" in problem] == []
