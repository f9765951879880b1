"""A coupling flow over codes, whose density is exact and from which one draws in one pass. Chapter 16."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import layers, ops, random

from companion.distributions import DiagonalNormal
from companion.errors import check_seed, check_whole_number
from companion.networks import _dense, _seeds
from companion.tensors import Seed, Tensor

HIDDEN = 64  # units of the small networks inside a coupling
SCALE_BOUND = 3.0  # of the log scale of one coupling, so that no draw can overflow


@keras.saving.register_keras_serializable(package="companion")
class Coupling(layers.Layer):
    """One affine coupling: half of the coordinates decides how the other half is shifted and scaled.

    Called on codes ``(..., latent_dim)``; returns ``u`` of the same shape and ``log |det du/dz|`` of shape ``(...)``,
    in nats. The half that is kept goes through unchanged, so the Jacobian is triangular and its determinant the product
    of the scales. ``turned`` keeps the second half. It begins as the identity.
    Raises :class:`~companion.errors.BadInput` for a ``latent_dim`` below 2.
    Source: Dinh et al. (2017), section 3. Taught in chapter 16.
    """

    def __init__(
        self,
        latent_dim: int,
        hidden: int = HIDDEN,
        turned: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = check_whole_number("latent_dim", latent_dim, at_least=2)
        self.hidden, self.turned = check_whole_number("hidden", hidden), bool(turned)
        self.seed = check_seed(seed, generator=False)
        first = self.latent_dim // 2
        kept, self.changed = (self.latent_dim - first, first) if turned else (first, self.latent_dim - first)
        self.stack = _stack(kept, self.hidden, 2 * self.changed, _seeds(self.seed))
        self.built = True

    def call(self, z: Tensor) -> tuple[Tensor, Tensor]:
        kept, changed = self._halves(z)
        shift, log_scale = self._shift_and_log_scale(kept)  # (..., changed) each
        u = (changed - shift) * ops.exp(-log_scale)
        return self._joined(kept, u), -ops.sum(log_scale, axis=-1)

    def inverse(self, u: Tensor) -> Tensor:
        """The codes ``z`` that ``call`` maps to ``u``: shape ``(..., latent_dim)``."""
        kept, changed = self._halves(u)
        shift, log_scale = self._shift_and_log_scale(kept)
        return self._joined(kept, changed * ops.exp(log_scale) + shift)

    def _shift_and_log_scale(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        h = kept
        for layer in self.stack:
            h = layer(h)
        return h[..., : self.changed], SCALE_BOUND * ops.tanh(h[..., self.changed :] / SCALE_BOUND)

    def _halves(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The half that is kept and the half that is changed."""
        first = self.latent_dim // 2
        parts = z[..., :first], z[..., first:]
        return parts[::-1] if self.turned else parts

    def _joined(self, kept: Tensor, changed: Tensor) -> Tensor:
        return ops.concatenate([changed, kept] if self.turned else [kept, changed], axis=-1)

    def get_config(self) -> dict[str, Any]:
        names = ("latent_dim", "hidden", "turned", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="companion")
class CouplingFlow(layers.Layer):
    """A density over codes: couplings that keep each half in turn, after one shift and scale per coordinate.

    ``log_prob(z)`` takes ``(..., latent_dim)`` and gives ``(...)``, in nats; ``draw(n, seed)`` gives codes. It begins
    as a normal distribution with the mean and spread that :meth:`adapt` measures, or as N(0, I).
    Raises :class:`~companion.errors.BadInput` for a ``latent_dim`` below 2.
    Source: Dinh et al. (2017), without their batch normalisation. Taught in chapter 16.
    """

    def __init__(
        self,
        latent_dim: int,
        num_couplings: int = 6,
        hidden: int = HIDDEN,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.num_couplings = check_whole_number("num_couplings", num_couplings)
        self.seed = check_seed(seed, generator=False)
        seeds: list[int | None] = [None] * self.num_couplings
        if self.seed is not None:
            seeds = [self.num_couplings * self.seed + place for place in range(self.num_couplings)]
        self.couplings = [
            Coupling(latent_dim, hidden, turned=place % 2 == 1, seed=own) for place, own in enumerate(seeds)
        ]
        self.latent_dim, self.hidden = self.couplings[0].latent_dim, self.couplings[0].hidden
        self.center = self.add_weight(name="center", shape=(self.latent_dim,), initializer="zeros")
        self.log_spread = self.add_weight(name="log_spread", shape=(self.latent_dim,), initializer="zeros")
        self.built = True

    def call(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The noise ``u`` behind codes ``z``, and ``log |det du/dz|`` of shape ``(...)``."""
        u = (z - self.center) * ops.exp(-self.log_spread)  # (..., latent_dim)
        log_det = -ops.sum(self.log_spread)
        for coupling in self.couplings:
            u, more = coupling(u)
            log_det = log_det + more  # (...)
        return u, log_det

    def inverse(self, u: Tensor) -> Tensor:
        """The codes that noise ``u`` ``(..., latent_dim)`` stands for."""
        for coupling in reversed(self.couplings):
            u = coupling.inverse(u)
        return u * ops.exp(self.log_spread) + self.center

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of codes ``(..., latent_dim)``: shape ``(...)``, in nats."""
        u, log_det = self(ops.cast(z, "float32"))
        return DiagonalNormal(ops.zeros(1), ops.zeros(1)).log_prob(u) + log_det

    def draw(self, n: int, seed: Seed = None) -> np.ndarray:
        """``n`` codes ``(n, latent_dim)``. ``seed``: an int, a ``SeedGenerator`` or None."""
        noise = random.normal((check_whole_number("n", n), self.latent_dim), seed=check_seed(seed))
        return ops.convert_to_numpy(self.inverse(noise))

    def given(self, encoder: keras.Model) -> "CouplingFlow":
        """The density itself: unlike a VampPrior, it does not depend on the encoder."""
        return self

    def adapt(self, images: np.ndarray, codes: np.ndarray, draws: np.random.Generator) -> None:
        """Begin at the mean and the spread of ``codes`` ``(n, latent_dim)``."""
        self.center.assign(codes.mean(axis=0))
        self.log_spread.assign(np.log(codes.std(axis=0) + 1e-6))

    def get_config(self) -> dict[str, Any]:
        names = ("latent_dim", "num_couplings", "hidden", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def _stack(inputs: int, hidden: int, outputs: int, seeds: Iterator[int | None]) -> list[layers.Dense]:
    """Two layers of ReLUs and a linear one that begins at zero; built, for inputs of any rank."""
    stack = [_dense(hidden, seeds, activation="relu", dtype="float32") for _ in range(2)]
    stack.append(layers.Dense(outputs, kernel_initializer="zeros", dtype="float32"))
    for layer, size in zip(stack, (inputs, hidden, hidden), strict=True):
        layer.build((None, size))
    return stack
