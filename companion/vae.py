"""The variational autoencoder: base of every family in the book. Chapters 04 and 05."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, random, tree

from companion.autoencoder import Autoencoder
from companion.batching import count, map_batches
from companion.distributions import DiagonalNormal, Distribution
from companion.errors import BadInput, check_whole_number
from companion.likelihoods import Likelihood
from companion.networks import build_encoder
from companion.objectives import elbo_terms, kl_to_standard_normal, log_importance_weights, vae_loss

Tensor = Any
Terms = dict[str, Tensor]


@keras.saving.register_keras_serializable(package="companion")
class VAE(Autoencoder):
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
        super().__init__(
            encoder,
            decoder,
            input_shape=input_shape,
            latent_dim=latent_dim,
            likelihood=likelihood,
            seed=seed,
            **kwargs,
        )
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.neg_elbo_tracker = keras.metrics.Mean(name="neg_elbo")
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Logits ``(batch, *image_shape)``, and ``z_mean``, ``z_log_var`` and a draw ``z``, ``(batch, latent_dim)``."""
        z_mean, z_log_var, z = self.encoder(x, training=training)
        return {
            "logits": self.logits_of(z, x, training=training),
            "z_mean": z_mean,
            "z_log_var": z_log_var,
            "z": z,
        }

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
        return self._mean_loss(self.objective(terms), sample_weight)

    def track(self, terms: Terms, sample_weight: Tensor) -> None:
        """Add the terms of a batch to what history and ``evaluate`` report. A family with more adds its own."""
        self.neg_elbo_tracker.update_state(-terms["elbo"], sample_weight)
        self.reconstruction_tracker.update_state(-terms["log_likelihood"], sample_weight)
        self.kl_tracker.update_state(terms["kl"], sample_weight)

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, each ``(batch,)`` in nats, of images ``x`` and what ``call`` returned for them."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))
        z_mean, z_log_var = (ops.cast(y_pred[name], "float32") for name in ("z_mean", "z_log_var"))
        return elbo_terms(log_likelihood, self.kl_of(z_mean, z_log_var, x))

    def images_of(self, x: Tensor) -> Tensor:
        """The images in an input ``x``: all of it here; a model with a condition takes them out of the pair."""
        return x

    def logits_of(self, z: Tensor, x: Tensor, training: bool | None = None) -> Tensor:
        """What the decoder puts out for codes ``z`` of the input ``x``: shape ``(..., batch, *image_shape)``.

        ``z`` has shape ``(batch, latent_dim)``, or ``(num_samples, batch, latent_dim)`` for many draws an
        image. Here the decoder needs the codes alone; a model with a condition takes that from ``x``.
        """
        if len(z.shape) == 2:
            return self.decoder(z, training=training)
        logits = self.decoder(ops.reshape(z, (-1, self.latent_dim)), training=training)
        return ops.reshape(logits, (*ops.shape(z)[:-1], *self.image_shape))

    def kl_of(self, z_mean: Tensor, z_log_var: Tensor, x: Tensor) -> Tensor:
        """KL(q(z|x) || prior) of each image, ``(batch,)``, in nats. A family with another prior overrides it too."""
        return kl_to_standard_normal(z_mean, z_log_var)

    def prior_of(self, x: Tensor) -> DiagonalNormal:
        """The prior of the codes of ``x``, broadcasting to ``(batch, latent_dim)``: the standard normal."""
        return DiagonalNormal(ops.zeros(1), ops.zeros(1))

    def noise(self, n: int, seed: Any) -> np.ndarray:
        """What :meth:`elbo_terms` takes as ``epsilon`` for ``n`` images, drawn anew: ``(n, noise_dim)``."""
        return ops.convert_to_numpy(random.normal((n, self.noise_dim), seed=seed))

    @property
    def noise_dim(self) -> int:
        """How many standard normal numbers the code of one image takes."""
        return self.latent_dim

    def own_scores(self, x: Any) -> dict[str, Any]:
        """Further figures of a family on images ``x``, which a recorded run keeps beside the common ones."""
        return {}

    def objective(self, terms: Terms) -> Tensor:
        """What is minimised for each image, ``(batch,)``. A family with another objective overrides this alone."""
        return vae_loss(terms["log_likelihood"], terms["kl"])

    def elbo_terms(self, x: Any, epsilon: Any = None) -> dict[str, np.ndarray]:
        """``log_likelihood``, ``kl`` and ``elbo`` of images ``x``, each ``(n,)`` in nats, with one draw of z an image.

        ``epsilon`` of shape ``(n, latent_dim)`` fixes the noise; without it the encoder draws.
        """
        x = self.checked(x)
        if epsilon is None:
            return map_batches(lambda batch: self.terms(batch, self(batch)), x)
        return map_batches(self._terms_with_noise, x, self._checked_noise(epsilon, count(x)))

    def log_weights(self, x: Any, num_samples: int, seed: Any = None) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) for ``num_samples`` draws of z an image: ``(num_samples, n)``, in nats.

        ``seed``: an int, a ``SeedGenerator``, or None for the model's own. Memory grows with ``num_samples * n``;
        :func:`companion.evaluation.log_likelihood` walks through any number.
        Source: Burda et al. (2016). Taught in chapters 04 and 10.
        """
        k = check_whole_number("num_samples", num_samples)
        x = tree.map_structure(ops.convert_to_tensor, self.checked(x))
        z_mean, z_log_var, _ = self.encoder(x)
        return self.log_weights_from(x, z_mean, z_log_var, k, self.seed_generator if seed is None else seed)

    def log_weights_from(
        self, x: Tensor, z_mean: Tensor, z_log_var: Tensor, num_samples: int, seed: Any
    ) -> Tensor:
        """The log weights of :meth:`log_weights` for a posterior that is already known, differentiable in it."""
        posterior = DiagonalNormal(z_mean, z_log_var)
        noise = random.normal((num_samples, *ops.shape(z_mean)), seed=seed)
        z = posterior.mean() + ops.exp(0.5 * ops.cast(z_log_var, "float32")) * noise
        log_likelihood = self.likelihood_of(self.logits_of(z, x)).log_prob(self.images_of(x))
        return log_importance_weights(log_likelihood, self.prior_of(x).log_prob(z), posterior.log_prob(z))

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``z_mean``, ``z_log_var`` and one draw ``z`` for each of the images ``x``: arrays ``(n, latent_dim)``."""
        return tuple(map_batches(lambda batch: tuple(self.encoder(batch)), self.checked(x)))

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from ``z_mean``, without noise: ``(n, *image_shape)``, values in [0, 1]."""
        return self.decode(self.encode(x)[0])

    def sample(self, n: int, seed: Any = None) -> np.ndarray:
        """``n`` generated images ``(n, *image_shape)`` in [0, 1]: means of p(x|z) for z drawn from the prior.

        ``seed``: an int, a ``SeedGenerator``, or None for the model's own.
        """
        shape = (check_whole_number("n", n), self.latent_dim)
        codes = random.normal(shape, seed=self.seed_generator if seed is None else seed)
        return self.decode(ops.convert_to_numpy(codes))

    # As in the Sampling layer: where the stream of noise stands is part of the model.
    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store["seed_state"] = ops.convert_to_numpy(self.seed_generator.state.value)

    def load_own_variables(self, store: Any) -> None:
        if "seed_state" in store.keys():  # noqa: SIM118 - files from before it was kept begin the stream anew
            self.seed_generator.state.assign(store["seed_state"])
        own = [name for name in store.keys() if name != "seed_state"]  # noqa: SIM118 - the store is no dict
        super().load_own_variables({name: store[name] for name in own})

    def _build_encoder(self, input_shape: Sequence[int], latent_dim: int, seed: int | None) -> keras.Model:
        return build_encoder(input_shape, latent_dim, seed=seed)

    def _terms_with_noise(self, x: Tensor, epsilon: Tensor) -> Terms:
        z_mean, z_log_var, _ = self.encoder(x)
        z = z_mean + ops.exp(0.5 * z_log_var) * epsilon
        return self.terms(
            x, {"logits": self.logits_of(z, x), "z_mean": z_mean, "z_log_var": z_log_var, "z": z}
        )

    def _checked_noise(self, epsilon: Any, n: int) -> np.ndarray:
        epsilon = np.asarray(epsilon, "float32")
        if epsilon.shape != (n, self.noise_dim):
            raise BadInput(
                f"epsilon has shape {epsilon.shape}: expected ({n}, {self.noise_dim}), one row an image; draw it with "
                f"np.random.default_rng(0).normal(size=({n}, {self.noise_dim}))."
            )
        return epsilon
