"""The VQ-VAE: an image becomes a small map of whole numbers, with a prior over such maps. Chapter 09."""

import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from companion.base import prior_without_images, seeds_of_networks
from companion.batching import map_batches
from companion.code_use import Perplexity, check_choices, inked_cells, use_of_codes
from companion.errors import BadInput
from companion.networks import _check_widths
from companion.objectives import elbo_terms
from companion.schedules import check_number
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms
from companion.vq_vae.networks import FILTERS, build_vqvae_decoder, build_vqvae_encoder, check_maps_agree
from companion.vq_vae.pixel_cnn import PixelCNN, UniformPrior, as_prior
from companion.vq_vae.quantizer import LandsShifts, VectorQuantizer, codebook_loss, commitment_loss


def vqvae_loss(
    log_likelihood: Tensor, commitment: Tensor, codebook: Tensor, *, weight: float = 0.25
) -> Tensor:
    """Reconstruction + ``weight`` × commitment + codebook of each image: shape ``(batch,)``.

    All three have shape ``(batch,)`` and are sums over an image's pixels or vectors, as
    :func:`~companion.vq_vae.commitment_loss` and :func:`~companion.vq_vae.codebook_loss` give them. ``codebook`` is
    zero where running means update the codebook.
    Source: van den Oord et al. (2017), equation 3. Taught in chapter 09.
    """
    return -log_likelihood + weight * commitment + codebook


@keras.saving.register_keras_serializable(package="companion")
class VQVAE(LandsShifts, VAE):
    """A VAE whose code is a map of whole numbers, each the index of a vector in a codebook.

    ``encoder`` maps images to vectors ``(batch, height, width, embedding_dim)`` and ``decoder`` such maps to logits.
    Pass both or neither; without them both are built with ``filters``. ``num_embeddings``, ``codebook``, ``reset`` and
    ``data_init`` go to :class:`~companion.vq_vae.VectorQuantizer`; ``commitment`` is the weight of its commitment
    loss. ``prior``: ``"pixel_cnn"``, trained together with the rest on the codes of each batch, ``"uniform"``, or a
    :class:`~companion.vq_vae.PixelCNN` or :class:`~companion.vq_vae.UniformPrior`.

    The encoder chooses one map per image, so log p(x) ≥ log p(x|codes) + log p(codes): ``kl_loss`` is -log p(codes)
    under the current prior, and ``neg_elbo`` bounds -log p(x) as in every family. ``loss`` adds to ``neg_elbo`` the
    commitment and codebook terms of :func:`vqvae_loss`. History and ``evaluate`` also report ``perplexity``, over all
    codes of an epoch.

    Raises :class:`~companion.errors.BadInput` for networks that do not fit each other, one network without the other,
    and settings that are not allowed. Source: van den Oord et al. (2017). Taught in chapter 09.
    """

    encoder_outputs = 1

    def __init__(
        self,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        *,
        num_embeddings: int = 64,
        embedding_dim: int = 16,
        commitment: float = 0.25,
        codebook: str = "ema",
        reset: float = 0.5,
        data_init: bool = True,
        prior: str | UniformPrior = "pixel_cnn",
        filters: Sequence[int] = FILTERS,
        input_shape: Sequence[int] = (28, 28, 1),
        seed: int | None = None,
        **kwargs: Any,
    ):
        if (encoder is None) != (decoder is None):
            raise BadInput(
                "one network came without the other: expected both or neither; pass encoder=build_vqvae_encoder(...) "
                "and decoder=build_vqvae_decoder(...)."
            )
        if encoder is None:
            networks = self.build_networks(
                input_shape, embedding_dim=embedding_dim, filters=filters, seed=seed
            )
            encoder, decoder = networks["encoder"], networks["decoder"]
        super().__init__(encoder, decoder, seed=seed, **kwargs)
        check_maps_agree(self.encoder, self.decoder)
        self.commitment = check_number("commitment", commitment)
        self.grid_shape = tuple(self.decoder.input_shape[1:3])
        how: dict[str, Any] = {"codebook": codebook, "reset": reset, "data_init": data_init}
        self.quantizer = self._build_quantizer(num_embeddings, **how)
        self.num_embeddings = self.quantizer.num_embeddings
        prior_seed = None if self.seed is None else 2 * self.seed + 2  # after those of the two networks
        self.prior = as_prior(prior, self.num_embeddings, self.grid_shape, prior_seed)
        self.perplexity_tracker = Perplexity(self.num_embeddings)

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """``logits`` ``(batch, *image_shape)`` and ``codes`` ``(batch, height, width)``, and three maps of vectors.

        Each is ``(batch, height, width, embedding_dim)``: ``encoded``, from the encoder; ``embedded``, from the
        codebook; and ``z``, which has the values of ``embedded`` and the gradient of ``encoded``.
        """
        encoded = self.encoder(x, training=training)  # (batch, height, width, embedding_dim)
        quantized = self.quantizer(encoded, training=training)
        logits = self.logits_of(quantized["z"], x, training=training)  # (batch, *image_shape)
        return {**quantized, "encoded": encoded, "logits": logits}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The mean over the batch of :meth:`objective`, in nats, from what ``call`` returned."""
        self.perplexity_tracker.update_state(y_pred["codes"])
        return super().compute_loss(x, y, y_pred, sample_weight, training)

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the bound, and ``commitment`` and ``codebook``, squared distances; each ``(batch,)``."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (batch,)
        encoded, embedded = (ops.cast(y_pred[name], "float32") for name in ("encoded", "embedded"))
        commitment = commitment_loss(encoded, embedded)  # (batch,)
        learned = self.quantizer.codebook == "loss"
        return {
            **elbo_terms(log_likelihood, -self.prior_of(x).log_prob(y_pred["codes"])),
            "commitment": commitment,
            "codebook": codebook_loss(encoded, embedded) if learned else ops.zeros_like(commitment),
        }

    def objective(self, terms: Terms) -> Tensor:
        """:func:`vqvae_loss` plus -log p(codes), ``(batch,)``; the last term trains the prior alone."""
        losses = (terms["log_likelihood"], terms["commitment"], terms["codebook"])
        return vqvae_loss(*losses, weight=self.commitment) + terms["kl"]

    def prior_of(self, x: Tensor) -> UniformPrior:
        """The prior over maps of codes. A subclass with another one overrides this."""
        return self.prior

    def logits_of(self, z: Tensor, x: Tensor, training: bool | None = None) -> Tensor:
        """Decoder outputs ``(batch, *image_shape)`` for maps of vectors ``(batch, height, width, embedding_dim)``."""
        return self.decoder(z, training=training)

    def noise(self, n: int, seed: Any) -> np.ndarray:
        """An empty array ``(n, 0)``: the encoder draws nothing."""
        return np.zeros((n, 0), "float32")

    def elbo_terms(self, x: Any, epsilon: Any = None) -> dict[str, np.ndarray]:
        """What :meth:`terms` gives for images ``x``, each ``(n,)``. There is no noise, so ``epsilon`` is ignored."""
        return super().elbo_terms(x)

    def draw_log_weights(self, x: Tensor, num_samples: int, seed: Seed) -> Tensor:
        """The bound of each image, repeated: ``(num_samples, n)``, in nats. An image has one code and so one weight."""
        return ops.tile(self.terms(x, self(x))["elbo"][None], (num_samples, 1))

    def encode(self, x: Any) -> np.ndarray:  # type: ignore[override] # whole numbers have neither mean nor variance
        """The codes of images ``x``: ``(n, height, width)``, whole numbers below ``num_embeddings``."""
        return map_batches(lambda batch: self.quantizer(self.encoder(batch))["codes"], self.checked(x))

    def decode(self, codes: Any) -> np.ndarray:
        """Images in [0, 1] ``(n, *image_shape)`` for codes ``(n, height, width)``, as :meth:`encode` gives them.

        Raises :class:`~companion.errors.BadInput` for another shape and for codes that the codebook does not have.
        """
        return map_batches(
            lambda batch: self.likelihood_of(self.decoder(self.quantizer.look_up(batch))).mean(),
            check_choices(codes, self.grid_shape, self.num_embeddings),
        )

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from the codes of images ``x``: ``(n, *image_shape)``, values in [0, 1]."""
        return self.decode(self.encode(x))

    def sample(self, n: int, seed: Any = None) -> np.ndarray:
        """``n`` generated images ``(n, *image_shape)`` in [0, 1], decoded from maps of codes that the prior draws."""
        return self.decode(prior_without_images(self).sample(n, self.stream(seed)))

    def fit_prior(self, x: Any, **how: Any) -> keras.callbacks.History:
        """Train the prior alone, on the current codes of images ``x``.

        ``how`` goes to :meth:`companion.vq_vae.PixelCNN.fit`. The rest of the model and its optimizer do not change.
        Returns the history, whose ``loss`` is -log p(codes) in nats per image.
        Raises :class:`~companion.errors.BadInput` where the prior is uniform.
        """
        if not isinstance(self.prior, PixelCNN):
            raise BadInput(
                "the prior is uniform and has nothing to learn: expected a PixelCNN; build the model with "
                "prior='pixel_cnn'."
            )
        return self.prior.fit(self.encode(x), **how)

    def own_scores(self, x: Any) -> dict[str, Any]:
        """Use of the codebook, and bits under the best table of code frequencies (unigram) and under the prior."""
        x = self.checked(x)
        bits = float(np.mean(self.elbo_terms(x)["kl"])) / math.log(2)
        return {
            **use_of_codes(self.encode(x), inked_cells(x, self.grid_shape), self.num_embeddings),
            "bits_per_code": bits / math.prod(self.grid_shape),
            "bits_per_image": bits,
        }

    def get_config(self) -> dict[str, Any]:
        names = ("num_embeddings", "codebook", "reset", "data_init")
        quantizer = {name: getattr(self.quantizer, name) for name in names}
        prior = keras.saving.serialize_keras_object(self.prior)
        return {**super().get_config(), **quantizer, "commitment": self.commitment, "prior": prior}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        prior = keras.saving.deserialize_keras_object(config["prior"])
        return super().from_config({**config, "prior": prior}, custom_objects)

    @classmethod
    def build_networks(
        cls,
        input_shape: Sequence[int],
        latent_dim: int | None = None,
        *,
        network: str = "conv",
        hidden: Sequence[int] | None = None,
        seed: int | None = None,
        embedding_dim: int = 16,
        filters: Sequence[int] = FILTERS,
        **own: Any,
    ) -> dict[str, keras.Model]:
        """``encoder`` and ``decoder`` with the given ``filters``; ignores ``latent_dim``, since a code is a map."""
        filters = _check_widths("filters", filters)
        first, second = seeds_of_networks(seed)
        return {
            "encoder": build_vqvae_encoder(input_shape, embedding_dim, filters=filters, seed=first),
            "decoder": build_vqvae_decoder(embedding_dim, input_shape, filters=filters[::-1], seed=second),
        }

    def _build_quantizer(self, num_embeddings: int, **how: Any) -> Any:
        """The layer that makes codes of vectors. A family with codes of another kind overrides this."""
        return VectorQuantizer(num_embeddings, self.latent_dim, **how, seed=self.seed, name="quantizer")

    def _check_encoder(self, encoder: keras.Model) -> tuple[tuple[int, ...], int]:
        shape = encoder.output_shape
        if isinstance(shape, list) or len(shape) != 4:
            raise BadInput(
                f"encoder gives {shape}: VQVAE expects one map of vectors, (batch, height, width, embedding_dim); "
                f"build it with build_vqvae_encoder(...)."
            )
        return tuple(encoder.input_shape[1:]), int(shape[-1])
