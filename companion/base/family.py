"""The seam at which a family differs from the plain VAE."""

from typing import Any

import numpy as np
from keras import ops, random

from companion.distributions import DiagonalNormal
from companion.tensors import Seed, Tensor


class Family:
    """Questions that evaluation and generation ask of every family, answered as the plain VAE answers them.

    A model with a condition, with several layers of codes or with codes that are no numbers answers them otherwise.
    """

    latent_dim: int

    def images_of(self, x: Tensor) -> Tensor:
        """The images in an input ``x``: all of it here; a model with a condition takes them out of the pair."""
        return x

    def prior_of(self, x: Tensor) -> DiagonalNormal:
        """The prior p(z) of the codes of ``x``, broadcasting to ``(batch, latent_dim)``: the standard normal."""
        return DiagonalNormal(ops.zeros(1), ops.zeros(1))

    @property
    def noise_dim(self) -> int:
        """How many standard normal numbers the code of one image takes."""
        return self.latent_dim

    def noise(self, n: int, seed: Seed) -> np.ndarray:
        """What ``elbo_terms`` takes as ``epsilon`` for ``n`` images, drawn anew: ``(n, noise_dim)``."""
        return ops.convert_to_numpy(random.normal((n, self.noise_dim), seed=seed))

    def own_scores(self, x: Any) -> dict[str, Any]:
        """Further figures of a family on images ``x``, which a recorded run keeps beside the common ones."""
        return {}
