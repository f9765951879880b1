"""Protects the networks of the VQ-VAE: the layers that the source describes, sizes that come back as themselves,
vectors at one scale, and maps that both networks agree on."""

import keras
import numpy as np
import pytest

from companion.errors import BadInput
from companion.vq_vae.networks import build_vqvae_decoder, build_vqvae_encoder, check_maps_agree

LEARNED = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.BatchNormalization)


def sizes(network):
    """Kind, number of weights and activation of every layer that holds weights."""
    return [
        (
            type(layer).__name__,
            layer.count_params(),
            getattr(layer, "activation", keras.activations.linear).__name__,
        )
        for layer in network.layers
        if isinstance(layer, LEARNED)
    ]


def test_the_usual_pair_has_the_layers_of_the_source():
    encoder, decoder = build_vqvae_encoder(), build_vqvae_decoder()
    # Kernels and biases; the normalisation has a mean and a variance for each coordinate, and nothing to learn.
    assert sizes(encoder) == [
        ("Conv2D", 4 * 4 * 1 * 32 + 32, "relu"),
        ("Conv2D", 4 * 4 * 32 * 64 + 64, "relu"),
        ("Conv2D", 1 * 1 * 64 * 16 + 16, "linear"),
        ("BatchNormalization", 2 * 16, "linear"),
    ]
    assert encoder.get_layer("scale").trainable_variables == []
    assert sizes(decoder) == [
        ("Conv2D", 3 * 3 * 16 * 64 + 64, "relu"),
        ("Conv2DTranspose", 4 * 4 * 64 * 32 + 32, "relu"),
        ("Conv2DTranspose", 4 * 4 * 32 * 1 + 1, "linear"),
    ]
    assert encoder.output_shape == decoder.input_shape == (None, 7, 7, 16)
    assert encoder.input_shape == decoder.output_shape == (None, 28, 28, 1)


@pytest.mark.parametrize(
    ("shape", "filters", "grid"),
    [
        ((28, 28, 1), (2, 3), (7, 7)),
        ((28, 28, 1), (2, 2, 3), (4, 4)),
        ((32, 30, 3), (2, 2, 2), (4, 4)),
        ((5, 4, 1), (2,), (3, 2)),
    ],
)
def test_every_size_comes_back_as_itself(shape, filters, grid):
    encoder = build_vqvae_encoder(shape, 6, filters=filters, seed=0)
    decoder = build_vqvae_decoder(6, shape, filters=filters[::-1], seed=0)
    assert encoder.output_shape == (None, *grid, 6)
    assert decoder.input_shape == (None, *grid, 6)
    assert decoder.output_shape == (None, *shape)
    x = np.random.default_rng(0).uniform(size=(2, *shape)).astype("float32")
    assert decoder(encoder(x)).shape == (2, *shape)


def test_the_running_scale_takes_a_tenth_of_every_batch():
    encoder = build_vqvae_encoder((4, 4, 1), 2, filters=(3,), seed=0)
    scale = encoder.get_layer("scale")
    before = keras.Model(encoder.input, encoder.get_layer("vectors").output)
    x = np.random.default_rng(0).uniform(size=(5, 4, 4, 1)).astype("float32")
    vectors = np.asarray(before(x)).reshape(-1, 2)
    encoder(x, training=True)
    np.testing.assert_allclose(scale.moving_mean, 0.1 * vectors.mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(scale.moving_variance, 0.9 + 0.1 * vectors.var(axis=0), rtol=1e-4)


@pytest.mark.parametrize(
    ("decoder", "takes"),
    [
        ((3, (4, 4, 1), (4,)), r"\(2, 2, 3\)"),
        ((2, (8, 4, 1), (4,)), r"\(4, 2, 2\)"),
        ((2, (4, 4, 1), (4, 4)), r"\(1, 1, 2\)"),
    ],
)
def test_maps_of_another_shape_are_refused(decoder, takes):
    encoder = build_vqvae_encoder((4, 4, 1), 2, filters=(4,))
    check_maps_agree(encoder, build_vqvae_decoder(2, (4, 4, 3), filters=(5,)))
    embedding_dim, shape, filters = decoder
    with pytest.raises(BadInput, match=rf"encoder gives maps \(2, 2, 2\) and the decoder takes {takes}"):
        check_maps_agree(encoder, build_vqvae_decoder(embedding_dim, shape, filters=filters))


@pytest.mark.parametrize("build", [build_vqvae_encoder, build_vqvae_decoder])
@pytest.mark.parametrize("wrong", [{"embedding_dim": 0}, {"filters": ()}, {"filters": (0,)}, {"seed": -1}])
def test_bad_sizes(build, wrong):
    with pytest.raises(BadInput, match="expected (a|one) whole number"):
        build(**wrong)
