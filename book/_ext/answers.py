"""Have the *compute* exercises answered on the pages of the book.

Before the stub of such an exercise, which its check follows, stands a box; after the cell that shows the progress of a
chapter, and wherever a page of prose has the directive ``{answer-progress}``, the progress on the pages. Both are made
from the declarations in ``companion.exercises``. A page without them loads nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from companion.exercises import registry
from companion.exercises.answer_box import book_script, html_of, progress_html
from companion.exercises.exercise import Exercise

SCRIPT = "answers.js"
CHECK = re.compile(r"exercises\.(\w+)\.check\(")
PROGRESS = re.compile(r"exercises\.progress\(")
MARK = 'class="answer-box"'


class AnswerProgress(Directive):
    """``{answer-progress}``: how many exercises were passed on the pages."""

    def run(self) -> list[nodes.Node]:
        return [raw(progress_html())]


def raw(html: str) -> nodes.raw:
    """HTML that no other kind of book shows."""
    return nodes.raw("", html, format="html")


def code_cells(document: nodes.document) -> Iterator[tuple[nodes.container, str]]:
    """Each code cell of a notebook, and its code."""
    for cell in list(document.findall(nodes.container)):
        source = next(cell.findall(nodes.literal_block), None) if "cell" in cell["classes"] else None
        if source is not None:
            yield cell, source.astext()


def add_boxes(app: Sphinx, document: nodes.document) -> None:
    """Put the boxes of a chapter into what was read of it."""
    stub: nodes.container | None = None
    for cell, code in code_cells(document):
        found = CHECK.match(code)
        exercise = registry.all_exercises().get(found[1]) if found else None
        if exercise and exercise.kind == "compute" and stub is not None:
            insert(stub, 0, html_of(exercise))
            # The page is made again when the declaration changes.
            app.env.note_dependency(declared_in(exercise))
        if PROGRESS.match(code):
            insert(cell, 1, progress_html())
        stub = cell


def insert(cell: nodes.Element, after: int, html: str) -> None:
    """Put ``html`` before ``cell``, or with 1 after it."""
    cell.parent.insert(cell.parent.index(cell) + after, raw(html))


def declared_in(exercise: Exercise) -> str:
    """The file of a chapter's exercises."""
    return str(Path(registry.__file__).with_name(f"chapter_{exercise.chapter}.py"))


def write_script(app: Sphinx, env: BuildEnvironment, pages: list[str]) -> None:
    """Write the script, which knows the exercises of the chapters that are part of the book."""
    if app.builder.format != "html":
        return
    chapters = {name.removeprefix("chapters/")[:2] for name in env.found_docs if name.startswith("chapters/")}
    asked = [
        each
        for each in registry.all_exercises().values()
        if each.kind == "compute" and each.chapter in chapters
    ]
    path = Path(app.outdir, "_static", SCRIPT)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(book_script(asked), encoding="utf-8")


def add_script(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Have a page with a box load the script."""
    if tree is not None and any(MARK in node.astext() for node in tree.findall(nodes.raw)):
        app.add_js_file(SCRIPT, loading_method="defer")


def setup(app: Sphinx) -> dict[str, object]:
    """Listen for chapters as they are read, and write the script before the pages that name it."""
    app.add_directive("answer-progress", AnswerProgress)
    app.connect("doctree-read", add_boxes)
    app.connect("env-before-read-docs", write_script)
    app.connect("html-page-context", add_script)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
