"""Protects the losses of two networks that compete: values by hand, their slopes, what is refused; and that a frozen
network gives its values while only its input gets a gradient."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from companion.adversarial import discriminator_loss, feature_loss, frozen, generator_loss
from companion.errors import BadInput

LOGITS = np.array([[-2.0], [0.0], [3.0]], "float32")


def log_odds(p):
    return math.log(p / (1 - p))


def test_the_discriminator_pays_the_log_of_each_right_answer():
    real, fake = [[log_odds(0.8)]], [[log_odds(0.25)]]
    expected = -math.log(0.8) - math.log(0.75)
    np.testing.assert_allclose(discriminator_loss(real, fake), [expected], rtol=1e-6)
    np.testing.assert_allclose(discriminator_loss(real, fake, fake), [expected - math.log(0.75)], rtol=1e-6)


def test_an_undecided_discriminator_pays_log_2_for_each():
    zeros = np.zeros(4, "float32")
    np.testing.assert_allclose(discriminator_loss(zeros, zeros), np.full(4, 2 * math.log(2)), rtol=1e-6)


def test_the_generator_pays_for_being_recognised():
    np.testing.assert_allclose(generator_loss([[log_odds(0.1)]]), [-math.log(0.1)], rtol=1e-6)
    two = generator_loss([[log_odds(0.1)]], [[log_odds(0.5)]])
    np.testing.assert_allclose(two, [-math.log(0.1) - math.log(0.5)], rtol=1e-6)


def test_the_generators_gradient_does_not_vanish_where_the_fake_is_recognised():
    logits = tf.constant([-20.0, 20.0])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = tf.reduce_sum(generator_loss(logits))
    np.testing.assert_allclose(tape.gradient(loss, logits), [-1.0, 0.0], atol=1e-6)


def test_losses_are_one_float32_per_image_without_overflow():
    for loss in (discriminator_loss(LOGITS, LOGITS), generator_loss(LOGITS * 1000)):
        assert loss.shape == (3,) and keras.backend.standardize_dtype(loss.dtype) == "float32"
        assert np.isfinite(loss).all()


def test_features_are_compared_by_half_their_squared_distance():
    real, fake = np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([[4.0, 6.0], [1.0, 0.0]])
    np.testing.assert_allclose(feature_loss(real, fake), [12.5, 0.5])
    np.testing.assert_allclose(feature_loss(real, fake, 0.5), [50.0, 2.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: discriminator_loss(LOGITS), "no fake logits: expected at least one"),
        (generator_loss, "no fake logits: expected at least one"),
        (lambda: generator_loss(np.zeros((3, 2))), r"logits have shape \(3, 2\): expected \(batch,\)"),
        (lambda: discriminator_loss(np.zeros((3, 1, 1)), LOGITS), r"logits have shape \(3, 1, 1\)"),
        (lambda: feature_loss(np.zeros((2, 3)), np.zeros((2, 4))), r"shapes \(2, 3\) and \(2, 4\)"),
        (
            lambda: feature_loss(np.zeros(3), np.zeros(3)),
            r"shapes \(3,\) and \(3,\): expected \(batch, units\)",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()


def test_a_frozen_network_gives_its_values_and_learns_nothing():
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
    x = tf.constant([[0.3, -0.2], [1.0, 0.5]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        given = frozen(network, x)
        total, live = ops.sum(given), ops.sum(network(x))
    np.testing.assert_allclose(given, network(x), rtol=1e-6)
    assert tape.gradient(total, network.trainable_variables) == [None] * 4
    np.testing.assert_allclose(tape.gradient(total, x), tape.gradient(live, x), rtol=1e-6)
    assert np.abs(tape.gradient(total, x)).max() > 0


def test_a_frozen_network_passes_training_on_and_leaves_its_statistics():
    network = keras.Sequential([keras.Input((2,)), keras.layers.BatchNormalization()])
    x = np.array([[1.0, 2.0], [3.0, 6.0]], "float32")
    np.testing.assert_allclose(frozen(network, x, True), network(x, training=True), rtol=1e-4)
    mean = np.array(network.layers[0].moving_mean)
    frozen(network, x, True)
    np.testing.assert_array_equal(network.layers[0].moving_mean, mean)
    np.testing.assert_allclose(frozen(network, x), network(x), rtol=1e-5)


def test_a_frozen_network_of_two_outputs_gives_both():
    x = keras.Input((2,))
    network = keras.Model(x, [keras.layers.Dense(1)(x), keras.layers.Dense(3)(x)])
    first, second = frozen(network, np.ones((4, 2), "float32"))
    assert first.shape == (4, 1) and second.shape == (4, 3)
