"""Protects the compiled k-sample bound: it is the bound that single operations give, with the weights of the moment.

What was traced is kept with the model, so a change of the model must be seen at the next call.
"""

import keras
import numpy as np
import pytest

from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.distributions import DiagonalNormal
from companion.errors import BadInput
from companion.evaluation import likelihood, log_likelihood
from companion.hierarchical_vae import HierarchicalVAE
from companion.likelihoods import Likelihood
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


is_compiled = pytest.mark.skipif(
    BACKEND not in likelihood.WORTH_COMPILING, reason="nothing is compiled on this backend"
)


@pytest.mark.slow
@is_compiled
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


class Counted(VAE):
    """Counts how often its log weights are traced or computed; its prior is moved by numbers of several kinds."""

    traced = 0
    mean = 0.0

    def draw_log_weights(self, x, num_samples, seed):
        type(self).traced += 1
        return super().draw_log_weights(x, num_samples, seed)

    def prior_of(self, x):
        mean = keras.ops.zeros(self.latent_dim) + self.mean + self.several[0] + self.array[0]
        return DiagonalNormal(mean, keras.ops.zeros_like(mean))


def counted():
    model = Counted(input_shape=SHAPE, likelihood=Likelihood("normal", scale=1.0), seed=0)
    model.several, model.array = [0.0], (0.0,)
    return model


@is_compiled
def test_a_second_call_traces_nothing(monkeypatch):
    model = counted()
    first, traced = bound(model, 0, monkeypatch), Counted.traced
    np.testing.assert_array_equal(bound(model, 0, monkeypatch), first)
    assert Counted.traced == traced


def changed_scale(model):
    model.likelihood.scale = 0.5


CHANGES = {
    "another likelihood": lambda model: setattr(model, "likelihood", Likelihood("normal", scale=0.5)),
    "its likelihood's scale": changed_scale,
    "a number": lambda model: setattr(model, "mean", 1.0),
    "a number in a list": lambda model: model.several.__setitem__(0, 1.0),
    "another decoder": lambda model: setattr(model, "decoder", VAE(input_shape=SHAPE, seed=9).decoder),
}


@pytest.mark.slow
@is_compiled
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_model_is_seen(change, monkeypatch):
    model = counted()
    before = bound(model, 0, monkeypatch)
    CHANGES[change](model)
    after = bound(model, 0, monkeypatch)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, bound(model, np.inf, monkeypatch), rtol=1e-5)


@is_compiled
def test_an_array_that_changes_in_place_is_seen(monkeypatch):
    model = counted()
    model.array = np.zeros(1, "float32")
    before = bound(model, 0, monkeypatch)
    model.array[0] = 1.0
    after = bound(model, 0, monkeypatch)
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_allclose(after, bound(model, np.inf, monkeypatch), rtol=1e-5)


@is_compiled
def test_what_is_kept_is_no_part_of_the_saved_model(monkeypatch, tmp_path):
    model = MODELS["vae"]()
    before = [variable.path for variable in model.variables]
    expected = bound(model, 0, monkeypatch)
    assert [variable.path for variable in model.variables] == before
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert len(again.variables) == len(before)
    np.testing.assert_allclose(bound(again, 0, monkeypatch), expected, rtol=1e-5)


@is_compiled
def test_weights_that_are_not_finite_are_refused_in_words(monkeypatch):
    model = MODELS["vae"]()
    bound(model, 0, monkeypatch)
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    with pytest.raises(BadInput, match="the model's weights hold NaN or infinity"):
        bound(model, 0, monkeypatch)
