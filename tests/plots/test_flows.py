"""Protects the flow diagrams: every box and arrow that was asked for, inside the figure, joined at the edges."""

import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from companion import plots
from companion.errors import BadInput

BOXES = {
    "x": (0.2, 1, "data", 0.6),
    "encoder\nq(z|x)": (2, 1, "encoder"),
    "z": (4, 0, "code"),
    "why": (9, 2, "note"),
}
ARROWS = [("x", "encoder\nq(z|x)"), ("encoder\nq(z|x)", "z"), ("x", "z", "dashed")]


def patches(figure, kind):
    return [patch for patch in figure.axes[0].patches if isinstance(patch, kind)]


def test_boxes_words_and_arrows():
    figure = plots.flow_diagram(BOXES, ARROWS, alt="From x to z.", rows=2)
    axes = figure.axes[0]
    assert figure.alt_text == "From x to z."
    assert [text.get_text() for text in axes.texts] == list(BOXES)
    assert len(patches(figure, FancyBboxPatch)) == 3  # a note has no box
    styles = [arrow.get_linestyle() for arrow in patches(figure, FancyArrowPatch)]
    assert len(styles) == 3
    assert styles[0] == styles[1] != styles[2]


def test_arrows_go_from_edge_to_edge():
    figure = plots.flow_diagram(BOXES, ARROWS[:1], alt="From x to z.")
    (start, end), (left, right) = (
        patches(figure, FancyArrowPatch)[0]._posA_posB,
        (patch.get_bbox() for patch in patches(figure, FancyBboxPatch)[:2]),
    )
    np.testing.assert_allclose([start[0], end[0]], [left.x1, right.x0])
    assert start[1] == end[1]


@pytest.mark.parametrize(
    ("boxes", "arrows", "message"),
    [
        ({"x": (0, 0, "circle")}, [], "kind='circle': expected one of encoder, decoder, code, data, note"),
        ({"x": (0, 0)}, [], r"box 'x' is \(0, 0\): expected \(column, row, kind\)"),
        ({"x": (0, 0, "data")}, [("x", "y")], "has an end 'y' without a box: expected one of 'x'"),
        ({}, [], "got 0 boxes: expected 1 to 24 boxes by name"),
    ],
)
def test_bad_input(boxes, arrows, message):
    with pytest.raises(BadInput, match=message):
        plots.flow_diagram(boxes, arrows, alt="A diagram.")
