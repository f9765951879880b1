"""Protects the explorers in the built pages: each answers to mouse, touch and keys, from a server and from a folder,
asks no other host, and leaves its still picture where nothing can move."""

import hashlib

import pytest

from companion.explorers import recording
from tests.book.browser_access import ALONE, SETTINGS, violations_in_both_schemes
from tests.book.browser_tools import DESKTOP, PHONE, Watched, gzipped_bytes
from tests.book.explorer_tools import HAND, page_of, place_in

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

NAMES = recording.names()
HEAVIEST_ON_THE_WIRE = 800_000
# Everything that a reader sees of it: pictures, curves, words, values.
SEEN = """live => [
    ...[...live.querySelectorAll('canvas')].map(canvas => canvas.toDataURL()),
    ...[...live.querySelectorAll('svg, .explorer-readout, .explorer-value')].map(each => each.innerHTML),
].join('|')"""
each_explorer = pytest.mark.parametrize("name", NAMES)


def digest(live) -> str:
    return hashlib.sha256(live.evaluate(SEEN).encode()).hexdigest()


@each_explorer
@pytest.mark.parametrize("from_folder", [False, True], ids=["served", "folder"])
def test_mouse_moves_it(opened, name, from_folder):
    watched, live = opened(name, from_folder=from_folder)
    hand, mouse = live.locator(HAND).first, watched.tab.mouse
    states = [digest(live)]
    mouse.move(*place_in(hand, 0.5, 0.5))
    mouse.down()
    for across in (0.2, 0.85):
        mouse.move(*place_in(hand, across, 0.3 if across < 0.5 else 0.7), steps=3)
        states.append(digest(live))
    mouse.up()
    mouse.move(*place_in(hand, 0.5, 0.4))
    assert digest(live) == states[-1], "it goes on moving after the button was let go"
    assert len(set(states)) == 3
    assert watched.problems == []


@each_explorer
def test_touch_moves_it_on_a_phone(opened, name):
    watched, live = opened(name, viewport=PHONE, has_touch=True, is_mobile=True)
    hand = live.locator(HAND).first
    states = [digest(live)]
    for across, down in ((0.2, 0.3), (0.8, 0.75)):
        watched.tab.touchscreen.tap(*place_in(hand, across, down))
        states.append(digest(live))
    assert len(set(states)) == 3
    assert watched.problems == []
    assert live.evaluate("live => live.getBoundingClientRect().right <= innerWidth")


@each_explorer
def test_keys_move_it_and_the_words_say_where_it_stands(opened, name):
    watched, live = opened(name)
    hand = live.locator(HAND).first
    hand.focus()
    states, words = [digest(live)], [live.locator(".explorer-readout").inner_text()]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        watched.tab.keyboard.press(key)
        states.append(digest(live))
        words.append(live.locator(".explorer-readout").inner_text())
    assert states[1] == states[3]
    assert len(set(states)) == 3
    assert len(set(words)) == 3
    assert len(words[-1].split()) > 5
    heard = live.locator("[role=status]")
    watched.tab.wait_for_function("([a, b]) => a.textContent === b", arg=[heard.element_handle(), words[-1]])
    assert watched.problems == []


@each_explorer
def test_every_control_has_a_name_and_does_something(opened, name):
    watched, live = opened(name)
    controls = live.locator("button, select, input, .explorer-plane").all()
    assert controls
    for control in controls:
        if control.get_attribute("aria-disabled") == "true":
            continue
        kind = control.evaluate("each => each.tagName.toLowerCase()")
        before = digest(live)
        control.focus()
        assert control.evaluate("each => getComputedStyle(each).outlineStyle !== 'none'"), (
            "its focus is not seen"
        )
        if kind == "select":
            values = control.locator("option").evaluate_all("all => all.map(each => each.value)")
            control.select_option(next(value for value in values if value != control.input_value()))
        elif kind == "button":
            watched.tab.keyboard.press("Enter")
        elif control.get_attribute("type") == "checkbox":
            watched.tab.keyboard.press("Space")
        else:
            at_end = kind == "input" and control.evaluate("each => Number(each.value) >= Number(each.max)")
            watched.tab.keyboard.press("ArrowLeft" if at_end else "ArrowRight")
        assert digest(live) != before, control.evaluate("each => each.outerHTML.slice(0, 200)")
    assert watched.problems == []


@each_explorer
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing_in_it(opened, name, viewport):
    watched, live = opened(name, viewport=viewport, **SETTINGS)
    assert live.evaluate("live => live.scrollWidth <= live.clientWidth + 1"), "something is cut off"
    live.evaluate(ALONE)
    assert live.is_visible()
    assert violations_in_both_schemes(watched) == []
    assert watched.problems == []


@each_explorer
def test_nothing_is_loaded_before_it_comes_into_view_and_little_then(book, browser, address, name):
    with Watched(browser, address, viewport=DESKTOP) as seen:
        seen.open(address, page_of(book, name))
        seen.tab.wait_for_load_state("networkidle")
        own = f"_static/explorers/{name}.js"
        assert not any(own in request for request in seen.requests)
        seen.tab.locator(f'[data-explorer="{name}"]').scroll_into_view_if_needed()
        seen.tab.locator(f'[data-explorer="{name}"].is-live').wait_for(timeout=10_000)
        weights = gzipped_bytes(seen.requests, address, book.html)
    assert 100 < weights[own] <= HEAVIEST_ON_THE_WIRE


@each_explorer
@pytest.mark.parametrize("anchor", ["auto", "none"], ids=["held-by-browser", "not-held"])
def test_text_below_stays_in_its_place_when_it_comes_to_life_above(book, browser, address, name, anchor):
    with Watched(browser, address, viewport=PHONE) as seen:
        seen.open(address, page_of(book, name))
        seen.tab.add_style_tag(content=f"* {{ overflow-anchor: {anchor} !important; }}")
        host = seen.tab.locator(f'[data-explorer="{name}"]')
        seen.tab.wait_for_load_state("networkidle")
        # Just beyond the distance at which it is loaded.
        host.evaluate("host => scrollBy(0, host.getBoundingClientRect().bottom + 230)")
        below = host.evaluate("host => host.getBoundingClientRect().bottom")
        assert "is-live" not in host.get_attribute("class")
        seen.tab.mouse.move(PHONE["width"] / 2, PHONE["height"] / 2)
        seen.tab.mouse.wheel(0, -100)
        seen.tab.locator(f'[data-explorer="{name}"].is-live').wait_for(timeout=10_000)
        seen.tab.wait_for_timeout(300)
        assert host.evaluate("host => host.getBoundingClientRect().bottom") == pytest.approx(
            below + 100, abs=4
        )


@each_explorer
def test_without_scripts_the_still_picture_stands_there(book, browser, address, name):
    with Watched(browser, address, viewport=DESKTOP, java_script_enabled=False) as seen:
        seen.open(address, page_of(book, name))
        host = seen.tab.locator(f'[data-explorer="{name}"]')
        assert host.locator(".explorer-still").is_visible()
        assert host.locator(".explorer-live").count() == 0


@each_explorer
def test_paper_shows_the_still_picture(opened, name):
    watched, live = opened(name)
    still = watched.tab.locator(f'[data-explorer="{name}"] .explorer-still')
    assert not still.is_visible()
    watched.tab.emulate_media(media="print")
    assert still.is_visible()
    assert not live.is_visible()


def test_a_file_that_does_not_arrive_leaves_the_still_picture_and_says_so(book, browser, address):
    name = NAMES[0]
    with Watched(browser, address, viewport=DESKTOP) as seen:
        seen.tab.route(f"**/explorers/{name}.js", lambda route: route.abort())
        seen.open(address, page_of(book, name))
        host = seen.tab.locator(f'[data-explorer="{name}"]')
        host.scroll_into_view_if_needed()
        seen.tab.locator(f'[data-explorer="{name}"][data-failed]').wait_for(timeout=10_000)
        assert host.locator(".explorer-still").is_visible()
        assert "could not be loaded" in host.locator(".explorer-hint").inner_text()


def test_pages_without_an_explorer_load_no_front_end(book):
    for name, page in book.pages.items():
        scripts = [script.get("src", "") for script in page.select("script")]
        has_front_end = any("explorers/front_end.js" in source for source in scripts)
        assert has_front_end == bool(page.select("[data-explorer]")), name
