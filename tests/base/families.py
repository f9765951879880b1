"""One small model of every family, for 4x4 images, and an input for each: what the tests of this folder share."""

import numpy as np

from companion.adversarial import AAE, VAEGAN
from companion.autoencoder import Autoencoder
from companion.beta_vae import BetaVAE
from companion.conditional_vae import ConditionalVAE
from companion.conditional_vae.networks import build_cvae_decoder, build_cvae_encoder
from companion.discrete_vae import DiscreteVAE
from companion.flow import IAFVAE
from companion.fsq import FSQVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE
from companion.latent_diffusion import LatentDiffusion
from companion.miwae import MIWAE
from companion.networks import build_decoder, build_encoder
from companion.pixel_vae import PixelVAE
from companion.priors import PriorVAE
from companion.semi_supervised import SemiSupervisedVAE, build_classifier
from companion.vae import VAE
from companion.vq_vae import VQVAE

SHAPE = (4, 4, 1)
N = 12
IMAGES = np.random.default_rng(0).uniform(size=(N, *SHAPE)).astype("float32")
LABELS = np.arange(N) % 3
VECTORS = np.random.default_rng(1).normal(size=(N, 5)).astype("float32")


def _pair(variational=True, latent_dim=2):
    encoder = build_encoder(SHAPE, latent_dim, hidden=(8,), variational=variational, seed=0)
    return encoder, build_decoder(latent_dim, SHAPE, hidden=(8,), seed=1)


def _conditional(**condition):
    encoder = build_cvae_encoder(SHAPE, 2, **condition, hidden=(8,), seed=0)
    return ConditionalVAE(
        encoder, build_cvae_decoder(2, SHAPE, **condition, hidden=(8,), seed=1), seed=0, **condition
    )


def _semi_supervised():
    conditional, classifier = _conditional(num_classes=3), build_classifier(SHAPE, 3, hidden=(8,), seed=3)
    return SemiSupervisedVAE(conditional.encoder, conditional.decoder, classifier, num_classes=3, seed=0)


BUILD = {
    "autoencoder": lambda: Autoencoder(*_pair(False), seed=0),
    "vae": lambda: VAE(*_pair(), seed=0),
    "beta": lambda: BetaVAE(*_pair(), seed=0),
    "labels": lambda: _conditional(num_classes=3),
    "vectors": lambda: _conditional(condition_shape=(5,)),
    "hierarchical": lambda: HierarchicalVAE(
        **HierarchicalVAE.build_networks(SHAPE, hidden=(8,), latent_dims=(3, 2)), seed=0
    ),
    "vq": lambda: VQVAE(input_shape=SHAPE, filters=(4,), num_embeddings=4, embedding_dim=2, seed=0),
    "discrete": lambda: DiscreteVAE(*_pair(False, 6), num_latents=2, num_categories=3, seed=0),
    "iwae": lambda: IWAE(*_pair(), num_samples=3, seed=0),
    "aae": lambda: AAE(*_pair(), seed=0),
    "vae_gan": lambda: VAEGAN(*_pair(), seed=0),
    "pixel": lambda: PixelVAE(*_pair(), filters=2, seed=0),
    "semi": _semi_supervised,
    "miwae": lambda: MIWAE(*_pair(), num_samples=3, seed=0),
    "vamp": lambda: PriorVAE(*_pair(), components=3, seed=0),
    "iaf": lambda: IAFVAE(*_pair(), num_steps=2, seed=0),
    "fsq": lambda: FSQVAE(input_shape=SHAPE, filters=(4,), levels=(3, 2), seed=0),
    "diffusion": lambda: LatentDiffusion(*_pair(), units=(8,), frozen=False, seed=0),
}
CONDITIONS = {"labels": LABELS, "vectors": VECTORS, "semi": LABELS}
MISSING_IS_NAN = ("miwae",)  # NaN is a missing pixel there, and no mistake
ALONE = [name for name in BUILD if name not in CONDITIONS]


def make(name, optimizer="adam", **how):
    model = BUILD[name]()
    model.compile(optimizer, **how)
    return model


def inputs(name, images=IMAGES):
    """Images for the family ``name``, with their conditions where it has any."""
    return (images, CONDITIONS[name]) if name in CONDITIONS else images
