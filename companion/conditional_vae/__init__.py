"""The conditional VAE, which models images given a label or another known vector: model and networks. Chapter 07."""

from companion.conditional_vae.model import ConditionalVAE, cvae_loss
from companion.conditional_vae.networks import build_cvae_decoder, build_cvae_encoder, build_cvae_prior

__all__ = [
    "ConditionalVAE",
    "build_cvae_decoder",
    "build_cvae_encoder",
    "build_cvae_prior",
    "cvae_loss",
]
