"""A semi-supervised VAE whose log p(x) is known exactly: one linear-Gaussian model per class. Chapter 12."""

from typing import Any

import keras
import numpy as np
from keras import layers
from scipy.special import logsumexp

from companion.errors import BadInput
from companion.layers import Sampling
from companion.linear_gaussian import LinearGaussian
from companion.semi_supervised import SemiSupervisedVAE


class LinearClasses:
    """y is one of K classes, z ~ N(0, I), x = weights z + means[y] + scale * noise, everything in closed form.

    ``shared`` is the :class:`~companion.linear_gaussian.LinearGaussian` that gives weights and scale; ``means`` has
    shape ``(K, pixels)``. All classes are equally likely. The exact q(z|x, y) is a diagonal normal, and the exact
    q(y|x) a linear classifier. Raises :class:`~companion.errors.BadInput` for means of another shape.
    Used in chapter 12.
    """

    def __init__(self, shared: LinearGaussian, means: Any):
        self.shared, self.means = shared, np.asarray(means, float)
        if self.means.ndim != 2 or self.means.shape[1] != shared.pixels:
            raise BadInput(
                f"means have shape {self.means.shape}: expected (classes, {shared.pixels}); pass one row per class."
            )
        self.num_classes = len(self.means)
        self.per_class = [LinearGaussian(shared.weights, mean, shared.scale) for mean in self.means]

    @classmethod
    def random(
        cls,
        pixels: int = 8,
        latent_dim: int = 2,
        num_classes: int = 3,
        *,
        spread: float = 0.15,
        seed: int = 0,
    ) -> "LinearClasses":
        """Random orthogonal weights, and class means about 0.5 with the standard deviation ``spread`` per pixel."""
        rng = np.random.default_rng(seed + 1)
        means = 0.5 + spread * rng.normal(size=(num_classes, pixels))
        return cls(LinearGaussian.random(pixels, latent_dim, seed=seed), means)

    def sample(self, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """``n`` observations x, float32 ``(n, pixels)``, and their classes, ``(n,)``."""
        labels = np.random.default_rng(seed + 1).integers(self.num_classes, size=n)
        return (self.shared.sample(n, seed) - self.shared.bias + self.means[labels]).astype("float32"), labels

    def log_joint(self, x: Any) -> np.ndarray:
        """Exact log p(x, y) of every class y, in nats: ``(n, num_classes)``."""
        given_class = np.stack([each.log_prob(x) for each in self.per_class], axis=1)
        return given_class - np.log(self.num_classes)

    def log_prob(self, x: Any) -> np.ndarray:
        """Exact log p(x) in nats, with the class and the code summed out: ``(n,)``."""
        return logsumexp(self.log_joint(x), axis=1)

    def class_posterior(self, x: Any) -> np.ndarray:
        """Exact p(y|x): ``(n, num_classes)``."""
        return np.exp(self.log_joint(x) - self.log_prob(x)[:, None])

    def model(self, *, tilt: float = 1.0, seed: int = 0) -> SemiSupervisedVAE:
        """This model, with the exact q(z|x, y) and q(y|x), as a ``SemiSupervisedVAE``.

        Without a tilt its bounds equal :meth:`log_prob` and :meth:`log_joint`. ``tilt`` multiplies the logits of
        q(y|x): 0 makes every class equally likely, and a large number names the most probable one.
        """
        return SemiSupervisedVAE(
            self._encoder(seed),
            self._decoder(),
            self._classifier(tilt),
            num_classes=self.num_classes,
            likelihood=self.shared._likelihood(),
            seed=seed,
        )

    def _inputs(self, size: int) -> list[Any]:
        return [keras.Input((size,)), keras.Input((self.num_classes,))]

    def _encoder(self, seed: int) -> keras.Model:
        """The exact posterior, whose mean is linear in x minus the mean of the class."""
        weights, scale = self.shared.weights, self.shared.scale
        precision = 1.0 + np.sum(weights**2, axis=0) / scale**2
        kernel = weights / scale**2 / precision
        inputs = self._inputs(self.shared.pixels)
        z_mean = _linear(np.concatenate([kernel, -self.means @ kernel]), 0.0)(layers.Concatenate()(inputs))
        z_log_var = _linear(np.zeros((self.shared.pixels, len(precision))), -np.log(precision))(inputs[0])
        return keras.Model(inputs, [z_mean, z_log_var, Sampling(seed=seed)([z_mean, z_log_var])])

    def _decoder(self) -> keras.Model:
        inputs = self._inputs(self.shared.latent_dim)
        kernel = np.concatenate([self.shared.weights.T, self.means])
        return keras.Model(inputs, _linear(kernel, 0.0)(layers.Concatenate()(inputs)))

    def _classifier(self, tilt: float) -> keras.Model:
        """All classes have one covariance C, so log p(y|x) is linear in x: x C⁻¹ m_y - m_y C⁻¹ m_y / 2."""
        weights = self.shared.weights
        covariance = weights @ weights.T + self.shared.scale**2 * np.eye(self.shared.pixels)
        kernel = np.linalg.solve(covariance, self.means.T)  # (pixels, num_classes)
        bias = -0.5 * np.sum(self.means.T * kernel, axis=0)
        x = keras.Input((self.shared.pixels,))
        return keras.Model(x, _linear(tilt * kernel, tilt * bias)(x))


def _linear(kernel: np.ndarray, bias: Any) -> layers.Dense:
    """A linear layer with the given initial weights."""
    constant = keras.initializers.Constant
    bias = np.broadcast_to(bias, kernel.shape[1:])
    return layers.Dense(kernel.shape[1], kernel_initializer=constant(kernel), bias_initializer=constant(bias))
