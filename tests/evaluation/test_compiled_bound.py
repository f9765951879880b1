"""Protects the compiled k-sample bound: it is the bound that single operations give, with the weights of the moment."""

import keras
import numpy as np
import pytest

from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.evaluation import likelihood, log_likelihood
from companion.hierarchical_vae import HierarchicalVAE
from companion.vae import VAE

SHAPE = (4, 4, 1)
IMAGES = (np.random.default_rng(0).uniform(size=(7, *SHAPE)) > 0.5).astype("float32")
BACKEND = keras.backend.backend()
MODELS = {
    "vae": lambda: VAE(input_shape=SHAPE, seed=0),
    "labels": lambda: ConditionalVAE(input_shape=SHAPE, num_classes=3, prior="learned", seed=0),
    "hierarchical": lambda: HierarchicalVAE(input_shape=SHAPE, latent_dims=(3, 2), seed=0),
    "discrete": lambda: DiscreteVAE(input_shape=SHAPE, num_latents=2, num_categories=3, seed=0),
}


def bound(model, worth, monkeypatch):
    monkeypatch.setitem(likelihood.WORTH_COMPILING, BACKEND, worth)
    x = (IMAGES, np.arange(7) % 3) if isinstance(model, ConditionalVAE) else IMAGES
    return log_likelihood(model, x, k=23, seed=1, decoded_at_once=10)


@pytest.mark.skipif(BACKEND not in likelihood.WORTH_COMPILING, reason="nothing is compiled on this backend")
@pytest.mark.parametrize("name", MODELS)
def test_compiled_and_single_operations_agree(name, monkeypatch):
    model = MODELS[name]()
    calls = []
    plain = type(model).draw_log_weights
    monkeypatch.setattr(type(model), "draw_log_weights", lambda *given: calls.append(1) or plain(*given))
    expected = bound(model, np.inf, monkeypatch)
    single = len(calls)
    np.testing.assert_allclose(bound(model, 0, monkeypatch), expected, rtol=1e-5)
    assert len(calls) - single < single  # traced once per shape, not called for every chunk
    model.set_weights([weight * 1.5 for weight in model.get_weights()])
    again = bound(model, np.inf, monkeypatch)
    assert np.abs(again - expected).min() > 1e-4
    np.testing.assert_allclose(bound(model, 0, monkeypatch), again, rtol=1e-5)


def test_log_weights_of_ones_own_are_used(monkeypatch):
    class Own(VAE):
        def log_weights(self, x, num_samples, seed=None):
            return np.full((num_samples, len(x)), -3.0)

    np.testing.assert_allclose(bound(Own(input_shape=SHAPE, seed=0), 0, monkeypatch), -3.0)
