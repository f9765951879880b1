"""The package's models, built and compiled as a user builds them by default."""

from __future__ import annotations

from typing import Any

import keras

from companion.iwae import IWAE
from companion.networks import build_conv_decoder, build_conv_encoder, build_decoder, build_encoder
from companion.vae import VAE
from companion.vq_vae import VQVAE

SHAPE = (28, 28, 1)


def build(spec: dict[str, Any]) -> keras.Model:
    """The compiled model that ``spec`` describes."""
    model = model_of(spec)
    model.compile("adam")
    return model


def model_of(spec: dict[str, Any]) -> keras.Model:
    """The model without an optimizer."""
    if spec.get("model") == "vq_vae":
        return VQVAE(seed=0)
    networks = conv_pair(spec["latent_dim"]) if spec["network"] == "conv" else dense_pair(spec)
    if spec.get("model") == "iwae":
        return IWAE(*networks, num_samples=spec["num_samples"], seed=0)
    return VAE(*networks, seed=0)


def dense_pair(spec: dict[str, Any]) -> tuple[keras.Model, keras.Model]:
    """A dense encoder and decoder with hidden layers of ``spec["hidden"]``."""
    hidden, latent_dim = spec["hidden"], spec["latent_dim"]
    return (
        build_encoder(SHAPE, latent_dim, hidden=hidden),
        build_decoder(latent_dim, SHAPE, hidden=hidden[::-1]),
    )


def conv_pair(latent_dim: int) -> tuple[keras.Model, keras.Model]:
    """A convolutional encoder and decoder."""
    return build_conv_encoder(SHAPE, latent_dim), build_conv_decoder(latent_dim, SHAPE)
