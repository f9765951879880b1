"""Protects the traversals: each row walks its own coordinate and no other, in the order asked for, and the alt text
measures how much the picture changes along it."""

import numpy as np
import pytest

from companion import plots
from companion.errors import BadInput

SEEN = []


def decode(codes):
    """Four pixels, one a coordinate: what is asked for can be read off what was drawn."""
    SEEN.append(np.array(codes))
    grey = np.clip(0.5 + codes / 8, 0, 1)
    return grey.reshape(-1, 2, 2, 1)


def codes_for(code, **kwargs):
    SEEN.clear()
    figure = plots.traversals(decode, code, **kwargs)
    return SEEN[0], figure


def test_each_row_walks_one_coordinate_and_holds_the_others():
    start = np.array([0.5, -1.0, 1.5, 0.25])
    codes, _ = codes_for(start, columns=5, reach=1.0)
    rows = codes.reshape(4, 5, 4)
    for dim, row in enumerate(rows):
        np.testing.assert_allclose(row[:, dim], [-1, -0.5, 0, 0.5, 1])
        np.testing.assert_allclose(np.delete(row, dim, axis=1), np.tile(np.delete(start, dim), (5, 1)))


def test_dims_choose_the_rows_and_their_order():
    codes, figure = codes_for(np.zeros(4), dims=[2, 0], columns=3)
    rows = codes.reshape(2, 3, 4)
    np.testing.assert_allclose(rows[0], [[0, 0, -2, 0], [0, 0, 0, 0], [0, 0, 2, 0]])
    np.testing.assert_allclose(rows[1][:, 0], [-2, 0, 2])
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["z3", "z1", "\u22122", "0", "2"]


def test_the_alt_text_measures_the_change_along_each_row():
    _, figure = codes_for(np.zeros(4), dims=[0, 1], columns=3, notes=["1.2 nats", "0 nats"])
    # One of four pixels changes by 2 / 8 from image to image.
    assert figure.alt_text == (
        "2 rows of 3 decoded images; in each, one coordinate of the code goes from -2 to 2. The mean change of a "
        "pixel from one image to the next: z1 (0.0625), 1.2 nats and z2 (0.0625), 0 nats."
    )
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words[:2] == ["z1\n1.2 nats", "z2\n0 nats"]
    assert len(figure.axes[0].images) == 6


@pytest.mark.parametrize(
    ("code", "kwargs", "message"),
    [
        (
            np.zeros((1, 4)),
            {},
            r"code has shape \(1, 4\): expected one code, \(latent_dim,\); pass np\.zeros",
        ),
        (np.zeros(0), {}, r"code has shape \(0,\)"),
        (np.full(4, np.nan), {}, "hold NaN or infinity"),
        (np.zeros(4), {"dims": [4]}, r"dims=\[4\]: expected 1 to 16 coordinates from 0 to 3"),
        (np.zeros(4), {"dims": []}, r"0 rows for dims=\[\]"),
        (np.zeros(17), {}, "17 rows for dims=None: expected 1 to 16"),
        (np.zeros(4), {"reach": 0.0}, r"reach=0\.0: expected a finite number above 0"),
        (np.zeros(4), {"columns": 1}, "columns=1: expected a whole number of at least 2"),
        (np.zeros(4), {"columns": 21}, "columns=21: expected at most 20"),
        (np.zeros(4), {"notes": ["one"]}, "1 notes for 4 rows"),
    ],
)
def test_bad_input(code, kwargs, message):
    with pytest.raises(BadInput, match=message):
        plots.traversals(decode, code, **kwargs)
