"""A plain autoencoder: one code per image, and back. Chapter 01."""

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from companion.base import (
    CheckedModel,
    build_pair,
    check_decoder,
    check_gives_logits,
    check_is_built,
    check_latent_outputs,
    in_order,
    seeds_of_networks,
    takes,
)
from companion.batching import map_batches
from companion.distributions import Distribution
from companion.errors import check_codes, check_images, check_seed
from companion.likelihoods import Likelihood, as_likelihood
from companion.networks import build_decoder, build_encoder
from companion.tensors import Tensor


@keras.saving.register_keras_serializable(package="companion")
class Autoencoder(CheckedModel):
    """An encoder to one code per image, and a decoder back; trained on the negative log likelihood of the pixels.

    ``encoder`` maps ``(batch, *image_shape)`` to codes ``(batch, latent_dim)`` and ``decoder`` maps codes to logits
    ``(batch, *image_shape)``. A network that is left out is built: one of the dense pair, for ``input_shape`` and
    ``latent_dim`` or for the sizes of the network that is given. ``likelihood`` is a name, a class of
    ``companion.distributions`` or a :class:`~companion.likelihoods.Likelihood`; ``seed`` fixes the weights of the
    networks built here.

    After ``compile("adam")``, ``fit(images)`` takes images in [0, 1] and reports ``loss`` in nats per image.
    Raises :class:`~companion.errors.BadInput` where networks do not fit each other, and for images that do not fit.
    Taught in chapter 01.
    """

    encoder_outputs = 1

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
        super().__init__(**kwargs)
        self.seed = check_seed(seed, generator=False)
        self.likelihood = as_likelihood(likelihood)
        self.encoder, self.decoder = self._complete(encoder, decoder, input_shape, latent_dim)
        self.image_shape = takes(self.encoder)
        self.latent_dim = int(takes(self.decoder)[-1])
        self.built = True

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Logits ``(batch, *image_shape)`` and codes ``z`` ``(batch, latent_dim)`` of images ``x``."""
        z = self.encoder(x, training=training)  # (batch, latent_dim)
        return {"logits": self.decoder(z, training=training), "z": z}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The mean over the batch of the loss of each image, in nats, from what ``call`` returned."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(x)  # (batch,)
        return self.mean_loss(-log_likelihood, sample_weight)

    def likelihood_of(self, logits: Tensor) -> Distribution:
        """p(x|z) for decoder outputs of shape ``(..., *image_shape)``."""
        return self.likelihood.given(logits, event_ndims=len(self.image_shape))

    def mean_loss(self, per_image: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The mean of ``per_image`` ``(batch,)`` over the batch, plus the losses that layers added: a scalar."""
        if sample_weight is not None:
            # Weights of shape (batch, 1) would otherwise broadcast to (batch, batch).
            weight = ops.reshape(ops.cast(sample_weight, per_image.dtype), ops.shape(per_image))  # (batch,)
            per_image = per_image * weight
        return ops.mean(per_image) + sum(self.losses)

    def encode(self, x: Any) -> Any:
        """Codes of images ``x``: an array ``(n, latent_dim)``."""
        return map_batches(self.encoder, self.checked(x))

    def decode(self, z: Any) -> np.ndarray:
        """Images in [0, 1], the mean of p(x|z), of shape ``(n, *image_shape)`` for codes ``(n, latent_dim)``."""
        return map_batches(
            lambda codes: self.likelihood_of(self.decoder(codes)).mean(), check_codes(z, self.latent_dim)
        )

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from the codes of images ``x``: ``(n, *image_shape)``, values in [0, 1]."""
        return self.decode(self.encode(x))

    def checked(self, x: Any, what: str = "images") -> Any:
        """Images ``x`` as this model takes them, float32; raises :class:`~companion.errors.BadInput` for others."""
        return check_images(x, self.image_shape, what, in_unit_interval=self.likelihood.link == "sigmoid")

    def get_config(self) -> dict[str, Any]:
        parts = {"encoder": self.encoder, "decoder": self.decoder, "likelihood": self.likelihood}
        serialized = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {"name": self.name, "seed": self.seed, **serialized}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        parts = ("encoder", "decoder", "likelihood")
        restored = {name: keras.saving.deserialize_keras_object(config[name]) for name in parts}
        return cls(**{**config, **restored})

    @classmethod
    def build_networks(
        cls,
        input_shape: Sequence[int],
        latent_dim: int,
        *,
        network: str = "dense",
        hidden: Sequence[int] | None = None,
        hidden_activation: str = "relu",
        batch_norm: bool = False,
        seed: int | None = None,
        **own: Any,
    ) -> dict[str, keras.Model]:
        """``encoder`` and ``decoder`` by the names of the command line, for the constructor of this class.

        ``network``: ``dense`` or ``conv``; ``hidden``: widths of a dense encoder's layers, mirrored by the decoder;
        ``hidden_activation`` and ``batch_norm``: the nonlinearity of a dense pair, and whether its inputs are
        normalised over the batch;
        ``own``: further options of the family. ``seed`` gives the networks that the constructor builds under the same
        ``seed``.
        """
        variational = cls.encoder_outputs == 3
        how: dict[str, Any] = {"hidden_activation": hidden_activation, "batch_norm": batch_norm, "seed": seed}
        return build_pair(input_shape, latent_dim, network, hidden, variational=variational, **how)

    def _build_encoder(self, input_shape: Sequence[int], latent_dim: int, seed: int | None) -> keras.Model:
        return build_encoder(input_shape, latent_dim, variational=self.encoder_outputs == 3, seed=seed)

    def _build_decoder(self, latent_dim: int, output_shape: Sequence[int], seed: int | None) -> keras.Model:
        return build_decoder(latent_dim, output_shape, seed=seed)

    def _complete(
        self,
        encoder: keras.Model | None,
        decoder: keras.Model | None,
        input_shape: Sequence[int],
        latent_dim: int,
    ) -> tuple[keras.Model, keras.Model]:
        """Both networks, checked; one that is missing is built to fit the other."""
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            check_is_built(name, network)
        encoder = in_order(encoder, self.encoder_outputs)
        if encoder is not None:
            input_shape, latent_dim = self._check_encoder(encoder)
        elif decoder is not None:
            input_shape, latent_dim = decoder.output_shape[1:], int(takes(decoder)[-1])
        encoder_seed, decoder_seed = seeds_of_networks(self.seed)
        if encoder is None:
            encoder = self._build_encoder(input_shape, latent_dim, encoder_seed)
        if decoder is None:
            decoder = self._build_decoder(latent_dim, takes(encoder), decoder_seed)
        check_decoder(decoder, int(latent_dim), takes(encoder))
        if self.likelihood.link == "sigmoid":
            check_gives_logits(decoder)
        return encoder, decoder

    def _check_encoder(self, encoder: keras.Model) -> tuple[tuple[int, ...], int]:
        """Image shape and latent size of an encoder; it must have the outputs that this model needs."""
        return check_latent_outputs(encoder, type(self).__name__, self.encoder_outputs)
