"""Answers on a page of the book: what the page holds of a ``compute`` exercise, and the script that judges there.

Hints, tolerances and typical mistakes are those of the exercise's own declaration. The numbers among them are on the
page as digests only.
"""

import json
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from companion.exercises.digests import BYTES, LEVELS, sealed
from companion.exercises.exercise import Exercise
from companion.exercises.recognition import general_hint
from companion.exercises.regions import Grid
from companion.exercises.values import how_to_give_numbers
from companion.explorers.widget import FRONT as EXPLORERS

FRONT = Path(__file__).resolve().parent / "front"
#: Joined in this order after the elements that explorers are made of, too.
PARTS = ("sha256.js", "judge.js", "progress.js", "box.js", "style.js", "book.js")
#: The script makes elements with these attributes interactive; ``book/_ext/answers.py`` puts them on the pages.
BOX, PROGRESS = "data-answer-box", "data-answer-progress"
INSTEAD = "In a browser with scripts an answer can be checked here. In a notebook, the cells below do it."
INSTEAD_OF_PROGRESS = (
    "In a browser with scripts, this page shows which exercises you have passed on the pages."
)
NAN, ONE = np.array(np.nan), np.array(1.0)


def facts_of(exercise: Exercise) -> dict[str, Any]:
    """What the page needs to judge: hints, and the digests of the numbers that pass or get one of them."""
    grid = Grid(exercise)
    found: dict[str | None, str] = {}
    for region in grid.regions():
        # Two numbers of the page's grid per step: one for the step itself, one for what lies between it and the next.
        part = sealed(exercise.name, 2 * region.low, 2 * region.high)
        found[region.hint] = f"{found[region.hint]} {part}" if region.hint in found else part
    return {
        "name": exercise.name,
        "title": exercise.title,
        "unit": exercise.unit,
        "decimals": grid.decimals,
        "hints": list(exercise.hints),
        "found": [{"hint": hint, "digests": digests} for hint, digests in found.items()],
    }


def html_of(exercise: Exercise) -> str:
    """The box of an exercise: a line for paper and browsers without scripts, and the facts for the script."""
    facts = json.dumps(facts_of(exercise), ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return (
        f'<div class="answer-box" {BOX}="{escape(exercise.name)}"><p class="answer-instead">{INSTEAD}</p>'
        f'<script type="application/json">{facts}</script></div>'
    )


def progress_html() -> str:
    """The place where the script says how many exercises were passed."""
    return f'<div class="answer-box" {PROGRESS}=""><p class="answer-instead">{INSTEAD_OF_PROGRESS}</p></div>'


def front_end() -> str:
    """The parts of the script, with what it takes from Python."""
    own = {"levels": LEVELS, "bytes": BYTES, "text": how_to_give_numbers("")}
    own["notFinite"] = general_hint(NAN, ONE, is_one_number=True)
    parts = [(EXPLORERS / "elements.js").read_text(encoding="utf-8")]
    parts += [(FRONT / name).read_text(encoding="utf-8") for name in PARTS]
    return "\n".join([f"const PYTHON = {json.dumps(own)};", *parts])


def book_script(exercises: Iterable[Exercise]) -> str:
    """The whole as a classic script, which also loads from a folder; ``exercises`` are those of the book's pages."""
    chapters = json.dumps({each.name: each.chapter for each in exercises}, separators=(",", ":"))
    return f'(() => {{\n"use strict";\nconst CHAPTERS = {chapters};\n{front_end()}\nstart();\n}})();\n'
