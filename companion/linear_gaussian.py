"""A VAE whose log p(x) is known exactly: linear decoder, normal pixels. The yardstick for every bound in the book."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from scipy.stats import multivariate_normal

from companion.errors import BadInput
from companion.layers import Sampling
from companion.likelihoods import Likelihood
from companion.vae import VAE


class LinearGaussian:
    """z ~ N(0, I), x = weights z + bias + scale * noise: probabilistic PCA, with everything in closed form.

    ``weights`` has shape ``(pixels, latent_dim)`` and orthogonal columns, so that the exact posterior is a diagonal
    normal; ``bias`` has shape ``(pixels,)`` and ``scale`` > 0. Raises :class:`~companion.errors.BadInput` otherwise.
    Source: Tipping & Bishop (1999). Used in chapters 04 and 10.
    """

    def __init__(self, weights: Any, bias: Any, scale: float):
        self.weights, self.bias, self.scale = (
            np.asarray(weights, float),
            np.asarray(bias, float),
            float(scale),
        )
        gram = self.weights.T @ self.weights
        if self.weights.ndim != 2 or not np.allclose(
            gram, np.diag(np.diag(gram)), atol=1e-6 * np.trace(gram)
        ):
            raise BadInput(
                f"weights of shape {self.weights.shape}: expected (pixels, latent_dim) with orthogonal columns; "
                f"pass np.linalg.qr(weights)[0]."
            )
        if self.bias.shape != self.weights.shape[:1] or not self.scale > 0:
            raise BadInput(
                f"bias has shape {self.bias.shape} and scale is {scale!r}: expected ({self.weights.shape[0]},) "
                f"and a number "
                f"> 0; pass one bias a pixel and a positive scale."
            )
        self.pixels, self.latent_dim = self.weights.shape

    @classmethod
    def random(
        cls, pixels: int = 16, latent_dim: int = 2, *, scale: float = 0.1, seed: int = 0
    ) -> "LinearGaussian":
        """A model with random orthogonal columns of lengths 0.2 to 0.4 and bias 0.5, so that x stays inside [0, 1]."""
        directions = np.linalg.qr(np.random.default_rng(seed).normal(size=(pixels, latent_dim)))[0]
        return cls(directions * np.linspace(0.4, 0.2, latent_dim), np.full(pixels, 0.5), scale)

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """``n`` observations x, float32 of shape ``(n, pixels)``."""
        rng = np.random.default_rng(seed)
        z = rng.normal(size=(n, self.latent_dim))
        noise = self.scale * rng.normal(size=(n, self.pixels))
        return (z @ self.weights.T + self.bias + noise).astype("float32")

    def log_prob(self, x: Any) -> np.ndarray:
        """Exact log p(x) in nats, shape ``(n,)``: x is normal with covariance weights weightsᵀ + scale² I."""
        covariance = self.weights @ self.weights.T + self.scale**2 * np.eye(self.pixels)
        return np.atleast_1d(multivariate_normal(self.bias, covariance).logpdf(x))

    def posterior(self, x: Any) -> tuple[np.ndarray, np.ndarray]:
        """Exact mean ``(n, latent_dim)`` and log variance ``(latent_dim,)`` of p(z|x)."""
        precision = 1.0 + np.sum(self.weights**2, axis=0) / self.scale**2
        mean = (np.asarray(x) - self.bias) @ self.weights / self.scale**2 / precision
        return mean, -np.log(precision)

    def vae(
        self, *, mean_shift: float | Sequence[float] = 0.0, log_var_shift: float = 0.0, seed: int = 0
    ) -> VAE:
        """This model as a :class:`~companion.vae.VAE` whose encoder is the exact posterior, moved off it by the shifts.

        With no shift the ELBO equals log p(x), whatever noise is drawn. With log_var_shift = s and mean_shift =
        m the gap is KL(q || p(z|x)), which :meth:`gap` gives.
        """
        return VAE(
            self._encoder(np.broadcast_to(mean_shift, (self.latent_dim,)), log_var_shift, seed),
            self._decoder(),
            likelihood=Likelihood("normal", scale=self.scale, link="identity"),
            seed=seed,
        )

    def gap(self, mean_shift: float | Sequence[float] = 0.0, log_var_shift: float = 0.0) -> float:
        """log p(x) - ELBO in nats for the encoder that :meth:`vae` builds with these shifts; the same for every x."""
        precision = 1.0 + np.sum(self.weights**2, axis=0) / self.scale**2
        shift = np.broadcast_to(mean_shift, (self.latent_dim,))
        spread = math.exp(log_var_shift) - 1.0 - log_var_shift
        return float(0.5 * np.sum(spread + shift**2 * precision))

    def _encoder(self, mean_shift: np.ndarray, log_var_shift: float, seed: int) -> keras.Model:
        precision = 1.0 + np.sum(self.weights**2, axis=0) / self.scale**2
        kernel = self.weights / self.scale**2 / precision
        x = keras.Input((self.pixels,))
        z_mean = _fixed_dense(kernel, mean_shift - self.bias @ kernel, "z_mean")(x)
        z_log_var = _fixed_dense(np.zeros_like(kernel), log_var_shift - np.log(precision), "z_log_var")(x)
        return keras.Model(x, [z_mean, z_log_var, Sampling(seed=seed)([z_mean, z_log_var])])

    def _decoder(self) -> keras.Model:
        z = keras.Input((self.latent_dim,))
        return keras.Model(z, _fixed_dense(self.weights.T, self.bias, "pixels")(z))


def _fixed_dense(kernel: np.ndarray, bias: np.ndarray, name: str) -> layers.Dense:
    """A linear layer that starts at the given values."""
    constant = keras.initializers.Constant
    return layers.Dense(
        kernel.shape[1], kernel_initializer=constant(kernel), bias_initializer=constant(bias), name=name
    )
