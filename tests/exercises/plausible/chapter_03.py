"""Plausible wrong answers to chapter 03, other than the recorded ones."""

import keras
import numpy as np
from keras import ops

from tests.exercises.answers.chapter_03 import SameNoise


def by_the_covariance(z_mean, factor, noise):
    root = np.linalg.cholesky(factor @ np.swapaxes(factor, 1, 2))
    return z_mean + np.einsum("nij,nj->ni", root, noise)


def positive_diagonal(z_mean, factor, noise):
    size = factor.shape[-1]
    own = factor * (1 - np.eye(size)) + np.abs(factor) * np.eye(size)
    return z_mean + np.einsum("nij,nj->ni", own, noise)


def squeezed(z_mean, factor, noise):
    return z_mean + np.squeeze(factor @ noise[..., None])


def first_factor(z_mean, factor, noise):
    return z_mean + noise @ factor[0].T


def mean_factor(z_mean, factor, noise):
    return z_mean + noise @ factor.mean(axis=0).T


def symmetric_root(z_mean, factor, noise):
    values, vectors = np.linalg.eigh(factor @ np.swapaxes(factor, 1, 2))
    root = (vectors * np.sqrt(values)[:, None]) @ np.swapaxes(vectors, 1, 2)
    return z_mean + np.einsum("nij,nj->ni", root, noise)


def below_the_diagonal(z_mean, factor, noise):
    return z_mean + np.einsum("nij,nj->ni", np.tril(factor, -1), noise)


def ones_on_the_diagonal(z_mean, factor, noise):
    return z_mean + noise + np.einsum("nij,nj->ni", np.tril(factor, -1), noise)


def exponential_diagonal(z_mean, factor, noise):
    own = np.tril(factor, -1) + np.exp(factor) * np.eye(factor.shape[-1])
    return z_mean + np.einsum("nij,nj->ni", own, noise)


def solved(z_mean, factor, noise):
    return z_mean + np.linalg.solve(factor, noise[..., None])[..., 0]


def row_sums(z_mean, factor, noise):
    return z_mean + factor.sum(axis=-1) * noise


def shifted_before(z_mean, factor, noise):
    return np.einsum("nij,nj->ni", factor, z_mean + noise)


def _steps(mu, sigma):
    average, square = np.exp(mu + sigma**2 / 2), np.exp(2 * mu + 2 * sigma**2)
    score = square * (1 + 4 * sigma**2) / sigma**2 - average**2
    return [average, average, square - average**2, score]


def but(step, value):
    def steps(mu, sigma):
        own = _steps(mu, sigma)
        own[step] = value(mu, sigma, *own)
        return own

    return steps


def summed(least, most):
    """The density summed on a grid with ends, which is right only for some mu and sigma."""

    def steps(mu, sigma):
        z = np.linspace(least, most, 4001)
        weight = np.exp(-(((z - mu) / sigma) ** 2) / 2)
        weight, f = weight / weight.sum(), np.exp(z)
        average = weight @ f
        score = f * (z - mu) / sigma**2
        return [average, average, weight @ f**2 - average**2, weight @ score**2 - average**2]

    return steps


def with_another_sigma(of):
    return lambda mu, sigma: _steps(mu, of(sigma))


class Stream(keras.layers.Layer):
    """A layer with a stream of noise, as the mended one has, with a place for a mistake in ``draw``."""

    def __init__(self, seed=None):
        super().__init__()
        self.stream = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        return self.draw(inputs[0], ops.exp(0.5 * inputs[1]))

    def draw(self, mean, sigma):
        return mean + sigma * keras.random.normal(ops.shape(mean), seed=self.stream)


class WithoutMean(Stream):
    def draw(self, mean, sigma):
        return super().draw(0 * mean, sigma)


class OneNoisePerImage(Stream):
    def draw(self, mean, sigma):
        return mean + sigma * keras.random.normal((mean.shape[0], 1), seed=self.stream)


class OneNoisePerBatch(Stream):
    def draw(self, mean, sigma):
        return mean + sigma * keras.random.normal((1, mean.shape[1]), seed=self.stream)


class UniformNoise(Stream):
    def draw(self, mean, sigma):
        spread = 3**0.5
        return mean + sigma * keras.random.uniform(ops.shape(mean), -spread, spread, seed=self.stream)


class OneSigma(Stream):
    def draw(self, mean, sigma):
        return super().draw(mean, ops.mean(sigma) + 0 * sigma)


class PositiveNoise(Stream):
    def draw(self, mean, sigma):
        return mean + ops.abs(super().draw(0 * mean, sigma))


class IgnoresTheSeed(Stream):
    def __init__(self, seed=None):
        super().__init__(seed=1337)


class SeedsEverything(SameNoise):
    def __init__(self, seed=None):
        super().__init__(seed=None)
        keras.utils.set_random_seed(seed)


class TwoNoises(SameNoise):
    def call(self, inputs):
        self.calls = 1 - getattr(self, "calls", 1)
        noise = keras.random.normal(ops.shape(inputs[0]), seed=self.noise_seed + self.calls)
        return inputs[0] + ops.exp(0.5 * inputs[1]) * noise


class CutNoise(Stream):
    def draw(self, mean, sigma):
        return mean + sigma * keras.random.truncated_normal(ops.shape(mean), seed=self.stream)


def steep_outside(z):
    return np.where(np.abs(z) <= 2.0, 0.5 * np.cos(0.5 * z), 1e3 * z)


WRONG = {
    "slope_of_a_draw": {
        "the draw itself": 1.5 - 0.3 * 0.8,
        "by the mean": 1.0,
        "by the noise": 0.3,
        "the mean added": 1.5 - 0.12,
        "twice": -0.24 * 2,
        "half of the noise": -0.4,
        "variance and sigma": -0.8 * 0.3 * 0.09,
        "half of sigma": 0.15,
        "a quarter": -0.06,
        "to one decimal": -0.1,
        "by the variance": -0.8 / (2 * 0.3),
    },
    "correlated_draws": {
        "by the covariance, whose root has another sign": by_the_covariance,
        "the diagonal made positive": positive_diagonal,
        "one coordinate without its axis": squeezed,
        "first factor for all": first_factor,
        "mean factor": mean_factor,
        "symmetric root": symmetric_root,
        "below the diagonal alone": below_the_diagonal,
        "ones on the diagonal": ones_on_the_diagonal,
        "exponential on the diagonal": exponential_diagonal,
        "inverse": solved,
        "sums of rows": row_sums,
        "the mean multiplied too": shifted_before,
    },
    "variance_by_hand": {
        "summed from -5 to 5": summed(-5, 5),
        "summed from -3 to 3": summed(-3, 3),
        "sigma as a variance": with_another_sigma(np.sqrt),
        "sigma squared twice": with_another_sigma(np.square),
        "(a) with the whole variance": but(0, lambda mu, sigma, *own: np.exp(mu + sigma**2)),
        "(a) the median added": but(0, lambda mu, sigma, a, *own: a + np.exp(mu)),
        "(b) for sigma": but(1, lambda mu, sigma, a, *own: sigma * a),
        "(b) f at the mean": but(1, lambda mu, sigma, *own: np.exp(mu)),
        "(c) to first order": but(2, lambda mu, sigma, *own: sigma**2 * np.exp(2 * mu)),
        "(c) a standard deviation": but(2, lambda mu, sigma, a, b, c, d: np.sqrt(c)),
        "(d) the same as (c)": but(3, lambda mu, sigma, a, b, c, d: c),
        "(d) with a baseline": but(3, lambda mu, sigma, a, b, c, d: d - a**2 / sigma**2),
        "(d) with t = sigma": but(
            3, lambda mu, sigma, a, *own: a**2 * np.exp(sigma**2) * (1 + sigma**2) / sigma**2 - a**2
        ),
        "(d) noise not divided by sigma": but(
            3, lambda mu, sigma, a, b, c, d: (c + a**2) * (1 + 4 * sigma**2) - a**2
        ),
    },
    "fresh_noise": {
        "the mean left out": WithoutMean,
        "one noise for all coordinates": OneNoisePerImage,
        "one noise for all images": OneNoisePerBatch,
        "uniform noise": UniformNoise,
        "one sigma for all coordinates": OneSigma,
        "noise of one sign": PositiveNoise,
        "whatever the seed": IgnoresTheSeed,
        "seeds the whole of Keras": SeedsEverything,
        "two noises by turns": TwoNoises,
        "noise without tails": CutNoise,
    },
    "rough_function": {
        "nothing, with the slope of almost nothing": (lambda z: 0.0 * z, lambda z: 0.02 * z),
        "a slope that is right where it is looked at": (lambda z: np.sin(0.5 * z), steep_outside),
        "a slow wave with a slope that wavers": (
            lambda z: 0.001 * np.sin(z),
            lambda z: 0.001 * np.cos(z) + 0.04 * np.sin(9 * z),
        ),
        "a constant": (lambda z: np.ones_like(z), lambda z: np.zeros_like(z)),
        "a line": (lambda z: z, lambda z: np.ones_like(z)),
        "a slow wave": (np.sin, np.cos),
        "a cube": (lambda z: z**3, lambda z: 3 * z**2),
        "a step": (np.sign, lambda z: np.zeros_like(z)),
        "slope and function exchanged": (lambda z: 50 * np.cos(50 * z), lambda z: np.sin(50 * z)),
        "the chapter's decoder": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        "one number for all": (lambda z: 0.0, lambda z: 1.0),
        "a text": ("sin(50 z)", "50 cos(50 z)"),
    },
}
