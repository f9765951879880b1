"""Solutions of chapter 03.

Draw the path of the gradient on the board, with the noise at its side. Many confuse log variance with log sigma; the
exercise to compute separates the two.
"""

from typing import Any

import keras
import numpy as np
from keras import ops


def slope_of_a_draw() -> float:
    """z = z_mean + exp(z_log_var / 2) * noise, so its derivative is half of sigma times the noise."""
    sigma, noise = np.sqrt(0.09), -0.8
    return float(0.5 * sigma * noise)


def correlated_draws(z_mean: Any, factor: Any, noise: Any) -> Any:
    """If the factor is L, the covariance of L times the noise is L times its transpose."""
    return z_mean + np.einsum("nij,nj->ni", factor, noise)


def variance_by_hand(mu: float, sigma: float) -> list[float]:
    """E[exp(t noise)] = exp(t^2 / 2), and its second derivative is E[noise^2 exp(t noise)] = (1 + t^2) exp(t^2 / 2).

    The average of f is exp(mu) times the first with t = sigma; it is its own slope for mu. The squares of both
    estimates hold exp(2 z), so t = 2 sigma; the score's square adds noise^2 / sigma^2.
    """
    average = np.exp(mu + sigma**2 / 2)
    square = np.exp(2 * mu + 2 * sigma**2)
    pathwise = square - average**2
    score = square * (1 + 4 * sigma**2) / sigma**2 - average**2
    return [average, average, pathwise, score]


class fresh_noise(keras.layers.Layer):  # noqa: N801  # a solution has the name of its exercise
    """The layer owns its stream of noise; the seed sets its start, and every call moves it on."""

    def __init__(self, seed: int = 0):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any) -> Any:
        z_mean, z_log_var = inputs
        noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * noise


def rough_function() -> tuple[Any, Any]:
    """Expect: anything that oscillates fast and stays small, such as a wave of high frequency.

    Discuss: the variance of the score-function estimate grows with the square of the values, that of the pathwise one
    with the square of the slopes. Decoders are smooth in z; the score of a game or a rounding step is not.
    """
    return lambda z: np.sin(50 * z), lambda z: 50 * np.cos(50 * z)
