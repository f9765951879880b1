"""Protects the plain autoencoder and what the VAE inherits from it: the summed loss, exact epoch means, building what
is left out, decoding to pixels."""

import math

import keras
import numpy as np
import pytest
from scipy import special

from companion.autoencoder import Autoencoder
from companion.errors import BadInput
from companion.likelihoods import Likelihood
from companion.networks import build_conv_decoder, build_conv_encoder, build_decoder, build_encoder


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


@pytest.fixture
def model():
    model = Autoencoder(input_shape=(4, 4, 1), latent_dim=3, seed=0)
    model.compile(keras.optimizers.Adam(0.0), run_eagerly=True)
    return model


@pytest.mark.slow
def test_the_loss_is_summed_over_pixels_and_averaged_over_images(model, images):
    logits = as_numpy(model(images)["logits"])
    x = as_numpy(images)
    per_image = -(x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)).sum(axis=(1, 2, 3))
    for batch_size in (20, 7, 1):
        assert model.evaluate(images, batch_size=batch_size, verbose=0) == pytest.approx(
            per_image.mean(), rel=1e-5
        )
    assert model.fit(images, batch_size=7, verbose=0).history == {
        "loss": [pytest.approx(per_image.mean(), rel=1e-5)]
    }
    weights = np.linspace(0, 1, 20)
    weighted = model.evaluate(images, sample_weight=weights, batch_size=20, verbose=0)
    assert weighted == pytest.approx((weights * per_image).mean(), rel=1e-5)


@pytest.mark.slow
def test_fit_lowers_the_loss_in_a_graph(images):
    model = Autoencoder(input_shape=(4, 4, 1), latent_dim=3, seed=0)
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(images, epochs=10, validation_split=0.2, verbose=0).history
    assert set(history) == {"loss", "val_loss"}
    assert history["loss"][-1] < history["loss"][0] - 0.3


def test_encode_decode_reconstruct(model, images):
    codes = model.encode(images)
    assert isinstance(codes, np.ndarray)
    assert codes.shape == (20, 3)
    decoded = model.decode(codes)
    np.testing.assert_allclose(decoded, special.expit(as_numpy(model(images)["logits"])), rtol=1e-4)
    np.testing.assert_array_equal(model.reconstruct(images), decoded)
    np.testing.assert_allclose(model(images)["z"], codes, rtol=1e-5, atol=1e-6)


def test_more_images_than_one_batch(model):
    many = np.random.default_rng(0).uniform(size=(1001, 4, 4, 1)).astype("float32")
    codes = model.encode(many)
    assert codes.shape == (1001, 3)
    np.testing.assert_allclose(codes[-1:], model.encode(many[-1:]), rtol=1e-4, atol=1e-6)


def test_defaults():
    model = Autoencoder()
    assert (model.image_shape, model.latent_dim, model.likelihood.family) == ((28, 28, 1), 2, "bernoulli")
    assert model.encoder.output_shape == (None, 2)


def test_a_given_network_decides_shapes_and_codes():
    from_encoder = Autoencoder(build_encoder((4, 5, 3), 6, variational=False))
    assert from_encoder.decoder.output_shape == (None, 4, 5, 3)
    assert from_encoder.latent_dim == 6
    from_decoder = Autoencoder(decoder=build_decoder(6, (4, 5, 3)))
    assert from_decoder.encoder.input_shape == (None, 4, 5, 3)
    assert from_decoder.encoder.output_shape == (None, 6)


def test_the_convolutional_pair(images):
    shape = (7, 6, 3)
    model = Autoencoder(
        build_conv_encoder(shape, 4, filters=(3, 3), variational=False),
        build_conv_decoder(4, shape, filters=(3, 3)),
    )
    x = np.random.default_rng(0).uniform(size=(5, *shape))
    assert model.reconstruct(x).shape == x.shape


def test_flat_images_stay_flat():
    model = Autoencoder(input_shape=(16,), seed=0)
    assert model.reconstruct(np.zeros((3, 16))).shape == (3, 16)


def test_seed_fixes_both_networks_and_tells_them_apart():
    first, same, other = (Autoencoder(input_shape=(4, 4, 1), seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first.get_weights(), same.get_weights(), strict=True))
    assert not np.allclose(first.get_weights()[0], other.get_weights()[0])
    # The middle layers of the pair have mirrored shapes; their numbers must not be the same ones.
    down, up = (
        np.sort(network.layers[i].get_weights()[0].ravel())
        for network, i in ((first.encoder, 3), (first.decoder, 2))
    )
    assert down.shape == up.shape
    assert not np.allclose(down, up)


def test_a_linked_mean_takes_data_of_any_range():
    decoder = build_decoder(2, (4,), hidden=())
    model = Autoencoder(
        build_encoder((4,), 2, hidden=(), variational=False),
        decoder,
        likelihood=Likelihood("normal", 1.0, "identity"),
    )
    x = np.array([[-3.0, 300.0, 0.0, 1.0]])
    codes = model.encode(x)
    np.testing.assert_allclose(model.decode(codes), decoder(codes), rtol=1e-5)


@pytest.mark.parametrize(
    "last",
    [
        [keras.layers.Dense(4, activation="sigmoid")],
        [keras.layers.Dense(4), keras.layers.Activation("sigmoid")],
    ],
)
def test_a_sigmoid_decoder_is_refused_where_the_likelihood_has_one(last):
    decoder = keras.Sequential([keras.Input((2,)), *last, keras.layers.Reshape((4,))])
    with pytest.raises(BadInput, match="decoder ends in a sigmoid .*Expected logits.*activation=None"):
        Autoencoder(decoder=decoder)
    Autoencoder(decoder=decoder, likelihood=Likelihood("normal", 0.1, "identity"))


def test_a_fixed_normal_gives_the_squared_error(images):
    model = Autoencoder(input_shape=(4, 4, 1), likelihood=Likelihood("normal", scale=math.sqrt(0.5)), seed=0)
    model.compile(run_eagerly=True)
    squared = ((images - model.reconstruct(images)) ** 2).sum(axis=(1, 2, 3)).mean()
    constant = 8 * math.log(math.pi)
    assert model.evaluate(images, verbose=0) == pytest.approx(squared + constant, rel=1e-5)
