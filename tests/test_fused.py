"""Protects the Bernoulli log likelihood with its own gradient: values and both gradients are those of automatic
differentiation through the plain formula, for every shape that decoders give."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import special

from companion.distributions import Bernoulli
from companion.fused import bernoulli_log_prob, one_image_per_event

IMAGE = (4, 3, 1)


def drawn(*shape, seed=0, scale=5.0):
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype("float32")


def pixels(*shape):
    return (np.random.default_rng(1).random(shape) < 0.4).astype("float32")


def value_and_gradients(function, x, logits):
    """The value and the gradients of a sum over events, each with a weight of its own."""
    x, logits = tf.Variable(x), tf.Variable(logits)
    with tf.GradientTape() as tape:
        value = function(x, logits)
        loss = tf.reduce_sum(value * drawn(*value.shape, seed=2))
    return [value, *tape.gradient(loss, [x, logits])]


def plain(x, logits):
    return tf.reduce_sum(x * logits - tf.nn.softplus(logits), axis=(-3, -2, -1))


@pytest.mark.slow
@pytest.mark.parametrize("draws", [(), (1,), (5,), (2, 5)])
@pytest.mark.parametrize("compiled", [False, True])
def test_value_and_gradients_are_those_of_the_plain_formula(draws, compiled):
    x, logits = pixels(6, *IMAGE), drawn(*draws, 6, *IMAGE)

    def own(x, logits):
        return bernoulli_log_prob(x, logits, event_ndims=3)

    function = tf.function(own, jit_compile=True) if compiled else own
    pairs = zip(value_and_gradients(function, x, logits), value_and_gradients(plain, x, logits), strict=True)
    for ours, expected in pairs:
        assert ours.shape == expected.shape
        np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-5)


def test_logits_of_any_size_stay_finite_and_keep_their_gradient():
    logits = np.float32([-3e38, -200, -90, -1e-20, 0, 1e-20, 90, 200, 3e38])[:, None]
    for x in (0.0, 1.0):
        images = np.full((9, 1), x, "float32")
        value, _, gradient = value_and_gradients(
            lambda x, logits: bernoulli_log_prob(x, logits, event_ndims=1), images, logits
        )
        expected = x * logits[:, 0] - np.logaddexp(0.0, logits[:, 0].astype("float64"))
        np.testing.assert_allclose(value, expected, rtol=1e-6, atol=1e-30)
        weights = drawn(9, seed=2)
        np.testing.assert_allclose(gradient[:, 0], weights * (x - special.expit(logits[:, 0])), atol=1e-6)


def test_a_second_derivative_is_minus_the_variance_of_a_pixel():
    logits = tf.Variable(drawn(4, 3, scale=1.0))
    x = pixels(4, 3)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            value = tf.reduce_sum(bernoulli_log_prob(tf.constant(x), logits, event_ndims=1))
        first = tf.reduce_sum(inner.gradient(value, logits))
    p = special.expit(logits.numpy())
    np.testing.assert_allclose(outer.gradient(first, logits), -p * (1 - p), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("images", "logits", "fits"),
    [
        ((2, 4), (2, 4), True),
        ((2, 4), (5, 2, 4), True),
        ((2, 4), (5, 1, 4), False),
        ((1, 4), (5, 2, 4), False),
        ((5, 2, 4), (2, 4), False),
    ],
)
def test_shapes_that_only_broadcast_are_left_to_the_plain_formula(images, logits, fits):
    x, outputs = pixels(*images), drawn(*logits)
    assert one_image_per_event(x, outputs, event_ndims=1) is fits
    expected = ops.sum(x * outputs - ops.softplus(outputs), axis=-1)
    np.testing.assert_allclose(Bernoulli(outputs, event_ndims=1).log_prob(x), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("event_ndims", "own"), [(0, False), (1, True)])
def test_the_own_gradient_is_taken_where_events_are_summed(event_ndims, own, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "companion.fused.ops.custom_gradient", lambda function: lambda x, logits: seen.append(1) or logits
    )
    Bernoulli(drawn(5, 2, 4), event_ndims=event_ndims).log_prob(pixels(2, 4))
    assert bool(seen) is own
