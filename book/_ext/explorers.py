"""Bring the explorers of ``companion.explorers`` to life in the book.

A chapter stores a placeholder with a still picture; a page of prose gets one by the directive ``{explorer} NAME``. A
page with one loads the front end, which asks for the explorer's own file, its weights among it, when the picture comes
into view. Pages without an explorer load nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from companion.explorers.placeholder import MARK, html_of
from companion.explorers.recording import names, read
from companion.explorers.widget import book_file, book_script

FOLDER = "explorers"
FRONT_END = f"{FOLDER}/front_end.js"
PLACEHOLDER = re.compile(rf'{MARK}="([^"]+)"')


class ExplorerPlaceholder(Directive):
    """``{explorer} NAME``: the placeholder that a chapter's cell would store."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The placeholder as raw HTML; an error of the page where no such explorer is recorded."""
        (name,) = self.arguments
        if name not in names():
            raise self.error(f"no explorer is recorded as {name}: expected one of {', '.join(names())}")
        return [nodes.raw("", html_of(read(name)), format="html")]


def explorers_on(page: nodes.document | None) -> list[str]:
    """The names of the explorers whose placeholders stand on ``page``."""
    raw = page.findall(nodes.raw) if page is not None else ()
    return [name for node in raw for name in PLACEHOLDER.findall(node.astext())]


def write_files(app: Sphinx) -> None:
    """Write the front end and the file of every recorded explorer among the book's other scripts."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir, "_static", FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    Path(app.outdir, "_static", FRONT_END).write_text(book_script(), encoding="utf-8")
    for name in names():
        (folder / f"{name}.js").write_text(book_file(name), encoding="utf-8")


def add_front_end(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Have a page with an explorer load the front end; stop the build where an explorer is not recorded."""
    found = explorers_on(tree)
    missing = set(found) - set(names())
    if missing:
        raise ExtensionError(f"{page}: no explorer is recorded as {', '.join(sorted(missing))}")
    if found:
        app.add_js_file(FRONT_END, loading_method="defer")


def setup(app: Sphinx) -> dict[str, object]:
    """Write the scripts before the pages that name them."""
    app.add_directive("explorer", ExplorerPlaceholder)
    app.connect("builder-inited", write_files)
    app.connect("html-page-context", add_front_end)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
