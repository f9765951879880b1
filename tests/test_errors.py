"""Protects the checks that several rooms share: what they let through, what they turn away, and that nothing is copied
or converted without need."""

import numpy as np
import pytest

from companion.errors import BadInput, check_choice, check_codes, check_images, check_whole_number

SHAPE = (2, 3, 1)


def test_bad_input_is_a_value_error():
    assert issubclass(BadInput, ValueError)


@pytest.mark.parametrize("value", [1, 7, np.int64(3), np.uint8(2)])
def test_whole_numbers_pass_as_int(value):
    checked = check_whole_number("k", value)
    assert type(checked) is int
    assert checked == value


@pytest.mark.parametrize("value", [0, -3, 2.0, True, "3", None, np.float32(3), [3]])
def test_everything_else_is_no_whole_number(value):
    with pytest.raises(BadInput, match="^k=.*: expected a whole number of at least 1; pass k=1 or more.$"):
        check_whole_number("k", value)


def test_the_least_number_allowed():
    assert check_whole_number("seed", 0, at_least=0) == 0
    with pytest.raises(BadInput, match="seed=-1: expected a whole number of at least 0; pass seed=0 or more"):
        check_whole_number("seed", -1, at_least=0)


def test_choices():
    assert check_choice("how", "none", ("none", "static")) == "none"
    with pytest.raises(BadInput, match="how='fast': expected one of none, static; pass one of these names"):
        check_choice("how", "fast", iter(("none", "static")))


@pytest.mark.parametrize("dtype", ["float64", "float16", "int64", "uint8", "bool"])
def test_images_become_float32(dtype):
    images = np.array([[[[0], [1], [1]], [[0], [0], [1]]]], dtype)
    checked = check_images(images, SHAPE)
    assert checked.dtype == "float32"
    np.testing.assert_array_equal(checked, images.astype("float32"))


def test_float32_images_are_not_copied():
    images = np.zeros((4, *SHAPE), "float32")
    assert check_images(images, SHAPE) is images


def test_nested_lists_are_images():
    assert check_images(np.zeros((4, *SHAPE)).tolist(), SHAPE).shape == (4, *SHAPE)


def test_the_ends_of_the_interval_are_inside():
    images = np.stack([np.zeros(SHAPE), np.ones(SHAPE)])
    np.testing.assert_array_equal(check_images(images, SHAPE), images)


def test_values_outside_pass_where_they_are_asked_for():
    images = np.full((1, *SHAPE), -7.5)
    np.testing.assert_array_equal(check_images(images, SHAPE, in_unit_interval=False), images)
    with pytest.raises(BadInput, match="6 values that are NaN or infinite"):
        check_images(np.full((1, *SHAPE), np.inf), SHAPE, in_unit_interval=False)
    with pytest.raises(BadInput, match="6 values that are NaN or infinite"):
        check_images(np.full((1, *SHAPE), 1e300), SHAPE, in_unit_interval=False)


@pytest.mark.parametrize(
    ("came", "message"),
    [
        (
            np.zeros(SHAPE),
            r"shape \(2, 3, 1\): expected \(n, 2, 3, 1\); that is one image; pass images\[None\]",
        ),
        (np.zeros((5, 6)), r"shape \(5, 6\): expected .*pass images.reshape\(\(-1, 2, 3, 1\)\)"),
        (np.zeros((5, 2, 3)), r"shape \(5, 2, 3\): expected .*pass images.reshape\(\(-1, 2, 3, 1\)\)"),
        (np.zeros((5, 4, 3, 1)), r"shape \(5, 4, 3, 1\): expected .*resize the images, or build the model"),
        (np.float32(0.5), r"shape \(\): expected \(n, 2, 3, 1\)"),
        (
            np.zeros((0, *SHAPE)),
            r"shape \(0, 2, 3, 1\): expected at least one image; pass an array with n >= 1",
        ),
        (
            np.full((1, *SHAPE), 255, "uint8"),
            "from 255 to 255: expected pixels in .0, 1.; pass images / 255",
        ),
        (np.full((1, *SHAPE), -1.0), "from -1 to -1: expected pixels in .0, 1.; pass \\(images \\+ 1\\) / 2"),
        (np.full((1, *SHAPE), 1.0001), "to 1.0001: expected pixels in"),
        (np.full((1, *SHAPE), -1e-6), "from -1e-06 .*expected pixels in"),
        (
            np.full((1, *SHAPE), np.nan),
            "hold 6 values that are NaN or infinite: expected finite pixels; find out where",
        ),
        (np.zeros((1, *SHAPE), complex), "dtype complex128: expected real numbers.*pass np.abs\\(images\\)"),
        (np.full((1, *SHAPE), None), "dtype object: expected real numbers"),
        ([[1.0], [2.0, 3.0]], "a list whose items differ in size: expected one array.*np.stack"),
    ],
)
def test_what_is_wrong_with_images_is_said(came, message):
    with pytest.raises(BadInput, match=message):
        check_images(came, SHAPE)


def test_the_name_of_what_came_is_said():
    with pytest.raises(BadInput, match="^validation images have shape"):
        check_images(np.zeros(3), SHAPE, "validation images")


def test_codes_pass_as_float32():
    checked = check_codes([[1, 2], [3, 4]], 2)
    assert checked.dtype == "float32"
    np.testing.assert_array_equal(checked, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("came", "message"),
    [
        (np.zeros((4, 3)), r"shape \(4, 3\) and dtype float64: expected \(n, 2\) real numbers"),
        (np.zeros(2), r"shape \(2,\).*pass np.reshape\(codes, \(-1, 2\)\)"),
        (np.zeros((0, 2)), "n >= 1"),
        ([["a", "b"]], "dtype <U1: expected"),
        (np.zeros((1, 2), complex), "dtype complex128: expected"),
        (
            [[0.0, np.nan]],
            r"codes of shape \(1, 2\) hold NaN or infinity: expected finite numbers; find out where",
        ),
        ([[0.0], [1.0, 2.0]], "codes .* a list whose items differ in size"),
    ],
)
def test_what_is_wrong_with_codes_is_said(came, message):
    with pytest.raises(BadInput, match=message):
        check_codes(came, 2)
