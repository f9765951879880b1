"""The variational autoencoder: base of every family in the book. Chapters 04 and 05."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, random, tree

from companion.autoencoder import Autoencoder
from companion.base import Family, check_one_layer
from companion.batching import count, map_batches
from companion.distributions import DiagonalNormal, Distribution, reparameterize
from companion.errors import BadInput, check_seed, check_whole_number
from companion.likelihoods import Likelihood
from companion.noise import KeepsNoise
from companion.objectives import elbo_terms, log_importance_weights, vae_loss
from companion.tensors import Seed, Tensor

Terms = dict[str, Tensor]


@keras.saving.register_keras_serializable(package="companion")
class VAE(Family, KeepsNoise, Autoencoder):
    """A variational autoencoder with a standard normal prior and a diagonal normal posterior.

    Arguments are those of :class:`~companion.autoencoder.Autoencoder`; here the encoder gives ``[z_mean,
    z_log_var, z]``, each ``(batch, latent_dim)``. ``seed`` fixes weights and noise.

    ``compile("adam")`` and ``fit(images)`` minimise the negative ELBO. History and ``evaluate`` report, in nats per
    image: ``loss`` (what was optimised), ``neg_elbo``, ``reconstruction_loss`` (minus log p(x|z)) and ``kl_loss``.
    Raises :class:`~companion.errors.BadInput` for networks and images that do not fit.
    Source: Kingma & Welling (2014). Taught in chapters 04 and 05.
    """

    encoder_outputs = 3

    def __init__(
        self,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        *,
        input_shape: Sequence[int] = (28, 28, 1),
        latent_dim: int = 2,
        likelihood: str | type[Distribution] | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs: Any,
    ):
        sizes: dict[str, Any] = {"input_shape": input_shape, "latent_dim": latent_dim}
        super().__init__(encoder, decoder, **sizes, likelihood=likelihood, seed=seed, **kwargs)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.neg_elbo_tracker = keras.metrics.Mean(name="neg_elbo")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Logits ``(batch, *image_shape)``, and ``z_mean``, ``z_log_var`` and a draw ``z``, ``(batch, latent_dim)``."""
        z_mean, z_log_var, z = self.encoder(x, training=training)  # (batch, latent_dim) each
        logits = self.logits_of(z, x, training=training)  # (batch, *image_shape)
        return {"logits": logits, "z_mean": z_mean, "z_log_var": z_log_var, "z": z}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The mean over the batch of :meth:`objective`, in nats, from what ``call`` returned."""
        terms = self.terms(x, y_pred)
        self.track(terms, sample_weight)
        return self.mean_loss(self.objective(terms), sample_weight)

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, each ``(batch,)`` in nats, of images ``x`` and what ``call`` returned for them."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (batch,)
        kl = self.kl_of(y_pred["z_mean"], y_pred["z_log_var"], x)  # (batch,)
        return elbo_terms(log_likelihood, kl)

    def kl_of(self, z_mean: Tensor, z_log_var: Tensor, x: Tensor) -> Tensor:
        """KL(q(z|x) || p(z)) of each image, ``(batch,)``, in nats."""
        return DiagonalNormal(z_mean, z_log_var).kl(self.prior_of(x))

    def objective(self, terms: Terms) -> Tensor:
        """What is minimised for each image, ``(batch,)``: the negative ELBO. A family may minimise something else."""
        return vae_loss(terms["log_likelihood"], terms["kl"])

    def track(self, terms: Terms, sample_weight: Tensor) -> None:
        """Add the terms of a batch to the means that history and ``evaluate`` report. A family may add more."""
        self.neg_elbo_tracker.update_state(-terms["elbo"], sample_weight)
        self.reconstruction_tracker.update_state(-terms["log_likelihood"], sample_weight)
        self.kl_tracker.update_state(terms["kl"], sample_weight)

    def logits_of(self, z: Tensor, x: Tensor, training: bool | None = None) -> Tensor:
        """The logits of the decoder for codes ``z`` of the input ``x``: shape ``(..., batch, *image_shape)``.

        ``z`` has shape ``(batch, latent_dim)``, or ``(num_samples, batch, latent_dim)`` for several draws per image.
        Here the decoder needs only the codes; a conditional model takes its condition from ``x``.
        """
        if len(z.shape) == 2:
            return self.decoder(z, training=training)
        flat = ops.reshape(z, (-1, self.latent_dim))  # (num_samples * batch, latent_dim)
        logits = self.decoder(flat, training=training)  # (num_samples * batch, *image_shape)
        return ops.reshape(logits, (*ops.shape(z)[:-1], *self.image_shape))

    def elbo_terms(self, x: Any, epsilon: Any = None) -> dict[str, np.ndarray]:
        """``log_likelihood``, ``kl`` and ``elbo`` of images ``x``, each ``(n,)`` in nats, with one draw of z per image.

        ``epsilon`` of shape ``(n, latent_dim)`` fixes the noise; without it the encoder draws.
        """
        x = self.checked(x)
        if epsilon is None:
            return map_batches(lambda batch: self.terms(batch, self(batch)), x)
        return map_batches(self._terms_with_noise, x, self._checked_noise(epsilon, count(x)))

    def log_weights(self, x: Any, num_samples: int, seed: Seed = None) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) for ``num_samples`` draws of z per image: ``(num_samples, n)``, in nats.

        ``seed``: an int, a ``SeedGenerator``, or None for the model's own. Memory grows with ``num_samples * n``;
        :func:`companion.evaluation.log_likelihood` walks through any number.
        Source: Burda et al. (2016). Taught in chapters 04 and 10.
        """
        k = check_whole_number("num_samples", num_samples)
        x = tree.map_structure(ops.convert_to_tensor, self.checked(x))
        return self.draw_log_weights(x, k, self.stream(seed))

    def draw_log_weights(self, x: Tensor, num_samples: int, seed: Seed) -> Tensor:
        """:meth:`log_weights` of a tensor ``x`` that has been checked; a family with other codes overrides it."""
        z_mean, z_log_var, _ = self.encoder(x)
        return self.log_weights_from(x, z_mean, z_log_var, num_samples, seed)

    def log_weights_from(
        self, x: Tensor, z_mean: Tensor, z_log_var: Tensor, num_samples: int, seed: Seed
    ) -> Tensor:
        """The log weights of :meth:`log_weights` for a given posterior, differentiable in its mean and log variance."""
        check_one_layer(self)
        posterior = DiagonalNormal(z_mean, z_log_var)
        noise = random.normal((num_samples, *ops.shape(z_mean)), seed=check_seed(seed))
        mean, log_var = posterior.parameters
        z = reparameterize(mean, log_var, noise)  # (num_samples, n, latent_dim)
        logits = self.logits_of(z, x)  # (num_samples, n, *image_shape)
        log_likelihood = self.likelihood_of(logits).log_prob(self.images_of(x))  # (num_samples, n)
        return log_importance_weights(log_likelihood, self.prior_of(x).log_prob(z), posterior.log_prob(z))

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``z_mean``, ``z_log_var`` and one draw ``z`` for each of the images ``x``: arrays ``(n, latent_dim)``."""
        return tuple(map_batches(lambda batch: tuple(self.encoder(batch)), self.checked(x)))

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from ``z_mean``, without noise: ``(n, *image_shape)``, values in [0, 1]."""
        return self.decode(self.encode(x)[0])

    def sample(self, n: int, seed: Seed = None) -> np.ndarray:
        """``n`` generated images ``(n, *image_shape)`` in [0, 1]: means of p(x|z) for z drawn from the prior.

        ``seed``: an int, a ``SeedGenerator``, or None for the model's own. Raises
        :class:`~companion.errors.BadInput` for anything else.
        """
        return self.decode(self.draw_from_prior(check_whole_number("n", n), seed))

    def _terms_with_noise(self, x: Tensor, epsilon: Tensor) -> Terms:
        z_mean, z_log_var, _ = self.encoder(x)
        z = reparameterize(z_mean, z_log_var, epsilon)
        logits = self.logits_of(z, x)
        return self.terms(x, {"logits": logits, "z_mean": z_mean, "z_log_var": z_log_var, "z": z})

    def _checked_noise(self, epsilon: Any, n: int) -> np.ndarray:
        epsilon = np.asarray(epsilon, "float32")
        if epsilon.shape != (n, self.noise_dim):
            raise BadInput(
                f"epsilon has shape {epsilon.shape}: expected ({n}, {self.noise_dim}), one row per image; draw it with "
                f"np.random.default_rng(0).normal(size=({n}, {self.noise_dim}))."
            )
        return epsilon
