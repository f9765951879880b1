"""A VAE with categorical latents, trained by the Gumbel-softmax relaxation. Chapter 09."""

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops, random
from keras.optimizers.schedules import LearningRateSchedule as Schedule

from companion import schedules
from companion.base import prior_without_images
from companion.batching import map_batches
from companion.categorical import Categorical
from companion.code_use import check_choices
from companion.errors import BadInput, check_seed, check_whole_number
from companion.layers import straight_through
from companion.networks import build_encoder
from companion.objectives import elbo_terms, log_importance_weights
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms


def gumbel_softmax(logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
    """A relaxed draw from categorical distributions: softmax((``logits`` + ``noise``) / ``temperature``).

    ``logits`` and ``noise``, standard Gumbel, have the shape of the result, ``(..., num_categories)``. At any
    temperature the largest coordinate is that of an exact draw with the same noise. As the temperature falls towards
    zero the draws become one-hot, most of their gradients vanish and a few grow large.
    Sources: Jang et al. (2017); Maddison et al. (2017). Taught in chapter 09.
    """
    return ops.softmax((logits + noise) / temperature, axis=-1)


def kl_to_uniform(logits: Tensor) -> Tensor:
    """KL(q || uniform) = log ``num_categories`` - H(q), summed over the latents: shape ``(batch,)``, in nats.

    ``logits`` has shape ``(batch, num_latents, num_categories)``. Exact, and between 0 and num_latents × log
    num_categories. Source: Jang et al. (2017). Taught in chapter 09.
    """
    log_q = ops.log_softmax(logits, axis=-1)
    per_latent = math.log(logits.shape[-1]) + ops.sum(ops.exp(log_q) * log_q, axis=-1)  # (batch, num_latents)
    return ops.sum(per_latent, axis=-1)


@keras.saving.register_keras_serializable(package="companion")
class DiscreteVAE(schedules.FollowsSchedules, VAE):
    """A VAE whose code is ``num_latents`` categorical variables of ``num_categories`` each, with a uniform prior.

    ``encoder`` maps images to ``(batch, num_latents * num_categories)`` logits of q(z|x), and ``decoder`` takes as many
    numbers: one-hot rows, flattened. ``temperature`` is a number or a Keras schedule; with ``cooling_steps`` it falls
    linearly to ``last_temperature`` over that many steps of the optimizer.

    Training decodes relaxed draws (:func:`gumbel_softmax`); with ``hard=True`` exact draws, whose gradient is that of
    the relaxed ones. Everything else decodes exact draws, so ``elbo_terms``, ``evaluate``, ``validation_data`` and the
    k-sample bound are bounds on log p(x). ``neg_elbo`` in the history of relaxed training is not a bound: the KL is
    that of a discrete code, while the decoder sees a continuous one.

    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers or do not fit the networks,
    a ``temperature`` that is not above 0, and steps together with a schedule.
    Sources: Jang et al. (2017); Maddison et al. (2017). Taught in chapter 09.
    """

    encoder_outputs = 1

    def __init__(
        self,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        *,
        num_latents: int = 16,
        num_categories: int = 8,
        temperature: float | Schedule = 1.0,
        last_temperature: float = 0.5,
        cooling_steps: int = 0,
        hard: bool = False,
        **kwargs: Any,
    ):
        self.num_latents = check_whole_number("num_latents", num_latents)
        self.num_categories = check_whole_number("num_categories", num_categories)
        size = self.num_latents * self.num_categories
        super().__init__(encoder, decoder, **{"latent_dim": size, **kwargs})
        if self.latent_dim != size:
            raise BadInput(
                f"latent_dim={self.latent_dim} with {self.num_latents} latents of {self.num_categories} categories: "
                f"expected their product, {size}; pass num_latents and num_categories that fit the networks."
            )
        self.temperature = _cooling(temperature, last_temperature, cooling_steps)
        self.hard = bool(hard)

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """``logits`` ``(batch, *image_shape)``; ``log_q`` and draws ``z``: ``(batch, num_latents, num_categories)``."""
        log_q = self.log_posterior(x, training=training)  # (batch, num_latents, num_categories)
        z = self._draw(log_q, gumbel(ops.shape(log_q), self.seed_generator), relaxed=bool(training))
        return {"logits": self.logits_of(z, x, training=training), "log_q": log_q, "z": z}

    def log_posterior(self, x: Tensor, training: bool | None = None) -> Tensor:
        """log q of every category of images ``x``: ``(batch, num_latents, num_categories)``, in nats."""
        logits = ops.cast(
            self.encoder(x, training=training), "float32"
        )  # (batch, num_latents * num_categories)
        return ops.log_softmax(ops.reshape(logits, (-1, self.num_latents, self.num_categories)), axis=-1)

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, each ``(batch,)`` in nats, for the draws in ``y_pred``; the KL is exact."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (batch,)
        return elbo_terms(log_likelihood, self.kl_of(y_pred["log_q"], x))

    def prior_of(self, x: Tensor) -> Categorical:  # type: ignore[override] # categories are no numbers
        """The prior p(z): every category equally probable. A subclass with another prior overrides this."""
        return Categorical.uniform(self.num_latents, self.num_categories)

    def kl_of(self, log_q: Tensor, x: Tensor) -> Tensor:  # type: ignore[override] # one tensor tells all of q
        """KL(q(z|x) || p(z)) of each image, ``(batch,)``, in nats, from log q of every category."""
        prior = self.prior_of(x)
        return kl_to_uniform(log_q) if prior.is_uniform else prior.kl_from(log_q)

    def logits_of(self, z: Tensor, x: Tensor, training: bool | None = None) -> Tensor:
        """Decoder outputs ``(..., batch, *image_shape)`` for draws ``(..., batch, num_latents, num_categories)``."""
        flat = ops.reshape(z, (-1, self.latent_dim))  # (... * batch, num_latents * num_categories)
        outputs = self.decoder(flat, training=training)  # (... * batch, *image_shape)
        return ops.reshape(outputs, (*ops.shape(z)[:-2], *self.image_shape))

    def noise(self, n: int, seed: Any) -> np.ndarray:
        """What ``elbo_terms`` takes as ``epsilon``: Gumbel noise, ``(n, num_latents, num_categories)``."""
        return ops.convert_to_numpy(gumbel((n, self.num_latents, self.num_categories), seed))

    def draw_log_weights(self, x: Tensor, num_samples: int, seed: Seed) -> Tensor:
        """log p(x|z) + log p(z) - log q(z|x) of exact draws, ``num_samples`` per image: ``(num_samples, n)``, nats."""
        log_q = self.log_posterior(x)  # (n, num_latents, num_categories)
        noise = gumbel((num_samples, *ops.shape(log_q)), seed)
        z = self._draw(log_q, noise, relaxed=False)  # (k, n, num_latents, num_categories)
        log_likelihood = self.likelihood_of(self.logits_of(z, x)).log_prob(x)  # (k, n)
        log_prior = self.prior_of(x).log_prob(z)  # (k, n)
        return log_importance_weights(log_likelihood, log_prior, ops.sum(z * log_q, axis=(-2, -1)))

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[override] # categories have no variance
        """q(z|x) of images ``x``, ``(n, num_latents, num_categories)``; most probable codes, ``(n, num_latents)``."""
        probabilities = map_batches(lambda batch: ops.exp(self.log_posterior(batch)), self.checked(x))
        return probabilities, probabilities.argmax(axis=-1)

    def decode(self, codes: Any) -> np.ndarray:
        """Images in [0, 1] ``(n, *image_shape)`` for ``codes`` ``(n, num_latents)``, whole numbers.

        Raises :class:`~companion.errors.BadInput` for another shape and for numbers outside the categories.
        """
        codes = check_choices(codes, (self.num_latents,), self.num_categories)
        return map_batches(
            lambda batch: self.likelihood_of(self.logits_of(self._one_hot(batch), None)).mean(), codes
        )

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from the most probable codes: ``(n, *image_shape)``, values in [0, 1]."""
        return self.decode(self.encode(x)[1])

    def sample(self, n: int, seed: Any = None) -> np.ndarray:
        """``n`` generated images ``(n, *image_shape)`` in [0, 1], decoded from codes drawn from the uniform prior."""
        return self.decode(self.draw_from_prior(check_whole_number("n", n), seed))

    def draw_from_prior(self, n: int, seed: Any = None, x: Any = None) -> np.ndarray:
        """``n`` codes drawn from the prior: whole numbers ``(n, num_latents)``."""
        return prior_without_images(self, x).draw(n, self.stream(seed))

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("num_latents", "num_categories", "hard")}
        return {**super().get_config(), **own, "temperature": schedules.to_config(self.temperature)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        temperature = schedules.from_config(config["temperature"])
        return super().from_config({**config, "temperature": temperature}, custom_objects)

    @classmethod
    def build_networks(
        cls,
        input_shape: Sequence[int],
        latent_dim: int | None = None,
        *,
        num_latents: int = 16,
        num_categories: int = 8,
        **how: Any,
    ) -> dict[str, keras.Model]:
        """``encoder`` and ``decoder`` for codes of ``num_latents * num_categories`` numbers; ignores ``latent_dim``."""
        sizes = {"num_latents": num_latents, "num_categories": num_categories}
        size = math.prod(check_whole_number(name, value) for name, value in sizes.items())
        return super().build_networks(input_shape, size, **how)

    def _build_encoder(self, input_shape: Sequence[int], latent_dim: int, seed: int | None) -> keras.Model:
        return build_encoder(input_shape, latent_dim, variational=False, seed=seed)

    def _draw(self, log_q: Tensor, noise: Tensor, relaxed: bool) -> Tensor:
        """Relaxed draws from q, or exact one-hot draws: the category where log q plus the noise is largest."""
        if not relaxed:
            return self._one_hot(ops.argmax(log_q + noise, axis=-1))
        soft = gumbel_softmax(log_q, noise, self.now(self.temperature))
        return straight_through(soft, self._one_hot(ops.argmax(soft, axis=-1))) if self.hard else soft

    def _one_hot(self, codes: Tensor) -> Tensor:
        return ops.one_hot(codes, self.num_categories)

    def _terms_with_noise(self, x: Tensor, epsilon: Tensor) -> Terms:
        log_q = self.log_posterior(x)
        z = self._draw(log_q, epsilon, relaxed=False)
        return self.terms(x, {"logits": self.logits_of(z, x), "log_q": log_q, "z": z})

    def _checked_noise(self, epsilon: Any, n: int) -> np.ndarray:
        epsilon, shape = np.asarray(epsilon, "float32"), (n, self.num_latents, self.num_categories)
        if epsilon.shape != shape:
            raise BadInput(
                f"epsilon has shape {epsilon.shape}: expected {shape}, Gumbel noise; draw it with "
                f"model.noise({n}, seed=0)."
            )
        return epsilon


def gumbel(shape: Sequence[Any], seed: Any) -> Tensor:
    """Standard Gumbel noise, -log(-log u) of a uniform u. ``seed``: an int repeats it, a ``SeedGenerator`` moves on."""
    # Bounded away from 0 and 1, where the logarithms are infinite.
    u = random.uniform(shape, minval=1e-7, maxval=1.0 - 1e-7, seed=check_seed(seed))
    return -ops.log(-ops.log(u))


def _cooling(temperature: Any, last: Any, steps: Any) -> float | Schedule:
    """``temperature`` as it is, or a straight line from it down to ``last``."""
    first = schedules.check_schedule("temperature", temperature, above=0)
    last = schedules.check_number("last_temperature", last, above=0)
    if not check_whole_number("cooling_steps", steps, at_least=0):
        return first
    if isinstance(first, Schedule):
        raise BadInput(
            f"cooling_steps={steps} with temperature a {type(first).__name__}: expected one of the two; leave "
            f"cooling_steps out."
        )
    return schedules.warm_up(steps, last, first=first)
