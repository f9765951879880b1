"""Protects readers who use no mouse: the Tab key reaches everything that a mouse can, what it reaches can be seen, and
drawers, menus, the search and formulas that scroll can be opened, used and left by keys alone.
"""

import re

import pytest

from tests.book.browser_tools import DESKTOP, PHONE, Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

CHAPTER = "chapters/04_objectives.html"
CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex], [onclick], [role=button]"
# Every element that a mouse can use, numbered; hidden ones and those that scripts alone may focus are no part of it.
NUMBER_CONTROLS = f"""() => {{
    const seen = element => element.checkVisibility({{visibilityProperty: true}}) && element.getClientRects().length;
    const controls = [...document.querySelectorAll('{CONTROLS}')].filter(element =>
        seen(element) && !element.disabled && element.getAttribute('tabindex') !== '-1');
    controls.forEach((element, number) => element.dataset.number = number);
    return controls.map(element => element.outerHTML.slice(0, 120));
}}"""
# What has the focus, and whether it is told apart: by a line or a shadow around it, or around a part of it.
DESCRIBE_FOCUS = """() => {
    const element = document.activeElement;
    const isMarked = part => {
        const style = getComputedStyle(part);
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
    };
    const before = element.closest('.admonition-title');
    let opacity = 1, up = element;
    while (up) { opacity *= getComputedStyle(up).opacity; up = up.parentElement; }
    const box = element.getClientRects()[0];
    return {
        number: element.dataset.number ?? null,
        marked: element.matches(':focus-visible')
            && ([element, ...element.children].some(isMarked)
                || Boolean(element.closest('form') && isMarked(element.closest('form')))
                || Boolean(before && getComputedStyle(before, '::before').outlineStyle !== 'none')),
        opacity,
        inView: Boolean(box) && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
        html: element.outerHTML.slice(0, 120),
    };
}"""


@pytest.fixture
def open_page(browser, address):
    """A function that opens a page of the book in a tab of the given size."""
    opened = []

    def open_page(name=CHAPTER, viewport=DESKTOP):
        watched = Watched(browser, address, viewport=viewport, reduced_motion="reduce")
        opened.append(watched)
        watched.open(address, name)
        return watched.tab

    yield open_page
    for watched in opened:
        watched.context.close()


def focus(tab) -> dict:
    return tab.evaluate(DESCRIBE_FOCUS)


def focused_name(tab) -> str:
    return tab.evaluate("document.activeElement.innerText.trim() || document.activeElement.ariaLabel || ''")


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("name", [CHAPTER, "book/api/vae.html", "search.html"])
def test_tab_reaches_every_control_and_shows_where_it_is(open_page, name, viewport):
    tab = open_page(name, viewport)
    controls = tab.evaluate(NUMBER_CONTROLS)
    reached, unseen = set(), []
    # The search page sets the focus to its field; the keys go round once from wherever they begin.
    for _press in range(len(controls) + 5):
        tab.keyboard.press("Tab")
        here = focus(tab)
        if here["number"] is not None:
            reached.add(int(here["number"]))
            if not (here["marked"] and here["opacity"] > 0.5 and here["inView"]):
                unseen.append(str(here))
    assert len(controls) > 5
    assert [html for number, html in enumerate(controls) if number not in reached] == []
    assert unseen == []


def test_first_key_leads_past_the_contents(open_page):
    tab = open_page()
    tab.keyboard.press("Tab")
    assert focused_name(tab) == "Skip to main content"
    assert focus(tab)["inView"]
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('main') !== null")


@pytest.mark.parametrize("side", ["primary", "secondary"])
@pytest.mark.parametrize("way_out", ["Escape", "Close"])
def test_drawer_on_a_phone_opens_and_closes_by_keys(open_page, side, way_out):
    tab = open_page(viewport=PHONE)
    opener = tab.locator(f".{side}-toggle")
    opener.focus()
    tab.keyboard.press("Enter")
    drawer = tab.locator(f"#pst-{side}-sidebar-modal[open]")
    drawer.wait_for()
    assert drawer.get_attribute("aria-label").startswith("Contents of")
    assert focused_name(tab) == "Close"
    assert drawer.locator("nav a:visible").count() > 5
    tab.keyboard.press("Enter" if way_out == "Close" else "Escape")
    drawer.wait_for(state="hidden")
    tab.wait_for_function(f"document.activeElement.matches('.{side}-toggle')")


def test_link_within_the_page_closes_the_drawer(open_page):
    tab = open_page(viewport=PHONE)
    tab.locator(".secondary-toggle").press("Enter")
    drawer = tab.locator("#pst-secondary-sidebar-modal[open]")
    link = drawer.locator("nav a").nth(3)
    target = link.get_attribute("href")
    link.press("Enter")
    drawer.wait_for(state="hidden")
    assert tab.url.endswith(target)
    top = tab.locator(f"section{target}").bounding_box()["y"]
    assert 0 <= top < PHONE["height"] / 2


def test_contents_on_a_desk_can_be_put_away(open_page):
    tab = open_page()
    toggle, first_link = tab.locator(".primary-toggle"), tab.locator("#pst-primary-sidebar nav a").first
    assert toggle.get_attribute("aria-expanded") == "true"
    toggle.press("Enter")
    first_link.wait_for(state="hidden")
    assert toggle.get_attribute("aria-expanded") == "false"
    assert tab.evaluate("document.activeElement.matches('.primary-toggle')")
    toggle.press("Enter")
    first_link.wait_for()
    assert toggle.get_attribute("aria-expanded") == "true"


def test_part_of_the_contents_unfolds_by_a_key(open_page):
    tab = open_page()
    arrow = tab.get_by_label("Pages of: The package")
    arrow.press("Enter")
    tab.locator("#pst-primary-sidebar a", has_text="Evaluation").wait_for()


@pytest.mark.parametrize("way_in", ["keys", "button"])
def test_search_opens_by_keys_and_finds(open_page, way_in):
    tab = open_page()
    if way_in == "keys":
        tab.keyboard.press("Control+k")
    else:
        tab.locator(".search-button-field").press("Enter")
    tab.locator("#pst-search-dialog[open]").wait_for()
    assert tab.evaluate("document.activeElement.name") == "q"
    tab.keyboard.type("divergence")
    tab.keyboard.press("Enter")
    tab.locator("#search-results a", has_text="Notation").first.wait_for()


def test_search_gives_the_focus_back(open_page):
    tab = open_page()
    tab.locator(".search-button-field").press("Enter")
    tab.locator("#pst-search-dialog[open]").wait_for()
    tab.keyboard.press("Escape")
    tab.wait_for_function("document.activeElement.matches('.search-button-field')")


def test_menu_opens_by_keys_and_gives_the_focus_back(open_page):
    tab = open_page()
    tab.locator(".dropdown-download-buttons > button").press("Enter")
    tab.keyboard.press("ArrowDown")
    assert re.fullmatch(r"Download .*\(\.ipynb\)", focused_name(tab))
    tab.keyboard.press("Escape")
    assert tab.evaluate("document.activeElement.matches('.dropdown-download-buttons > button')")


def test_colours_change_by_a_key_that_can_be_pressed_again(open_page):
    tab = open_page("book/notation.html")
    button = tab.locator(".theme-switch-button")
    names = set()
    for _press in range(3):
        button.press("Enter")
        tab.wait_for_function("document.activeElement.matches('.theme-switch-button')")
        names.add(button.inner_text().strip())
    assert names == {"Colours: light", "Colours: dark", "Colours: as the system"}


def test_arrow_keys_move_a_formula_that_is_too_wide(open_page):
    tab = open_page(viewport=PHONE)
    formula = tab.locator(".drawn-equation-body[tabindex='0']").first
    assert formula.get_attribute("aria-label") == "Formula, scrolls sideways"
    formula.press("ArrowRight")
    tab.wait_for_function("document.activeElement.scrollLeft > 0")


def test_what_fits_is_no_stop_for_the_tab_key(open_page):
    tab = open_page(viewport=PHONE)
    stops = tab.evaluate("""() => [...document.querySelectorAll('.drawn-equation-body[tabindex]')]
        .filter(formula => formula.scrollWidth <= formula.clientWidth).length""")
    assert stops == 0
