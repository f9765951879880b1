"""A learner's progress in a chapter: a bar where ipywidgets can show one, a line of text elsewhere."""

import os
from typing import Any

from companion.exercises.exercise import AFTER_CHECK
from companion.exercises.registry import of_chapter

# The bars on the page, by chapter; each check updates them.
_bars: dict[str, list[Any]] = {}


def progress(chapter: str | int) -> None:
    """Show how many exercises of ``chapter`` are passed; later checks update the bar.

    Raises :class:`~companion.errors.BadInput` for a chapter without exercises.
    """
    number = f"{int(chapter):02}" if str(chapter).isdecimal() else str(chapter)
    of_chapter(number)
    bar = _new_bar(number)
    if bar is None:
        print(in_words(number))
        return
    from IPython.display import display

    _bars.setdefault(number, []).append(bar)
    show_news(number)
    display(bar)


def in_words(chapter: str) -> str:
    """Such as: Chapter 04: 1 of 5 exercises passed; still open: exponential_code, mean_over_pixels."""
    exercises = of_chapter(chapter)
    left = [each.name for each in exercises if not each.passed]
    said = f"Chapter {chapter}: {len(exercises) - len(left)} of {len(exercises)} exercises passed"
    return f"{said}; still open: {', '.join(left)}." if left else f"{said}. All done."


def show_news(chapter: str) -> None:
    """Update the bars of ``chapter``."""
    exercises = of_chapter(chapter)
    for bar in _bars.get(chapter, []):
        steps, words = bar.children
        steps.value, words.value = sum(each.passed for each in exercises), in_words(chapter)


AFTER_CHECK.append(show_news)


def _new_bar(chapter: str) -> Any:
    """A bar with its words; None outside a notebook, and while the book is built."""
    if os.environ.get("COMPANION_QUIET") == "1" or not _in_notebook():
        return None
    try:
        import ipywidgets  # type: ignore[import-untyped]
    except ImportError:
        return None
    steps = ipywidgets.IntProgress(value=0, min=0, max=len(of_chapter(chapter)))
    return ipywidgets.HBox([steps, ipywidgets.Label(in_words(chapter))])


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return getattr(get_ipython(), "kernel", None) is not None
