"""Typical wrong answers to chapter 03, each with words of the hint that belongs to it."""

import keras
import numpy as np
from keras import ops


def transposed(z_mean, factor, noise):
    return np.stack([m + L.T @ e for m, L, e in zip(z_mean, factor, noise, strict=True)])


def independent(z_mean, factor, noise):
    return np.stack([m + np.diag(L) * e for m, L, e in zip(z_mean, factor, noise, strict=True)])


def without_mean(z_mean, factor, noise):
    return (factor @ noise[..., None])[..., 0]


class SameNoise(keras.layers.Layer):
    def __init__(self, seed=None):
        super().__init__()
        self.noise_seed = seed

    def call(self, inputs):
        z_mean, z_log_var = inputs
        return z_mean + ops.exp(0.5 * z_log_var) * keras.random.normal(
            ops.shape(z_mean), seed=self.noise_seed
        )


class NoSeed(SameNoise):
    def __init__(self, seed=None):
        super().__init__(seed=None)


class LogSigma(SameNoise):
    def __init__(self, seed=None):
        super().__init__()
        self.noise_seed = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        return super().call([inputs[0], 2 * inputs[1]])


WRONG = {
    "slope_of_a_draw": [(0.3 * -0.8, "log sigma"), (-0.8, "sigma itself"), (0.5 * 0.09 * -0.8, "its root")],
    "correlated_draws": [
        (transposed, "transposed"),
        (independent, "diagonal"),
        (without_mean, "mean is missing"),
    ],
    "fresh_noise": [(SameNoise, "the same noise"), (NoSeed, "no longer fixes"), (LogSigma, "too narrow")],
    "rough_function": [
        ((np.square, lambda z: 2 * z), "still varies less"),
        ((lambda z: np.sin(50 * z), lambda z: np.cos(50 * z)), "Compare the slope"),
        (np.sin, "Hand in (f, slope)"),
    ],
}
