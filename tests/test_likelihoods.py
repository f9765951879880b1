"""Protects the step from decoder outputs to p(x|z): where the sigmoid lives, fixed and learned scales, precision."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

from companion import distributions
from companion.errors import BadInput
from companion.likelihoods import FAMILIES, FIRST_SCALE, PACE, Likelihood, as_likelihood

LOGITS = np.random.default_rng(0).normal(size=(2, 3, 3, 1)).astype("float32")


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_name_and_its_class_are_the_same(name):
    by_name, by_class = Likelihood(name).given(LOGITS), Likelihood(FAMILIES[name]).given(LOGITS)
    assert type(by_name) is type(by_class) is FAMILIES[name]
    np.testing.assert_array_equal(by_name.log_prob(LOGITS * 0), by_class.log_prob(LOGITS * 0))


@pytest.mark.parametrize("name", FAMILIES)
def test_pixels_come_from_logits_in_every_family(name):
    pixel_means = Likelihood(name).given(LOGITS).mean()
    if name != "continuous_bernoulli":
        np.testing.assert_allclose(as_numpy(pixel_means), special.expit(LOGITS), rtol=1e-5)
    assert ((as_numpy(pixel_means) > 0) & (as_numpy(pixel_means) < 1)).all()


def test_three_axes_are_one_image_unless_told():
    assert Likelihood().family == "bernoulli"
    assert Likelihood().given(LOGITS).log_prob(LOGITS).shape == (2,)
    assert Likelihood().given(LOGITS, event_ndims=1).log_prob(LOGITS).shape == (2, 3, 3)


def test_fixed_scale_and_identity_link():
    x = np.random.default_rng(1).normal(size=LOGITS.shape)
    p = Likelihood("normal", scale=0.3, link="identity").given(LOGITS)
    expected = stats.norm(LOGITS, 0.3).logpdf(x).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(as_numpy(p.log_prob(x)), expected, rtol=1e-5)
    assert Likelihood("normal", scale=0.3).weights == []


@pytest.mark.parametrize(("name", "first"), [("normal", 0.1), ("discretized_logistic", 0.05)])
def test_without_a_scale_one_is_learned(name, first):
    likelihood = Likelihood(name)
    assert len(likelihood.trainable_weights) == 1
    scale = likelihood.given(LOGITS).parameters[1]
    np.testing.assert_allclose(float(scale), first, rtol=1e-6)


@pytest.mark.parametrize("scale", [1, 0.1, np.float32(0.25), np.float64(0.1)])
def test_any_positive_number_is_a_scale(scale):
    likelihood = Likelihood("normal", scale=scale)
    assert type(likelihood.scale) is float
    assert likelihood.scale == pytest.approx(float(scale))


def test_the_learned_scale_tends_to_the_root_of_the_mean_squared_error():
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(40, 3, 3, 1)).astype("float32")
    means = np.clip(x + 0.2 * rng.normal(size=x.shape), 0.01, 0.99)
    outputs = special.logit(means).astype("float32")
    likelihood, optimizer = Likelihood("normal"), keras.optimizers.SGD(0.002)
    for _ in range(60):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(likelihood.given(outputs).log_prob(x)) / 9
        optimizer.apply([tape.gradient(loss, likelihood.raw_scale.value)], [likelihood.raw_scale])
    rmse = math.sqrt(np.mean((x - means) ** 2))
    assert float(likelihood.given(outputs).parameters[1]) == pytest.approx(rmse, rel=1e-3)


def test_the_learned_scale_is_a_weight_of_the_model(images):
    from companion.vae import VAE

    model = VAE(input_shape=(4, 4, 1), likelihood="normal", seed=0)
    assert any(w is model.likelihood.raw_scale for w in model.trainable_weights)
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    model.fit(images, verbose=0)
    assert float(model.likelihood.raw_scale) != pytest.approx(math.log(FIRST_SCALE["normal"]) / PACE)


def test_sums_stay_in_single_precision():
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        likelihood = Likelihood("normal")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert likelihood.given(LOGITS.astype("float16")).log_prob(LOGITS).dtype == "float32"
    assert likelihood.raw_scale.dtype == "float32"


@pytest.mark.parametrize("settings", [("bernoulli", None, "sigmoid"), ("normal", 0.2, "identity")])
def test_config_keeps_every_setting(settings):
    copy = Likelihood.from_config(Likelihood(*settings).get_config())
    assert (copy.family, copy.scale, copy.link) == settings


def test_as_likelihood():
    likelihood = Likelihood("normal", scale=0.1)
    assert as_likelihood(likelihood) is likelihood
    assert as_likelihood("normal").family == "normal"
    assert as_likelihood(distributions.ContinuousBernoulli).family == "continuous_bernoulli"


def test_registered_for_loading():
    assert keras.saving.get_registered_object("companion>Likelihood") is Likelihood


def test_codes_have_no_likelihood():
    with pytest.raises(BadInput, match="likelihood=.*DiagonalNormal.*expected one of bernoulli"):
        Likelihood(distributions.DiagonalNormal)


def test_the_current_scale_is_the_one_in_use():
    assert Likelihood("normal", scale=0.3).current_scale() == 0.3
    assert Likelihood("bernoulli").current_scale() is None
    learned = Likelihood("normal")
    assert float(learned.current_scale()) == pytest.approx(FIRST_SCALE["normal"])
    assert float(learned.current_scale()) == pytest.approx(float(learned.given(LOGITS).parameters[1]))


def test_the_learned_scale_keeps_pace_with_adam():
    likelihood = Likelihood("normal")
    before = math.log(float(likelihood.current_scale()))
    keras.optimizers.Adam(1e-3).apply([np.float32(1.0)], [likelihood.raw_scale])
    assert before - math.log(float(likelihood.current_scale())) == pytest.approx(PACE * 1e-3, rel=1e-3)
