"""What the checks of the explorers share: how one is found on its page, moved, and read."""

import re
from functools import cache

# The control that an explorer is moved by: a plane or a map, else its first slider.
HAND = ".explorer-plane, .explorer-slider input"
FRONT_PAGE = "book/intro.html"
PICTURES = "live => [...live.querySelectorAll('canvas')].map(canvas => canvas.toDataURL()).join()"
# Tells an explorer where to go, without a hand.
MOVE = "(live, state) => live.parentElement.moveExplorer(state)"


@cache
def page_of(book, name: str) -> str:
    """The chapter in which the explorer stands."""
    # The front page shows one before the chapter that explains it.
    pages = [page for page in book.readable if page != FRONT_PAGE]
    found = [page for page in pages if book.pages[page].select(f'[data-explorer="{name}"]')]
    assert len(found) == 1, f"{name} stands on {found}"
    return found[0]


def place_in(hand, across: float, down: float) -> tuple[float, float]:
    hand.scroll_into_view_if_needed()
    box = hand.bounding_box()
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", text.replace("\N{MINUS SIGN}", "-"))]


def said(live, state) -> str:
    """What the explorer says when it has been moved to ``state``."""
    live.evaluate(MOVE, state)
    return live.locator(".explorer-readout").inner_text()
