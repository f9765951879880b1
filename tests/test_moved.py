"""Protects readers of earlier versions: an old import path names the new one, and models saved before the modules
moved still load, with their figures and the state of their optimizer."""

import importlib

import keras
import numpy as np
import pytest

import companion
from companion.autoencoder import Autoencoder
from companion.beta_vae import BetaVAE
from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE
from companion.moved import MOVED
from companion.vae import VAE
from companion.vq_vae import VQVAE

FAMILIES = {
    "autoencoder": Autoencoder,
    "vae": VAE,
    "beta_vae": BetaVAE,
    "conditional_vae": ConditionalVAE,
    "hierarchical_vae": HierarchicalVAE,
    "vq_vae": VQVAE,
    "discrete_vae": DiscreteVAE,
    "iwae": IWAE,
}
SAVED = "tests/saved_models"


@pytest.mark.parametrize("old", MOVED)
def test_an_old_path_names_the_new_one(old):
    with pytest.raises(ModuleNotFoundError, match=rf"{old} has moved.*from {MOVED[old]} import"):
        importlib.import_module(old)
    with pytest.raises(ModuleNotFoundError, match="has moved"):
        getattr(companion, old.removeprefix("companion."))
    importlib.import_module(MOVED[old])


def test_a_path_that_never_was_is_simply_not_found():
    with pytest.raises(ModuleNotFoundError, match="No module named 'companion.vqvae'"):
        importlib.import_module("companion.vqvae")


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_model_saved_before_the_move_loads(name, pytestconfig):
    folder = pytestconfig.rootpath / SAVED
    expected = np.load(folder / "expected.npz")
    model = keras.models.load_model(folder / f"{name}.keras")
    assert type(model) is FAMILIES[name]
    assert int(model.optimizer.iterations) == expected[f"{name}_iterations"] == 2
    x = expected["images"]
    if name == "conditional_vae":
        x = [x, expected["labels"]]
    np.testing.assert_allclose(model.reconstruct(x), expected[f"{name}_reconstruct"], rtol=1e-5, atol=1e-6)
    if name != "autoencoder" and keras.backend.backend() == "tensorflow":  # another backend draws other noise
        terms = model.elbo_terms(x, model.noise(6, 0))
        for term in ("log_likelihood", "kl", "elbo"):
            np.testing.assert_allclose(terms[term], expected[f"{name}_{term}"], rtol=1e-4, atol=1e-5)
    assert np.isfinite(model.fit(x, epochs=1, batch_size=3, verbose=0).history["loss"]).all()
