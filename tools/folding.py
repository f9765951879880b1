"""Which cells of a chapter the page folds: what sets it up, and code that does little but draw.

`make execute` tags them ``hide-input``, and a page then shows their code behind a line that opens it. A cell tagged
``show-input`` stays open, for drawing code that the text explains.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

FOLDED, OPEN = "hide-input", "show-input"
#: A drawing of so few lines is as short as the line that would open it.
SHORT_DRAWING = 3
#: A cell that computes in more lines than these stays open, however long its drawing.
SHORT_COMPUTATION = 6


def fold(notebook: NotebookNode) -> None:
    """Tag the cells of ``notebook`` that are folded, and no others."""
    for cell, folded in foldable(notebook):
        tags = [tag for tag in cell.metadata.get("tags", []) if tag != FOLDED]
        tags += [FOLDED] * folded
        if tags or "tags" in cell.metadata:
            cell.metadata["tags"] = tags


def unfolded(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells whose tags are not those that :func:`fold` would give them."""
    return [
        cell for cell, folded in foldable(notebook) if folded != (FOLDED in cell.metadata.get("tags", []))
    ]


def foldable(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, bool]]:
    """The chapter's own cells of code, and whether each is folded."""
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type != "code" or tags & {"exercise", "solution"}:
            continue
        folded = sets_up(cell.source) or draws(cell)
        yield cell, folded and OPEN not in tags


def sets_up(source: str) -> bool:
    """Whether a cell finds the package, or imports what the chapter needs and loads its data."""
    return any(sign in source for sign in ("find_spec(", "DATASET = None", "data.set_aside("))


def draws(cell: NotebookNode) -> bool:
    """Whether a cell shows a figure and most of its lines say what that looks like, with few that compute."""
    if not any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
        return False
    statements = ast.parse(TransformerManager().transform_cell(cell.source)).body
    drawing = sum(_lines(part) for part in statements if _is_drawing(part))
    computing = sum(map(_lines, statements)) - drawing
    return drawing > SHORT_DRAWING and computing <= min(drawing, SHORT_COMPUTATION)


def _lines(statement: ast.stmt) -> int:
    return (statement.end_lineno or statement.lineno) - statement.lineno + 1


def _is_drawing(statement: ast.stmt) -> bool:
    """A statement that calls `plots` or a figure's own methods, or that only names words, places and sizes."""
    if isinstance(statement, ast.Assign | ast.AugAssign) and _is_literal(statement.value):
        return True
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return bool(names & {"plots", "figure", "axes"})


def _is_literal(value: Any) -> bool:
    """Words, numbers, and lists or mappings of them, with values written into words."""
    if isinstance(value, ast.JoinedStr):
        return True
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True
