"""A VAE with several layers of codes: the model, its networks, its layers of codes. Chapter 08."""

from companion.hierarchical_vae.layers import LatentLayer, infer_bottom_up, infer_top_down
from companion.hierarchical_vae.merges import ladder_merge, mean_merge, residual_merge
from companion.hierarchical_vae.model import HierarchicalVAE, hierarchical_vae_loss
from companion.hierarchical_vae.networks import build_hierarchical_decoder, build_hierarchical_encoder

__all__ = [
    "HierarchicalVAE",
    "LatentLayer",
    "build_hierarchical_decoder",
    "build_hierarchical_encoder",
    "hierarchical_vae_loss",
    "infer_bottom_up",
    "infer_top_down",
    "ladder_merge",
    "mean_merge",
    "residual_merge",
]
