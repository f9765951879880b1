"""The VQ-VAE, whose code is a small map of whole numbers: the model, its networks, quantiser and priors. Chapter 09."""

from companion.vq_vae.model import VQVAE, vqvae_loss
from companion.vq_vae.networks import build_vqvae_decoder, build_vqvae_encoder
from companion.vq_vae.pixel_cnn import PixelCNN, UniformPrior, build_pixel_cnn, causal_mask, cross_entropy
from companion.vq_vae.quantizer import VectorQuantizer, codebook_loss, commitment_loss

__all__ = [
    "VQVAE",
    "PixelCNN",
    "UniformPrior",
    "VectorQuantizer",
    "build_pixel_cnn",
    "build_vqvae_decoder",
    "build_vqvae_encoder",
    "causal_mask",
    "codebook_loss",
    "commitment_loss",
    "cross_entropy",
    "vqvae_loss",
]
