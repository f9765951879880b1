"""Models that are trained in experiments alone: each differs in one thing from a model of the package."""

from __future__ import annotations

from companion.iwae import IWAE
from companion.tensors import Tensor
from companion.vae import Terms


class ManyDraws(IWAE):
    """A VAE whose ELBO is a mean over ``num_samples`` draws per image: the column *VAE* of Burda et al. (2016)."""

    def objective(self, terms: Terms) -> Tensor:
        return -terms["elbo"]
