"""Images given a label, or given any other vector that is known: the model and its networks. Chapter 07."""

from companion.conditional_vae.model import ConditionalVAE, cvae_loss
from companion.conditional_vae.networks import build_cvae_decoder, build_cvae_encoder, build_cvae_prior

__all__ = [
    "ConditionalVAE",
    "build_cvae_decoder",
    "build_cvae_encoder",
    "build_cvae_prior",
    "cvae_loss",
]
