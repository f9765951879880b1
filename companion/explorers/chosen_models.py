"""The models that the training controls build, each for one chosen value, and their inputs.

``settings`` are those of the row of :data:`~companion.explorers.choices.CHOICES`. Keras is imported when a function is
called.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

Settings = Mapping[str, Any]
Shape = tuple[int, ...]
#: Draws per image, by the name of the estimator.
ESTIMATORS = {"pathwise": 1, "score function, 1 draw": 1, "score function, 10 draws": 10}
# The class of the package that minimises each objective.
OBJECTIVES = {"VAE": "vae:VAE", "AAE": "adversarial:AAE", "VAE-GAN": "adversarial:VAEGAN"}


def _networks(kind: Any, shape: Shape, settings: Settings, **changed: Any) -> dict[str, Any]:
    """The pair for a model of the class ``kind``, and the seed of its noise."""
    how = {**settings, **changed}
    pair = kind.build_networks(shape, how["latent_dim"], hidden=tuple(how["hidden"]), seed=how["seed"])
    return {**pair, "seed": how["seed"]}


def autoencoder(value: int, shape: Shape, settings: Settings) -> Any:
    """A plain autoencoder with ``value`` numbers in a code."""
    from companion.autoencoder import Autoencoder

    return Autoencoder(**_networks(Autoencoder, shape, settings, latent_dim=value))


def vae_of_width(value: int, shape: Shape, settings: Settings) -> Any:
    """A VAE with ``value`` units in each hidden layer."""
    from companion.vae import VAE

    return VAE(**_networks(VAE, shape, settings, hidden=[value]))


def vae_by_estimator(value: str, shape: Shape, settings: Settings) -> Any:
    """A VAE whose encoder learns by the estimator ``value``."""
    from companion.explorers.score_function import ScoreFunctionVAE
    from companion.vae import VAE

    if value == "pathwise":
        return VAE(**_networks(VAE, shape, settings))
    return ScoreFunctionVAE(**_networks(VAE, shape, settings), num_samples=ESTIMATORS[value])


def vae_of_normal_pixels(value: float, shape: Shape, settings: Settings) -> Any:
    """A VAE with normal pixels of the standard deviation ``value``."""
    from companion.likelihoods import Likelihood
    from companion.vae import VAE

    return VAE(**_networks(VAE, shape, settings), likelihood=Likelihood("normal", scale=value))


def vae_of_size(value: int, shape: Shape, settings: Settings) -> Any:
    """A VAE with ``value`` coordinates."""
    from companion.vae import VAE

    return VAE(**_networks(VAE, shape, settings, latent_dim=value))


def beta_vae(value: float, shape: Shape, settings: Settings) -> Any:
    """A beta-VAE with beta = ``value``."""
    from companion.beta_vae import BetaVAE

    return BetaVAE(**_networks(BetaVAE, shape, settings), beta=value)


def conditional_vae(value: int, shape: Shape, settings: Settings) -> Any:
    """A conditional VAE with ``value`` labels."""
    from companion.conditional_vae import ConditionalVAE

    seed = settings["seed"]
    pair = ConditionalVAE.build_networks(
        shape, settings["latent_dim"], hidden=tuple(settings["hidden"]), seed=seed, num_classes=value
    )
    return ConditionalVAE(**pair, num_classes=value, seed=seed)


def told_apart(value: int, images: np.ndarray, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images with ``value`` labels: the first digits with their own, all others with the last."""
    return images, np.minimum(labels, value - 1)


def hierarchical_vae(value: float, shape: Shape, settings: Settings) -> Any:
    """A VAE with two layers of codes, the upper one with ``value`` nats of free bits."""
    from companion.hierarchical_vae import HierarchicalVAE

    how = {"latent_dims": tuple(settings["latent_dims"]), "seed": settings["seed"]}
    pair = HierarchicalVAE.build_networks(shape, hidden=tuple(settings["hidden"]), **how)
    return HierarchicalVAE(**pair, **how, free_bits=value)


def black_and_white(value: float, images: np.ndarray, labels: Any) -> np.ndarray:
    """Images binarised with a threshold of 0.5."""
    from companion.data import binarize

    return binarize(images, "threshold")


def vq_vae(value: int, shape: Shape, settings: Settings) -> Any:
    """A VQ-VAE with ``value`` entries in its codebook."""
    from companion.vq_vae import VQVAE

    filters = tuple(settings["filters"])
    return VQVAE(num_embeddings=value, filters=filters, input_shape=shape, seed=settings["seed"])


def semi_supervised_vae(value: float, shape: Shape, settings: Settings) -> Any:
    """A semi-supervised VAE with alpha = ``value``."""
    from companion.semi_supervised import SemiSupervisedVAE

    return SemiSupervisedVAE(**_networks(SemiSupervisedVAE, shape, settings), alpha=value)


def few_labels(value: float, images: np.ndarray, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Black and white images with ten labels of each class, and -1 for the others."""
    from companion.semi_supervised import keep_labels

    return black_and_white(value, images, labels), keep_labels(labels, 10)


def iwae(value: int, shape: Shape, settings: Settings) -> Any:
    """An IWAE with ``value`` draws per image."""
    from companion.iwae import IWAE

    return IWAE(**_networks(IWAE, shape, settings), num_samples=value)


def by_objective(value: str, shape: Shape, settings: Settings) -> Any:
    """A model whose objective has the name ``value``."""
    module, _, name = OBJECTIVES[value].partition(":")
    kind = getattr(import_module(f"companion.{module}"), name)
    return kind(**_networks(kind, shape, settings))


def denoising_vae(value: float, shape: Shape, settings: Settings) -> Any:
    """A VAE whose encoder sees noise of up to ``value`` in training."""
    from companion.denoising import denoising_encoder
    from companion.vae import VAE

    networks = _networks(VAE, shape, settings)
    networks["encoder"] = denoising_encoder(networks["encoder"], 0.0, value, seed=settings["seed"])
    return VAE(**networks)


def vae_with_prior(value: str, shape: Shape, settings: Settings) -> Any:
    """A VAE with the prior ``value``, of 30 components where it is a mixture."""
    from companion.priors import PriorVAE

    return PriorVAE(**_networks(PriorVAE, shape, settings), prior=value, components=30)


def frames_of_poles(value: int, images: np.ndarray, labels: Any) -> np.ndarray:
    """As many frames of a cart and its pole as there are ``images``, at places and angles drawn evenly."""
    from companion.world_model.frames import TRACK, draw

    drawn = np.random.default_rng(len(images)).uniform(-1, 1, size=(len(images), 4))
    return draw(drawn * [TRACK, 0.0, 0.21, 0.0])


def vae_of_frames(value: int, shape: Shape, settings: Settings) -> Any:
    """A VAE of frames of a cart and its pole, with ``value`` numbers in a code."""
    from companion.vae import VAE
    from companion.world_model.frames import HEIGHT, WIDTH

    return VAE(**_networks(VAE, (HEIGHT, WIDTH, 1), settings, latent_dim=value))


def vae_in_precision(value: str, shape: Shape, settings: Settings) -> Any:
    """A VAE whose layers compute in the precision that Keras calls ``value``; its bound is computed in float32."""
    import keras

    from companion.vae import VAE

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(value)
    try:
        return VAE(**_networks(VAE, shape, settings))
    finally:
        keras.config.set_dtype_policy(before)
