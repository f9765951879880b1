"""Protects the contours: levels that enclose the stated shares, words that are measured, bad input named."""

import numpy as np
import pytest

from companion import plots
from companion.errors import BadInput
from companion.plots.contours import SHARES, _levels

X, Y = np.linspace(-5, 5, 101), np.linspace(-4, 4, 81)
NORMAL = np.exp(-0.5 * (((X[None] - 1) / 0.5) ** 2 + (Y[:, None] + 2) ** 2))


def test_contours_enclose_the_stated_shares():
    density = NORMAL / NORMAL.sum()
    enclosed = [density[density >= level].sum() for level in _levels(density)]
    np.testing.assert_allclose(enclosed, SHARES[::-1], atol=0.01)


def test_the_words_say_where_each_density_lies_and_the_axes_show_it():
    figure = plots.density_contours(
        {"exact": NORMAL, "twice": 2 * NORMAL}, X, Y, alt="Two posteriors", mark=(1, -2)
    )
    assert figure.alt_text == (
        "Two posteriors. exact: centre (1, -2), standard deviations 0.5 and 0.95; "
        "twice: centre (1, -2), standard deviations 0.5 and 0.95."
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["exact", "twice"]
    for axes in figure.axes:
        paths = axes.collections[0].get_paths()
        assert len(axes.collections[0].levels) == len(SHARES)
        middle = paths[-1].vertices.mean(axis=0)  # the innermost
        np.testing.assert_allclose(middle, [1, -2], atol=0.1)
        assert axes.lines[0].get_xydata().tolist() == [[1, -2]]


@pytest.mark.parametrize(
    ("density", "message"),
    [
        (NORMAL.T, r"density 'q' has shape \(101, 81\): expected \(81, 101\), one row per y"),
        (-NORMAL, "density 'q' holds values from -1 to -"),
        (
            0 * NORMAL,
            "density 'q' holds values from 0 to 0: expected finite numbers >= 0, not all of them 0",
        ),
        (NORMAL * np.nan, "density 'q' holds values from nan to nan"),
    ],
)
def test_bad_densities(density, message):
    with pytest.raises(BadInput, match=message):
        plots.density_contours({"q": density}, X, Y, alt="A posterior")
