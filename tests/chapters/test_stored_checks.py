"""Protects the exercises from giving themselves away: what a chapter stores of a check is "nothing to check yet" or
"not yet", without a hint or an answer, and each chapter has one exercise to derive and one to break and mend."""

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.chapters.chapter_rules import Notebook, named, tags, text_of

CHAPTERS = sorted((Path(__file__).resolve().parents[2] / "chapters").glob("*.ipynb"))
# What a check says before anybody has tried, and the line of progress below the last exercise.
NOT_YET = re.compile(
    r"(?:\w+: nothing to check yet\. Put your answer in the place of `\.\.\.`\."
    r"|\w+: not yet\. This is the code as it was handed out; `exercises\.\w+\.hint\(\)` gives a first hint\."
    r"|Chapter \d\d: 0 of \d exercises passed; still open: [\w, ]+\.)"
)
KINDS = ("derive", "break and mend")
HEAD = re.compile(r"\*\*\d\. ([^*]+)\.\*\*")


def amiss(notebook: Notebook) -> Iterator[str]:
    exercises = [cell for cell in notebook.cells if "exercise" in tags(cell)]
    for cell in exercises:
        said = "".join(text_of(output) for output in cell.get("outputs", [])).strip()
        if said and not NOT_YET.fullmatch(said):
            yield f"{named(notebook, cell)} stores more than `not yet`: {said!r}"
    heads = [head.lower() for cell in exercises for head in HEAD.findall(cell.source)]
    for kind in KINDS:
        if not any(kind in head for head in heads):
            yield f"no exercise is called `{kind}`"


def chapter(said: str, *tasks: str):
    check = new_code_cell("exercises.rest.check(my_rest)", outputs=[new_output("stream", text=said)])
    cells = [*(new_markdown_cell(task) for task in tasks), check]
    for cell in cells:
        cell.metadata["tags"] = ["exercise"]
    return new_notebook(cells=cells)


DERIVE, MEND = "**1. Code, derive.** Where does it rest?", "**2. Break and mend.** It should rest."
SOUND = (
    "rest: nothing to check yet. Put your answer in the place of `...`.\n",
    "rest: not yet. This is the code as it was handed out; `exercises.rest.hint()` gives a first hint.\n",
    "Chapter 04: 0 of 2 exercises passed; still open: rest, draw.\n",
)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_what_a_chapter_stores_gives_no_answer_away(path):
    assert list(amiss(nbformat.read(path, as_version=4))) == []


@pytest.mark.parametrize("said", SOUND)
def test_a_check_that_nobody_has_tried_passes(said):
    assert list(amiss(chapter(said, DERIVE, MEND))) == []


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (chapter("rest: not yet. Sum over pixels.\n", DERIVE, MEND), "stores more than `not yet`"),
        (chapter(f"{SOUND[1]}Hint: sum over pixels.\n", DERIVE, MEND), "stores more than `not yet`"),
        (chapter("rest: passed.\n", DERIVE, MEND), "stores more than `not yet`"),
        (chapter(SOUND[0], MEND), "called `derive`"),
        (chapter(SOUND[0], DERIVE), "called `break and mend`"),
    ],
)
def test_each_complaint_is_made_once(notebook, words):
    (complaint,) = amiss(notebook)
    assert words in complaint
