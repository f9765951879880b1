"""Diagrams of models with more parts than one encoder and one decoder: boxes, and arrows between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from companion.errors import BadInput, check_choice
from companion.plots.arguments import named
from companion.plots.diagrams import EDGES, TINTS, arrow, box
from companion.plots.figure import BASE, CARD, MUTED, PAGE_WIDTH, SMALL, BookFigure, book_style

KINDS = ("encoder", "decoder", "code", "data", "note")
Place = tuple[float, float]


def flow_diagram(
    boxes: Mapping[str, tuple[Any, ...]], arrows: Sequence[tuple[str, ...]], *, alt: str, rows: float = 3.0
) -> BookFigure:
    """Draw boxes on a grid and the arrows between them, to show the flow through a model.

    ``boxes`` maps the words in a box, on one line or several, to ``(column, row, kind)`` or ``(column, row, kind,
    width)``. Column and row are those of its middle: columns 0 to 10 from the left, rows from 0 at the top to ``rows``
    at the bottom. The width is in columns (default 1.4). ``kind`` sets the colour: ``encoder``, ``decoder``,
    ``code``, ``data``, or ``note`` for words without a box. ``arrows`` are pairs ``(from, to)`` of those words, or
    triples ending in ``"dashed"``. ``alt`` describes the whole diagram.

    Raises :class:`~companion.errors.BadInput` for an unknown kind and for an arrow between boxes that do not exist.
    Taught in chapters 07 to 10.
    """
    placed = {words: _checked_box(words, given) for words, given in named(boxes, "boxes", 24).items()}
    for ends in arrows:
        for end in ends[:2]:
            if end not in placed:
                raise BadInput(
                    f"arrow {ends!r} has an end {end!r} without a box: expected one of {', '.join(map(repr, placed))}."
                )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 0.55 * rows + 0.7, alt_text=alt)
        figure.set_layout_engine("none")  # one drawing that fills the figure: nothing is left to arrange
        axes = figure.add_axes((0, 0, 1, 1))
        # Tenths of an inch, y downwards; a column has 7 of them and a row 5.5.
        axes.set(xlim=(0, 75), ylim=(5.5 * rows + 7, 0), aspect="equal")
        axes.set_axis_off()
        for words, (x, y, kind, width, height) in placed.items():
            if kind != "note":
                face, edge = TINTS.get(kind, CARD), EDGES.get(kind, MUTED)
                axes.add_patch(box(x - width / 2, y - height / 2, width, height, face, edge))
            size = BASE if kind == "note" else SMALL
            axes.text(x, y, words, ha="center", va="center", fontsize=size, linespacing=1.2)
        for ends in arrows:
            first, second = placed[ends[0]], placed[ends[1]]
            arrow(
                axes, _edge_towards(first, second), _edge_towards(second, first), dashed="dashed" in ends[2:]
            )
    return figure


def _checked_box(words: str, given: Any) -> tuple[float, float, str, float, float]:
    """Middle, kind and size of a box, in tenths of an inch."""
    if not isinstance(given, (tuple, list)) or len(given) not in (3, 4):
        raise BadInput(
            f"box {words!r} is {given!r}: expected (column, row, kind) or (column, row, kind, width); pass for example "
            f"(0, 1, 'code')."
        )
    column, row, kind, *width = given
    check_choice("kind", kind, KINDS)
    height = 1.8 + 1.7 * len(words.splitlines())
    return (
        2.5 + 7 * float(column),
        3.5 + 5.5 * float(row),
        kind,
        7 * float(width[0] if width else 1.4),
        height,
    )


def _edge_towards(start: tuple[float, float, str, float, float], other: Sequence[Any]) -> Place:
    """Where the straight line between two middles leaves the first box."""
    x, y, _, width, height = start
    dx, dy = other[0] - x, other[1] - y
    reach = min(width / 2 / abs(dx) if dx else float("inf"), height / 2 / abs(dy) if dy else float("inf"))
    return x + reach * dx, y + reach * dy
