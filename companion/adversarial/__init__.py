"""Adversarial training: an autoencoder and a VAE that learn against a second network, the discriminator. Chapter 11.

Each network has losses of its own, and an optimizer trains it on these alone. The losses are added up to one, so that
training is Keras's own step on every backend. Which network a loss reaches is settled inside the loss: the gradient is
stopped at a tensor (``keras.ops.stop_gradient``) or at the weights of a network (:func:`frozen`).
"""

from companion.adversarial.aae import AAE
from companion.adversarial.flow import gradient_flow
from companion.adversarial.losses import discriminator_loss, feature_loss, frozen, generator_loss
from companion.adversarial.model import AdversarialVAE
from companion.adversarial.networks import build_code_discriminator, build_image_discriminator
from companion.adversarial.optimizers import OptimizerPerPlayer
from companion.adversarial.vae_gan import VAEGAN

__all__ = [
    "AAE",
    "VAEGAN",
    "AdversarialVAE",
    "OptimizerPerPlayer",
    "build_code_discriminator",
    "build_image_discriminator",
    "discriminator_loss",
    "feature_loss",
    "frozen",
    "generator_loss",
    "gradient_flow",
]
