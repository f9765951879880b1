"""Protects filling in missing pixels: importance sampling and the chain tend to the exact conditional mean of a model
that has one, observed pixels stay as they are, and each plain way does what its name says."""

import numpy as np
import pytest

from companion.conditional_vae import ConditionalVAE
from companion.errors import BadInput
from companion.evaluation import missing
from companion.hierarchical_vae import HierarchicalVAE
from companion.linear_gaussian import LinearGaussian
from companion.miwae import MIWAE

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(12, *SHAPE)).astype("float32")
HOLES = missing.hide_at_random(IMAGES, 0.5, seed=1)
EXACT = LinearGaussian.random(pixels=6, latent_dim=2, scale=0.2)


def incomplete(n=30, seed=1):
    """Observations of the exact model; in half of them the first two pixels are missing, in the others the last two."""
    x = EXACT.sample(n, seed=seed)
    x[: n // 2, :2] = np.nan
    x[n // 2 :, 4:] = np.nan
    return x


def rms(difference):
    return float(np.sqrt(np.mean(np.square(difference))))


# --- The exact model -------------------------------------------------------------------------------------------------


def test_the_exact_conditional_mean_is_that_of_a_joint_normal():
    x = incomplete(4)
    covariance = EXACT.weights @ EXACT.weights.T + EXACT.scale**2 * np.eye(6)
    completed = EXACT.complete(x)
    for row, done in zip(x, completed, strict=True):
        gone = np.isnan(row)
        gain = covariance[np.ix_(gone, ~gone)] @ np.linalg.inv(covariance[np.ix_(~gone, ~gone)])
        np.testing.assert_allclose(done[gone], EXACT.bias[gone] + gain @ (row - EXACT.bias)[~gone], rtol=1e-6)
        np.testing.assert_array_equal(done[~gone], row[~gone])
    assert np.isnan(x).any()  # a copy was filled in


def test_importance_sampling_tends_to_the_conditional_mean():
    x, vae = incomplete(), EXACT.vae(log_var_shift=1.0)
    exact = EXACT.complete(x)
    gone = np.isnan(x)
    errors = [
        rms((missing.impute_by_importance(vae, x, k=k, start=0.5, seed=0) - exact)[gone])
        for k in (1, 30, 3000)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.01


@pytest.mark.slow
def test_the_chain_tends_to_the_conditional_mean():
    x, vae = incomplete(), EXACT.vae()
    exact, gone = EXACT.complete(x), np.isnan(x)
    for draw in (True, False):
        found = missing.impute_by_chain(vae, x, steps=400, start=0.0, draw=draw, seed=0)
        assert rms((found - exact)[gone]) < 0.025
    short = missing.impute_by_chain(vae, x, steps=2, start=0.0, seed=0)
    assert rms((short - exact)[gone]) > 0.03


def test_with_draws_the_chain_has_the_spread_of_the_exact_posterior():
    """The code is drawn given a drawn pixel, not given its mean, so that the pair has the right joint distribution."""
    one_pixel = LinearGaussian(np.array([[1.0], [1.0]]), np.zeros(2), 1.0)
    x = np.array([[1.0, np.nan]] * 4000, "float32")
    drawn = missing.impute_by_chain(
        one_pixel.vae(), x, steps=2, draw=True, start=np.full((4000, 2), 0.5), seed=0
    )
    meant = missing.impute_by_chain(
        one_pixel.vae(), x, steps=2, draw=False, start=np.full((4000, 2), 0.5), seed=0
    )
    # The decoder's mean after two steps is z: variance 1/3 of the posterior, and with draws (1/3)^2 (1/3 + 1) more.
    assert meant[:, 1].var() == pytest.approx(1 / 3 + 1 / 27, rel=0.08)
    assert drawn[:, 1].var() == pytest.approx(1 / 3 + 1 / 27 + 1 / 9, rel=0.08)


def test_the_average_is_taken_over_the_second_half():
    """Where the decoder ignores the code every step gives the same, and the sum is divided by the steps that count."""
    still = LinearGaussian(np.array([[1e-6], [1e-6], [1e-6]]), np.array([0.2, 0.4, 0.6]), 0.1)
    x = np.array([[0.2, np.nan, 0.6]], "float32")
    for steps in (2, 3, 10, 11):
        found = missing.impute_by_chain(still.vae(), x, steps=steps, seed=0)
        assert found[0, 1] == pytest.approx(0.4, abs=1e-4)


# --- All ways --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["mean", "nearest", "chain", "importance", "miwae"])
def test_observed_pixels_stay_and_missing_ones_are_filled(way, new_vae):
    model = MIWAE(input_shape=SHAPE, seed=0) if way == "miwae" else new_vae()
    act = {
        "mean": lambda: missing.impute_by_mean(HOLES, IMAGES),
        "nearest": lambda: missing.impute_by_nearest(HOLES, IMAGES),
        "chain": lambda: missing.impute_by_chain(model, HOLES, steps=4),
        "importance": lambda: missing.impute_by_importance(model, HOLES, k=7),
        "miwae": lambda: missing.impute_by_importance(model, HOLES, k=7),
    }[way]
    completed, seen = act(), ~np.isnan(HOLES)
    assert completed.shape == HOLES.shape and completed.dtype == "float32"
    np.testing.assert_array_equal(completed[seen], IMAGES[seen])
    assert ((completed >= 0) & (completed <= 1)).all()


def test_means_and_neighbours_by_hand():
    train = np.array([[[0.0, 0.2]], [[1.0, 0.8]], [[0.9, np.nan]]], "float32")[..., None]
    holes = np.array([[[0.95, np.nan]], [[np.nan, 0.3]]], "float32")[..., None]
    np.testing.assert_allclose(
        missing.impute_by_mean(holes, train)[:, 0, :, 0], [[0.95, 0.5], [1.9 / 3, 0.3]], rtol=1e-6
    )
    # For the first image the nearest that shows the pixel is the second one, not the third.
    np.testing.assert_allclose(
        missing.impute_by_nearest(holes, train)[:, 0, :, 0], [[0.95, 0.8], [0.0, 0.3]], rtol=1e-6
    )
    both = missing.impute_by_nearest(holes, train, neighbours=2)
    np.testing.assert_allclose(both[:, 0, :, 0], [[0.95, 0.5], [0.5, 0.3]], rtol=1e-6)
    never = np.full((2, 1, 2, 1), np.nan, "float32")
    never[:, :, 0] = 0.7
    assert missing.impute_by_mean(holes[:1], never)[0, 0, 1, 0] == 0


def test_what_is_hidden():
    many = np.tile(IMAGES, (60, 1, 1, 1))
    hidden = missing.hide_at_random(many, 0.3, seed=2)
    assert np.isnan(hidden).mean() == pytest.approx(0.3, abs=0.015)
    np.testing.assert_array_equal(hidden[~np.isnan(hidden)], many[~np.isnan(hidden)])
    assert not np.array_equal(np.isnan(hidden), np.isnan(missing.hide_at_random(many, 0.3, seed=3)))
    np.testing.assert_array_equal(np.isnan(hidden), np.isnan(missing.hide_at_random(many, 0.3, seed=2)))
    rows = missing.hide_rows(IMAGES, 2, 3)
    assert np.isnan(rows[:, 2]).all() and not np.isnan(rows[:, [0, 1, 3]]).any()
    assert not np.isnan(IMAGES).any()
    assert np.isnan(missing.hide_rows(IMAGES, 1, 4)).sum() == 12 * 12


def test_the_error_is_over_missing_pixels_alone():
    holes = np.array([[0.5, np.nan], [np.nan, 0.5]])
    truth = np.array([[0.5, 0.4], [0.9, 0.5]])
    completed = np.array([[0.0, 0.7], [0.5, 0.0]])  # the observed ones are wrong, too, and do not count
    assert missing.imputation_error(completed, truth, holes) == pytest.approx(np.sqrt((0.09 + 0.16) / 2))


def test_batches_of_any_size_and_the_seed(new_vae, monkeypatch):
    model = new_vae()
    whole = missing.impute_by_importance(model, HOLES, k=2000, seed=5)
    np.testing.assert_array_equal(whole, missing.impute_by_importance(model, HOLES, k=2000, seed=5))
    assert not np.array_equal(whole, missing.impute_by_importance(model, HOLES, k=2000, seed=6))
    monkeypatch.setattr(missing, "DECODED_AT_ONCE", 2000)  # one image at a time
    np.testing.assert_allclose(missing.impute_by_importance(model, HOLES, k=2000, seed=5), whole, atol=0.02)
    chain = missing.impute_by_chain(model, HOLES, steps=3, seed=5)
    np.testing.assert_array_equal(chain, missing.impute_by_chain(model, HOLES, steps=3, seed=5))
    assert not np.array_equal(chain, missing.impute_by_chain(model, HOLES, steps=3, seed=6))


def test_where_it_starts(new_vae):
    """q(z|x) depends on what stands in the missing places: with one draw there is nothing but q."""
    model = new_vae()
    zeros = missing.impute_by_importance(model, HOLES, k=1)
    np.testing.assert_array_equal(
        zeros, missing.impute_by_importance(model, HOLES, k=1, start=np.zeros(SHAPE))
    )
    assert not np.array_equal(zeros, missing.impute_by_importance(model, HOLES, k=1, start=1.0))
    assert not np.array_equal(zeros, missing.impute_by_importance(model, HOLES, k=1, start=IMAGES))


def bad(new_vae):
    model = new_vae()
    layered = HierarchicalVAE(input_shape=SHAPE, latent_dims=(3, 2), seed=0)
    labelled = ConditionalVAE(input_shape=SHAPE, num_classes=3, seed=0)
    return {
        "expected NaN in some places": lambda: missing.impute_by_chain(model, IMAGES),
        "have shape (12, 4, 4)": lambda: missing.impute_by_importance(model, HOLES[..., 0]),
        "expected pixels in [0, 1]": lambda: missing.impute_by_importance(model, HOLES * 255),
        "k=0: expected a whole number": lambda: missing.impute_by_importance(model, HOLES, k=0),
        "steps=1: expected a whole number of at least 2": lambda: missing.impute_by_chain(
            model, HOLES, steps=1
        ),
        "seed=-1": lambda: missing.impute_by_chain(model, HOLES, seed=-1),
        "start has shape (3,)": lambda: missing.impute_by_chain(model, HOLES, start=[1, 2, 3]),
        "start holds NaN": lambda: missing.impute_by_chain(model, HOLES, start=HOLES),
        "model is a ConditionalVAE": lambda: missing.impute_by_chain(labelled, HOLES),
        "model is a dict": lambda: missing.impute_by_importance({}, HOLES),
        "and train (3, 4, 4, 3)": lambda: missing.impute_by_mean(HOLES, np.zeros((3, 4, 4, 3))),
        "and train (0, 4, 4, 1)": lambda: missing.impute_by_nearest(HOLES, IMAGES[:0]),
        "neighbours=0": lambda: missing.impute_by_nearest(HOLES, IMAGES, 0),
        "share=1": lambda: missing.hide_at_random(IMAGES, 1),
        "share=0": lambda: missing.hide_at_random(IMAGES, 0),
        "images of 4 rows": lambda: missing.hide_rows(IMAGES, 2, 5),
        "first=0 and last=4": lambda: missing.hide_rows(IMAGES, 0, 4),
        "first=2 and last=2": lambda: missing.hide_rows(IMAGES, 2, 2),
        "0 pixels of hidden are NaN": lambda: missing.imputation_error(IMAGES, IMAGES, IMAGES),
        "completed, images and hidden have shapes": lambda: missing.imputation_error(
            IMAGES[:1], IMAGES, HOLES
        ),
        "layers": lambda: missing.impute_by_chain(layered, HOLES),
    }


def test_what_is_bad_is_named(new_vae):
    for message, act in bad(new_vae).items():
        kind = NotImplementedError if message == "layers" else BadInput
        with pytest.raises(kind) as error:
            act()
        assert message in str(error.value)
