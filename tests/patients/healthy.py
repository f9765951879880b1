"""Models with nothing wrong: every family of the book, and VAEs as the documentation of Keras and others write them."""

import keras
import numpy as np
from keras import ops

from companion.adversarial.aae import AAE
from companion.beta_vae import BetaVAE
from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE
from companion.networks import build_conv_decoder, build_conv_encoder
from companion.vae import VAE
from companion.vq_vae import VQVAE
from tests.patients.draws import HEALTHY_DRAWS
from tests.patients.families import HEALTHY_FAMILIES
from tests.patients.functions import by_functions
from tests.patients.parts import (
    GREY,
    IMAGES,
    OTHER,
    TRAIN,
    Draw,
    OwnStepVAE,
    bce_of_probabilities,
    decoder,
    encoder,
    squared,
    vae,
)
from tests.patients.saved import HEALTHY_SAVED

SHAPE = (8, 8, 1)
SQUARES = TRAIN.reshape(-1, *SHAPE)
COLOUR = np.repeat(GREY[:300].reshape(-1, *SHAPE), 3, axis=-1)


def trained(model, images, epochs=2):
    model.compile("adam", jit_compile=False)
    model.fit(images, epochs=epochs, batch_size=50, verbose=0)
    return model


def family(kind, *, epochs=2, **own):
    return lambda: (trained(kind(input_shape=SHAPE, seed=0, **own), SQUARES, epochs), SQUARES, {})


def of_colour():
    networks = build_conv_encoder((8, 8, 3), 3), build_conv_decoder(3, (8, 8, 3))
    return trained(VAE(*networks, seed=0), COLOUR), COLOUR, {}


def with_log_sd():
    """A model whose second output is a log standard deviation, in the draw and in the KL."""
    own = {
        "draw": lambda m, s, seed: m + ops.exp(s) * keras.random.normal(ops.shape(m), seed=seed),
        "kl": lambda m, s: 0.5 * ops.sum(m**2 + ops.exp(2 * s) - 1 - 2 * s, axis=-1),
    }
    return vae(epochs=3, **own), TRAIN, {}


def tiny():
    model = VAE(input_shape=SHAPE, latent_dim=2, seed=0)
    return trained(model, SQUARES[:20]), SQUARES[:20], {}


HEALTHY = {
    "VAE": family(VAE),
    "VAE, normal pixels": family(VAE, likelihood="normal"),
    "VAE, continuous Bernoulli": lambda: (
        trained(VAE(input_shape=SHAPE, likelihood="continuous_bernoulli", seed=0), GREY.reshape(-1, *SHAPE)),
        GREY.reshape(-1, *SHAPE),
        {},
    ),
    "BetaVAE": family(BetaVAE, beta=4.0),
    "IWAE": family(IWAE, num_samples=3),
    "HierarchicalVAE": family(HierarchicalVAE, latent_dims=(4, 2)),
    "ladder": family(HierarchicalVAE, latent_dims=(4, 2), inference="top_down"),
    "VQVAE": family(VQVAE),
    "AAE": family(AAE, epochs=15),  # its last term resembles a KL
    "DiscreteVAE": family(DiscreteVAE),
    "ConditionalVAE": lambda: (
        trained(ConditionalVAE(input_shape=SHAPE, num_classes=10, seed=0), [SQUARES, np.arange(1000) % 10]),
        SQUARES,
        {},
    ),
    "colour, convolutions": of_colour,
    "twenty images": tiny,
    "plain, summed, two outputs": lambda: (vae(epochs=3), TRAIN, {"validation": OTHER}),
    "plain, three outputs": lambda: (vae(epochs=3, encoder=encoder(draws=Draw())), TRAIN, {}),
    "plain, a training step of its own": lambda: (
        vae(kind=OwnStepVAE, encoder=encoder(draws=Draw()), epochs=3),
        TRAIN,
        {},
    ),
    "plain, probabilities": lambda: (
        vae(epochs=3, decoder=decoder(activation="sigmoid"), reconstruction=bce_of_probabilities),
        TRAIN,
        {},
    ),
    "plain, squared error": lambda: (
        vae(epochs=3, decoder=decoder(activation="sigmoid"), reconstruction=lambda x, y: 0.5 * squared(x, y)),
        GREY,
        {},
    ),
    "plain, log standard deviation": with_log_sd,
    "plain, forty epochs": lambda: (vae(epochs=40), TRAIN, {}),
    "one epoch only": lambda: (vae(epochs=1), IMAGES, {}),
    "untrained": lambda: (vae(), TRAIN, {}),
    "grey pixels": lambda: (vae(epochs=3), GREY[:1000], {}),
    "beta of 4, written by hand": lambda: (vae(epochs=3, combine=lambda r, k: r + 4.0 * k), TRAIN, {}),
    "functions": by_functions(),
    "functions, squared error": by_functions(reconstruction=lambda x, y: np.sum((x - y) ** 2, axis=-1)),
    **HEALTHY_FAMILIES,
    **HEALTHY_DRAWS,
    **HEALTHY_SAVED,
}
