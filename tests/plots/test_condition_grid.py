"""Protects the grid of codes and conditions: that each cell shows its own code and label, that the alt text holds
measured differences, and that what does not fit is named. Legibility is test_plots.py's business."""

import numpy as np
import pytest

from companion import plots
from companion.errors import BadInput

CODES = np.array([[0.0, 1.0], [-1.0, 0.5], [2.0, -0.3]], "float32")


def decode(codes, labels):
    """A code's sum is the shade of the upper half, its label that of the lower."""
    shades = np.stack(
        [np.sum(codes, axis=1) / 4 + 0.5, np.asarray(labels).reshape(len(codes), -1)[:, 0] / 10], axis=1
    )
    return np.repeat(shades, 32, axis=1).reshape(-1, 8, 8, 1).astype("float32")


def shown(figure):
    """The images of a figure, in the order they were drawn."""
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_each_cell_shows_its_own_code_and_label():
    figure = plots.condition_grid(decode, CODES, [3, 0])
    drawn = shown(figure)
    assert len(drawn) == 6
    for row, code in enumerate(CODES):
        for column, label in enumerate((3, 0)):
            image = drawn[2 * row + column]
            np.testing.assert_allclose(image[0], code.sum() / 4 + 0.5, rtol=1e-6)
            np.testing.assert_allclose(image[-1], label / 10, rtol=1e-6)
    assert words(figure) == ["(0, 1)", "(\u22121, 0.5)", "(2, \u22120.3)", "3", "0"]


def test_the_alt_text_holds_the_differences():
    # Columns differ by 0.3 in the lower half. Rows have upper halves of 0.75, 0.375 and 0.925: pairs differ by 0.367.
    alt = plots.condition_grid(decode, CODES, [3, 0]).alt_text
    assert alt.startswith("3 rows of 2 decoded images, one code per row and one condition per column.")
    assert (
        "A pixel differs by 0.15 between two columns of a row and by 0.183 between two rows of a column"
        in alt
    )
    alone = plots.condition_grid(decode, CODES[:1], [3, 0]).alt_text
    assert alone.endswith("A pixel differs by 0.15 between two columns of a row on average.")
    assert plots.condition_grid(decode, CODES[:1], [3]).alt_text.endswith("one condition per column.")


def test_models_vectors_and_names():
    asked = []

    class Model:
        def decode(self, codes, labels):
            asked.append((codes.shape, labels.shape))
            return decode(codes, labels)

    figure = plots.condition_grid(Model(), CODES, np.ones((2, 4, 1)), label_names=["smiling", "not"])
    assert asked == [((6, 2), (6, 4, 1))]
    assert words(figure)[3:] == ["smiling", "not"]
    assert len(words(plots.condition_grid(Model(), CODES, np.ones((2, 4, 1))))) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("decode", CODES, [1]), r"got a str: expected a model with decode\(codes, labels\)"),
        ((decode, CODES[0], [1]), r"codes have shape \(2,\): expected 1 to 12 of them, \(rows, latent_dim\)"),
        ((decode, np.zeros((13, 2)), [1]), r"codes have shape \(13, 2\): expected 1 to 12"),
        ((decode, CODES * np.nan, [1]), "hold NaN or infinity: expected finite numbers"),
        ((decode, CODES, 1), r"labels have shape \(\): expected 1 to 20 of them, one per column"),
        ((decode, CODES, range(21)), r"labels have shape \(21,\): expected 1 to 20"),
        ((lambda z, y: decode(z, y)[1:], CODES, [1]), "2 decoded images for 3 pairs of a code and a label"),
        ((lambda z, y: 2 * decode(z, y), CODES, [1]), "decoded images hold values"),
    ],
)
def test_bad_input(given, message):
    with pytest.raises(BadInput, match=message):
        plots.condition_grid(*given)


def test_names_of_another_number():
    with pytest.raises(BadInput, match="1 label names for 2 columns: expected one each"):
        plots.condition_grid(decode, CODES, [1, 2], label_names=["one"])
