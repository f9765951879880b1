"""The distribution over the codes of a discrete VAE: independent choices among categories. Chapter 09."""

from typing import Self

import numpy as np
from keras import ops, random

from companion.errors import BadInput, check_seed
from companion.tensors import Seed, Tensor


class Categorical:
    """``num_latents`` independent categorical variables, from ``logits`` ``(num_latents, num_categories)``.

    :meth:`log_prob` takes one-hot rows, ``(..., num_latents, num_categories)``; :meth:`draw` gives whole numbers
    ``(n, num_latents)``. Raises :class:`~companion.errors.BadInput` for logits of another rank.
    Taught in chapter 09.
    """

    def __init__(self, logits: Tensor):
        if len(logits.shape) != 2:
            raise BadInput(
                f"logits have shape {tuple(logits.shape)}: expected (num_latents, num_categories); pass one row per "
                f"latent."
            )
        self.log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
        self.is_uniform = False

    @classmethod
    def uniform(cls, num_latents: int, num_categories: int) -> Self:
        """The distribution in which all categories are equally probable."""
        prior = cls(ops.zeros((num_latents, num_categories)))
        prior.is_uniform = True
        return prior

    def log_prob(self, z: Tensor) -> Tensor:
        """Log probability of one-hot codes, summed over the latents: ``(...)``, in nats."""
        return ops.sum(z * self.log_probs, axis=(-2, -1))

    def kl_from(self, log_q: Tensor) -> Tensor:
        """KL(q || self) for log q of every category, ``(batch, num_latents, num_categories)``: ``(batch,)``, nats."""
        return ops.sum(ops.exp(log_q) * (log_q - self.log_probs), axis=(-2, -1))

    def draw(self, n: int, seed: Seed = None) -> np.ndarray:
        """``n`` codes, whole numbers ``(n, num_latents)``. ``seed``: an int, a ``SeedGenerator`` or None."""
        seed = check_seed(seed)
        num_latents, num_categories = self.log_probs.shape
        if self.is_uniform:
            drawn = random.randint((n, num_latents), 0, num_categories, seed=seed)
        else:
            drawn = ops.transpose(random.categorical(self.log_probs, n, seed=seed))  # (n, num_latents)
        return ops.convert_to_numpy(drawn)
