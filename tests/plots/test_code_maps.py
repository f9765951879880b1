"""Protects the drawn maps of codes: every number in its cell, changed cells framed, words that are measured."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from companion import plots
from companion.errors import BadInput
from companion.plots.code_maps import CHANGED

FIRST = np.array([[3, 3, 5], [0, 12, 5]])
EDITED = np.array([[3, 7, 5], [0, 12, 1]])
IMAGES = np.zeros((2, 4, 6, 1), "float32")
IMAGES[1, :2, 2:4] = 0.6
IMAGES[0, 2:, :2] = 1.0


def test_each_code_stands_in_its_cell_and_changed_cells_are_framed():
    figure = plots.code_maps({"as it is": FIRST, "edited": EDITED}, IMAGES)
    axes = figure.axes[0]
    numbers = [text.get_text() for text in axes.texts if text.get_text().isdigit()]
    assert numbers == [str(code) for codes in (FIRST, EDITED) for code in codes.ravel()]
    patches = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    frames = [patch for patch in patches if not patch.get_fill() and patch.get_linewidth() > 2]
    assert len(frames) == 4  # two cells, in the map and in the image
    assert {round(frame.get_x(), 3) for frame in frames} == {round(1.14 + place / 3, 3) for place in (1, 2)}
    assert {patch.get_edgecolor() for patch in frames} == {to_rgba(CHANGED)}
    grounds = [patch.get_facecolor()[0] for patch in patches if patch.get_fill()]
    assert grounds[3] == pytest.approx(0.55)  # under the black block, paled
    assert grounds[0] == pytest.approx(1.0)


def test_the_words():
    figure = plots.code_maps({"as it is": FIRST, "edited": EDITED}, IMAGES[..., 0])
    assert figure.alt_text == (
        "2 maps of 2 by 3 codes, and below each its image. as it is: 4 different codes; edited: 6 different codes, "
        "2 cells unlike as it is, mean absolute pixel difference from its image 0.267."
    )


@pytest.mark.parametrize(
    ("maps", "images", "message"),
    [
        ({"a": FIRST.astype(float)}, IMAGES[:1], r"map 'a' has shape \(2, 3\) and dtype float64: expected whole"),
        ({"a": FIRST, "b": FIRST[:1]}, IMAGES, r"map 'b' has shape \(1, 3\)"),
        ({"a": FIRST}, IMAGES, "2 decoded images"),
        ({}, IMAGES, "maps of codes"),
    ],
)  # fmt: skip
def test_bad_input(maps, images, message):
    with pytest.raises(BadInput, match=message):
        plots.code_maps(maps, images)
