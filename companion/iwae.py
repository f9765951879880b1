"""The importance weighted autoencoder: a VAE trained on the k-sample bound. Chapter 10."""

from typing import Any

import keras
import numpy as np
from keras import ops, random
from scipy.special import logsumexp

from companion.base import check_one_layer
from companion.batching import map_batches
from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import BadInput, check_codes, check_whole_number
from companion.objectives import elbo_terms, log_importance_weights, log_mean_exp
from companion.tensors import Tensor
from companion.vae import VAE, Terms


def iwae_loss(log_weights: Tensor) -> Tensor:
    """The negative k-sample bound of each image, ``-L_k``: shape ``(batch,)``, in nats.

    ``log_weights`` has shape ``(k, batch)``, k draws per image: log w = log p(x|z) + log p(z) - log q(z|x).
    Source: Burda et al. (2016), equation 8. Taught in chapter 10.
    """
    return -log_mean_exp(log_weights)


def normalized_weights(log_weights: Tensor) -> Tensor:
    """The normalised weight of each draw, ``(k, batch)``: its share in the sum of the k weights of its image."""
    return ops.exp(log_weights - ops.logsumexp(log_weights, axis=0, keepdims=True))


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """The effective sample size of the k draws of each image: shape ``(batch,)``, between 1 and k.

    It is 1 / (sum of the squared normalised weights): k where all weights are equal, 1 where one draw has all the
    weight. Source: Kong (1992). Taught in chapter 10.
    """
    return 1.0 / ops.sum(ops.square(normalized_weights(log_weights)), axis=0)


def log_joint(model: VAE, image: Any, points: Any) -> np.ndarray:
    """log p(x, z) in nats of one ``image`` and each of the codes ``points`` ``(n, latent_dim)``: shape ``(n,)``.

    It equals the log of the exact posterior plus a constant. Raises :class:`~companion.errors.BadInput` for codes of
    another size. Taught in chapter 10.
    """
    check_one_layer(model)
    codes = check_codes(points, model.latent_dim)
    x = model.checked(np.asarray(image)[None])

    def of_batch(z: np.ndarray) -> Tensor:
        return model.likelihood_of(model.decoder(z)).log_prob(x) + model.prior_of(x).log_prob(z)

    return map_batches(of_batch, codes)


def implied_posterior(
    model: VAE, image: Any, points: Any, k: int, *, repeats: int = 200, seed: int = 0
) -> np.ndarray:
    """The density at ``points`` ``(n, latent_dim)`` of one of k draws from q(z|x), chosen by weight: shape ``(n,)``.

    It is the posterior that the k-sample bound uses implicitly: q itself for k = 1, the exact posterior in the limit of
    large k. Estimated as an average over ``repeats`` sets of the other k - 1 draws.
    Raises :class:`~companion.errors.BadInput` for a ``k`` or ``repeats`` below 1.
    Source: Cremer et al. (2017), equation 6. Taught in chapter 10.
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

    The networks are those of a VAE. ``call`` draws z of shape ``(k, batch, latent_dim)``, k draws per image. History
    and ``evaluate`` report ``loss``, which is minus L_k, and the negative ELBO of the same posterior with its two
    terms, so that models trained with different k can be compared. ``doubly_reparameterized=True`` computes the
    encoder's gradient by the estimator of Tucker et al. (2019), which needs one more pass through the decoder.

    Raises :class:`~companion.errors.BadInput` for a ``num_samples`` below 1 and a ``doubly_reparameterized`` other than
    True or False.
    Sources: Burda et al. (2016); Tucker et al. (2019). Taught in chapter 10.
    """

    def __init__(
        self, *networks: Any, num_samples: int = 5, doubly_reparameterized: bool = False, **kwargs: Any
    ):
        super().__init__(*networks, **kwargs)
        self.num_samples = check_whole_number("num_samples", num_samples)
        if not isinstance(doubly_reparameterized, bool):
            raise BadInput(f"doubly_reparameterized must be True or False, got {doubly_reparameterized!r}.")
        self.doubly_reparameterized = doubly_reparameterized

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """``z_mean`` and ``z_log_var`` ``(batch, latent_dim)``; ``z`` and ``logits`` with a first axis of k draws."""
        z_mean, z_log_var, _ = self.encoder(x, training=training)  # (batch, latent_dim) each
        shape = (self.num_samples, *ops.shape(z_mean))
        noise = random.normal(shape, dtype=z_mean.dtype, seed=self.seed_generator)
        z = reparameterize(z_mean, z_log_var, noise)  # (k, batch, latent_dim)
        y_pred = {"z_mean": z_mean, "z_log_var": z_log_var, "z": z}
        if training and self.doubly_reparameterized:
            # The bound weighs each draw's gradient by its share; here every draw's gradient is scaled by it once more.
            logits = self.logits_of(z, x, training=training)  # (k, batch, *image_shape)
            log_likelihood = self.likelihood_of(logits).log_prob(self.images_of(x))  # (k, batch)
            share = normalized_weights(self._log_weights(x, y_pred, log_likelihood))  # (k, batch)
            z = _scale_gradient(z, ops.cast(share[..., None], z.dtype))  # (k, batch, latent_dim)
        return {**y_pred, "z": z, "logits": self.logits_of(z, x, training=training)}

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, means over the draws, and the ``bound`` L_k; each ``(batch,)``, in nats.

        With noise given to ``elbo_terms`` there is one draw per image, and the bound is L_1.
        """
        if len(y_pred["z"].shape) == 2:
            y_pred = {**y_pred, "z": y_pred["z"][None], "logits": y_pred["logits"][None]}
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (k, batch)
        kl = self.kl_of(y_pred["z_mean"], y_pred["z_log_var"], x)  # (batch,)
        # Its gradient is the sum of the log weights' gradients, each times the draw's share.
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
        if self.doubly_reparameterized:  # no gradient through the parameters of q, only through the draws
            z_mean, z_log_var = ops.stop_gradient(z_mean), ops.stop_gradient(z_log_var)
        log_posterior = DiagonalNormal(z_mean, z_log_var).log_prob(z)  # (k, batch)
        return log_importance_weights(log_likelihood, self.prior_of(x).log_prob(z), log_posterior)


def _scale_gradient(tensor: Tensor, factor: Tensor) -> Tensor:
    """``tensor`` with the same values, whose gradient is multiplied by ``factor``."""
    fixed = ops.stop_gradient(tensor)
    return fixed + ops.stop_gradient(factor) * (tensor - fixed)
