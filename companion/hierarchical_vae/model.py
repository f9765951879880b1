"""A VAE with several layers of codes: bottom-up inference, and the ladder that infers from the top down. Chapter 08."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops, random

from companion.base import prior_without_images, seeds_of_networks
from companion.batching import count, map_batches
from companion.distributions import DiagonalNormal
from companion.errors import check_choice, check_codes, check_whole_number
from companion.hierarchical_vae.layers import (
    LatentLayer,
    call_on_codes,
    check_held,
    check_there_is_an_upper_layer,
    generate,
    infer,
    noise_by_layer,
)
from companion.hierarchical_vae.networks import (
    INFERENCES,
    LATENT_DIMS,
    MERGES,
    build_hierarchical_decoder,
    build_hierarchical_encoder,
    complete_pair,
    generators_of,
)
from companion.networks import HIDDEN
from companion.objectives import elbo_terms, free_bits, log_importance_weights
from companion.schedules import FollowsSchedules, check_number, warm_up
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms


def hierarchical_vae_loss(
    log_likelihood: Tensor, kl_layers: Sequence[Tensor], *, weight: Any = 1.0, least: float = 0.0
) -> Tensor:
    """The negative ELBO of each image, ``KL_1 + KL_2 + ... - log p(x|z1)``: shape ``(batch,)``, in nats.

    ``kl_layers`` holds the KL term of each layer, bottom first, each ``(batch,)``. ``weight`` multiplies every
    one of them. With ``least`` above 0 the KL of each layer above the first enters as in
    :func:`~companion.objectives.free_bits`, the layer counting as one unit. With either the value is no longer a bound.
    Source: Sønderby et al. (2016). Taught in chapter 08.
    """
    bottom, *upper = kl_layers
    kl = sum((free_bits(each[:, None], least) if least else each for each in upper), bottom)  # (batch,)
    return -elbo_terms(log_likelihood, weight * kl)["elbo"]


@keras.saving.register_keras_serializable(package="companion")
class HierarchicalVAE(FollowsSchedules, VAE):
    """A VAE with layers of codes z1, z2, ..., of sizes ``latent_dims``: p(z_L) ... p(z1|z2) p(x|z1).

    ``inference="bottom_up"`` infers q(z1|x) q(z2|z1) ...: the KL of the top layer is exact, that of a lower layer is
    estimated by log q - log p at the draw. ``"top_down"`` infers z_L from the image, then each lower layer from the
    image and p(z1|z2) joined as ``merge`` says. ``concatenation``, the default, is a network that takes both.
    ``precision`` and ``mean`` multiply two normals (:func:`~companion.hierarchical_vae.ladder_merge`,
    :func:`~companion.hierarchical_vae.mean_merge`). ``residual`` moves the prior
    (:func:`~companion.hierarchical_vae.residual_merge`). Every KL is then exact, given the layer above. With one
    layer both are the VAE. Over ``warm_up_steps`` steps of the optimizer the weight of every KL rises from 0 to 1;
    that of each layer above the first enters the loss as max(``free_bits``, batch mean), in nats. Build ``encoder``
    and ``decoder`` with :func:`~companion.hierarchical_vae.build_hierarchical_encoder` and
    :func:`~companion.hierarchical_vae.build_hierarchical_decoder`, or from parts of your own.

    History and ``evaluate`` also report ``kl_1``, ``kl_2``, ..., without weights, which add up to ``kl_loss``.
    ``encode``, ``decode`` and ``latent_dim`` are those of z1.
    Raises :class:`~companion.errors.BadInput` for sizes and networks that do not fit, and for free bits where there is
    no upper layer. Sources: Sønderby et al. (2016); Kingma et al. (2016). Taught in chapter 08.
    """

    def __init__(
        self,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        *,
        latent_dims: Sequence[int] = LATENT_DIMS,
        inference: str = "bottom_up",
        merge: str = "concatenation",
        free_bits: float = 0.0,
        warm_up_steps: int = 0,
        input_shape: Sequence[int] = (28, 28, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        inference = check_choice("inference", inference, INFERENCES)
        self.merge = check_choice("merge", merge, MERGES)
        how = (inference, merge, input_shape, seed)
        encoder, decoder, dims = complete_pair(encoder, decoder, latent_dims, *how)
        super().__init__(encoder, decoder, seed=seed, **kwargs)
        self.latent_dims, self.latent_dim, self.inference = dims, dims[0], inference
        self.free_bits = check_number("free_bits", free_bits)
        self.warm_up_steps = check_whole_number("warm_up_steps", warm_up_steps, at_least=0)
        check_there_is_an_upper_layer(dims, free_bits=free_bits)
        self.weight = warm_up(self.warm_up_steps) if self.warm_up_steps else 1.0
        self.layer_trackers = [keras.metrics.Mean(name=f"kl_{n}") for n in range(1, len(dims) + 1)]

    # Properties, so that Keras does not list the parts of both networks a second time.
    @property
    def pixels_part(self) -> keras.Model:
        """The decoder's part p(x|z1)."""
        return generators_of(self.decoder)[0]

    @property
    def prior_parts(self) -> list[keras.Model]:
        """The decoder's parts p(z1|z2), p(z2|z3), ..."""
        return generators_of(self.decoder)[1]

    @property
    def noise_dim(self) -> int:
        """How many standard normal numbers the codes of one image need; those of the bottom layer come first."""
        return sum(self.latent_dims)

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Any]:
        """Logits ``(batch, *image_shape)``; ``z_mean``, ``z_log_var``, ``z`` of the bottom layer; all ``layers``."""
        epsilon = random.normal((ops.shape(x)[0], self.noise_dim), seed=self.seed_generator)
        return self._pass(x, epsilon, training)

    def layers_of(self, x: Tensor, epsilon: Tensor, training: bool | None = None) -> list[LatentLayer]:
        """Every layer inferred from images ``x``, bottom first, drawn with the noise ``epsilon``.

        ``epsilon`` has shape ``(batch, sum(latent_dims))``, or ``(k, batch, ...)`` for k draws per image.
        """
        noise = noise_by_layer(epsilon, self.latent_dims)
        how = (training, self.prior_of(x), self.merge)
        return infer(self.inference, self.encoder, self.prior_parts, x, noise, *how)

    def terms(self, x: Tensor, y_pred: dict[str, Any]) -> Terms:
        """The terms of the ELBO and the KL of each layer, ``kl_1``, ``kl_2``, ...: each ``(batch,)``, in nats."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (batch,)
        *lower, top = y_pred["layers"]
        # Bottom-up, z2 is inferred from z1, so the average of log q(z1|x) - log p(z1|z2) has no closed form.
        exact = self.inference == "top_down"
        kl_layers = [layer.kl() if exact else layer.log_ratio() for layer in lower] + [top.kl()]
        by_name = {f"kl_{level}": kl for level, kl in enumerate(kl_layers, start=1)}
        return {**elbo_terms(log_likelihood, sum(kl_layers[1:], kl_layers[0])), **by_name}

    def objective(self, terms: Terms) -> Tensor:
        """What is minimised: the negative ELBO of each image, ``(batch,)``, with free bits and warm-up if set."""
        kls = [terms[tracker.name] for tracker in self.layer_trackers]
        weight = self.now(self.weight)
        return hierarchical_vae_loss(terms["log_likelihood"], kls, weight=weight, least=self.free_bits)

    def track(self, terms: Terms, sample_weight: Tensor) -> None:
        super().track(terms, sample_weight)
        for tracker in self.layer_trackers:
            tracker.update_state(terms[tracker.name], sample_weight)

    def logits_of(self, z: Tensor, x: Tensor, training: bool | None = None) -> Tensor:
        """Logits of p(x|z1) for codes of the bottom layer: shape ``(..., batch, *image_shape)``."""
        return call_on_codes(self.pixels_part, z, training)

    def prior_of(self, x: Tensor) -> DiagonalNormal:
        """The prior p(z_L) of the top layer: the standard normal. A subclass with another prior overrides this."""
        return super().prior_of(x)

    def draw_log_weights(self, x: Tensor, num_samples: int, seed: Seed) -> Tensor:
        """log p(x, z1, z2, ...) - log q(z1, z2, ...|x) for each draw: ``(num_samples, n)``, in nats.

        As :meth:`companion.vae.VAE.log_weights`; every layer adds log p - log q at its draw.
        """
        noise = random.normal((num_samples, ops.shape(x)[0], self.noise_dim), seed=seed)
        layers = self.layers_of(x, noise)  # each (num_samples, n, latent_dims[l])
        log_likelihood = self.likelihood_of(self.logits_of(layers[0].z, x)).log_prob(self.images_of(x))
        log_prior = sum(layer.prior.log_prob(layer.z) for layer in layers)
        log_posterior = sum(layer.posterior.log_prob(layer.z) for layer in layers)
        return log_importance_weights(log_likelihood, log_prior, log_posterior)

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``z_mean``, ``z_log_var`` and a draw ``z`` of the bottom layer: arrays ``(n, latent_dims[0])``."""
        return self.encode_layers(x)[0]

    def encode_layers(self, x: Any) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """``z_mean``, ``z_log_var`` and a draw ``z`` for each layer, bottom first: arrays ``(n, latent_dims[l])``.

        Mean and log variance are computed with every other layer at its mean; the draws are made together, each from
        the layer before it.
        """

        def inferred(batch: Tensor) -> list[tuple[Tensor, Tensor, Tensor]]:
            epsilon = random.normal((len(batch), self.noise_dim), seed=self.seed_generator)
            quiet, drawn = self.layers_of(batch, ops.zeros_like(epsilon)), self.layers_of(batch, epsilon)
            return [(q.z_mean, q.z_log_var, d.z) for q, d in zip(quiet, drawn, strict=True)]

        return map_batches(inferred, self.checked(x))

    def decode(self, z: Any) -> np.ndarray:
        """Images in [0, 1], the mean of p(x|z1), ``(n, *image_shape)`` for codes z1 ``(n, latent_dims[0])``."""
        codes = check_codes(z, self.latent_dim)
        return map_batches(lambda batch: self.likelihood_of(self.pixels_part(batch)).mean(), codes)

    def sample(self, n: int, seed: Any = None) -> np.ndarray:
        """``n`` images ``(n, *image_shape)`` in [0, 1], decoded from z1 as drawn by ``sample_layers``."""
        return self.decode(self.sample_layers(n, seed)[0])

    def sample_layers(
        self, n: int, seed: Any = None, *, held: Mapping[int, Any] | None = None
    ) -> list[np.ndarray]:
        """``n`` draws of all layers from the model, bottom first: arrays ``(n, latent_dims[l])``.

        ``held`` fixes layers by number, 1 at the bottom: with ``held={2: z2}``, codes ``(n, d)`` or one ``(d,)`` for
        all, only z1 is drawn, from p(z1|z2). ``seed``: an int, a ``SeedGenerator``, or None for the model's own. Raises
        :class:`~companion.errors.BadInput` for a layer that does not exist and codes that do not fit it.
        """
        fixed = check_held({} if held is None else held, self.latent_dims, check_whole_number("n", n))
        how = (self.generator_of(seed), fixed, prior_without_images(self))
        return generate(self.prior_parts, self.latent_dims, n, *how)

    def own_scores(self, x: Any) -> dict[str, Any]:
        """``kl_per_layer``, bottom first, in nats, with the same noise as the scores of every model."""
        terms = self.elbo_terms(x, self.noise(count(self.checked(x)), self.seed or 0))
        return {"kl_per_layer": [float(np.mean(terms[t.name])) for t in self.layer_trackers]}

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("inference", "merge", "free_bits", "warm_up_steps")}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        # Before there was a choice, this was the only way to join image and upper layer.
        return super().from_config({"merge": "precision", **config}, custom_objects)

    @classmethod
    def build_networks(
        cls,
        input_shape: Sequence[int],
        latent_dim: int | None = None,
        *,
        network: str = "dense",
        hidden: Sequence[int] | None = None,
        hidden_activation: str = "relu",
        batch_norm: bool = False,
        seed: int | None = None,
        latent_dims: Sequence[int] = LATENT_DIMS,
        inference: str = "bottom_up",
        merge: str = "concatenation",
        **own: Any,
    ) -> dict[str, keras.Model]:
        widths = HIDDEN if hidden is None else tuple(hidden)
        seeds = seeds_of_networks(seed)
        both: dict[str, Any] = {
            "network": network,
            "hidden_activation": hidden_activation,
            "batch_norm": batch_norm,
        }
        up = {**both, "inference": inference, "merge": merge, "hidden": widths, "seed": seeds[0]}
        down = {**both, "hidden": widths[::-1], "seed": seeds[1]}
        return {
            "encoder": build_hierarchical_encoder(input_shape, latent_dims, **up),
            "decoder": build_hierarchical_decoder(latent_dims, input_shape, **down),
        }

    def _pass(self, x: Tensor, epsilon: Tensor, training: bool | None = None) -> dict[str, Any]:
        """What ``call`` returns, for given noise."""
        layers = self.layers_of(x, epsilon, training)
        bottom = {name: getattr(layers[0], name) for name in ("z_mean", "z_log_var", "z")}
        return {"logits": self.logits_of(bottom["z"], x, training), **bottom, "layers": layers}

    def _terms_with_noise(self, x: Tensor, epsilon: Tensor) -> Terms:
        return self.terms(x, self._pass(x, epsilon))

    def _check_encoder(self, encoder: keras.Model) -> tuple[tuple[int, ...], int]:
        """Image shape, and size of the top layer, which the decoder takes; ``complete_pair`` has checked the rest."""
        return tuple(encoder.input_shape[1:]), int(encoder.output_shape[-1][-1])
