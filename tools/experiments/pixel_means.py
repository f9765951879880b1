"""The negative ELBO of the digits with sums and with means over pixels: what chapter 04 shows of a common mistake."""

from __future__ import annotations

import keras
import numpy as np

from companion import data
from companion.evaluation import active_units
from companion.tensors import Tensor
from companion.vae import VAE, Terms


class MeanOverPixels(VAE):
    """The log likelihood is divided by the number of pixels, the KL is not."""

    def objective(self, terms: Terms) -> Tensor:
        return -terms["log_likelihood"] / np.prod(self.image_shape) + terms["kl"]


class BothDivided(VAE):
    """Both terms are divided by the number of pixels."""

    def objective(self, terms: Terms) -> Tensor:
        return -terms["elbo"] / np.prod(self.image_shape)


OBJECTIVES = {"sum": VAE, "mean": MeanOverPixels, "both": BothDivided}


def trained_with(objective: str, seed: int, epochs: int = 20) -> dict[str, float]:
    """Test figures of the dense VAE with eight latent units, in nats per image, and its units in use."""
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    shape = dataset.x_train.shape[1:]
    model = OBJECTIVES[objective](input_shape=shape, latent_dim=8, seed=seed)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    model.fit(dataset.x_train, batch_size=64, epochs=epochs, verbose=0)
    terms = model.elbo_terms(dataset.x_test)
    return {
        "neg_elbo": -float(np.mean(terms["elbo"])),
        "reconstruction": -float(np.mean(terms["log_likelihood"])),
        "kl": float(np.mean(terms["kl"])),
        "active": float(active_units(model, dataset.x_test)),
    }
