"""Small models of every family, and what is compared of them: shared by the tests here and the process they start."""

import keras
import numpy as np

from companion.adversarial import AAE, VAEGAN
from companion.autoencoder import Autoencoder
from companion.beta_vae import BetaVAE
from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.flow import IAFVAE
from companion.fsq import FSQVAE, ResidualVQVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE
from companion.latent_diffusion import LatentDiffusion
from companion.miwae import MIWAE
from companion.pixel_vae import PixelVAE
from companion.priors import PriorVAE
from companion.semi_supervised import SemiSupervisedVAE
from companion.vae import VAE
from companion.vq_vae import VQVAE

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).uniform(size=(24, *SHAPE)).astype("float32")
LABELS = np.arange(24) % 3
FEW_LABELS = np.where(np.arange(24) % 2, LABELS, -1)
HOW = {"batch_size": 8, "shuffle": False, "verbose": 0}  # three steps per epoch
LADDER = {"latent_dims": (3, 2)}
MAPS = {"num_embeddings": 8, "embedding_dim": 4, "filters": (8,)}
CHOICES = {"num_latents": 3, "num_categories": 4}
CASES = {
    "autoencoder": (Autoencoder, {}),
    "vae": (VAE, {}),
    "beta_vae": (BetaVAE, {"beta": 2.0}),
    "beta_vae with warm-up": (BetaVAE, {"beta": 2.0, "warm_up_steps": 8}),
    "beta_vae with capacity": (BetaVAE, {"gamma": 5.0, "capacity": 4.0, "capacity_steps": 8}),
    "beta_vae with free bits": (BetaVAE, {"beta": 1.0, "free_bits": 0.5}),
    "conditional_vae": (ConditionalVAE, {"num_classes": 3}),
    "conditional_vae with a learned prior": (ConditionalVAE, {"num_classes": 3, "prior": "learned"}),
    "hierarchical_vae": (HierarchicalVAE, {**LADDER, "warm_up_steps": 8}),
    "hierarchical_vae top-down": (HierarchicalVAE, {**LADDER, "inference": "top_down", "warm_up_steps": 8}),
    "vq_vae": (VQVAE, MAPS),
    "vq_vae with a trained codebook": (VQVAE, {**MAPS, "codebook": "loss"}),
    "vq_vae with a uniform prior": (VQVAE, {**MAPS, "reset": 0.0, "data_init": False, "prior": "uniform"}),
    "discrete_vae": (DiscreteVAE, CHOICES),
    "discrete_vae with cooling": (DiscreteVAE, {**CHOICES, "cooling_steps": 8, "hard": True}),
    "iwae": (IWAE, {"num_samples": 3}),
    "iwae doubly reparameterized": (IWAE, {"num_samples": 3, "doubly_reparameterized": True}),
    "aae": (AAE, {"adversarial_weight": 2.0}),
    "vae_gan": (VAEGAN, {"feature_weight": 0.5}),
    "pixel_vae": (PixelVAE, {"filters": 4}),
    "semi_supervised_vae": (SemiSupervisedVAE, {"num_classes": 3, "alpha": 2.0, "labelled_weight": 0.5}),
    "miwae": (MIWAE, {"num_samples": 3}),
    "prior_vae": (PriorVAE, {"components": 3}),
    "prior_vae with a flow": (PriorVAE, {"prior": "flow"}),
    "iaf_vae": (IAFVAE, {"num_steps": 2}),
    "fsq_vae": (FSQVAE, {"levels": (3, 2), "filters": (8,)}),
    "residual_vq_vae": (ResidualVQVAE, {"stages": (4, 2), "embedding_dim": 4, "filters": (8,)}),
    "latent_diffusion": (LatentDiffusion, {"units": (8,), "frozen": False}),
    "latent_diffusion with labels": (LatentDiffusion, {"num_classes": 3, "units": (8,), "frozen": False}),
}


def cases():
    """All cases; on TensorFlow, where every family has tests of its own, the first of each family."""
    if keras.backend.backend() != "tensorflow":
        return list(CASES)
    return list({family: case for case, (family, _) in reversed(CASES.items())}.values())[::-1]


def new_model(case, optimizer=None):
    """A narrow model of the family and options that ``case`` names, compiled."""
    family, options = CASES[case]
    how = {"latent_dim": 2, "network": "conv" if issubclass(family, VQVAE) else "dense", "seed": 0}
    how |= {} if issubclass(family, VQVAE) else {"hidden": (8,)}
    model = family(**family.build_networks(SHAPE, **how, **options), **options, seed=0)
    model.compile(optimizer or keras.optimizers.Adam(1e-2))
    return model


def data_for(case):
    """Images, or images and labels where the family learns from both."""
    if CASES[case][0] is SemiSupervisedVAE:
        return [IMAGES, FEW_LABELS]
    pairs = CASES[case][0] is ConditionalVAE or (
        CASES[case][0] is LatentDiffusion and CASES[case][1].get("num_classes")
    )
    return [IMAGES, LABELS] if pairs else IMAGES


def figures_before(model, case):
    """What a model gives as it stands."""
    x = data_for(case)
    figures = {"reconstruct": model.reconstruct(x)}
    if isinstance(model, VAE):
        figures["elbo"] = model.elbo_terms(x, model.noise(len(IMAGES), 0))["elbo"]
        figures["sample"] = model.sample(5, seed=1)
    return figures


def figures_after_more_training(model, case):
    """The losses of two further epochs, and what ``evaluate`` says then."""
    x = data_for(case)
    history = model.fit(x, epochs=2, **HOW).history
    scores = model.evaluate(x, verbose=0, batch_size=8, return_dict=True)
    return {**history, **{f"test_{name}": [value] for name, value in scores.items()}}
