"""The VAE-GAN: a VAE that compares images by the features of a discriminator that judges them. Chapter 11."""

from typing import Any

import keras
from keras import ops

from companion.adversarial.losses import discriminator_loss, feature_loss, frozen, generator_loss
from companion.adversarial.model import AdversarialVAE
from companion.adversarial.networks import build_image_discriminator, check_discriminator
from companion.schedules import check_number
from companion.tensors import Tensor
from companion.vae import Terms


@keras.saving.register_keras_serializable(package="companion")
class VAEGAN(AdversarialVAE):
    """A VAE without a likelihood of pixels: reconstructions are compared by features, and images are judged.

    The ``discriminator`` of images gives ``[logits, features]``. It learns to tell real images from reconstructions and
    from images decoded from the prior. The encoder minimises its KL plus the
    :func:`~companion.adversarial.feature_loss` of its reconstruction; the decoder ``feature_weight`` times the feature
    loss plus what makes both kinds of its images pass for real. ``feature_weight`` is the paper's gamma, and
    ``feature_scale`` the standard deviation of a feature, 1 in the paper: the smaller, the less the KL counts. Other
    arguments are those of :class:`~companion.vae.VAE`; an image is the mean of p(x|z).

    History and ``evaluate`` report ``kl_loss``, ``encoder_loss``, ``decoder_loss``, ``judged_loss`` (the decoder's
    adversarial part) and ``discriminator_loss``, and the negative ELBO under the pixels' likelihood, which nothing here
    minimises. Raises :class:`~companion.errors.BadInput` for networks that do not fit, for a weight below 0 and for a
    scale that is not above 0.
    Source: Larsen et al. (2016), algorithm 1. Taught in chapter 11.
    """

    loss_names = ("kl_loss", "encoder_loss", "decoder_loss", "judged_loss", "discriminator_loss")
    pace = 0.1  # a judge of images that learns as fast as the decoder is soon too sure to teach it

    def __init__(
        self, *networks: Any, feature_weight: float = 1.0, feature_scale: float = 0.1, **kwargs: Any
    ):
        super().__init__(*networks, **kwargs)
        self.feature_weight = check_number("feature_weight", feature_weight)
        self.feature_scale = check_number("feature_scale", feature_scale, above=0)

    def losses_of(
        self, x: Tensor, y_pred: dict[str, Tensor], terms: Terms, training: bool
    ) -> dict[str, Tensor]:
        """``kl_loss`` and ``encoder_loss`` train the encoder, ``decoder_loss`` and ``judged_loss`` the decoder.

        Each has shape ``(batch,)``. The code reaches a decoder that does not learn, then the decoder a code that does
        not; the two reconstructions are equal.
        """
        images, z = self.images_of(x), y_pred["z"]
        seen = self._image(frozen(self.decoder, z, training))  # (batch, *image_shape), for the encoder
        rebuilt = self._image(self.decoder(ops.stop_gradient(z), training=training))  # for the decoder
        drawn = self._image(self.decoder(y_pred["z_prior"], training=training))
        _, wanted = frozen(self.discriminator, images, training)  # (batch, units)
        _, features = frozen(self.discriminator, seen, training)
        rebuilt_logit, rebuilt_features = frozen(self.discriminator, rebuilt, training)
        drawn_logit, _ = frozen(self.discriminator, drawn, training)
        fakes = [
            self.discriminator(ops.stop_gradient(each), training=training)[0] for each in (rebuilt, drawn)
        ]
        return {
            "kl_loss": terms["kl"],
            "encoder_loss": feature_loss(wanted, features, self.feature_scale),
            "decoder_loss": feature_loss(wanted, rebuilt_features, self.feature_scale),
            "judged_loss": generator_loss(rebuilt_logit, drawn_logit),
            "discriminator_loss": discriminator_loss(
                self.discriminator(images, training=training)[0], *fakes
            ),
        }

    def weight_of(self, name: str) -> float:
        return self.feature_weight if name == "decoder_loss" else 1.0

    def get_config(self) -> dict[str, Any]:
        own = {"feature_weight": self.feature_weight, "feature_scale": self.feature_scale}
        return {**super().get_config(), **own}

    def _image(self, logits: Tensor) -> Tensor:
        return self.likelihood_of(logits).mean()

    def _complete_discriminator(self, discriminator: keras.Model | None) -> keras.Model:
        if discriminator is None:
            return build_image_discriminator(self.image_shape, seed=self._seed_of_discriminator())
        call = f"build_image_discriminator({self.image_shape})"
        return check_discriminator(discriminator, self.image_shape, 2, call)
