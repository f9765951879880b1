"""Protects readers with a slow line: a chapter with all its figures stays light, and its figures lose nothing by it."""

import pytest

from tests.book.browser_tools import DESKTOP, Watched, gzipped_bytes

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

HEAVIEST = 900_000


def chapters(book) -> list[str]:
    return [name for name in book.readable if name.startswith("chapters/")]


def test_no_chapter_is_heavy(book, browser, address):
    weights = {}
    for name in chapters(book):
        # A new context has an empty cache, as a reader's first visit has.
        with Watched(browser, address, viewport=DESKTOP) as seen:
            seen.open(address, name)
            seen.tab.wait_for_load_state("networkidle")
            weights[name] = sum(gzipped_bytes(seen.requests, address, book.html).values())
    assert len(weights) > 3
    assert {name: weight for name, weight in weights.items() if not 10_000 < weight <= HEAVIEST} == {}
