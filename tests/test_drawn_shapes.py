"""Protects the drawn shapes: what is measured in the pixels are the factors that are claimed, edges are smooth, no
image comes twice, and the same seed gives the same images."""

import numpy as np
import pytest

from companion import data
from companion.data.drawn_shapes import FACTOR_VALUES, N_POSSIBLE
from companion.errors import BadInput

CENTRES = np.arange(28) + 0.5


@pytest.fixture(scope="module")
def drawn():
    return data.shapes(3000, seed=1)


def draw_one(shape=0, scale=8.0, rotation=0.0, x=14.0, y=14.0):
    return data.draw_shapes(np.array([[shape, scale, rotation, x, y]], "float64"))[0, ..., 0].astype(
        "float64"
    )


def moments(image):
    """Area, centroid and covariance of the ink, x to the right and y downwards."""
    area = image.sum()
    x, y = (image.sum(0) @ CENTRES) / area, (image.sum(1) @ CENTRES) / area
    right, down = CENTRES - x, CENTRES - y
    return area, (x, y), (image.sum(0) @ right**2, down @ image @ right, image.sum(1) @ down**2) / area


# --- What the pixels say ----------------------------------------------------------------------------------------------


def test_area_and_centroid_are_the_claimed_ones(drawn):
    images = drawn.images[..., 0].astype("float64")
    areas = images.sum((1, 2))
    _, scale, _, x, y = drawn.values.T
    np.testing.assert_allclose(areas, scale**2, rtol=0.05)
    assert areas.mean() == pytest.approx((scale**2).mean(), rel=0.01)
    np.testing.assert_allclose(images.sum(1) @ CENTRES / areas, x, atol=0.1)
    np.testing.assert_allclose(images.sum(2) @ CENTRES / areas, y, atol=0.1)


@pytest.mark.parametrize("rotation", [0, 30, 66])
def test_an_ellipse_lies_against_the_clock_at_its_angle_and_is_twice_as_wide_as_high(rotation):
    _, _, (xx, xy, yy) = moments(draw_one(shape=1, scale=9, rotation=rotation))
    angle = np.degrees(0.5 * np.arctan2(-2 * xy, xx - yy))  # y points down, angles against the clock
    assert angle % 180 == pytest.approx(rotation, abs=0.7)
    small, large = np.linalg.eigvalsh([[xx, xy], [xy, yy]])
    assert np.sqrt(large / small) == pytest.approx(2, abs=0.06)


def test_a_square_has_straight_sides_whose_edge_pixels_are_half_covered():
    image = draw_one(shape=0, scale=7, x=14, y=14)  # its sides cut pixels 10 and 17 in halves
    assert (image[11:17, 11:17] == 1).all()
    np.testing.assert_allclose(image[10, 11:17], 0.5, atol=1e-6)
    np.testing.assert_allclose(image[11:17, 17], 0.5, atol=1e-6)
    assert image[:10].sum() == image[18:].sum() == image[:, :10].sum() == image[:, 18:].sum() == 0


def test_a_square_comes_back_after_a_quarter_turn_and_not_before():
    upright = draw_one(shape=0, scale=8)
    np.testing.assert_allclose(draw_one(shape=0, scale=8, rotation=90), upright, atol=1e-5)
    assert np.abs(draw_one(shape=0, scale=8, rotation=45) - upright).sum() > 5


def test_a_triangle_points_up_and_turns_against_the_clock():
    rows = draw_one(shape=2, scale=9).sum(axis=1)
    inked = np.flatnonzero(rows > 0.2)
    assert (np.diff(rows[inked[:-1]]) > 0).all(), "wider from row to row, down to its lower side"
    side = 2 * 9 / 3**0.25
    assert rows.max() == pytest.approx(side, abs=1.3)
    assert 14 - (inked[0] + 0.5) == pytest.approx(side / np.sqrt(3), abs=1)
    quarter = draw_one(shape=2, scale=9, rotation=90)
    np.testing.assert_allclose(quarter, np.rot90(draw_one(shape=2, scale=9)), atol=1e-5)


def test_edges_are_grey_and_values_between_the_steps_move_them(drawn):
    grey = (drawn.images > 0) & (drawn.images < 1)
    assert grey.any(axis=(1, 2, 3)).mean() > 0.99
    assert (drawn.images.min(), drawn.images.max()) == (0, 1)
    a, b, c = (draw_one(x=x)[14] for x in (14, 14.3, 14.6))
    assert np.abs(b - a).sum() == pytest.approx(0.6, abs=1e-4)
    assert np.abs(c - a).sum() == pytest.approx(1.2, abs=1e-4)


# --- Which images they are --------------------------------------------------------------------------------------------


def test_factors_index_the_values_and_are_independent(drawn):
    assert drawn.names == ("shape", "scale", "rotation", "x", "y")
    for steps, values, possible in zip(drawn.factors.T, drawn.values.T, FACTOR_VALUES.values(), strict=True):
        np.testing.assert_array_equal(possible[steps], values)
        shares = np.bincount(steps, minlength=len(possible)) / len(steps)
        np.testing.assert_allclose(shares, 1 / len(possible), atol=0.03)
    correlations = np.corrcoef(drawn.factors.T) - np.eye(5)
    assert np.abs(correlations).max() < 0.06
    assert len(np.unique(drawn.factors, axis=0)) == len(drawn.factors)
    assert drawn.images.dtype == np.float32
    assert drawn.images.shape == (3000, 28, 28, 1)


def test_the_seed_decides_which_images_come():
    one, again, other = data.shapes(50, seed=3), data.shapes(50, seed=3), data.shapes(50, seed=4)
    np.testing.assert_array_equal(one.images, again.images)
    assert not np.array_equal(one.factors, other.factors)
    np.testing.assert_array_equal(data.shapes(20, seed=3).images, one.images[:20])


def test_the_data_set_is_split_labelled_by_shape_and_read_only():
    loaded, drawn = data.load("shapes", seed=2), data.shapes(seed=2)
    assert repr(loaded) == (
        "Dataset shapes: 16,000 training and 4,000 test images of 28x28x1, 3 classes, from the package itself"
    )
    assert repr(drawn) == (
        "Shapes: 20,000 images of 28x28x1; factors, with their steps: "
        "shape (3), scale (6), rotation (15), x (16), y (16)"
    )
    np.testing.assert_array_equal(np.concatenate([loaded.x_train, loaded.x_test]), drawn.images)
    np.testing.assert_array_equal(np.concatenate([loaded.y_train, loaded.y_test]), drawn.factors[:, 0])
    assert loaded.class_names == ("square", "ellipse", "triangle") == drawn.shape_names
    with pytest.raises(ValueError, match="read-only"):
        loaded.x_train[0] = 0


def test_the_source_says_that_nothing_is_fetched():
    row = data.sources()[-1]
    assert (row.name, row.images, row.present) == ("shapes", "16,000 + 4,000", True)
    assert "generated by this package" in row.licence


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: data.shapes(0), "n=0: expected a whole number of at least 1"),
        (lambda: data.shapes(N_POSSIBLE + 1), "n=69121: expected at most the 69120 images.*pass n=69120"),
        (lambda: data.shapes(5, seed=-1), "seed=-1: expected a whole number of at least 0"),
        (
            lambda: data.draw_shapes(np.ones((3, 4))),
            r"shape \(3, 4\).*expected \(n, 5\) finite numbers, the columns",
        ),
        (lambda: data.draw_shapes(np.full((3, 5), np.nan)), r"expected \(n, 5\) finite numbers"),
        (lambda: data.draw_shapes(np.array([[3.0, 8, 0, 14, 14]])), "a shape that is not 0, 1 or 2"),
        (lambda: data.draw_shapes(np.array([[0.0, 0, 0, 14, 14]])), "a scale that is not above 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
