"""Protects readers who print: black on white from a dark screen too, nothing that only a screen can use, nothing
folded, nothing cut off at the right, and the address behind every link to another site.
"""

import re

import pytest

from tests.book.browser_tools import Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

CHAPTER = "chapters/04_objectives.html"
PAGES = ["intro", "notation", "results", "references", "api/vae"]
# The width of the printed part of an A4 page at 96 dots an inch.
PAPER = {"width": 672, "height": 1000}
FOR_SCREENS_ONLY = (
    ".bd-sidebar-primary, .bd-sidebar-secondary, .bd-header-article, .prev-next-footer, .bd-footer-content, "
    ".skip-link, .headerlink, button, dialog, input"
)
LEFT_OVER = f"""() => [...document.querySelectorAll('{FOR_SCREENS_ONLY}')]
    .filter(element => element.checkVisibility() && element.getClientRects().length)
    .map(element => element.outerHTML.slice(0, 100))"""
# Text whose ink is pale, or that stands on a ground of its own; pictures have a ground, which is theirs.
PALE = """() => {
    const channels = colour => (colour.match(/[\\d.]+/g) || []).map(Number);
    const brightness = ([red, green, blue]) => 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    const texts = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT), bad = [];
    while (texts.nextNode()) {
        const element = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
        if (element.closest('.spoken-math, style')) continue;
        const style = getComputedStyle(element), ground = channels(style.backgroundColor);
        const isClear = ground.length === 4 && ground[3] === 0;
        if (brightness(channels(style.color)) > 110 || !(isClear || brightness(ground) > 240))
            bad.push(`${style.color} on ${style.backgroundColor}: ${texts.currentNode.data.trim().slice(0, 40)}`);
    }
    for (const svg of document.querySelectorAll('.drawn-math > svg, .drawn-equation-body > svg'))
        if (brightness(channels(getComputedStyle(svg).fill)) > 110) bad.push('formula ' + getComputedStyle(svg).fill);
    return bad;
}"""
CUT_OFF = """() => [...document.querySelectorAll('.bd-article :is(pre, img, p, .drawn-equation-body)')]
    .filter(element => element.checkVisibility() && !element.closest('.spoken-math')
        && (element.getBoundingClientRect().right > innerWidth + 1 || getComputedStyle(element).overflowX === 'auto'))
    .map(element => element.outerHTML.slice(0, 100))"""
FOLDED = """() => {
    document.querySelector('.bd-article').insertAdjacentHTML('beforeend',
        '<details><summary>Hint</summary><p id="folded">What was folded.</p></details>');
    const folded = document.getElementById('folded');
    return folded.checkVisibility({contentVisibilityAuto: true}) && folded.getBoundingClientRect().height > 0;
}"""


@pytest.fixture
def on_paper(browser, address):
    """A function that opens a page as a reader with a dark screen prints it."""
    with Watched(browser, address, viewport=PAPER, color_scheme="dark") as seen:

        def open_page(name):
            seen.open(address, name)
            assert seen.tab.evaluate("document.documentElement.dataset.theme") == "dark"
            seen.tab.emulate_media(media="print", color_scheme="dark")
            return seen.tab

        yield open_page


@pytest.mark.parametrize("name", [CHAPTER, *(f"book/{page}.html" for page in PAGES)])
def test_page_is_black_on_white_and_only_what_paper_can_use(on_paper, name):
    tab = on_paper(name)
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert tab.evaluate(PALE) == []
    assert tab.evaluate(LEFT_OVER) == []
    assert tab.evaluate(CUT_OFF) == []


def test_what_is_folded_is_printed(on_paper):
    tab = on_paper(CHAPTER)
    assert tab.evaluate(FOLDED)
    tab.emulate_media(media="screen")
    assert not tab.evaluate(
        "document.getElementById('folded').checkVisibility({contentVisibilityAuto: true})"
    )


def test_addresses_of_other_sites_are_printed(on_paper):
    tab = on_paper("book/licences.html")
    tab.evaluate("""() => document.querySelector('.bd-article').insertAdjacentHTML('beforeend',
        '<a class="reference external" href="https://name.example/page">a page</a>'
        + '<a class="reference external bare-address" href="https://name.example">https://name.example</a>')""")
    shown = [
        link.evaluate("link => getComputedStyle(link, '::after').content")
        for link in tab.locator(".bd-article a.external[href*='name.example']").all()
    ]
    assert shown == ['" (https://name.example/page)"', "none"]


def test_figures_and_listings_stay_on_one_sheet(on_paper):
    tab = on_paper(CHAPTER)
    for selector in ("figure", ".bd-article pre", ".drawn-equation"):
        kept = tab.locator(selector).first.evaluate("element => getComputedStyle(element).breakInside")
        assert kept == "avoid", selector


def test_chapter_can_be_printed(on_paper):
    tab = on_paper(CHAPTER)
    document = tab.pdf(format="A4", print_background=True)
    sheets = len(re.findall(rb"/Type\s*/Page\b", document))
    assert document.startswith(b"%PDF")
    assert 4 < sheets < 40
