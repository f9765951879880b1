"""VAEs whose log p(x) is known exactly: linear decoders, normal pixels. The book tests its bounds against them."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from scipy.stats import multivariate_normal

from companion.errors import BadInput, check_choice
from companion.hierarchical_vae import HierarchicalVAE
from companion.hierarchical_vae.networks import INFERENCES, chain_decoder, chain_encoder
from companion.layers import Sampling
from companion.likelihoods import Likelihood
from companion.vae import VAE


class LinearGaussian:
    """z ~ N(0, I), x = weights z + bias + scale * noise: probabilistic PCA, with everything in closed form.

    ``weights`` has shape ``(pixels, latent_dim)`` and orthogonal columns, so that the exact posterior is a diagonal
    normal; ``bias`` has shape ``(pixels,)`` and ``scale`` > 0. Raises :class:`~companion.errors.BadInput` otherwise.
    Source: Tipping & Bishop (1999). Used in chapters 04, 10, 11 and 13.
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
                f"bias has shape {self.bias.shape} and scale is {scale!r}: expected ({self.weights.shape[0]},) and a "
                f"number > 0; pass one bias per pixel and a positive scale."
            )
        self.pixels, self.latent_dim = self.weights.shape

    @classmethod
    def random(
        cls, pixels: int = 16, latent_dim: int = 2, *, scale: float = 0.1, seed: int = 0
    ) -> "LinearGaussian":
        """A model with random orthogonal columns of lengths 0.4 to 0.2 and bias 0.5, so that x stays near [0, 1]."""
        directions = np.linalg.qr(np.random.default_rng(seed).normal(size=(pixels, latent_dim)))[0]
        return cls(directions * np.linspace(0.4, 0.2, latent_dim), np.full(pixels, 0.5), scale)

    @classmethod
    def fitted(cls, x: Any, latent_dim: int, scale: float) -> "LinearGaussian":
        """The model of highest likelihood for data ``x`` ``(n, pixels)`` with noise of this ``scale``, in closed form.

        Column j is the j-th principal direction, as long as the square root of its variance minus ``scale`` squared: a
        direction with less variance than the noise gets length 0, and its coordinate of z has collapsed. Raises
        :class:`~companion.errors.BadInput` for a ``latent_dim`` that is not between 1 and the number of pixels.
        Source: Tipping & Bishop (1999), equation 7; Lucas et al. (2019). Taught in chapter 11.
        """
        x = np.asarray(x, float)
        if not 1 <= latent_dim <= x.shape[-1]:
            raise BadInput(
                f"latent_dim={latent_dim!r}: expected 1 to {x.shape[-1]}; pass latent_dim=1 or more."
            )
        variances, directions = np.linalg.eigh(np.cov(x, rowvar=False, bias=True))
        largest = np.argsort(variances)[::-1][:latent_dim]
        lengths = np.sqrt(np.maximum(variances[largest] - scale**2, 0.0))
        return cls(directions[:, largest] * lengths, x.mean(axis=0), scale)

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

    def complete(self, x: Any) -> np.ndarray:
        """``x`` ``(n, pixels)`` with the exact mean given the observed pixels in the place of every NaN, float64.

        Given the observed pixels, z is normal with the precision I + WᵀW / scale², where W holds their rows of the
        weights; the mean of a missing pixel is its bias plus its row times the mean of z. Source: Tipping & Bishop
        (1999). Used in chapter 13.
        """
        completed = np.array(x, float)
        for row in completed:
            seen = ~np.isnan(row)
            w = self.weights[seen]  # (observed, latent_dim)
            precision = np.eye(self.latent_dim) + w.T @ w / self.scale**2
            mean = np.linalg.solve(precision, w.T @ (row[seen] - self.bias[seen])) / self.scale**2
            row[~seen] = self.bias[~seen] + self.weights[~seen] @ mean
        return completed

    def vae(
        self, *, mean_shift: float | Sequence[float] = 0.0, log_var_shift: float = 0.0, seed: int = 0
    ) -> VAE:
        """This model as a :class:`~companion.vae.VAE` whose encoder is the exact posterior plus the given shifts.

        Without shifts every log weight equals log p(x), and so does the ELBO averaged over draws. With shifts the ELBO
        is lower by KL(q || p(z|x)), which :meth:`gap` gives.
        """
        return VAE(
            self._encoder(np.broadcast_to(mean_shift, (self.latent_dim,)), log_var_shift, seed),
            self._decoder(),
            likelihood=self._likelihood(),
            seed=seed,
        )

    def gap(self, mean_shift: float | Sequence[float] = 0.0, log_var_shift: float = 0.0) -> float:
        """log p(x) - ELBO, in nats, for the encoder that :meth:`vae` builds with these shifts: the same for every x."""
        precision = 1.0 + np.sum(self.weights**2, axis=0) / self.scale**2
        shift = np.broadcast_to(mean_shift, (self.latent_dim,))
        spread = math.exp(log_var_shift) - 1.0 - log_var_shift
        return float(0.5 * np.sum(spread + shift**2 * precision))

    def _encoder(self, mean_shift: np.ndarray, log_var_shift: float, seed: int) -> keras.Model:
        precision = 1.0 + np.sum(self.weights**2, axis=0) / self.scale**2
        kernel = self.weights / self.scale**2 / precision
        return _linear_normal(
            kernel, mean_shift - self.bias @ kernel, log_var_shift - np.log(precision), seed
        )

    def _decoder(self) -> keras.Model:
        z = keras.Input((self.latent_dim,))
        return keras.Model(z, _fixed_dense(self.weights.T, self.bias, "pixels")(z))

    def _likelihood(self) -> Likelihood:
        return Likelihood("normal", scale=self.scale, link="identity")


def kl_at_optimum(variances: Any, scale: float, beta: float = 1.0) -> np.ndarray:
    """The mean KL of each unit of the best linear VAE for data with these ``variances``, in nats: the same shape.

    ``variances`` are those of the principal directions, ``scale`` the standard deviation of a pixel's noise. The KL is
    half the logarithm of variance / (beta * scale squared), and 0 below that threshold, where the unit collapses.
    Source: Lucas et al. (2019). Taught in chapter 11.
    """
    return 0.5 * np.log(np.maximum(np.asarray(variances, float) / (beta * scale**2), 1.0))


class TwoLayerLinearGaussian:
    """z2 ~ N(0, I), z1 = slopes * z2 + scale * noise, and x from z1 as in ``pixels``: two layers in closed form.

    ``pixels`` is a :class:`LinearGaussian`, whose code is z1; ``slopes`` has shape ``(d2,)`` with d2 at most its
    ``latent_dim``: coordinate j of z1 depends on coordinate j of z2, those beyond d2 on none. ``scale`` > 0.
    Raises :class:`~companion.errors.BadInput` otherwise. Used in chapter 08.
    """

    def __init__(self, pixels: LinearGaussian, slopes: Any, scale: float):
        self.pixels, self.slopes, self.scale = pixels, np.asarray(slopes, float), float(scale)
        if self.slopes.ndim != 1 or not 1 <= len(self.slopes) <= pixels.latent_dim or not self.scale > 0:
            raise BadInput(
                f"slopes have shape {self.slopes.shape} and scale is {scale!r}: expected 1 to {pixels.latent_dim} "
                f"slopes and a number > 0; pass one slope per coordinate of z2 and a positive scale."
            )
        self.latent_dims = (pixels.latent_dim, len(self.slopes))
        above = np.zeros(pixels.latent_dim)
        above[: len(self.slopes)] = self.slopes
        self.above = above  # the slope of each coordinate of z1
        self.variance = above**2 + self.scale**2  # the variance of z1 under the model
        # With z2 integrated out, z1 has independent normal coordinates: one layer with rescaled columns.
        self.flat = LinearGaussian(pixels.weights * np.sqrt(self.variance), pixels.bias, pixels.scale)

    @classmethod
    def random(
        cls, pixels: int = 16, latent_dims: tuple[int, int] = (2, 1), *, scale: float = 0.5, seed: int = 0
    ) -> "TwoLayerLinearGaussian":
        """A model over a random :class:`LinearGaussian`, with slopes from 1 to 0.5."""
        below = LinearGaussian.random(pixels, latent_dims[0], seed=seed)
        return cls(below, np.linspace(1.0, 0.5, latent_dims[1]), scale)

    def sample(self, n: int, seed: int = 0) -> np.ndarray:
        """``n`` observations x, float32 of shape ``(n, pixels)``."""
        return self.flat.sample(n, seed)

    def log_prob(self, x: Any) -> np.ndarray:
        """Exact log p(x) in nats, shape ``(n,)``, with both layers integrated out."""
        return self.flat.log_prob(x)

    def vae(
        self, inference: str = "bottom_up", *, log_var_shift: float = 0.0, seed: int = 0
    ) -> HierarchicalVAE:
        """This model as a :class:`~companion.hierarchical_vae.HierarchicalVAE` that infers with the exact posterior.

        ``log_var_shift`` is added to the log variances of q(z1|x), or of the message to z1.
        """
        check_choice("inference", inference, INFERENCES)
        encoder = (
            self._bottom_up(log_var_shift, seed)
            if inference == "bottom_up"
            else self._top_down(log_var_shift)
        )
        how: dict[str, Any] = {"inference": inference, "merge": "precision"}
        return HierarchicalVAE(
            encoder, self._decoder(seed), **how, likelihood=self.pixels._likelihood(), seed=seed
        )

    def _decoder(self, seed: int) -> keras.Model:
        spread = np.full(self.latent_dims[0], 2 * math.log(self.scale))
        prior = _linear_normal(self._down(), np.zeros_like(self.above), spread, seed)
        return chain_decoder(self.pixels._decoder(), [prior])

    def _bottom_up(self, log_var_shift: float, seed: int) -> keras.Model:
        """q(z1|x) is the posterior of the flat model, rescaled; q(z2|z1) is exact for the given slopes and scale."""
        precision, kernel = self._data()
        total = 1 / self.variance + precision
        kernel = kernel * precision / total
        first = _linear_normal(kernel, -self.pixels.bias @ kernel, log_var_shift - np.log(total), seed)
        of_top = 1 + (self.slopes / self.scale) ** 2
        up = self._down().T / self.scale**2 / of_top
        return chain_encoder([first, _linear_normal(up, np.zeros_like(of_top), -np.log(of_top), seed + 1)])

    def _top_down(self, log_var_shift: float) -> keras.Model:
        """The message to z1 is the likelihood of x as a normal in z1; that to z2 is the exact posterior of z2."""
        precision, kernel = self._data()
        of_x_given_top = precision / (1 + precision * self.scale**2)  # the noise of z1 adds its variance
        slopes, of_x = self.slopes, of_x_given_top[: len(self.slopes)]
        total = 1 + slopes**2 * of_x
        top = kernel[:, : len(slopes)] * slopes * of_x / total
        weighted = kernel * precision * math.exp(-log_var_shift)
        x = keras.Input((self.pixels.pixels,))
        parts = [
            _linear_normal(weighted, -self.pixels.bias @ weighted, log_var_shift - np.log(precision), 0),
            _linear_normal(top, -self.pixels.bias @ top, -np.log(total), 0),
        ]
        return keras.Model(x, [output for part in parts for output in part(x)[:2]])

    def _data(self) -> tuple[np.ndarray, np.ndarray]:
        """The likelihood of x as a normal in z1: its precision ``(d1,)``, and the matrix from x - bias to its mean."""
        length = np.sum(self.pixels.weights**2, axis=0)
        return length / self.pixels.scale**2, self.pixels.weights / length

    def _down(self) -> np.ndarray:
        """The matrix from z2 to the mean of z1, ``(d2, d1)``."""
        return np.eye(len(self.slopes), len(self.above)) * self.above


def _linear_normal(kernel: np.ndarray, bias: np.ndarray, log_var: np.ndarray, seed: int) -> keras.Model:
    """An encoder, or a prior: mean ``inputs @ kernel + bias``, a constant log variance, and a draw."""
    x = keras.Input((len(kernel),))
    z_mean = _fixed_dense(kernel, bias, "z_mean")(x)
    z_log_var = _fixed_dense(np.zeros_like(kernel), log_var, "z_log_var")(x)
    return keras.Model(x, [z_mean, z_log_var, Sampling(seed=seed)([z_mean, z_log_var])])


def _fixed_dense(kernel: np.ndarray, bias: np.ndarray, name: str) -> layers.Dense:
    """A linear layer with the given initial weights."""
    constant = keras.initializers.Constant
    return layers.Dense(
        kernel.shape[1], kernel_initializer=constant(kernel), bias_initializer=constant(bias), name=name
    )
