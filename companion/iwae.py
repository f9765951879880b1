"""The importance weighted autoencoder: a VAE trained on the k-sample bound. Chapter 10."""

from typing import Any

import keras
import numpy as np
from keras import ops, random
from scipy.special import logsumexp

from companion.batching import map_batches
from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import BadInput, check_codes, check_whole_number
from companion.objectives import elbo_terms, log_importance_weights, log_mean_exp
from companion.tensors import Tensor
from companion.vae import VAE, Terms


def iwae_loss(log_weights: Tensor) -> Tensor:
    """The negative k-sample bound of each image, ``-L_k``: shape ``(batch,)``, in nats.

    ``log_weights`` has shape ``(k, batch)``: k draws for every image, log w = log p(x|z) + log p(z) - log q(z|x).
    The usual signature ``iwae_loss(x, x_decoded, k)`` had to change: with one draw an image there are no k weights, and
    folding a batch into groups of k puts different images into one mean, which bounds nothing.
    Source: Burda et al. (2016), equation 8. Taught in chapter 10.
    """
    return -log_mean_exp(log_weights)


def normalized_weights(log_weights: Tensor) -> Tensor:
    """The share of each draw in its image's sum of weights: shape ``(k, batch)``, adding up to one over the k draws."""
    return ops.exp(log_weights - ops.logsumexp(log_weights, axis=0, keepdims=True))


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """How many draws of equal weight the k draws of an image are worth: shape ``(batch,)``, between 1 and k.

    One over the sum of the squared shares. Source: Kong (1992). Taught in chapter 10.
    """
    return 1.0 / ops.sum(ops.square(normalized_weights(log_weights)), axis=0)


def log_joint(model: VAE, image: Any, points: Any) -> np.ndarray:
    """log p(x, z) in nats of one ``image`` and each of the codes ``points`` ``(n, latent_dim)``: shape ``(n,)``.

    Up to a constant it is the log of the exact posterior. Raises :class:`~companion.errors.BadInput` for codes of
    another size. Taught in chapter 10.
    """
    codes = check_codes(points, model.latent_dim)
    x = model.checked(np.asarray(image)[None])

    def of_batch(z: np.ndarray) -> Tensor:
        return model.likelihood_of(model.decoder(z)).log_prob(x) + model.prior_of(x).log_prob(z)

    return map_batches(of_batch, codes)


def implied_posterior(
    model: VAE, image: Any, points: Any, k: int, *, repeats: int = 200, seed: int = 0
) -> np.ndarray:
    """The density at ``points`` ``(n, latent_dim)`` that k draws from q(z|x) and one choice by weight imply: ``(n,)``.

    It is what the k-sample bound treats as the posterior: q itself for k = 1, the exact posterior as k grows. It is an
    average over ``repeats`` sets of the other k - 1 draws. Raises :class:`~companion.errors.BadInput` for a ``k`` or
    ``repeats`` below 1. Source: Cremer et al. (2017), equation 6. Taught in chapter 10.
    """
    k, repeats = check_whole_number("k", k), check_whole_number("repeats", repeats)
    x = np.asarray(image)[None]
    z_mean, z_log_var, _ = model.encode(x)
    log_p = log_joint(model, image, points).astype("float64")
    log_q = ops.convert_to_numpy(DiagonalNormal(z_mean, z_log_var).log_prob(np.asarray(points, "float32")))
    if k == 1:
        return np.exp(log_q)
    others = ops.convert_to_numpy(model.log_weights(x, (k - 1) * repeats, seed=seed)).astype("float64")
    total_of_others = logsumexp(others.reshape(repeats, k - 1), axis=1)
    mean_weight = np.logaddexp((log_p - log_q)[:, None], total_of_others) - np.log(k)
    return np.mean(np.exp(log_p[:, None] - mean_weight), axis=1)


@keras.saving.register_keras_serializable(package="companion")
class IWAE(VAE):
    """A VAE that maximises the k-sample bound L_k instead of the ELBO; ``num_samples`` is k.

    The networks are those of a VAE. ``call`` draws z of shape ``(k, batch, latent_dim)``. History and ``evaluate``
    report ``loss``, minus L_k, beside the negative ELBO of the same posterior and its two terms, so that models trained
    with different k can be compared. ``doubly_reparameterized=True`` takes the encoder's gradient from the estimator of
    Tucker et al., which has less noise for the same draws; it needs one more pass through the decoder.

    Raises :class:`~companion.errors.BadInput` for a ``num_samples`` below 1 and a switch that is no truth value.
    Sources: Burda et al. (2016); Tucker et al. (2019). Taught in chapter 10.
    """

    def __init__(
        self, *networks: Any, num_samples: int = 5, doubly_reparameterized: bool = False, **kwargs: Any
    ):
        super().__init__(*networks, **kwargs)
        self.num_samples = check_whole_number("num_samples", num_samples)
        if not isinstance(doubly_reparameterized, bool):
            raise BadInput(
                f"doubly_reparameterized={doubly_reparameterized!r}: expected True or False; pass one of the two."
            )
        self.doubly_reparameterized = doubly_reparameterized

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """``z_mean`` and ``z_log_var`` ``(batch, latent_dim)``; ``z`` and ``logits`` with k draws ahead."""
        z_mean, z_log_var, _ = self.encoder(x, training=training)
        shape = (self.num_samples, *ops.shape(z_mean))
        noise = random.normal(shape, dtype=z_mean.dtype, seed=self.seed_generator)
        z = reparameterize(z_mean, z_log_var, noise)  # (k, batch, latent_dim)
        y_pred = {"z_mean": z_mean, "z_log_var": z_log_var, "z": z}
        if training and self.doubly_reparameterized:
            # With the shares known, the same draws again: their gradient reaches the encoder once more times the share.
            log_likelihood = self.likelihood_of(self.logits_of(z, x, training=training)).log_prob(
                self.images_of(x)
            )
            share = normalized_weights(self._log_weights(x, y_pred, log_likelihood))[
                ..., None
            ]  # (k, batch, 1)
            z = _scale_gradient(z, ops.cast(share, z.dtype))
        return {**y_pred, "z": z, "logits": self.logits_of(z, x, training=training)}

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, means over the draws, and the ``bound`` L_k; each ``(batch,)``, in nats.

        Noise that is given to ``elbo_terms`` makes one draw an image, and the bound is L_1.
        """
        if len(y_pred["z"].shape) == 2:
            y_pred = {**y_pred, "z": y_pred["z"][None], "logits": y_pred["logits"][None]}
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (k, batch)
        kl = self.kl_of(y_pred["z_mean"], y_pred["z_log_var"], x)  # (batch,)
        # Its gradient is that of the log weights, each times its share: just what the doubly reparameterized one needs.
        bound = -iwae_loss(self._log_weights(x, y_pred, log_likelihood))  # (batch,)
        return {**elbo_terms(ops.mean(log_likelihood, axis=0), kl), "bound": bound}

    def objective(self, terms: Terms) -> Tensor:
        """Minus L_k of each image, ``(batch,)``."""
        return -terms["bound"]

    def get_config(self) -> dict[str, Any]:
        own = {"num_samples": self.num_samples, "doubly_reparameterized": self.doubly_reparameterized}
        return {**super().get_config(), **own}

    def _log_weights(self, x: Tensor, y_pred: dict[str, Tensor], log_likelihood: Tensor) -> Tensor:
        """log w ``(k, batch)`` of the draws in ``y_pred``, whose ``log_likelihood`` ``(k, batch)`` is known."""
        z, z_mean, z_log_var = (y_pred[name] for name in ("z", "z_mean", "z_log_var"))
        if self.doubly_reparameterized:  # the density of q moves with the draws alone
            z_mean, z_log_var = ops.stop_gradient(z_mean), ops.stop_gradient(z_log_var)
        log_posterior = DiagonalNormal(z_mean, z_log_var).log_prob(z)
        return log_importance_weights(log_likelihood, self.prior_of(x).log_prob(z), log_posterior)


def _scale_gradient(tensor: Tensor, factor: Tensor) -> Tensor:
    """``tensor`` itself, but its gradient on the way back is multiplied by ``factor``."""
    fixed = ops.stop_gradient(tensor)
    return fixed + ops.stop_gradient(factor) * (tensor - fixed)
