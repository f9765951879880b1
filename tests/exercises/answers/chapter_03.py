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


def second_moments(mu, sigma):
    square = np.exp(2 * mu + 2 * sigma**2)
    return [np.exp(mu + sigma**2 / 2)] * 2 + [square, square * (1 / sigma**2 + 4) - np.exp(2 * mu + sigma**2)]


def at_the_mean(mu, sigma):
    average = np.exp(mu + sigma**2 / 2)
    square = average**2 * np.exp(sigma**2)
    return [np.exp(mu), average, square - average**2, square * (1 / sigma**2 + 4) - average**2]


def noise_left_out(mu, sigma):
    average = np.exp(mu + sigma**2 / 2)
    square = average**2 * np.exp(sigma**2)
    return np.array([average, average, square - average**2, square / sigma**2 - average**2])


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
    "variance_by_hand": [
        (second_moments, "Step (c): that is the mean of the square"),
        (at_the_mean, "f is convex"),
        (noise_left_out, "square of the noise"),
    ],
    "fresh_noise": [
        (SameNoise, "as it was handed out"),
        (NoSeed, "no longer fixes"),
        (LogSigma, "too narrow"),
    ],
    "rough_function": [
        ((np.square, lambda z: 2 * z), "still varies less"),
        ((lambda z: np.sin(50 * z), lambda z: np.cos(50 * z)), "Compare the slope"),
        (np.sin, "Hand in (f, slope)"),
    ],
}
