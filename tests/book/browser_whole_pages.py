"""Protects every page as a whole, on a desk and on a phone: no line is cut, what sets a chapter up and what only draws
is folded, and the first picture of a chapter stands on the first screen.
"""

import pytest

from tests.book.browser_tools import DESKTOP, PHONE, Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

FIRST_SCREEN = 900
# Whatever is wider than its box, words for screen readers aside, unless that scrolls under a bar that is drawn whether
# or not the pointer is near it.
CUT = """() => [...document.querySelectorAll('.bd-article *')].filter(element => {
    if (!element.checkVisibility({visibilityProperty: true})) return false;
    if (element.closest('.spoken-math, .explorer-heard, svg')) return false;
    if (element.clientWidth === 0 || element.scrollWidth <= element.clientWidth + 1) return false;
    const overflow = getComputedStyle(element).overflowX;
    if (['auto', 'scroll'].includes(overflow))
        return !(parseFloat(getComputedStyle(element, '::-webkit-scrollbar').height) >= 6);
    return ['hidden', 'clip'].includes(overflow);
}).map(element => `${element.tagName}.${element.className} ${element.scrollWidth - element.clientWidth} px: `
    + element.textContent.trim().slice(0, 40))"""
# Whatever reaches over the page's right edge without lying in something that scrolls by itself.
TOO_WIDE = """() => [...document.querySelectorAll('.bd-article *')].filter(element => {
    if (element.closest('.spoken-math') || element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let up = element.parentElement; up && !up.matches('.bd-article'); up = up.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return false;
    return !['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
}).map(element => element.tagName + ' ' + element.textContent.slice(0, 40))"""
# Code that wraps or fits needs no bar: a reader should not have to push code to and fro.
PUSHED = """() => [...document.querySelectorAll('.bd-article pre')].filter(
    element => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1
).map(element => element.textContent.slice(0, 40))"""
UNFOLDED = """() => [...document.querySelectorAll('.bd-article .cell')].filter(cell => {
    const code = cell.querySelector('.cell_input');
    if (!code || !code.checkVisibility()) return false;
    return cell.matches('.tag_hide-input') || /find_spec\\(|DATASET = None/.test(code.textContent);
}).map(cell => cell.textContent.trim().slice(0, 60))"""
# Where the first picture ends, in pixels from the top of the page; null where none can be seen.
FIRST_PICTURE = """async () => {
    const picture = [...document.querySelectorAll('.bd-article img')].find(each => each.checkVisibility());
    await picture?.decode().catch(() => null);
    return picture?.naturalWidth ? picture.getBoundingClientRect().bottom + scrollY : null;
}"""


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=lambda size: f"{size['width']} px")
def test_every_page_is_whole_folded_and_begins_with_a_picture(book, browser, address, viewport):
    bad, folded, chapters = [], 0, 0
    with Watched(browser, address, viewport=viewport) as seen:
        for name in book.readable:
            seen.open(address, name)
            bad += [f"{name}: cut: {each}" for each in seen.tab.evaluate(CUT)]
            bad += [f"{name}: too wide: {each}" for each in seen.tab.evaluate(TOO_WIDE)]
            if not seen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"):
                bad.append(f"{name}: the page itself scrolls sideways")
            bad += [f"{name}: pushed: {each}" for each in seen.tab.evaluate(PUSHED)]
            if not name.startswith("chapters/"):
                continue
            chapters += 1
            folded += seen.tab.locator(".tag_hide-input details:not([open])").count()
            bad += [f"{name}: not folded: {each}" for each in seen.tab.evaluate(UNFOLDED)]
            end = seen.tab.evaluate(FIRST_PICTURE)
            if end is None or end > FIRST_SCREEN:
                bad.append(f"{name}: its first picture ends at {end} px")
    assert bad == []
    assert chapters > 10 and folded >= 2 * chapters


def test_a_folded_cell_opens_and_shows_its_code(browser, address):
    with Watched(browser, address, viewport=DESKTOP) as seen:
        seen.open(address, "chapters/01_autoencoder.html")
        cell = seen.tab.locator(".tag_hide-input").first
        cell.locator("summary").click()
        assert "find_spec" in cell.locator(".cell_input").inner_text()


BROKEN = {
    "code that does not wrap": ("PUSHED", ".bd-article pre {white-space: pre !important; overflow-x: auto}"),
    "formulas that scroll under no bar": ("CUT", ".bd-article ::-webkit-scrollbar {height: 0 !important}"),
    "tables that are cut": ("CUT", ".cell_output .output.text_html {overflow-x: hidden !important}"),
    "text that reaches over the edge": (
        "TOO_WIDE",
        ".bd-article p {width: 600px !important; max-width: none}",
    ),
    "code that is not folded": (
        "UNFOLDED",
        ".tag_hide-input details::details-content {content-visibility: visible}",
    ),
    "a picture further down": ("FIRST_PICTURE", ".lead-picture {margin-top: 700px !important}"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_each_measure_sees_what_it_is_for(what, browser, address):
    measure, style = BROKEN[what]
    with Watched(browser, address, viewport=PHONE) as seen:
        seen.open(address, "chapters/05_latent_space.html")
        whole = seen.tab.evaluate(globals()[measure])
        seen.tab.add_style_tag(content=style)
        broken = seen.tab.evaluate(globals()[measure])
    if measure == "FIRST_PICTURE":
        assert whole <= FIRST_SCREEN < broken
    else:
        assert whole == [] and broken != []
