"""Protects binarisation: a grey level is a probability, a draw is a function of (how, seed, epoch), and nothing else.

A figure in nats on binarised images means something only if the binarisation can be named and repeated.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from companion import data
from companion.data import binarization
from companion.errors import BadInput

GREY = np.random.default_rng(0).random((20, 6, 6, 1)).astype("float32")
seeds = st.integers(0, 2**63)
images = hnp.arrays(
    "float32", hnp.array_shapes(min_dims=2, max_dims=4, max_side=6), elements=st.floats(0, 1, width=32)
)


@pytest.mark.slow
@given(images=images, how=st.sampled_from(data.BINARIZATIONS[1:]), seed=seeds, epoch=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_pixels_become_zero_or_one_in_the_same_shape_and_black_and_white_stay(images, how, seed, epoch):
    binary = data.binarize(images, how, seed, epoch)
    assert binary.shape == images.shape
    assert binary.dtype == np.float32
    assert set(np.unique(binary)) <= {0.0, 1.0}
    assert (binary[images == 0] == 0).all()
    assert (binary[images == 1] == 1).all()
    np.testing.assert_array_equal(data.binarize(binary, how, seed + 1, epoch), binary)


@given(level=st.floats(0, 1, width=32), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_the_mean_of_dynamic_draws_over_epochs_is_the_grey_level(level, seed):
    grey, epochs = np.full((25, 4, 4, 1), level, "float32"), 100
    mean = np.mean([data.binarize(grey, "dynamic", seed, epoch) for epoch in range(epochs)])
    # Five standard deviations of a mean of Bernoulli draws.
    assert abs(mean - level) <= 5 * np.sqrt(level * (1 - level) / (grey.size * epochs)) + 1e-6


def test_each_pixel_is_drawn_by_its_own_level():
    mean = np.mean([data.binarize(GREY, "dynamic", 3, epoch) for epoch in range(2000)], axis=0)
    assert np.abs(mean - GREY).max() < 6 * 0.5 / np.sqrt(2000)


@given(seed=seeds, epoch=st.integers(0, 10**6), other=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_dynamic_repeats_for_the_same_seed_and_epoch_and_differs_between_epochs(seed, epoch, other):
    first = data.binarize(GREY, "dynamic", seed, epoch)
    np.testing.assert_array_equal(first, data.binarize(GREY, "dynamic", seed, epoch))
    assert np.array_equal(first, data.binarize(GREY, "dynamic", seed, other)) == (epoch == other)


@given(seed=seeds, epoch=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_static_is_one_draw_for_all_epochs_and_another_for_another_seed(seed, epoch):
    first = data.binarize(GREY, "static", seed)
    np.testing.assert_array_equal(first, data.binarize(GREY, "static", seed, epoch))
    assert not np.array_equal(first, data.binarize(GREY, "static", seed + 1))


def test_static_and_dynamic_and_the_order_of_batches_share_no_random_numbers():
    draws = [binarization.generator(0, use).random(4).tolist() for use in ("static", "dynamic", "order")]
    assert len({tuple(draw) for draw in draws}) == 3


def test_the_middle_level_is_white_under_threshold():
    levels = np.array([[0.0, 0.49, 0.5, 0.51, 1.0]])
    np.testing.assert_array_equal(data.binarize(levels, "threshold"), [[0, 0, 1, 1, 1]])


def test_none_leaves_the_grey_levels():
    np.testing.assert_array_equal(data.binarize(GREY, "none"), GREY)


def test_many_images_are_drawn_as_few_are():
    """Images are drawn in blocks; the first ones must not depend on how many follow."""
    many = np.full((binarization._BLOCK + 7, 3, 3), 0.5, "float32")
    whole = data.binarize(many, "static", 1)
    np.testing.assert_array_equal(whole[:5], data.binarize(many[:5], "static", 1))
    assert not np.array_equal(whole[:7], whole[-7:])


def test_a_draw_is_pinned():
    """A recorded run names seed and epoch; the same numbers must come out next year. NumPy keeps PCG64's stream."""
    assert data.binarize(np.full((1, 12), 0.5), "dynamic", 0, 0).astype(int).tolist() == [PINNED]


PINNED = [1, 1, 0, 1, 1, 0, 1, 1, 0, 0, 0, 0]

BAD_CASES = {
    "unknown-binarisation": ((GREY, "otsu"), "how='otsu': expected one of none, threshold, static, dynamic"),
    "grey-levels-up-to-255": ((GREY * 255, "static"), "pass images / 255"),
    "bytes-up-to-255": ((np.full((2, 3), 255, "uint8"), "dynamic"), "pass images / 255"),
    "below-zero": ((GREY - 0.5, "threshold"), r"expected pixels in \[0, 1\]; pass images \+ 0.5"),
    "nan": ((np.full((2, 3), np.nan), "static"), "6 values that are NaN"),
    "infinite": ((np.full((2, 3), np.inf), "none"), "6 values that are NaN or infinite"),
    "empty": ((GREY[:0], "static"), "expected at least one image"),
    "text": (([["a"]], "static"), "images have dtype <U1"),
    "complex": ((GREY + 0j, "static"), "images have dtype complex64"),
    "images-of-two-sizes": (([[0.1, 0.2], [0.3]], "static"), "items differ in size"),
    "a-single-number": ((0.5, "static"), r"images have shape \(\)"),
    "negative-seed": ((GREY, "static", -1), "seed=-1"),
    "fractional-epoch": ((GREY, "dynamic", 0, 1.5), "epoch=1.5"),
    "negative-epoch": ((GREY, "dynamic", 0, -1), "epoch=-1"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_CASES.values(), ids=BAD_CASES)
def test_what_cannot_be_binarised_is_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        data.binarize(*arguments)


def test_black_stays_black_even_where_the_uniform_number_is_zero(monkeypatch):
    """One float32 draw in 16 million is exactly 0; a "<=" in place of "<" would whiten such pixels."""

    class AlwaysZero:
        def random(self, out, dtype):
            out[:] = 0

    monkeypatch.setattr(binarization, "generator", lambda *_: AlwaysZero())
    assert data.binarize(np.zeros((2, 3)), "static").max() == 0
