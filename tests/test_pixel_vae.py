"""Protects the autoregressive decoder: each pixel's logits see the code and the pixels before it, and no other; images
are filled in that order; the model is a beta-VAE otherwise, and collapses where its context is enough."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.errors import BadInput
from companion.pixel_vae import PixelVAE, build_context
from companion.vae import VAE

SHAPE = (4, 5, 2)
IMAGES = np.random.default_rng(0).integers(0, 2, (6, *SHAPE)).astype("float32")


def small(**own):
    networks = PixelVAE.build_networks(SHAPE, 2, hidden=(8,), seed=0)
    return PixelVAE(**networks, filters=3, seed=0, **own)


def test_the_context_of_a_pixel_is_what_comes_before_it():
    network = build_context(SHAPE, filters=4, num_layers=3, seed=0)
    seen = np.array(network(IMAGES))
    assert seen.shape == IMAGES.shape
    order = np.arange(20).reshape(4, 5)
    for place in ((0, 0), (1, 2), (2, 4), (3, 3)):
        changed = IMAGES.copy()
        changed[:, place[0], place[1]] = 1 - changed[:, place[0], place[1]]
        differs = (np.abs(np.array(network(changed)) - seen) > 1e-7).any(axis=(0, 3))
        assert not differs[order <= order[place]].any()
        if place != (3, 3):
            assert differs[order > order[place]].any()
    assert np.abs(seen[:, 0, 0] - seen[:1, 0, 0]).max() == 0  # nothing comes before the first pixel


def test_a_deeper_context_has_more_weights_and_a_seed_fixes_them():
    shallow, deep, again, other = (
        build_context(SHAPE, filters=4, num_layers=n, seed=seed)
        for n, seed in ((1, 0), (2, 0), (2, 0), (2, 1))
    )
    assert shallow.count_params() < deep.count_params()
    for a, b in zip(deep.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert any((a != b).any() for a, b in zip(deep.get_weights(), other.get_weights(), strict=True))
    # Layer 1: two masked kernels on 2 channels and a pointwise one; layer 2: the same on 4; then the logits.
    first = (5 * 5 * 2 * 4 + 4) + (5 * 2 * 4 + 4) + (4 * 4 + 4)
    second = (3 * 3 * 4 * 4 + 4) + (3 * 4 * 4 + 4) + (4 * 4 + 4)
    assert deep.count_params() == first + second + (4 * 2 + 2)


def test_logits_are_those_of_the_code_plus_those_of_the_context():
    model = small()
    z = np.random.default_rng(1).normal(size=(3, 6, 2)).astype("float32")
    context = np.array(model.context(IMAGES))
    np.testing.assert_allclose(model.logits_of(z[0], IMAGES), model.decoder(z[0]) + context, rtol=1e-5)
    for_draws = np.array(model.logits_of(z, IMAGES))
    np.testing.assert_allclose(for_draws[2], model.decoder(z[2]) + context, rtol=1e-4, atol=1e-6)


def test_the_model_of_an_image_is_a_distribution():
    """Summed over all images of 2x2 pixels, p(x|z) is 1."""
    model = PixelVAE(**PixelVAE.build_networks((2, 2, 1), 2, hidden=(4,), seed=0), filters=3, seed=0)
    every = ((np.arange(16)[:, None] >> np.arange(4)) % 2).reshape(16, 2, 2, 1).astype("float32")
    z = np.tile([[0.7, -1.2]], (16, 1)).astype("float32")
    log_prob = model.likelihood_of(model.logits_of(z, every)).log_prob(every)
    assert float(ops.sum(ops.exp(log_prob))) == pytest.approx(1.0, rel=1e-5)


def test_decode_fills_each_pixel_with_its_mean_given_those_before():
    model = small()
    z = np.array([[0.5, -0.5], [1.0, 2.0]], "float32")
    images = model.decode(z)
    assert images.shape == (2, *SHAPE)
    again = model.likelihood_of(model.logits_of(z, images)).mean()
    np.testing.assert_allclose(images, again, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.reconstruct(IMAGES), model.decode(model.encode(IMAGES)[0]))


def test_samples_are_draws_of_pixels():
    model = small()
    images = model.sample(5, seed=3)
    assert images.shape == (5, *SHAPE) and set(np.unique(images)) <= {0.0, 1.0}
    np.testing.assert_array_equal(images, model.sample(5, seed=3))
    assert (images != model.sample(5, seed=4)).any()
    assert 0.3 < np.mean(model.sample(40, seed=1)) < 0.7  # first weights are near nothing


def test_beta_is_one_by_default_and_the_rest_is_taken_as_by_a_beta_vae():
    assert small().beta == 1.0 and small(beta=2.0, free_bits=0.1).free_bits == 0.1


@pytest.mark.slow
def test_it_stands_in_a_file(tmp_path):
    model = small(beta=2.0)
    model.compile("adam")
    model.fit(IMAGES, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is PixelVAE and (loaded.filters, loaded.num_layers, loaded.beta) == (3, 2, 2.0)
    np.testing.assert_allclose(loaded.reconstruct(IMAGES), model.reconstruct(IMAGES), rtol=1e-5)


@pytest.mark.slow
def test_the_context_learns_what_the_code_need_not_say():
    """Stripes: every pixel repeats the one on its left, so that the context explains all but the first column."""
    stripes = np.repeat(np.random.default_rng(0).integers(0, 2, (200, 6, 1, 1)), 6, axis=2).astype("float32")
    losses = {}
    for family, own in ((VAE, {}), (PixelVAE, {"filters": 4})):
        model = family(**family.build_networks((6, 6, 1), 1, hidden=(8,), seed=0), seed=0, **own)
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        model.fit(stripes, batch_size=50, epochs=40, verbose=0)
        losses[family] = float(-np.mean(model.elbo_terms(stripes)["elbo"]))
    assert losses[PixelVAE] < 8 < losses[VAE]  # six coins are 4.2 nats


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PixelVAE(input_shape=(16,)), r"expected \(height, width, channels\)"),
        (lambda: PixelVAE(input_shape=SHAPE, filters=0), "filters=0: expected a whole number of at least 1"),
        (lambda: build_context(SHAPE, num_layers=0), "num_layers=0: expected a whole number of at least 1"),
        (lambda: small().decode(np.zeros((2, 3))), r"codes have shape \(2, 3\)"),
        (lambda: small().sample(0), "n=0: expected a whole number of at least 1"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
