"""Protects the Sampling layer: the reparameterization and its gradient, and a stream of noise that moves on, repeats
from run to run, and goes on where a saved model stopped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.errors import BadInput
from companion.layers import Sampling

MEAN = np.float32([[0.5, -1.0, 3.0], [0.0, 2.0, -4.0]])
LOG_VAR = np.float32([[0.0, 1.0, -2.0], [0.3, -0.7, 2.0]])


def draw(layer, mean=MEAN, log_var=LOG_VAR):
    return np.asarray(layer([mean, log_var]))


def test_z_is_mean_plus_sigma_times_noise():
    # The same seed gives the same epsilon, which a standard normal shows bare.
    epsilon = draw(Sampling(seed=3), np.zeros_like(MEAN), np.zeros_like(MEAN))
    np.testing.assert_allclose(draw(Sampling(seed=3)), MEAN + np.exp(0.5 * LOG_VAR) * epsilon, rtol=1e-6)


def test_noise_is_standard_normal():
    n = 100_000
    epsilon = draw(Sampling(seed=0), np.zeros((n, 2), "float32"), np.zeros((n, 2), "float32"))
    assert np.abs(epsilon.mean(axis=0)).max() < 5 / np.sqrt(n)
    assert np.abs(epsilon.var(axis=0) - 1).max() < 5 * np.sqrt(2 / n)
    assert abs(np.corrcoef(epsilon.T)[0, 1]) < 5 / np.sqrt(n)


def test_target_mean_and_spread():
    n = 200_000
    z = draw(Sampling(seed=0), np.full((n, 1), 1.5, "float32"), np.full((n, 1), np.log(0.25), "float32"))
    assert abs(z.mean() - 1.5) < 5 * 0.5 / np.sqrt(n)
    assert abs(z.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * n)


def test_gradients_are_one_and_half_the_distance_from_the_mean():
    layer, mean, log_var = Sampling(seed=0), tf.constant(MEAN), tf.constant(LOG_VAR)
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        z = layer([mean, log_var])
    by_mean, by_log_var = tape.gradient(z, [mean, log_var])
    np.testing.assert_array_equal(by_mean, np.ones_like(MEAN))
    np.testing.assert_allclose(by_log_var, (np.asarray(z) - MEAN) / 2, rtol=1e-5, atol=1e-7)


def test_two_calls_differ_and_two_layers_of_one_seed_draw_one_stream():
    first, second = Sampling(seed=7), Sampling(seed=7)
    stream = [draw(first), draw(first)]
    assert not np.allclose(stream[0], stream[1])
    np.testing.assert_array_equal([draw(second), draw(second)], stream)
    assert not np.allclose(draw(Sampling(seed=8)), stream[0])


def test_without_a_seed_two_layers_draw_differently():
    assert Sampling().seed is None
    assert not np.allclose(draw(Sampling()), draw(Sampling()))


def test_every_image_gets_noise_of_its_own():
    z = draw(Sampling(seed=0), np.zeros((50, 2), "float32"), np.zeros((50, 2), "float32"))
    assert len(np.unique(z)) == z.size


def test_output_shape_with_an_open_batch_axis():
    mean, log_var = keras.Input((3,)), keras.Input((3,))
    assert Sampling()([mean, log_var]).shape == (None, 3)
    assert Sampling().compute_output_shape([(None, 3), (None, 4)]) == (None, 3)


def test_half_precision_stays_half_precision():
    z = Sampling(seed=0, dtype="mixed_float16")([MEAN, LOG_VAR])
    assert z.dtype == "float16"
    assert np.isfinite(np.asarray(z)).all()


def test_config_keeps_the_seed_and_the_name():
    copy = Sampling.from_config(Sampling(seed=5, name="z").get_config())
    assert (copy.seed, copy.name) == (5, "z")
    np.testing.assert_array_equal(draw(copy), draw(Sampling(seed=5)))
    assert type(Sampling(seed=np.int64(5)).get_config()["seed"]) is int


def test_registered_for_loading():
    assert keras.saving.get_registered_object("companion>Sampling") is Sampling


def test_the_stream_goes_on_where_the_saved_one_stopped():
    layer, store = Sampling(seed=1), {}
    draw(layer)
    layer.save_own_variables(store)
    expected = [draw(layer), draw(layer)]
    loaded = Sampling(seed=1)
    loaded.load_own_variables(store)
    np.testing.assert_array_equal([draw(loaded), draw(loaded)], expected)


@pytest.mark.parametrize("log_var_shape", [(5, 2), (1, 1), (5,)])
def test_heads_of_two_sizes_would_broadcast_and_are_refused(log_var_shape):
    with pytest.raises(
        BadInput, match=r"z_mean has shape \(5, 1\) .*expected equal shapes.*same number of units"
    ):
        Sampling()([np.zeros((5, 1), "float32"), np.zeros(log_var_shape, "float32")])


@pytest.mark.parametrize("seed", [-1, 1.5, True, "0"])
def test_seed_is_a_whole_number(seed):
    with pytest.raises(BadInput, match="seed=.*expected a whole number of at least 0"):
        Sampling(seed=seed)
