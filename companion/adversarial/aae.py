"""The adversarial autoencoder: a discriminator of codes in the place of the KL. Chapter 11."""

from typing import Any

import keras
from keras import ops

from companion.adversarial.losses import discriminator_loss, frozen, generator_loss
from companion.adversarial.model import AdversarialVAE
from companion.adversarial.networks import build_code_discriminator, check_discriminator
from companion.schedules import check_number
from companion.tensors import Tensor
from companion.vae import Terms


@keras.saving.register_keras_serializable(package="companion")
class AAE(AdversarialVAE):
    """An autoencoder with a normal posterior, whose codes, over all images together, shall look like the prior's.

    A VAE pulls each q(z|x) to the prior by its KL. Here a ``discriminator`` of codes ``(batch, latent_dim)`` learns to
    tell a draw of the prior from the code of an image, and the encoder learns to be taken for the prior, with
    ``adversarial_weight`` nats per nat of reconstruction. So only the mixture of all q(z|x), the aggregated posterior,
    is matched. Other arguments are those of :class:`~companion.vae.VAE`.

    History and ``evaluate`` report ``reconstruction_loss``, ``encoder_loss`` and ``discriminator_loss``, and the terms
    of the ELBO, of which the KL is measured but not minimised.
    Raises :class:`~companion.errors.BadInput` for networks that do not fit, and for a weight below 0.
    Source: Makhzani et al. (2015), with a Gaussian posterior (section 2.1). Taught in chapter 11.
    """

    loss_names = ("reconstruction_loss", "encoder_loss", "discriminator_loss")

    def __init__(self, *networks: Any, adversarial_weight: float = 3.0, **kwargs: Any):
        super().__init__(*networks, **kwargs)
        self.adversarial_weight = check_number("adversarial_weight", adversarial_weight)

    def losses_of(
        self, x: Tensor, y_pred: dict[str, Tensor], terms: Terms, training: bool
    ) -> dict[str, Tensor]:
        """``reconstruction_loss`` trains encoder and decoder, the other two the network in their name.

        Each has shape ``(batch,)``.
        """
        z, z_prior = y_pred["z"], y_pred["z_prior"]  # (batch, latent_dim) each
        judged = self.discriminator(ops.stop_gradient(z), training=training)  # (batch, 1)
        return {
            "reconstruction_loss": -terms["log_likelihood"],
            "encoder_loss": generator_loss(frozen(self.discriminator, z, training)),
            "discriminator_loss": discriminator_loss(self.discriminator(z_prior, training=training), judged),
        }

    def weight_of(self, name: str) -> float:
        return self.adversarial_weight if name == "encoder_loss" else 1.0

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "adversarial_weight": self.adversarial_weight}

    def _complete_discriminator(self, discriminator: keras.Model | None) -> keras.Model:
        if discriminator is None:
            return build_code_discriminator(self.latent_dim, seed=self._seed_of_discriminator())
        call = f"build_code_discriminator({self.latent_dim})"
        return check_discriminator(discriminator, (self.latent_dim,), 1, call)
