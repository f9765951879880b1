"""Protects the drawn shapes: what is measured in the pixels are the factors that are claimed, edges are smooth, no
image comes twice, and the same seed gives the same images."""

import numpy as np
import pytest

from companion import data
from companion.data import drawn_shapes
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


def with_one(value, column):
    """The values of three good images, but for one number."""
    values = np.tile([1.0, 8, 0, 14, 14], (3, 1))
    values[1, column] = value
    return values


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


def polygon_distance(corners, right, up):
    """Distance to the sides of a convex polygon, corners against the clock, negative inside."""
    sides = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / np.hypot(*(end - start))
        sides.append((right - start[0]) * along[1] - (up - start[1]) * along[0])
    return np.max(sides, axis=0)


def ellipse_distance(scale, rotation, right, up):
    """(level - 1) / slope, where the level is 1 on the outline; the slope is taken from differences."""
    height = scale / np.sqrt(2 * np.pi)

    def level(right, up):
        turned = (right + 1j * up) * np.exp(-1j * np.radians(rotation))
        return np.hypot(turned.real / (2 * height), turned.imag / height)

    step = 1e-5
    slope = np.hypot(
        level(right + step, up) - level(right - step, up), level(right, up + step) - level(right, up - step)
    ) / (2 * step)
    return (level(right, up) - 1) / slope


@pytest.mark.parametrize(("shape", "scale"), [(0, 7.3), (1, 8.9), (1, 3.1), (2, 6.7)])
@pytest.mark.parametrize("rotation", [0.0, 23.0, 84.0])
def test_a_pixel_is_as_grey_as_the_outline_is_near(shape, scale, rotation):
    x, y = 12.7, 15.2
    right, up = CENTRES[None, :] - x, y - CENTRES[:, None]
    if shape == 1:
        distance = ellipse_distance(scale, rotation, right, up)
    else:
        sides, radius = (4, scale / np.sqrt(2)) if shape == 0 else (3, scale * np.sqrt(4 / np.sqrt(27)))
        angles = np.radians(rotation + (45 if shape == 0 else 90) + 360 / sides * np.arange(sides))
        distance = polygon_distance(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), right, up)
    np.testing.assert_allclose(
        draw_one(shape, scale, rotation, x, y), np.clip(0.5 - distance, 0, 1), atol=1e-4
    )


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


def test_the_steps_of_the_factors():
    eighths = [8, 8.8, 9.6, 10.4, 11.2, 12, 12.8, 13.6, 14.4, 15.2, 16, 16.8, 17.6, 18.4, 19.2, 20]
    expected = {
        "shape": [0, 1, 2],
        "scale": [5, 5.8, 6.6, 7.4, 8.2, 9],
        "rotation": [0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 66, 72, 78, 84],
        "x": eighths,
        "y": eighths,
    }
    assert list(FACTOR_VALUES) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(FACTOR_VALUES[name], values, rtol=1e-12)


def test_all_that_the_factors_allow_may_be_asked_for_and_come_once(monkeypatch):
    monkeypatch.setattr(
        drawn_shapes, "draw_shapes", lambda values: np.zeros((len(values), 1, 1, 1), "float32")
    )
    assert len(np.unique(data.shapes(N_POSSIBLE).factors, axis=0)) == N_POSSIBLE == 3 * 6 * 15 * 16 * 16
    assert len(data.shapes().factors) == 20_000
    np.testing.assert_array_equal(drawn_shapes.load_shapes().y_train, data.shapes().factors[:16_000, 0])


def test_the_seed_decides_which_images_come():
    one, again, other = data.shapes(50, seed=3), data.shapes(50, seed=3), data.shapes(50, seed=4)
    np.testing.assert_array_equal(one.images, again.images)
    assert not np.array_equal(one.factors, other.factors)
    np.testing.assert_array_equal(data.shapes(20, seed=3).images, one.images[:20])
    np.testing.assert_array_equal(data.shapes(50).factors, data.shapes(50, seed=0).factors)
    assert (one.factors.dtype, one.values.dtype) == (np.int64, np.float64)


@pytest.mark.slow
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
        # One bad row among good ones.
        (lambda: data.draw_shapes(with_one(3, 0)), "a shape that is not 0, 1 or 2"),
        (lambda: data.draw_shapes(with_one(-2, 1)), "a scale that is not above 0"),
        (lambda: data.draw_shapes(with_one(np.inf, 4)), r"expected \(n, 5\) finite numbers"),
        (
            lambda: data.draw_shapes(with_one(0, 0).astype(str)),
            r"dtype <U32: expected \(n, 5\) finite numbers",
        ),
        (lambda: data.draw_shapes(with_one(0, 0)[0]), r"shape \(5,\).*expected \(n, 5\) finite numbers"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
