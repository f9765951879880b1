"""A VAE whose encoder is trained with the score-function estimator, with any number of draws per image. Chapter 03."""

from typing import Any

import keras
from keras import ops, random

from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import check_whole_number
from companion.objectives import elbo_terms
from companion.tensors import Tensor
from companion.vae import VAE, Terms


@keras.saving.register_keras_serializable(package="companion")
class ScoreFunctionVAE(VAE):
    """A VAE that stops the gradient at the code; the encoder is trained by the score function of ``num_samples`` draws.

    Each draw is weighted by its log likelihood minus a baseline: the mean over the image's other draws, or with one
    draw per image the mean over the batch. History and ``evaluate`` report the terms of the ELBO, means over the draws.
    Raises :class:`~companion.errors.BadInput` for a ``num_samples`` below 1. Source: Williams (1992). Used in
    chapter 03.
    """

    def __init__(self, *networks: Any, num_samples: int = 1, **kwargs: Any):
        super().__init__(*networks, **kwargs)
        self.num_samples = check_whole_number("num_samples", num_samples)

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """``z_mean`` and ``z_log_var`` ``(batch, latent_dim)``; ``z`` and ``logits`` with a first axis of draws."""
        z_mean, z_log_var, _ = self.encoder(x, training=training)
        noise = random.normal((self.num_samples, *ops.shape(z_mean)), seed=self.seed_generator)
        z = ops.stop_gradient(reparameterize(z_mean, z_log_var, noise))  # (k, batch, latent_dim)
        logits = self.logits_of(z, x, training=training)
        return {"logits": logits, "z_mean": z_mean, "z_log_var": z_log_var, "z": z}

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, and ``score``, of which only the gradient is used: it trains the encoder."""
        z, logits = y_pred["z"], y_pred["logits"]
        if len(z.shape) == 2:
            z, logits = z[None], logits[None]
        log_likelihood = self.likelihood_of(logits).log_prob(self.images_of(x))
        z_mean, z_log_var = y_pred["z_mean"], y_pred["z_log_var"]
        log_q = DiagonalNormal(z_mean, z_log_var).log_prob(z)  # (k, batch)
        surplus = ops.stop_gradient(log_likelihood - self._baseline(log_likelihood))
        terms = elbo_terms(ops.mean(log_likelihood, axis=0), self.kl_of(z_mean, z_log_var, x))
        return {**terms, "score": ops.mean(surplus * log_q, axis=0)}

    def objective(self, terms: Terms) -> Tensor:
        """The negative ELBO of each image minus its score term, ``(batch,)``."""
        return super().objective(terms) - terms["score"]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_samples": self.num_samples}

    def _baseline(self, log_likelihood: Tensor) -> Tensor:
        draws = log_likelihood.shape[0]
        if draws == 1:
            # The image itself is part of this mean: that scales the expected gradient by 1 - 1/batch.
            return ops.mean(log_likelihood)
        return (ops.sum(log_likelihood, axis=0) - log_likelihood) / (draws - 1)
