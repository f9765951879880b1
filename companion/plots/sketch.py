"""A small canvas for the diagrams that explain an idea: named nodes, words, and arrows from edge to edge.

The canvas is 5.4 inches (648 pixels) wide with type of at least 11 points, so that a page 360 pixels wide still shows
letters ten pixels high. Lengths are tenths of an inch and y points downwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any

from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path

from companion.plots.diagrams import EDGES, TINTS, box
from companion.plots.figure import CARD, INK, LINE_COLOURS, MUTED, BookFigure

WIDTH = 54.0
WORDS, HEADING = 11.0, 12.0  # points
GRADIENT = LINE_COLOURS[1]
_FACES = TINTS | {"observed": "#d4d4d4"}
_LINES = {"solid": "-", "dashed": (0, (3, 2)), "dotted": (0, (1, 2))}
Place = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A disc or a box with a name: its middle and its size."""

    name: str
    x: float
    y: float
    width: float
    height: float
    is_round: bool = False

    @property
    def middle(self) -> Place:
        """The point at its middle."""
        return self.x, self.y

    def border(self, start: Place, end: Place) -> Place:
        """Where the straight line from ``start``, which lies inside, to ``end`` leaves the node."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        from_x, from_y = start[0] - self.x, start[1] - self.y
        if self.is_round:
            length = hypot(dx, dy)
            along = -(from_x * dx + from_y * dy) / length
            across = (from_x * dy - from_y * dx) / length
            reach = (along + ((self.width / 2) ** 2 - across**2) ** 0.5) / length
        else:
            reach = min(_reach(from_x, dx, self.width / 2), _reach(from_y, dy, self.height / 2))
        return start[0] + reach * dx, start[1] + reach * dy


def _reach(start: float, step: float, half: float) -> float:
    if step == 0:
        return float("inf")
    return ((half if step > 0 else -half) - start) / step


class Sketch:
    """A figure 54 tenths of an inch wide and ``height`` high, to draw nodes, words and arrows on."""

    def __init__(self, height: float, alt: str) -> None:
        self.figure = BookFigure(WIDTH / 10, height / 10, alt_text=alt)
        self.figure.set_layout_engine("none")  # one drawing that fills the figure: nothing is left to arrange
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, WIDTH), ylim=(height, 0), aspect="equal")
        self.axes.set_axis_off()

    def disc(
        self, name: str, x: float, y: float, words: str, kind: str = "plain", radius: float = 3.0
    ) -> Node:
        """Draw a disc, the sign of a random variable; an ``observed`` one is shaded."""
        edge = EDGES.get(kind, INK)
        disc = Circle(
            (x, y), radius, facecolor=_FACES.get(kind, CARD), edgecolor=edge, linewidth=1.4, gid=name
        )
        self.axes.add_patch(disc)
        self.words(x, y, words, size=HEADING)
        return Node(name, x, y, 2 * radius, 2 * radius, is_round=True)

    def block(self, name: str, x: float, y: float, size: Place, words: str, kind: str = "plain") -> Node:
        """Draw a box of ``size`` (width, height) around its middle, the sign of something computed."""
        width, height = size
        edge = EDGES.get(kind, INK)
        patch = box(x - width / 2, y - height / 2, width, height, _FACES.get(kind, CARD), edge)
        patch.set_gid(name)
        self.axes.add_patch(patch)
        self.words(x, y, words)
        return Node(name, x, y, width, height)

    def words(self, x: float, y: float, text: str, size: float = WORDS, **look: Any) -> None:
        """Write ``text`` around a point, or to the right of it with ``ha="left"``."""
        usual: dict[str, Any] = {"ha": "center", "va": "center", "linespacing": 1.25, "color": INK}
        self.axes.text(x, y, text, fontsize=size, **usual | look)

    def heading(self, x: float, y: float, text: str) -> None:
        """Write the name of a part of the drawing."""
        self.words(x, y, text, size=HEADING, fontweight="bold")

    def link(
        self, start: Node, end: Node, line: str = "solid", colour: str = INK, aside: Place = (0, 0)
    ) -> None:
        """Draw an arrow from the edge of one node to that of another, moved ``aside`` from the line of the middles."""
        first, last = ((node.x + aside[0], node.y + aside[1]) for node in (start, end))
        ends = [start.border(first, last), end.border(last, first)]
        self.route(ends, f"{start.name} -> {end.name}", line, colour)

    def route(
        self, points: Sequence[Place], name: str | None = None, line: str = "solid", colour: str = INK
    ) -> None:
        """Draw an arrow along ``points``; ``name`` says what it joins."""
        look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 13, "linewidth": 1.5}
        look |= {"shrinkA": 0, "shrinkB": 0, "color": colour, "linestyle": _LINES[line]}
        self.axes.add_patch(FancyArrowPatch(path=Path(list(points)), gid=name, joinstyle="round", **look))

    def cross(self, x: float, y: float) -> None:
        """Mark a point where nothing passes."""
        self.axes.plot([x], [y], marker="x", color=INK, markersize=11, markeredgewidth=2.4, gid="stop")

    def frame(self, left: float, top: float, width: float, height: float) -> None:
        """Draw a thin frame with round corners, such as a plate."""
        self.axes.add_patch(box(left, top, width, height, "none", MUTED))
