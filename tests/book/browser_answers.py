"""Protects answers on the page: every *compute* exercise has its box, which is used by keys, touch and screen readers,
served and from a folder, keeps the progress where the browser lets it, and leaves a line for paper and no scripts."""

import json
import re

import pytest

from companion.exercises.answer_box import INSTEAD, INSTEAD_OF_PROGRESS
from companion.exercises.registry import all_exercises
from tests.book.browser_access import ALONE, SETTINGS, violations_in_both_schemes
from tests.book.browser_tools import DESKTOP, PHONE, Watched

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

COMPUTE = {each.name: each for each in all_exercises().values() if each.kind == "compute"}
CHAPTER, NAME = "chapters/04_objectives.html", "cost_of_a_code"
# The theme's own scripts do not expect it, so only ours meets a browser that keeps nothing.
NO_STORE = """{ const own = localStorage;
Object.defineProperty(window, 'localStorage', { get() {
    if (!new Error().stack.includes('answers.js')) return own;
    throw new DOMException('The browser keeps nothing.', 'SecurityError'); } }); }"""
IS_WIDE = "document.documentElement.scrollWidth > innerWidth"


def right(name: str = NAME) -> str:
    return repr(float(COMPUTE[name].cases()[0].expected))


def mistake() -> tuple[str, str]:
    """A typical wrong answer, and the hint that belongs to it."""
    first = COMPUTE[NAME].mistakes[0]
    return repr(float(first.gives())), first.hint


@pytest.fixture
def at(book, browser, address):
    """A function that opens a page and returns the tab that remembers; it is opened from a folder on request."""
    seen: list[Watched] = []

    def open_page(name=CHAPTER, *, from_folder=False, before="", **settings):
        base = book.html.as_uri() + "/" if from_folder else address
        watched = Watched(browser, "file://" if from_folder else address, **{"viewport": DESKTOP, **settings})
        seen.append(watched)
        if before:
            watched.context.add_init_script(before)
        watched.base = base
        watched.open(base, name)
        return watched

    yield open_page
    for watched in seen:
        watched.context.close()


def box(watched, name: str = NAME):
    return watched.tab.locator(f'[data-answer-box="{name}"]')


def progress(watched):
    return watched.tab.locator("[data-answer-progress]")


def answer(watched, text: str, name: str = NAME) -> str:
    """Type an answer, press Enter, and return what the status says."""
    box(watched, name).get_by_role("textbox").fill(text)
    watched.tab.keyboard.press("Enter")
    return box(watched, name).get_by_role("status").inner_text()


def test_every_compute_exercise_of_a_chapter_has_its_box_before_its_stub(book):
    found = []
    for name, page in book.pages.items():
        for place in page.select("[data-answer-box]"):
            found.append(place["data-answer-box"])
            checks = [cell.get_text() for cell in place.find_all_next("div", class_="cell_input", limit=2)]
            assert f"exercises.{found[-1]}.check(" in checks[1], name
    assert sorted(found) == sorted(
        each.name
        for each in COMPUTE.values()
        if any(f"chapters/{each.chapter}_" in page for page in book.pages)
    )


def test_only_pages_with_a_box_load_the_script_and_none_is_made_heavy(book):
    for name, page in book.pages.items():
        boxes = page.select(".answer-box")
        scripts = [tag["src"] for tag in page.find_all("script", src=True) if "answers.js" in tag["src"]]
        assert bool(scripts) == bool(boxes), name
        assert sum(len(str(each).encode()) for each in boxes) < 6_000, name
    assert (book.html / "_static" / "answers.js").stat().st_size < 18_000


def test_neither_pages_nor_script_hold_an_answer(book):
    script = (book.html / "_static" / "answers.js").read_text(encoding="utf-8")
    boxes = [str(each) for page in book.pages.values() for each in page.select(".answer-box")]
    told = [
        name for name in COMPUTE if re.sub(r"\.0$", "", right(name)) in re.findall(r"-?\d+\.?\d*", script)
    ]
    # Short numbers, such as 8, also stand in a script for reasons of its own; long ones would be answers.
    assert [name for name in told if len(right(name)) > 5] == []
    long = [right(name).rstrip("0")[:6] for name in COMPUTE if len(right(name)) > 5]
    assert len(long) > 8
    assert [number for number in long for text in boxes if number in text] == []


@pytest.mark.parametrize("from_folder", [False, True], ids=["served", "folder"])
def test_an_answer_is_checked_by_keys_and_its_verdict_is_a_status(at, from_folder):
    watched = at(from_folder=from_folder)
    typed, hint = mistake()
    field = box(watched).get_by_role("textbox", name=f"Your answer, {COMPUTE[NAME].unit}")
    field.focus()
    watched.tab.keyboard.type(typed)
    watched.tab.keyboard.press("Enter")
    status = box(watched).get_by_role("status")
    said = status.inner_text()
    assert said.startswith(f"Not yet. You gave {typed}; the exercise asks for {COMPUTE[NAME].unit}.")
    assert f"Hint: {hint}" in said
    watched.tab.keyboard.press("Control+a")
    watched.tab.keyboard.type(right())
    watched.tab.keyboard.press("Tab")
    assert watched.tab.evaluate("document.activeElement.textContent") == "Check"
    watched.tab.keyboard.press("Enter")
    assert status.inner_text() == "Passed."
    assert answer(watched, "") == "Nothing to check yet. Write your answer into the field."
    assert watched.problems == []


def test_hints_come_one_by_one_and_a_strange_number_is_led_to_them(at):
    watched = at()
    assert "The button Hint gives a hint." in answer(watched, "7.77")
    hint = box(watched).get_by_role("button", name="Hint")
    for _ in range(4):
        hint.click()
    heard = box(watched).locator("[aria-live]").inner_text()
    first, second = COMPUTE[NAME].hints
    assert f"Hint 1 of 2: {first}" in heard and f"Hint 2 of 2: {second}" in heard
    assert heard.count("No hint is left.") == 1


def test_it_fits_on_a_phone_and_works_by_touch(at):
    watched = at(viewport=PHONE, has_touch=True)
    box(watched).get_by_role("textbox").tap()
    watched.tab.keyboard.type(mistake()[0])
    box(watched).get_by_role("button", name="Check").tap()
    assert "Hint: " in box(watched).get_by_role("status").inner_text()
    assert not watched.tab.evaluate(IS_WIDE)
    for control in box(watched).locator("button, input").all():
        assert control.bounding_box()["height"] >= 24


@pytest.mark.parametrize("from_folder", [False, True], ids=["served", "folder"])
def test_progress_is_kept_saved_and_cleared(at, tmp_path, from_folder):
    watched = at(from_folder=from_folder)
    assert f"You have passed 0 of {len(COMPUTE)} compute exercises" in progress(watched).inner_text()
    answer(watched, mistake()[0])
    answer(watched, right())
    answer(watched, mistake()[0])
    watched.open(watched.base, "book/how_to_use.html")
    line = progress(watched).get_by_role("status").inner_text()
    assert f"You have passed 1 of {len(COMPUTE)} compute exercises on the pages, in chapter 04." in line
    assert "nothing is sent" in line
    with watched.tab.expect_download() as saved:
        progress(watched).get_by_role("button", name="Save my progress as a file").click()
    saved.value.save_as(tmp_path / "answers.json")
    kept = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert kept["answers"] == {NAME: {"passed": True, "attempts": 3, "answer": right()}}
    watched.open(watched.base, CHAPTER)
    assert box(watched).get_by_role("status").inner_text() == f"Passed on this page with {right()}."
    assert box(watched).get_by_role("textbox").input_value() == right()
    watched.tab.once("dialog", lambda dialog: dialog.accept())
    progress(watched).get_by_role("button", name="Clear my progress").click()
    assert "You have passed 0 of" in progress(watched).inner_text()
    assert box(watched).get_by_role("textbox").input_value() == ""
    watched.tab.reload()
    assert "You have passed 0 of" in progress(watched).inner_text()
    assert watched.problems == []


def test_two_boxes_of_a_page_have_names_and_answers_of_their_own(at):
    watched = at()
    other = next(each for each in COMPUTE.values() if each.chapter == "04" and each.name != NAME)
    box(watched).get_by_role("textbox").fill("3.1")
    assert answer(watched, right(other.name), other.name) == "Passed."
    assert box(watched).get_by_role("status").inner_text() == ""
    assert box(watched).get_by_role("textbox").input_value() == "3.1"
    names = [form.get_attribute("aria-labelledby") for form in watched.tab.locator("form.answer-live").all()]
    assert len(set(names)) == 2
    assert {watched.tab.locator(f"#{each}").inner_text() for each in names} == {
        f"Check it here: {COMPUTE[each].title}" for each in (NAME, other.name)
    }


def test_a_browser_that_keeps_nothing_still_checks_and_says_so(at):
    watched = at(before=NO_STORE)
    assert answer(watched, right()) == "Passed."
    line = progress(watched).inner_text()
    assert "You have passed 1 of" in line and "forgotten when you leave" in line
    assert watched.problems == []


@pytest.mark.parametrize("kept", ["nonsense", "[1]", "null", f'{{"{NAME}": 3}}'])
def test_what_others_left_in_the_browser_s_store_does_no_harm(at, kept):
    watched = at(
        before=f"localStorage.getItem('companion-answers') ?? localStorage.setItem('companion-answers', {kept!r})"
    )
    assert "You have passed 0 of" in progress(watched).inner_text()
    assert answer(watched, right()) == "Passed."
    assert watched.problems == []


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desk", "phone"])
def test_nothing_is_wrong_with_a_box_in_use(at, viewport):
    watched = at(viewport=viewport, **SETTINGS)
    answer(watched, mistake()[0])
    box(watched).get_by_role("button", name="Hint").click()
    watched.tab.mouse.move(0, 0)  # else it would lie on what moves up
    box(watched).evaluate(ALONE)
    assert watched.tab.locator("article .answer-live").count() == 1
    assert violations_in_both_schemes(watched) == []


def test_paper_shows_a_line_in_place_of_the_boxes(at):
    watched = at()
    answer(watched, mistake()[0])
    watched.tab.emulate_media(media="print")
    assert not box(watched).locator(".answer-live").is_visible()
    assert box(watched).locator(".answer-instead").is_visible()
    assert not progress(watched).locator(".answer-live").is_visible()


def test_without_scripts_a_line_says_what_to_do(at):
    watched = at(java_script_enabled=False)
    assert box(watched).inner_text().strip() == INSTEAD
    assert progress(watched).inner_text().strip() == INSTEAD_OF_PROGRESS
    assert watched.tab.locator(".answer-live").count() == 0
