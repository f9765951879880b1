"""Protects what a reader meets in a browser: pages that ask no other host for anything, no error in the console,
formulas that can be seen in light and dark and from a folder on a disk, a page that fits a phone, a search that finds.
"""

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",  # a container has no user namespaces for the sandbox
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
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
# Whatever reaches over the page's right edge without lying in something that scrolls by itself.
TOO_WIDE = """() => [...document.querySelectorAll('.bd-article *')].filter(element => {
    if (element.closest('.spoken-math') || element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let up = element.parentElement; up && !up.matches('.bd-article'); up = up.parentElement)
        if (['auto', 'scroll'].includes(getComputedStyle(up).overflowX)) return false;
    return !['auto', 'scroll'].includes(getComputedStyle(element).overflowX);
}).map(element => element.tagName + ' ' + element.textContent.slice(0, 40))"""


def find_chromium() -> str:
    """The path of a Chromium; without one the checks are skipped, except on CI, where they fail."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    reason = f"no browser found (looked for {', '.join(NAMES)}); install Chromium to run these checks"
    if os.environ.get("CI", "").lower() in {"1", "true"}:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    path = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(book) -> Iterator[str]:
    """Where the book is served for these checks: this machine, a free port."""
    handler = functools.partial(QuietHandler, directory=str(book.html))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


class Watched:
    """A browser tab that remembers every request, every error and every failed answer."""

    def __init__(self, browser, own: str, **settings):
        self.context = browser.new_context(**settings)
        self.tab = self.context.new_page()
        self.problems: list[str] = []
        self.name = ""
        self.tab.on("request", lambda request: self._note_request(request.url, own))
        self.tab.on("console", lambda line: self._note(line.text) if line.type == "error" else None)
        self.tab.on("pageerror", lambda error: self._note(str(error)))
        self.tab.on("response", lambda answer: self._note(answer.url) if answer.status >= 400 else None)

    def _note_request(self, url: str, own: str) -> None:
        if not url.startswith((own, "data:", "blob:")):
            self._note(f"asked for {url}")

    def _note(self, text: str) -> None:
        self.problems.append(f"{self.name}: {text}")

    def open(self, base: str, name: str) -> None:
        self.name = name
        self.tab.goto(base + name, wait_until="load")

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *error: object) -> None:
        self.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_quiet_and_their_formulas_visible(book, browser, address, scheme):
    formulas = 0
    with Watched(browser, address, color_scheme=scheme, viewport={"width": 1280, "height": 900}) as seen:
        for name in book.readable:
            seen.open(address, name)
            assert seen.tab.evaluate("document.documentElement.dataset.theme") in {scheme, None}, name
            assert seen.tab.evaluate(HIDDEN_FORMULAS) == [], name
            formulas += seen.tab.evaluate(FORMULAS)
        seen.tab.wait_for_timeout(500)
    assert seen.problems == []
    assert formulas > 50


def test_pages_work_from_a_folder(book, browser):
    formulas = 0
    with Watched(browser, "file://") as seen:
        for name in book.readable:
            seen.open(book.html.as_uri() + "/", name)
            assert seen.tab.evaluate(HIDDEN_FORMULAS) == [], name
            formulas += seen.tab.evaluate(FORMULAS)
    assert seen.problems == []
    assert formulas > 50


def test_pages_fit_a_phone(book, browser, address):
    bad = {}
    with Watched(browser, address, viewport={"width": 390, "height": 844}) as seen:
        for name in book.readable:
            seen.open(address, name)
            if wide := seen.tab.evaluate(TOO_WIDE):
                bad[name] = wide[:3]
            assert seen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert bad == {}


def test_theme_button_changes_the_colours(browser, address):
    with Watched(browser, address, color_scheme="light", viewport={"width": 1280, "height": 900}) as seen:
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
