"""Protects the count of coordinates in use, which goes by KL to the layer's own prior, not by a mean that varies."""

import keras
import numpy as np
import pytest
from keras import layers

from companion.code_use import kl_per_coordinate, units_in_use
from companion.errors import BadInput
from companion.evaluation import active_units_per_layer
from companion.hierarchical_vae import HierarchicalVAE
from companion.hierarchical_vae.networks import build_hierarchical_decoder, build_hierarchical_encoder

SHAPE, DIMS = (4, 4, 1), (3, 2)
IMAGES = np.random.default_rng(0).uniform(size=(7, *SHAPE)).astype("float32")


def small(inference):
    encoder = build_hierarchical_encoder(
        SHAPE, DIMS, inference=inference, hidden=(8,), upper_hidden=(6,), seed=0
    )
    decoder = build_hierarchical_decoder(DIMS, SHAPE, hidden=(8,), upper_hidden=(6,), seed=1)
    return HierarchicalVAE(encoder, decoder, inference=inference, seed=0)


def saying_nothing_to_layer_1():
    """A residual encoder whose message to layer 1 is zero, so that q(z1|x, z2) is p(z1|z2); z2 depends on the image."""
    images = keras.Input(SHAPE)
    mean = layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(seed=3))(
        layers.Flatten()(images)
    )
    nothing = layers.Dense(3, kernel_initializer="zeros")(layers.Flatten()(images))
    encoder = keras.Model(images, [nothing, nothing, 40 * mean, 0 * mean - 4.0])
    decoder = build_hierarchical_decoder(DIMS, SHAPE, hidden=(8,), upper_hidden=(6,), seed=1)
    return HierarchicalVAE(encoder, decoder, inference="top_down", merge="residual", seed=0)


@pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
def test_the_coordinates_of_a_layer_add_up_to_its_kl(inference):
    model = small(inference)
    found = kl_per_coordinate(model, IMAGES, draws=3, seed=4)
    assert [each.shape for each in found] == [(3,), (2,)]
    for level, name in enumerate(("kl_1", "kl_2")):
        by_draw = [model.elbo_terms(IMAGES, model.noise(len(IMAGES), 4 + draw))[name] for draw in range(3)]
        np.testing.assert_allclose(found[level].sum(), np.mean(by_draw), rtol=1e-5)


def test_a_layer_that_follows_its_prior_is_not_in_use_although_its_mean_varies():
    model = saying_nothing_to_layer_1()
    assert units_in_use(model, IMAGES) == [0, 2]
    assert active_units_per_layer(model, IMAGES)[0] > 0
    np.testing.assert_allclose(kl_per_coordinate(model, IMAGES)[0], 0, atol=1e-6)


@pytest.mark.slow
def test_a_coordinate_counts_above_the_least_kl_alone():
    model = small("top_down")
    for layer, kl in enumerate(kl_per_coordinate(model, IMAGES)):
        for least in (0.0, float(np.median(kl)), 1e6):
            assert units_in_use(model, IMAGES, least=least)[layer] == np.sum(kl > least)


def test_more_draws_and_other_seeds_change_the_noise_alone():
    model = small("bottom_up")
    first = kl_per_coordinate(model, IMAGES, draws=2, seed=0)[0]
    parts = [kl_per_coordinate(model, IMAGES, draws=1, seed=seed)[0] for seed in (0, 1)]
    np.testing.assert_allclose(first, np.mean(parts, axis=0), rtol=1e-5)
    assert np.abs(parts[0] - parts[1]).max() > 1e-4


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"least": -0.1}, "least=-0.1: expected a KL of at least 0 nats; pass least=0.01"),
        ({"least": float("nan")}, "least=nan"),
        ({"draws": 0}, "draws=0: expected a whole number of at least 1"),
        ({"seed": -1}, "seed=-1: expected a whole number of at least 0"),
    ],
)
def test_what_cannot_be_counted_is_refused(wrong, message):
    with pytest.raises(BadInput, match=message):
        units_in_use(small("top_down"), IMAGES, **wrong)
