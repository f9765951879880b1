"""Protects the ways of joining image and upper layer: each is the formula of its source, the network that concatenates
hears both, and with any of them the model trains, is saved and comes back, and its bound is a bound."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from companion.errors import BadInput
from companion.hierarchical_vae import (
    HierarchicalVAE,
    build_hierarchical_encoder,
    ladder_merge,
    mean_merge,
    residual_merge,
)
from companion.hierarchical_vae.layers import LatentLayer
from companion.hierarchical_vae.merges import BY_NAME
from companion.hierarchical_vae.networks import MERGES

SHAPE = (6, 5, 1)
as_numpy = ops.convert_to_numpy
every_merge = pytest.mark.parametrize("merge", MERGES)


def small(merge, *, latent_dims=(3, 2), batch_norm=False, seed=0):
    how = {"latent_dims": latent_dims, "inference": "top_down", "merge": merge}
    networks = HierarchicalVAE.build_networks(SHAPE, hidden=(12, 8), batch_norm=batch_norm, seed=seed, **how)
    model = HierarchicalVAE(**networks, **how, seed=seed)
    model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    return model


@pytest.fixture(scope="module")
def images():
    stripes = np.random.default_rng(0).integers(0, 2, (40, 6, 1, 1))
    return np.broadcast_to(stripes, (40, *SHAPE)).astype("float32").copy()


# --- The formulas ----------------------------------------------------------------------------------------------------


def test_the_ladder_adds_precisions():
    mean, log_var = (as_numpy(out) for out in ladder_merge(2.0 / 0.5, math.log(0.5), -1.0, math.log(0.25)))
    # Precisions 2 and 4: variance 1/6, mean (2 * 2 - 1 * 4) / 6.
    np.testing.assert_allclose(mean, 0.0, atol=1e-6)
    np.testing.assert_allclose(log_var, -math.log(6), rtol=1e-6)


def test_with_a_plain_mean_it_is_the_same_product():
    draws = np.random.default_rng(0).normal(size=(4, 7)).astype("float32")
    mean, log_var, *prior = draws
    expected = ladder_merge(mean * np.exp(-log_var), log_var, *prior)
    for found, wanted in zip(mean_merge(mean, log_var, *prior), expected, strict=True):
        np.testing.assert_allclose(as_numpy(found), as_numpy(wanted), rtol=1e-5, atol=1e-6)


def test_a_vague_message_leaves_the_prior_and_a_sharp_one_replaces_it():
    vague = ladder_merge(*(np.float32(v) for v in (0.0, 60.0, -1.0, 0.5)))
    np.testing.assert_allclose(as_numpy(vague), [-1.0, 0.5], rtol=1e-6)
    sharp = ladder_merge(*(np.float32(v) for v in (5.0 * math.exp(30), -30.0, -1.0, 0.5)))
    np.testing.assert_allclose(as_numpy(sharp), [5.0, -30.0], rtol=1e-5)
    for message, expected in (((3.0, 60.0), [-1.0, 0.5]), ((3.0, -30.0), [3.0, -30.0])):
        merged = mean_merge(*(np.float32(v) for v in (*message, -1.0, 0.5)))
        np.testing.assert_allclose(as_numpy(merged), expected, rtol=1e-5)


def test_the_residual_is_measured_in_standard_deviations_of_the_prior():
    mean, log_var = residual_merge(0.5, 0.25, -1.0, math.log(4.0))
    np.testing.assert_allclose(as_numpy(mean), -1.0 + 0.5 * 2.0, rtol=1e-6)
    np.testing.assert_allclose(as_numpy(log_var), math.log(4.0) + 0.25, rtol=1e-6)
    # No message leaves the prior, and the KL then is nought.
    mean, log_var = residual_merge(
        np.zeros(3, "float32"), np.zeros(3, "float32"), np.ones(3, "float32"), np.ones(3, "float32")
    )
    layer = LatentLayer(mean, mean, log_var, np.ones(3, "float32"), np.ones(3, "float32"))
    np.testing.assert_allclose(as_numpy(layer.kl()), 0.0, atol=1e-6)


# --- In the model ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("merge", list(BY_NAME))
def test_the_posterior_of_a_lower_layer_is_the_merge_of_message_and_prior(merge, images):
    model = small(merge)
    bottom, top = model.layers_of(images, model.noise(len(images), seed=1))
    messages = model.encoder(images)
    expected = BY_NAME[merge](*messages[:2], bottom.prior_mean, bottom.prior_log_var)
    np.testing.assert_allclose(as_numpy(bottom.z_mean), as_numpy(expected[0]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(as_numpy(bottom.z_log_var), as_numpy(expected[1]), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(as_numpy(top.z_mean), as_numpy(messages[2]), rtol=1e-5)


def test_a_network_that_concatenates_hears_the_image_and_the_layer_above(images):
    model = small("concatenation")
    noise = model.noise(len(images), seed=1)
    other_top = noise.copy()
    other_top[:, 3:] += 1.0
    bottom = model.layers_of(images, noise)[0]
    assert np.abs(as_numpy(bottom.z_mean - model.layers_of(images, other_top)[0].z_mean)).max() > 1e-3
    assert np.abs(as_numpy(bottom.z_mean - model.layers_of(1 - images, noise)[0].z_mean)).max() > 1e-3


@every_merge
def test_draws_on_further_axes_are_inferred_as_if_alone(merge, images):
    model = small(merge, latent_dims=(3, 2, 2))
    noise = np.stack([model.noise(len(images), seed) for seed in (1, 2)])
    together = model.layers_of(images, noise)
    for draw in (0, 1):
        for both, alone in zip(together, model.layers_of(images, noise[draw]), strict=True):
            np.testing.assert_allclose(as_numpy(both.z[draw]), as_numpy(alone.z), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@every_merge
@pytest.mark.parametrize("batch_norm", [False, True])
def test_it_trains_and_more_samples_give_a_higher_bound(merge, batch_norm, images):
    from companion.evaluation import log_likelihood

    model = small(merge, batch_norm=batch_norm)
    history = model.fit(images, epochs=30, batch_size=20, verbose=0).history["neg_elbo"]
    assert history[-1] < history[0] - 1
    elbo = np.mean([model.elbo_terms(images, model.noise(40, seed))["elbo"].mean() for seed in range(20)])
    assert log_likelihood(model, images, k=50).mean() > elbo


@pytest.mark.slow
@every_merge
def test_it_comes_back_from_a_file_as_it_was(merge, images, tmp_path):
    model = small(merge, batch_norm=True)
    model.fit(images, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    noise = model.noise(len(images), seed=3)
    assert again.merge == merge
    np.testing.assert_allclose(
        again.elbo_terms(images, noise)["elbo"], model.elbo_terms(images, noise)["elbo"], rtol=1e-5
    )


def test_all_merges_but_one_share_their_networks():
    sizes = {merge: small(merge).encoder.count_params() for merge in MERGES}
    assert sizes["precision"] == sizes["mean"] == sizes["residual"] < sizes["concatenation"]


def test_an_encoder_without_joint_parts_cannot_concatenate():
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), inference="top_down", merge="precision")
    with pytest.raises(
        BadInput, match="encoder is a Functional without a part named joint_1.*merge='concatenation'"
    ):
        HierarchicalVAE(encoder, inference="top_down", merge="concatenation")


def test_an_encoder_that_concatenates_fits_no_other_merge():
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), inference="top_down", merge="concatenation")
    with pytest.raises(
        BadInput, match="merge='residual' would merge it once more: expected merge='concatenation'"
    ):
        HierarchicalVAE(encoder, inference="top_down", merge="residual")
