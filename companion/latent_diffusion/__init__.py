"""A diffusion model as the prior of a VAE: two stages, as in Stable Diffusion, on small codes. Chapter 16."""

from companion.latent_diffusion.model import LatentDiffusion
from companion.latent_diffusion.process import (
    alpha_sigma,
    build_denoiser,
    diffusion_bound,
    noised,
    reverse_path,
    reverse_step,
    time_features,
)

__all__ = [
    "LatentDiffusion",
    "alpha_sigma",
    "build_denoiser",
    "diffusion_bound",
    "noised",
    "reverse_path",
    "reverse_step",
    "time_features",
]
