"""The book, built once for all checks on its pages, and a browser to look at them."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.book.browser_tools import DESKTOP, NAMES, Watched, chromium, chromium_path, served
from tests.book.building import LONGEST_BUILD, Book, build
from tests.book.explorer_tools import page_of


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs the built book is slow."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "book" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Book:
    """The built book. Several test processes share one build: the first makes it, the others wait for it."""
    own = tmp_path_factory.getbasetemp()
    shared = (own if worker_id == "master" else own.parent) / "book"
    try:
        shared.mkdir()
    except FileExistsError:
        return _wait_for(shared)
    return build(shared)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of this test process; ``master`` where there is only one."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


def _wait_for(folder: Path) -> Book:
    report = folder / "report.json"
    for _second in _seconds(LONGEST_BUILD):
        if report.exists():
            return Book(folder, **json.loads(report.read_text(encoding="utf-8")))
    pytest.fail(f"another test process did not finish the book within {LONGEST_BUILD} s")


def _seconds(limit: int) -> Iterator[int]:
    for second in range(limit):
        yield second
        time.sleep(1)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A Chromium; without one the checks are skipped, except on CI, where they fail."""
    path = chromium_path()
    if path is None:
        reason = f"no browser found (looked for {', '.join(NAMES)}); install Chromium to run these checks"
        if os.environ.get("CI", "").lower() in {"1", "true"}:
            pytest.fail(reason)
        pytest.skip(reason)
    with chromium(path) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(book: Book) -> Iterator[str]:
    """Where the book is served for these checks."""
    with served(book.html) as address:
        yield address


@pytest.fixture(scope="module")
def tab(browser):
    """An empty page, for scripts that need no address."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def opened(book, browser, address):
    """A function that opens an explorer's page, brings it into view and returns the tab and the live explorer."""
    seen: list[Watched] = []

    def open_explorer(name, *, from_folder=False, **settings):
        base = book.html.as_uri() + "/" if from_folder else address
        watched = Watched(browser, "file://" if from_folder else address, **{"viewport": DESKTOP, **settings})
        seen.append(watched)
        watched.open(base, page_of(book, name))
        watched.tab.locator(f'[data-explorer="{name}"]').scroll_into_view_if_needed()
        live = watched.tab.locator(f'[data-explorer="{name}"].is-live .explorer-live')
        live.wait_for(timeout=10_000)
        live.scroll_into_view_if_needed()
        return watched, live

    yield open_explorer
    for watched in seen:
        watched.context.close()
