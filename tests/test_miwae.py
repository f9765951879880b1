"""Protects MIWAE: its bound is that of the observed pixels alone, exactly so on a model whose p(observed) is known; it
equals an IWAE where nothing is missing; NaN reaches no value and no gradient; it learns from incomplete images."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import multivariate_normal

from companion import data, evaluation
from companion.errors import BadInput
from companion.iwae import IWAE
from companion.likelihoods import FAMILIES, Likelihood
from companion.linear_gaussian import LinearGaussian
from companion.miwae import MIWAE, FillMissing, ObservedPixels, encoder_of_incomplete, without_nan
from companion.networks import build_decoder, build_encoder

SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(20, *SHAPE)).astype("float32")
HOLES = np.where(RNG.uniform(size=IMAGES.shape) < 0.4, np.nan, IMAGES).astype("float32")
EXACT = LinearGaussian.random(pixels=6, latent_dim=2, scale=0.2)


def small(family=MIWAE, seed=0, likelihood="bernoulli", **kwargs):
    encoder = build_encoder(SHAPE, 2, hidden=(8,), seed=1)
    decoder = build_decoder(2, SHAPE, hidden=(8,), seed=2)
    return family(encoder, decoder, seed=seed, likelihood=likelihood, **kwargs)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_log_likelihood_is_summed_over_observed_pixels(family):
    logits = RNG.normal(size=(3, 20, *SHAPE)).astype("float32")
    likelihood = Likelihood(family)
    found = ops.convert_to_numpy(ObservedPixels(likelihood, logits).log_prob(HOLES))
    per_pixel = ops.convert_to_numpy(likelihood.given(logits, event_ndims=0).log_prob(IMAGES))
    expected = np.where(np.isnan(HOLES), 0.0, per_pixel).sum(axis=(2, 3, 4))
    assert found.shape == (3, 20)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    whole = likelihood.given(logits).log_prob(IMAGES)
    np.testing.assert_allclose(ObservedPixels(likelihood, logits).log_prob(IMAGES), whole, rtol=1e-5)
    pixels = ObservedPixels(likelihood, logits)
    np.testing.assert_allclose(pixels.mean(), likelihood.given(logits).mean(), rtol=1e-6)
    assert pixels.sample(0).shape == logits.shape


def test_zeros_stand_in_missing_places():
    filled = ops.convert_to_numpy(without_nan(HOLES))
    np.testing.assert_array_equal(filled, np.nan_to_num(HOLES))
    np.testing.assert_array_equal(FillMissing()(HOLES), np.nan_to_num(HOLES))


def exact_miwae(x, k=5):
    """The linear-Gaussian model with a wide q, so that the bound of the observed pixels can be compared with log p."""
    vae = EXACT.vae(log_var_shift=1.5)
    return MIWAE(vae.encoder, vae.decoder, num_samples=k, likelihood=vae.likelihood, seed=0)


def test_the_bound_tends_to_log_p_of_the_observed_pixels():
    x = EXACT.sample(40, seed=1)
    x[:, 4:] = np.nan
    covariance = EXACT.weights @ EXACT.weights.T + EXACT.scale**2 * np.eye(6)
    truth = multivariate_normal(EXACT.bias[:4], covariance[:4, :4]).logpdf(x[:, :4])
    model = exact_miwae(x)
    bound = evaluation.log_likelihood(model, x, 20_000)
    assert (bound < truth + 0.1).all()
    assert np.mean(truth - bound) < 0.05
    few = evaluation.log_likelihood(model, x, 5)
    assert few.mean() < bound.mean()


def test_without_missing_pixels_it_is_an_iwae():
    one, other = (small(family, num_samples=3) for family in (MIWAE, IWAE))
    for model in (one, other):
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    histories = [
        model.fit(IMAGES, batch_size=10, epochs=3, shuffle=False, verbose=0).history for model in (one, other)
    ]
    assert histories[0].keys() == histories[1].keys()
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4)
    np.testing.assert_allclose(one.encode(IMAGES)[0], other.encode(IMAGES)[0], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("doubly", [False, True])
def test_a_missing_pixel_influences_nothing_and_no_gradient_is_nan(doubly):
    model = small(num_samples=4, doubly_reparameterized=doubly)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    noise = model.noise(20, 0)
    terms = model.elbo_terms(HOLES, noise)
    assert all(np.isfinite(values).all() for values in terms.values())
    logits = model.decoder(model.encode(HOLES)[0])
    by_hand = np.nansum(
        np.where(np.isnan(HOLES), np.nan, HOLES * np.asarray(logits) - np.logaddexp(0, np.asarray(logits))),
        axis=(1, 2, 3),
    )
    np.testing.assert_allclose(model.elbo_terms(HOLES, 0 * noise)["log_likelihood"], by_hand, rtol=1e-4)
    before = [np.array(weight) for weight in model.trainable_weights]
    history = model.fit(HOLES, batch_size=10, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for was, weight in zip(before, model.trainable_weights, strict=True):
        assert np.isfinite(np.asarray(weight)).all() and not np.array_equal(was, weight)


@pytest.mark.slow
def test_a_pixel_that_is_never_observed_trains_no_output():
    holes = IMAGES.copy()
    holes[:, 0, 0] = np.nan
    model = small(num_samples=3)
    model.compile(keras.optimizers.SGD(0.1), jit_compile=False)
    bias = model.decoder.get_layer("pixels").bias
    model.fit(holes, epochs=2, verbose=0)
    moved = np.asarray(bias)
    assert moved[0] == 0 and (moved[1:] != 0).all()


def test_it_is_saved_and_the_encoder_is_wrapped_once(tmp_path):
    model = small(num_samples=4)
    model.compile("adam")
    model.fit(HOLES, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is MIWAE and loaded.num_samples == 4
    np.testing.assert_allclose(loaded.encode(HOLES)[0], model.encode(HOLES)[0], rtol=1e-6)
    assert encoder_of_incomplete(loaded.encoder) is loaded.encoder
    assert sum(isinstance(layer, FillMissing) for layer in loaded.encoder.layers) == 1


@pytest.mark.slow
def test_it_learns_from_half_of_the_pixels():
    """Trained on digits with half of the pixels missing, it describes complete digits better than an untrained one."""
    digits = data.binarize(data.digits().x_train[:500, ::4, ::4], "threshold")  # 7x7
    holes = np.where(np.random.default_rng(1).uniform(size=digits.shape) < 0.5, np.nan, digits)
    pair = MIWAE.build_networks(digits.shape[1:], 4, hidden=(32,), seed=0)
    model = MIWAE(**pair, num_samples=5, seed=0)
    model.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    model.fit(holes, batch_size=50, epochs=40, verbose=0)
    bound = evaluation.log_likelihood(model, digits, 50).mean()
    frequencies = np.clip(np.nanmean(holes, axis=0), 0.01, 0.99)
    independent = np.sum(
        np.where(digits == 1, np.log(frequencies), np.log(1 - frequencies)), axis=(1, 2, 3)
    ).mean()
    assert bound > independent + 1


BAD = {
    "infinite": (np.where(np.isnan(HOLES), np.inf, HOLES), "values that are NaN or infinite"),
    "bytes": (np.where(np.isnan(HOLES), np.nan, HOLES * 255), "expected pixels in [0, 1]"),
    "nothing observed": (np.full((3, *SHAPE), np.nan, "float32"), "have no observed pixel"),
    "no channel": (HOLES[..., 0], "have shape (20, 4, 4)"),
    "no image": (HOLES[:0], "expected at least one image"),
    "words": (np.full((2, *SHAPE), "a"), "have dtype <U1"),
    "whole numbers": (np.full((2, *SHAPE), 7), "expected pixels in [0, 1]"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_bad_is_named_on_every_route(case):
    images, message = BAD[case]
    model = small()
    model.compile("sgd")
    for act in (model.fit, model.encode, model.reconstruct, model.elbo_terms):
        with pytest.raises(BadInput) as error:
            act(images)
        assert message in str(error.value)


def test_other_floating_types_and_whole_numbers_are_taken():
    model = small()
    expected = model.encode(HOLES)[0]
    np.testing.assert_allclose(model.encode(HOLES.astype("float64"))[0], expected, rtol=1e-5)
    np.testing.assert_allclose(model.encode(HOLES.astype("float16"))[0], expected, atol=5e-3)
    binary = np.round(IMAGES)
    np.testing.assert_allclose(model.encode(binary.astype("uint8"))[0], model.encode(binary)[0], rtol=1e-6)
