"""Protects what a reader meets in a browser: no request to another host, no error in the console, formulas and figures
that can be seen in light and dark and from a folder on a disk, a page that fits a phone, a search that finds.
"""

import pytest

from tests.book.browser_tools import DESKTOP, PHONE, Watched

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
# Whatever reaches over the page's right edge without lying in something that scrolls by itself.
TOO_WIDE = """() => [...document.querySelectorAll('.bd-article *')].filter(element => {
    if (element.closest('.spoken-math') || element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let up = element.parentElement; up && !up.matches('.bd-article'); up = up.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return false;
    return !['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
}).map(element => element.tagName + ' ' + element.textContent.slice(0, 40))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_quiet_and_their_formulas_visible(book, browser, address, scheme):
    formulas = 0
    with Watched(browser, address, color_scheme=scheme, viewport=DESKTOP) as seen:
        for name in book.readable:
            seen.open(address, name)
            assert seen.tab.evaluate("document.documentElement.dataset.theme") in {scheme, None}, name
            assert seen.tab.evaluate(HIDDEN_FORMULAS) == [], name
            assert seen.tab.evaluate(MISSING_PICTURES) == [], name
            formulas += seen.tab.evaluate(FORMULAS)
        seen.tab.wait_for_timeout(500)
    assert seen.problems == []
    assert formulas > 50


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


def test_pages_fit_a_phone(book, browser, address):
    bad = {}
    with Watched(browser, address, viewport=PHONE) as seen:
        for name in book.readable:
            seen.open(address, name)
            if wide := seen.tab.evaluate(TOO_WIDE):
                bad[name] = wide[:3]
            assert seen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert bad == {}


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
