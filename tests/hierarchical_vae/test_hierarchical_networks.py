"""Protects the chains that a hierarchical VAE is built of: their outputs, parts, sizes and seeds, dense and
convolutional, and the message for networks that do not fit."""

import keras
import numpy as np
import pytest

from companion.errors import BadInput
from companion.hierarchical_vae import HierarchicalVAE
from companion.hierarchical_vae.networks import (
    build_hierarchical_decoder,
    build_hierarchical_encoder,
    chain_decoder,
    chain_encoder,
    generators_of,
    posteriors_of,
    sizes_of_decoder,
    sizes_of_encoder,
)
from companion.networks import build_conv_decoder, build_conv_encoder, build_decoder, build_encoder

SHAPE = (6, 5, 1)
SMALL = {"hidden": (8,), "upper_hidden": (4,)}


def units(network):
    """The width of every dense layer, part by part."""
    return {
        part.name: [layer.units for layer in part.layers if isinstance(layer, keras.layers.Dense)]
        for part in network.layers
        if isinstance(part, keras.Model)
    }


def test_bottom_up_gives_three_outputs_a_layer_in_the_order_of_the_sources():
    encoder = build_hierarchical_encoder()
    assert [shape[-1] for shape in encoder.output_shape] == [8, 8, 8, 2, 2, 2]
    assert encoder.input_shape == (None, 784)
    assert units(encoder) == {"q_z1": [512, 256, 8, 8], "q_z2": [256, 2, 2]}
    assert units(build_hierarchical_decoder()) == {"p_z1": [256, 8, 8], "p_x": [256, 512, 784]}


def test_top_down_gives_a_mean_and_a_log_variance_a_layer():
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), inference="top_down", merge="precision", **SMALL)
    assert [shape[-1] for shape in encoder.output_shape] == [3, 3, 2, 2]
    assert units(encoder) == {"features": [8], "message_1": [3, 3], "message_2": [4, 2, 2]}
    features = encoder.get_layer("features")(np.random.default_rng(0).normal(size=(9, *SHAPE)))
    assert np.asarray(features).min() == 0 < np.asarray(features).max()


def test_a_chain_draws_on_the_way():
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), seed=0, **SMALL)
    x = np.ones((4, *SHAPE), "float32")
    z1_mean, _, z1, z2_mean, _, _ = encoder(x)
    again = encoder(x)
    np.testing.assert_array_equal(z1_mean, again[0])
    assert not np.allclose(z1, again[2])
    np.testing.assert_allclose(encoder.get_layer("q_z2")(z1)[0], z2_mean, rtol=1e-5)
    decoder = build_hierarchical_decoder((3, 2), SHAPE, seed=1, **SMALL)
    codes = np.ones((4, 2), "float32")
    assert tuple(decoder(codes).shape) == (4, *SHAPE)
    assert not np.allclose(decoder(codes), decoder(codes))


@pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
def test_equal_seeds_make_equal_weights_and_no_part_repeats_another(inference):
    def build(seed):
        return build_hierarchical_encoder(SHAPE, (3, 3, 3), inference=inference, seed=seed, **SMALL)

    first, twin, other = build(0), build(0), build(1)
    for ours, same, foreign in zip(*(m.get_weights() for m in (first, twin, other)), strict=True):
        np.testing.assert_array_equal(ours, same)
        assert ours.ndim == 1 or not np.allclose(ours, foreign)
    kernels = [w for w in first.get_weights() if w.ndim == 2]
    for i, one in enumerate(kernels):
        assert not any(one.shape == two.shape and np.allclose(one, two) for two in kernels[:i])
    decoder = build_hierarchical_decoder((3, 3, 3), SHAPE, seed=0, **SMALL)
    above, below = decoder.get_layer("p_z1"), decoder.get_layer("p_z2")
    assert not np.allclose(above.get_weights()[0], below.get_weights()[0])


def parts_of_a_dense_network(inference):
    """Every part by its name: as it is in the chains, and as its own seed builds it alone."""
    how = {"hidden": (8, 5), "upper_hidden": (4,), "seed": 7}
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), inference=inference, merge="precision", **how)
    decoder = build_hierarchical_decoder((3, 2), SHAPE, **{**how, "hidden": (5, 8)})
    alone = {
        "p_x": build_decoder(3, SHAPE, hidden=(5, 8), seed=7),
        "p_z1": build_encoder((2,), 3, hidden=(4,), seed=1007),
    }
    if inference == "bottom_up":
        alone["q_z1"] = build_encoder(SHAPE, 3, hidden=(8, 5), seed=7)
        alone["q_z2"] = build_encoder((3,), 2, hidden=(4,), seed=1007)
    else:
        alone["features"] = build_encoder(SHAPE, 5, hidden=(8,), variational=False, seed=7)
        alone["message_1"] = build_encoder((5,), 3, hidden=(), seed=1007)
        alone["message_2"] = build_encoder((5,), 2, hidden=(4,), seed=2007)
    return encoder, decoder, alone


def parts_of_a_convolutional_network(inference):
    """The same with convolutions between pixels and z1."""
    how = {"network": "conv", "seed": 7}
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), inference=inference, merge="precision", **how)
    decoder = build_hierarchical_decoder((3, 2), SHAPE, **how)
    alone = {
        "p_x": build_conv_decoder(3, SHAPE, seed=7),
        "p_z1": build_encoder((2,), 3, hidden=(256,), seed=1007),
    }
    if inference == "bottom_up":
        alone["q_z1"] = build_conv_encoder(SHAPE, 3, seed=7)
        alone["q_z2"] = build_encoder((3,), 2, hidden=(256,), seed=1007)
    else:
        alone["features"] = build_conv_encoder(SHAPE, 256, variational=False, seed=7)
        alone["message_1"] = build_encoder((256,), 3, hidden=(), seed=1007)
        alone["message_2"] = build_encoder((256,), 2, hidden=(256,), seed=2007)
    return encoder, decoder, alone


@pytest.mark.slow
@pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
@pytest.mark.parametrize("build", [parts_of_a_dense_network, parts_of_a_convolutional_network])
def test_seeds_of_the_parts_are_a_thousand_apart(build, inference):
    encoder, decoder, alone = build(inference)
    for name, part in alone.items():
        chained = (decoder if name.startswith("p_") else encoder).get_layer(name)
        for ours, expected in zip(chained.get_weights(), part.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
def test_convolutional_networks_take_images_of_any_size(inference):
    encoder = build_hierarchical_encoder(SHAPE, (3, 2), inference=inference, network="conv")
    decoder = build_hierarchical_decoder((3, 2), SHAPE, network="conv")
    assert sizes_of_encoder(encoder, inference) == sizes_of_decoder(decoder) == (3, 2)
    model = HierarchicalVAE(encoder, decoder, inference=inference, seed=0)
    assert model.elbo_terms(np.full((3, *SHAPE), 0.5, "float32"))["elbo"].shape == (3,)
    convolutions = [
        layer
        for network in (encoder, decoder)
        for part in network.layers
        for layer in getattr(part, "layers", [])
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv2DTranspose))
    ]
    assert len(convolutions) == 7


def test_what_is_usual_and_where_a_decoder_begins():
    usual = HierarchicalVAE(seed=0)
    assert (usual.latent_dims, usual.inference, usual.image_shape) == ((8, 2), "bottom_up", (28, 28, 1))
    assert build_hierarchical_decoder((5, 4, 3), SHAPE, **SMALL).input_shape == (None, 3)
    assert build_hierarchical_decoder((5,), SHAPE, **SMALL).input_shape == (None, 5)


def test_a_flat_image_is_one_number():
    assert build_hierarchical_decoder((3, 2), 30, **SMALL).output_shape == (None, 30)


def test_sizes_are_read_from_the_parts():
    encoder = build_hierarchical_encoder(SHAPE, (5, 4, 3), **SMALL)
    assert [part.name for part in posteriors_of(encoder)] == ["q_z1", "q_z2", "q_z3"]
    assert sizes_of_encoder(encoder, "bottom_up") == (5, 4, 3)
    pixels, priors = generators_of(build_hierarchical_decoder((5, 4, 3), SHAPE, **SMALL))
    assert [pixels.name, *(part.name for part in priors)] == ["p_x", "p_z1", "p_z2"]
    assert [part.input_shape[-1] for part in priors] == [4, 3]


def test_chains_of_parts_of_ones_own():
    encoder = chain_encoder([build_conv_encoder(SHAPE, 4, filters=(2,)), build_encoder((4,), 3, hidden=())])
    decoder = chain_decoder(build_decoder(4, SHAPE, hidden=(7,)), [build_encoder((3,), 4, hidden=())])
    model = HierarchicalVAE(encoder, decoder, seed=0)
    assert (model.latent_dims, model.image_shape) == ((4, 3), SHAPE)
    assert model.sample(2, seed=0).shape == (2, *SHAPE)


def test_one_network_alone_decides_the_other():
    encoder = build_hierarchical_encoder(SHAPE, (4, 3), **SMALL)
    model = HierarchicalVAE(encoder, latent_dims=(9,), input_shape=(2, 2, 1), seed=0)
    assert (model.latent_dims, model.image_shape) == ((4, 3), SHAPE)
    assert model.encoder is encoder
    decoder = build_hierarchical_decoder((4, 3), SHAPE, **SMALL)
    model = HierarchicalVAE(decoder=decoder, inference="top_down", seed=0)
    assert (model.latent_dims, model.image_shape) == ((4, 3), SHAPE)
    assert model.decoder is decoder


def test_networks_built_here_have_the_seeds_of_the_command_line():
    model = HierarchicalVAE(latent_dims=(3, 2), input_shape=SHAPE, seed=4)
    networks = HierarchicalVAE.build_networks(SHAPE, latent_dims=(3, 2), seed=4)
    for name, network in networks.items():
        for ours, theirs in zip(getattr(model, name).get_weights(), network.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_the_command_lines_widths_are_mirrored():
    networks = HierarchicalVAE.build_networks(SHAPE, latent_dims=(3, 2), hidden=(9, 7))
    assert units(networks["encoder"])["q_z1"] == [9, 7, 3, 3]
    assert units(networks["decoder"])["p_x"] == [7, 9, 30]


def plain_encoder():
    return build_encoder(SHAPE, 3, hidden=(4,))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: build_hierarchical_encoder(SHAPE, ()), r"latent_dims=\(\): expected one size per layer"),
        (lambda: build_hierarchical_encoder(SHAPE, 3), "latent_dims=3: expected one size per layer"),
        (lambda: build_hierarchical_decoder((3, 0), SHAPE), "latent_dims=0: expected a whole number"),
        (
            lambda: build_hierarchical_encoder(SHAPE, inference="up"),
            "inference='up': expected one of bottom_up",
        ),
        (lambda: build_hierarchical_encoder(SHAPE, network="x"), "network='x': expected one of dense, conv"),
        (lambda: build_hierarchical_decoder(network="x"), "network='x': expected one of dense, conv"),
        (lambda: build_hierarchical_encoder(SHAPE, seed=-1), "seed=-1: expected a whole number"),
        (
            lambda: build_hierarchical_decoder(network="conv"),
            r"shape \(784,\): expected \(height, width, channels",
        ),
        (
            lambda: sizes_of_encoder("encoder", "top_down"),
            "outputs of shapes None: inference='top_down' expects",
        ),
        (
            lambda: sizes_of_encoder(build_encoder(SHAPE, 3, variational=False), "top_down"),
            r"outputs of shapes \(None, 3\): inference='top_down' expects",
        ),
        (lambda: HierarchicalVAE(latent_dims=[]), r"latent_dims=\[\]: expected one size per layer"),
        (lambda: HierarchicalVAE(inference="both"), "inference='both': expected one of bottom_up, top_down"),
        (lambda: HierarchicalVAE(seed=1.5), r"seed=1\.5: expected a whole number"),
        (
            lambda: HierarchicalVAE(plain_encoder()),
            "encoder is a Functional without a part named q_z1: .*chain_encoder",
        ),
        (lambda: HierarchicalVAE("encoder"), "encoder is a str without a part named q_z1"),
        (
            lambda: HierarchicalVAE(plain_encoder(), inference="top_down"),
            r"outputs of shapes .*inference='top_down' expects .*build_hierarchical_encoder",
        ),
        (
            lambda: HierarchicalVAE(build_hierarchical_encoder(SHAPE, (3, 3), **SMALL), inference="top_down"),
            "inference='top_down' expects",
        ),
        (
            lambda: HierarchicalVAE(build_hierarchical_encoder(SHAPE, (3, 2), inference="top_down", **SMALL)),
            "without a part named q_z1",
        ),
        (
            lambda: HierarchicalVAE(decoder=build_decoder(3, SHAPE)),
            "decoder is a Functional without a part named p_x: .*chain_decoder",
        ),
        (
            lambda: HierarchicalVAE(
                build_hierarchical_encoder(SHAPE, (3, 2), **SMALL),
                build_hierarchical_decoder((4, 2), SHAPE, **SMALL),
            ),
            r"layers of sizes \(4, 2\), and the encoder infers \(3, 2\).*build_hierarchical_decoder\(\(3, 2\)",
        ),
        (
            lambda: HierarchicalVAE(
                build_hierarchical_encoder(SHAPE, (3, 2), **SMALL),
                build_hierarchical_decoder((3, 2), (5, 6, 1), **SMALL),
            ),
            r"decoder makes \(5, 6, 1\).*from \(6, 5, 1\): expected the same",
        ),
        (
            lambda: HierarchicalVAE(
                decoder=chain_decoder(
                    build_decoder(3, SHAPE, activation="sigmoid"), [build_encoder((2,), 3, hidden=())]
                )
            ),
            "decoder ends in a sigmoid .*Expected logits",
        ),
    ],
)
def test_bad_input(build, message):
    with pytest.raises(BadInput, match=message):
        build()
