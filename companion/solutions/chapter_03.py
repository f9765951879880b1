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


class fresh_noise(keras.layers.Layer):  # noqa: N801  # a solution has the name of its exercise
    """The layer owns its stream of noise, which the seed begins and every call moves on."""

    def __init__(self, seed: int = 0):
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any) -> Any:
        z_mean, z_log_var = inputs
        noise = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * noise


def rough_function() -> tuple[Any, Any]:
    """Expect: anything that swings fast and stays small, such as a wave of high frequency.

    Discuss: the score function's variance goes with the square of values, the path's with that of slopes. Decoders are
    smooth in z, which is why the trick serves them; a game's score or a rounding step is not.
    """
    return lambda z: np.sin(50 * z), lambda z: 50 * np.cos(50 * z)
