"""The conditional VAE: a model of images given a label or another known vector. Chapter 07."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, random

from companion.base import seeds_of_networks
from companion.base.streams import is_stream
from companion.batching import map_batches
from companion.conditional_vae.conditions import as_pair, check_conditions, check_equally_many, warn_of_scale
from companion.conditional_vae.networks import (
    build_cvae_decoder,
    build_cvae_encoder,
    build_cvae_prior,
    check_condition,
    check_takes_condition,
)
from companion.data import Batches
from companion.distributions import DiagonalNormal
from companion.errors import BadInput, check_choice, check_codes, check_whole_number
from companion.networks import HIDDEN
from companion.objectives import vae_loss
from companion.tensors import Tensor
from companion.vae import VAE, Terms

Shape = Sequence[int]

PRIORS = ("standard", "learned")


def cvae_loss(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    """``kl - log_likelihood``, a bound on -log p(x|y) of each image: shape ``(batch,)``, in nats.

    ``log_likelihood`` is log p(x|y, z); ``kl`` is KL(q(z|x, y) || p(z|y)), where p(z|y) is N(0, I) unless it is
    learned. Raises :class:`~companion.errors.BadInput` where the shapes differ.
    Source: Sohn et al. (2015). Taught in chapter 07.
    """
    return vae_loss(log_likelihood, kl)


@keras.saving.register_keras_serializable(package="companion")
class ConditionalVAE(VAE):
    """A VAE of images given a condition y, which both the encoder q(z|x, y) and the decoder p(x|y, z) take.

    With ``num_classes`` (default 10) the condition is a whole number, one-hot inside; with ``condition_shape`` it is an
    array of real numbers of that shape: attributes, or part of an image. In place of labels ``(n,)``, vectors ``(n,
    num_classes)`` are accepted, too. With ``prior="standard"``, z is drawn from N(0, I) whatever y is; with
    ``"learned"`` from a normal p(z|y) whose mean and variance a third network computes from y, and which the KL, the
    log weights and all samples then use. Other arguments are those of :class:`~companion.vae.VAE`.

    After ``compile("adam")``, ``fit([images, labels])``: the pair is the input, and there is no target. Methods that
    take images take the pair, as a list or a tuple; ``validation_data=[images, labels]`` is read as that pair.
    Raises :class:`~companion.errors.BadInput` for networks, images and conditions that do not fit.
    Source: Sohn et al. (2015). Taught in chapter 07.
    """

    takes_pairs = True

    def __init__(
        self,
        *networks: Any,
        num_classes: int | None = None,
        condition_shape: Shape | None = None,
        prior: str = "standard",
        **kwargs: Any,
    ):
        # Before the base class builds the networks, which need the condition.
        self.num_classes, condition = check_condition(num_classes, condition_shape)
        self.condition_shape = tuple(condition.shape)
        self.scale_was_named = False  # once is enough for a model
        self.prior = check_choice("prior", prior, PRIORS)
        super().__init__(*networks, **kwargs)
        self.prior_network = None
        if self.prior == "learned":
            # The encoder and the decoder have the seeds 2 * seed and 2 * seed + 1.
            seed = None if self.seed is None else 2 * self.seed + 2
            self.prior_network = build_cvae_prior(self.latent_dim, **self._condition(), seed=seed)

    def call(self, x: Any, training: bool | None = None) -> dict[str, Tensor]:
        """What a VAE's ``call`` returns, for ``x`` a pair of images and labels or condition vectors."""
        images = ops.convert_to_tensor(self.images_of(x))  # a step that is not compiled may get a plain array
        return super().call((images, self.condition_of(x)), training=training)

    def objective(self, terms: Terms) -> Tensor:
        """The negative ELBO of each image given its condition, ``(batch,)``."""
        return cvae_loss(terms["log_likelihood"], terms["kl"])

    def images_of(self, x: Any) -> Tensor:
        """The images of the pair ``x``."""
        return as_pair(x)[0]

    def condition_of(self, x: Any) -> Tensor:
        """The condition vectors of the pair ``x``, ``(batch, *condition_shape)``; labels become one-hot."""
        condition = as_pair(x)[1]
        if self.num_classes and len(condition.shape) == 1:
            labels = ops.cast(condition, "int32")  # (batch,)
            return ops.one_hot(labels, self.num_classes, dtype="float32")  # (batch, num_classes)
        return ops.cast(condition, "float32")

    def logits_of(self, z: Tensor, x: Any, training: bool | None = None) -> Tensor:
        """The logits of the decoder for codes ``z`` and the conditions in ``x``, which are the same for every draw.

        Shapes as in :meth:`companion.vae.VAE.logits_of`.
        """
        condition = self.condition_of(x)  # (batch, *condition_shape)
        if len(z.shape) == 2:
            return self.decoder([z, condition], training=training)
        for_each_draw = ops.broadcast_to(condition[None], (ops.shape(z)[0], *ops.shape(condition)))
        flat = [
            ops.reshape(z, (-1, self.latent_dim)),  # (num_samples * batch, latent_dim)
            ops.reshape(
                for_each_draw, (-1, *self.condition_shape)
            ),  # (num_samples * batch, *condition_shape)
        ]
        logits = self.decoder(flat, training=training)  # (num_samples * batch, *image_shape)
        return ops.reshape(logits, (*ops.shape(z)[:-1], *self.image_shape))

    def prior_of(self, x: Any) -> DiagonalNormal:
        """p(z|y) for the conditions of the pair ``x``; the standard normal unless it is learned."""
        if self.prior_network is None:
            return super().prior_of(x)
        return DiagonalNormal(*self.prior_network(self.condition_of(x)))

    def generate(self, labels: Any, seed: Any = None) -> np.ndarray:
        """One image per label, ``(n, *image_shape)`` in [0, 1]: the mean of p(x|y, z) with z drawn from p(z|y).

        ``labels``: whole numbers ``(n,)``, or condition vectors. ``seed``: an int, a ``SeedGenerator``, or None for the
        model's own; with the same int, other labels get the same noise. Raises :class:`~companion.errors.BadInput` for
        labels that do not fit. Taught in chapter 07.
        """
        condition = self.checked_condition(labels)
        return self.decode(self.draw_from_prior(len(condition), seed, (None, condition)), condition)

    def sample(self, n: int, seed: Any = None, *, labels: Any = None) -> np.ndarray:
        """``n`` generated images ``(n, *image_shape)`` in [0, 1]; the classes are drawn, too, all equally likely.

        ``labels`` sets the conditions instead, as in :meth:`generate`; it is required for conditions that are not
        classes. Raises :class:`~companion.errors.BadInput` where it is missing then, or its length is not ``n``.
        """
        n = check_whole_number("n", n)
        if labels is not None:
            check_equally_many("images to sample", n, "labels", self.checked_condition(labels))
            return self.generate(labels, seed)
        if self.num_classes is None:
            raise BadInput(
                f"sample({n}) without conditions: expected {n} of them, of shape {self.condition_shape}, since only "
                f"classes can be drawn at random; call generate(conditions)."
            )
        # One stream for both draws: with the same int twice, classes and codes would depend on each other.
        generator = self.generator_of(seed)
        classes = random.randint((n,), 0, self.num_classes, seed=generator)
        return self.generate(ops.convert_to_numpy(classes), generator)

    def decode(self, z: Any, labels: Any = None) -> np.ndarray:
        """Images in [0, 1], the mean of p(x|y, z): ``(n, *image_shape)`` for codes ``(n, latent_dim)`` and n labels.

        Raises :class:`~companion.errors.BadInput` where labels are missing, do not fit, or differ in number.
        """
        codes, condition = check_codes(z, self.latent_dim), self.checked_condition(labels)
        check_equally_many("codes", len(codes), "labels", condition)
        return map_batches(
            lambda *pair: self.likelihood_of(self.decoder(list(pair))).mean(), codes, condition
        )

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from ``z_mean`` and their own condition: ``(n, *image_shape)``, values in [0, 1]."""
        x = self.checked(x)
        return self.decode(self.encode(x)[0], x[1])

    def _unpacked(self, validation: Any) -> tuple[Any, Any, Any]:
        """Of two parts Keras would take the second for targets, unless the first is the pair itself."""
        if (
            isinstance(validation, (tuple, list))
            and len(validation) == 2
            and not (isinstance(validation[0], (tuple, list)) or is_stream(validation[0]))
        ):
            return tuple(validation), None, None
        return super()._unpacked(validation)

    def checked(self, x: Any, what: str = "images") -> tuple[np.ndarray, np.ndarray]:
        """The pair ``x`` as this model takes it, float32: images and condition vectors, with labels made one-hot."""
        images, labels = as_pair(x)
        images, condition = super().checked(images, what), self.checked_labels(labels)
        check_equally_many(what, len(images), "labels", condition)
        return images, condition

    def checked_condition(self, labels: Any) -> np.ndarray:
        """Condition vectors ``(n, *condition_shape)`` of labels or such vectors; ``BadInput`` for anything else."""
        condition = check_conditions(labels, self.num_classes, self.condition_shape)
        if not self.num_classes and not self.scale_was_named:
            self.scale_was_named = warn_of_scale(condition)
        return condition

    def checked_labels(self, labels: Any) -> np.ndarray:
        """The conditions of images that are given; here as :meth:`checked_condition` takes them."""
        return self.checked_condition(labels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._condition(), "prior": self.prior}

    @classmethod
    def build_networks(
        cls,
        input_shape: Shape,
        latent_dim: int,
        *,
        network: str = "dense",
        hidden: Shape | None = None,
        seed: int | None = None,
        **own: Any,
    ) -> dict[str, keras.Model]:
        """``encoder`` and ``decoder`` for the constructor; ``own`` holds ``num_classes`` or ``condition_shape``."""
        widths = HIDDEN if hidden is None else tuple(hidden)
        how: dict[str, Any] = {name: own.get(name) for name in ("num_classes", "condition_shape")}
        how["network"] = network
        seeds = seeds_of_networks(seed)
        return {
            "encoder": build_cvae_encoder(input_shape, latent_dim, hidden=widths, seed=seeds[0], **how),
            "decoder": build_cvae_decoder(latent_dim, input_shape, hidden=widths[::-1], seed=seeds[1], **how),
        }

    def _condition(self) -> dict[str, Any]:
        """The condition as arguments of the constructor and of the networks."""
        shape = None if self.num_classes else self.condition_shape
        return {"num_classes": self.num_classes, "condition_shape": shape}

    def _build_encoder(self, input_shape: Shape, latent_dim: int, seed: int | None) -> keras.Model:
        return build_cvae_encoder(input_shape, latent_dim, **self._condition(), seed=seed)

    def _build_decoder(self, latent_dim: int, output_shape: Shape, seed: int | None) -> keras.Model:
        return build_cvae_decoder(latent_dim, output_shape, **self._condition(), seed=seed)

    def _complete(self, *given: Any) -> tuple[keras.Model, keras.Model]:
        encoder, decoder = super()._complete(*given)
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            check_takes_condition(name, network, self.condition_shape)
        return encoder, decoder

    def _training_input(self, x: Any, y: Any, weights: Any = None, what: str = "images") -> tuple[Any, Any]:
        if y is not None:
            raise BadInput(
                f"got a y of type {type(y).__name__}: {type(self).__name__} has no targets, and its labels are part of "
                f"the input; call fit([images, labels])."
            )
        if isinstance(x, Batches):
            self.checked_labels(x.labels)
        return super()._training_input(x, None, weights, what)
