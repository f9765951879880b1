"""A posterior that is an inverse autoregressive flow, and the VAE that has it. Chapter 16."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops, random

from companion.batching import map_batches
from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import check_seed, check_whole_number
from companion.networks import _seeds
from companion.objectives import elbo_terms, log_importance_weights
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms

HIDDEN = 64  # units of the masked network of a step
OPEN = 2.0  # a step begins near the identity: sigmoid(2) = 0.88


@keras.saving.register_keras_serializable(package="companion")
class AutoregressiveStep(layers.Layer):
    """One step of an inverse autoregressive flow: each coordinate is moved by what the ones before it say.

    Called on codes ``(..., latent_dim)`` and a context ``(..., context_dim)``; returns new codes and ``log |det|``
    ``(...)`` of the map: z_i becomes s_i z_i + (1 - s_i) m_i. A network with masked weights computes m_i and s_i, which
    lies in (0, 1), from z_1 ... z_{i-1} and the context, so the determinant is the product of the s_i. ``turned``
    counts the coordinates from the last.
    Sources: Kingma et al. (2016), algorithm 1; masks: Germain et al. (2015). Taught in chapter 16.
    """

    def __init__(
        self,
        latent_dim: int,
        context_dim: int,
        hidden: int = HIDDEN,
        turned: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.latent_dim = check_whole_number("latent_dim", latent_dim)
        self.context_dim = check_whole_number("context_dim", context_dim)
        self.hidden, self.turned = check_whole_number("hidden", hidden), bool(turned)
        self.seed = check_seed(seed, generator=False)
        places = np.arange(1, self.latent_dim + 1)[:: -1 if turned else 1]
        units = np.arange(self.hidden) % self.latent_dim  # a unit of degree j sees the first j coordinates
        self.sees = (places[:, None] <= units).astype("float32")  # (latent_dim, hidden)
        told = (units[:, None] < places).astype("float32")
        self.tells = np.concatenate([told, told], axis=1)  # (hidden, 2 * latent_dim)
        seeds = _seeds(self.seed)
        glorot = keras.initializers.GlorotUniform
        shapes = {"kernel": (self.latent_dim, self.hidden), "beside": (self.context_dim, self.hidden)}
        self.kernel, self.beside = (
            self.add_weight(name=name, shape=shape, initializer=glorot(seed=next(seeds)))
            for name, shape in shapes.items()
        )
        self.bias = self.add_weight(name="bias", shape=(self.hidden,), initializer="zeros")
        self.last = self.add_weight(
            name="last", shape=(self.hidden, 2 * self.latent_dim), initializer="zeros"
        )
        self.last_bias = self.add_weight(name="last_bias", shape=(2 * self.latent_dim,), initializer="zeros")
        self.built = True

    def call(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        seen = ops.matmul(z, self.kernel * self.sees) + ops.matmul(context, self.beside) + self.bias
        told = ops.matmul(ops.relu(seen), self.last * self.tells) + self.last_bias  # (..., 2 * latent_dim)
        move, gate = told[..., : self.latent_dim], told[..., self.latent_dim :] + OPEN
        share = ops.sigmoid(gate)
        return share * z + (1.0 - share) * move, ops.sum(ops.log_sigmoid(gate), axis=-1)

    def get_config(self) -> dict[str, Any]:
        names = ("latent_dim", "context_dim", "hidden", "turned", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="companion")
class IAFVAE(VAE):
    """A VAE whose posterior is an inverse autoregressive flow: a diagonal normal draw, moved by ``num_steps`` steps.

    The encoder is that of a VAE; its mean and log variance are also the context of every step. The KL of each image is
    log q(z|x) - log p(z) at the z that was drawn, and may be negative for a single draw. :meth:`encode` gives as
    ``z_mean`` where the steps take the mean of the normal.
    Raises :class:`~companion.errors.BadInput` for ``num_steps`` below 1.
    Source: Kingma et al. (2016). Taught in chapter 16.
    """

    def __init__(self, *networks: Any, num_steps: int = 4, **kwargs: Any):
        super().__init__(*networks, **kwargs)
        self.num_steps = check_whole_number("num_steps", num_steps)
        seeds: list[int | None] = [None] * self.num_steps
        if self.seed is not None:  # after those of the two networks
            seeds = [2 + self.num_steps * self.seed + place for place in range(self.num_steps)]
        self.flow_steps = [
            AutoregressiveStep(self.latent_dim, 2 * self.latent_dim, turned=place % 2 == 1, seed=own)
            for place, own in enumerate(seeds)
        ]

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """What a VAE's ``call`` returns, with ``z`` after the steps, the ``start`` before them, and ``log_det``."""
        z_mean, z_log_var, start = self.encoder(x, training=training)  # (batch, latent_dim) each
        return self._moved(x, z_mean, z_log_var, start, training)

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, each ``(batch,)`` in nats; the KL is log q(z|x) - log p(z) at the draw."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (batch,)
        before = DiagonalNormal(y_pred["z_mean"], y_pred["z_log_var"]).log_prob(y_pred["start"])
        log_posterior = before - y_pred["log_det"]  # (batch,)
        return elbo_terms(log_likelihood, log_posterior - self.prior_of(x).log_prob(y_pred["z"]))

    def transform(self, start: Tensor, z_mean: Tensor, z_log_var: Tensor) -> tuple[Tensor, Tensor]:
        """Codes after all steps, ``(..., latent_dim)``, and the sum of the log determinants ``(...)``."""
        z, log_det = ops.cast(start, "float32"), 0.0
        context = ops.cast(ops.concatenate([z_mean, z_log_var], axis=-1), "float32")
        for step in self.flow_steps:
            z, more = step(z, context)
            log_det = log_det + more
        return z, log_det

    def log_weights_from(
        self, x: Tensor, z_mean: Tensor, z_log_var: Tensor, num_samples: int, seed: Seed
    ) -> Tensor:
        """The log weights of ``num_samples`` draws per image, with the flow's own density: ``(num_samples, n)``."""
        posterior = DiagonalNormal(z_mean, z_log_var)
        noise = random.normal((num_samples, *ops.shape(z_mean)), seed=check_seed(seed))
        mean, log_var = posterior.parameters
        start = reparameterize(mean, log_var, noise)  # (num_samples, n, latent_dim)
        z, log_det = self.transform(start, z_mean, z_log_var)
        log_likelihood = self.likelihood_of(self.logits_of(z, x)).log_prob(self.images_of(x))
        log_posterior = posterior.log_prob(start) - log_det
        return log_importance_weights(log_likelihood, self.prior_of(x).log_prob(z), log_posterior)

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the steps take the mean, the log variance before them, and one draw: arrays ``(n, latent_dim)``."""

        def of_batch(batch: Any) -> tuple[Tensor, ...]:
            z_mean, z_log_var, start = self.encoder(batch)
            moved = (self.transform(part, z_mean, z_log_var)[0] for part in (z_mean, start))
            middle, z = moved
            return middle, z_log_var, z

        return tuple(map_batches(of_batch, self.checked(x)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_steps": self.num_steps}

    def _terms_with_noise(self, x: Tensor, epsilon: Tensor) -> Terms:
        z_mean, z_log_var, _ = self.encoder(x)
        return self.terms(x, self._moved(x, z_mean, z_log_var, reparameterize(z_mean, z_log_var, epsilon)))

    def _moved(
        self, x: Tensor, z_mean: Tensor, z_log_var: Tensor, start: Tensor, training: bool | None = None
    ) -> dict[str, Tensor]:
        z, log_det = self.transform(start, z_mean, z_log_var)
        y_pred = {"z_mean": z_mean, "z_log_var": z_log_var, "start": start, "z": z, "log_det": log_det}
        return {**y_pred, "logits": self.logits_of(z, x, training=training)}
