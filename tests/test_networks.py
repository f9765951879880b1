"""Protects the encoder and decoder networks: their sizes, output shapes that equal input shapes, padding and cropping
that leave pixels where they are, seeds, and a log variance that cannot overflow."""

import math

import keras
import numpy as np
import pytest
from scipy import special

from companion.errors import BadInput
from companion.networks import build_conv_decoder, build_conv_encoder, build_decoder, build_encoder

SHAPES = [(28, 28, 1), (32, 32, 1), (27, 30, 3), (5, 9, 2), (1, 1, 1)]


def pixels(n, shape, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, *shape)).astype("float32")


def codes(n, latent_dim=2):
    return np.random.default_rng(1).normal(size=(n, latent_dim)).astype("float32")


def test_sizes_at_two_latent_dimensions():
    assert build_encoder((784,), 2).count_params() == 534_276
    assert build_encoder((28, 28, 1), 2).count_params() == 534_276
    assert build_decoder(2, 784).count_params() == 534_544
    assert build_conv_encoder((28, 28, 1), 2).count_params() == 100_868
    assert build_conv_decoder(2, (28, 28, 1)).count_params() == 246_273


@pytest.mark.parametrize("latent_dim", [1, 16])
def test_sizes_grow_with_the_latent_dimension(latent_dim):
    more = latent_dim - 2
    assert build_encoder((784,), latent_dim).count_params() == 534_276 + 2 * 257 * more
    assert build_decoder(latent_dim, 784).count_params() == 534_544 + 256 * more
    assert build_conv_encoder((28, 28, 1), latent_dim).count_params() == 100_868 + 2 * 2049 * more
    assert build_conv_decoder(latent_dim, (28, 28, 1)).count_params() == 246_273 + 2048 * more


def test_defaults_are_those_of_the_book():
    assert build_encoder().input_shape == (None, 784)
    assert build_decoder().output_shape == (None, 784)
    assert build_conv_encoder().input_shape == build_conv_decoder().output_shape == (None, 28, 28, 1)
    assert build_encoder().output_shape == build_conv_encoder().output_shape == [(None, 2)] * 3


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("pair", [(build_encoder, build_decoder), (build_conv_encoder, build_conv_decoder)])
def test_images_come_out_in_the_shape_in_which_they_went_in(pair, shape):
    build_in, build_out = pair
    z_mean, z_log_var, z = build_in(shape, 3)(pixels(2, shape))
    assert z_mean.shape == z_log_var.shape == z.shape == (2, 3)
    assert build_out(3, shape)(z).shape == (2, *shape)


@pytest.mark.parametrize("build", [build_encoder, build_conv_encoder])
def test_a_plain_encoder_gives_one_code(build):
    plain = build((8, 8, 1), 3, variational=False)
    assert plain.output_shape == (None, 3)
    assert plain(pixels(2, (8, 8, 1))).shape == (2, 3)


def test_widths_and_filters_on_request():
    assert build_encoder((10,), 2, hidden=()).count_params() == 2 * (10 * 2 + 2)
    assert build_decoder(2, 10, hidden=(4,)).count_params() == (2 * 4 + 4) + (4 * 10 + 10)
    assert build_conv_encoder((8, 8, 1), 1, filters=(5,)).count_params() == (9 * 5 + 5) + 2 * (4 * 4 * 5 + 1)
    decoder = build_conv_decoder(1, (8, 8, 2), filters=(5,))
    assert decoder.count_params() == 2 * 4 * 4 * 5 + (9 * 5 * 5 + 5) + (9 * 5 * 2 + 2)


def test_flattening_happens_inside():
    flat, square = build_encoder((16,), 2, seed=0), build_encoder((4, 4, 1), 2, seed=0)
    x = pixels(3, (4, 4, 1))
    np.testing.assert_allclose(flat(x.reshape(3, 16))[0], square(x)[0], rtol=1e-5)
    z = codes(3)
    flat_out, square_out = build_decoder(2, 16, seed=0)(z), build_decoder(2, (4, 4, 1), seed=0)(z)
    np.testing.assert_allclose(np.reshape(square_out, (3, 16)), flat_out, rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "margins"), [((28, 28, 1), ((2, 2), (2, 2))), ((27, 30, 3), ((2, 3), (1, 1)))], ids=str
)
def test_padding_puts_zeros_around_and_cropping_takes_them_away(shape, margins):
    padded_shape = (32, 32, shape[2])
    x = pixels(2, shape)
    inside = build_conv_encoder(shape, 2, seed=0)(x)[0]
    outside = build_conv_encoder(padded_shape, 2, seed=0)(np.pad(x, ((0, 0), *margins, (0, 0))))[0]
    np.testing.assert_allclose(inside, outside, rtol=1e-4, atol=1e-6)
    cropped, whole = (
        build_conv_decoder(2, shape, seed=0)(codes(2)),
        build_conv_decoder(2, padded_shape, seed=0)(codes(2)),
    )
    (top, _), (left, _) = margins
    window = np.asarray(whole)[:, top : top + shape[0], left : left + shape[1]]
    np.testing.assert_allclose(cropped, window, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("build", "shape"), [(build_decoder, 784), (build_conv_decoder, (28, 28, 1))])
def test_logits_unless_a_sigmoid_is_asked_for(build, shape):
    z = 3 * codes(5)
    logits = np.asarray(build(2, shape, seed=0)(z))
    pixel_values = np.asarray(build(2, shape, activation="sigmoid", seed=0)(z))
    assert logits.min() < 0
    np.testing.assert_allclose(pixel_values, special.expit(logits), rtol=1e-4)


def test_log_variance_is_bounded_and_nearly_the_identity_around_zero():
    encoder = build_encoder((4,), 2, hidden=(), seed=0)
    head = encoder.get_layer("raw_log_var")
    raw = keras.Model(encoder.input, head.output)
    x = pixels(50, (4,)) - 0.5
    np.testing.assert_allclose(encoder(x)[1], 10 * np.tanh(np.asarray(raw(x)) / 10), rtol=1e-4, atol=1e-6)
    extreme = np.asarray(encoder(1e6 * x)[1])
    assert np.abs(extreme).max() <= 10
    assert math.exp(10) < float(np.finfo("float16").max) < math.exp(12)


def test_z_is_drawn_from_both_heads():
    encoder = build_encoder((4,), 1, hidden=(), seed=0)
    x = np.repeat(pixels(1, (4,)), 20_000, axis=0)
    z_mean, z_log_var, z = (np.asarray(part) for part in encoder(x))
    sigma = math.exp(z_log_var[0, 0] / 2)
    assert abs(z.mean() - z_mean[0, 0]) < 5 * sigma / math.sqrt(len(x))
    assert abs(z.std() - sigma) < 5 * sigma / math.sqrt(2 * len(x))
    assert not np.allclose(encoder(x)[2], z)


BUILDERS = {
    "encoder": lambda seed: build_encoder((4, 4, 1), 2, hidden=(8, 8), seed=seed),
    "decoder": lambda seed: build_decoder(2, (4, 4, 1), hidden=(8, 8), seed=seed),
    "conv_encoder": lambda seed: build_conv_encoder((8, 8, 1), 2, filters=(3, 3, 3), seed=seed),
    "conv_decoder": lambda seed: build_conv_decoder(2, (8, 8, 1), filters=(3, 3, 3), seed=seed),
}


def kernels(network):
    return [w for w in network.get_weights() if w.ndim > 1]


@pytest.mark.parametrize("name", BUILDERS)
def test_a_seed_fixes_the_weights_and_no_two_layers_share_them(name):
    first, same, other = (kernels(BUILDERS[name](seed)) for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not any(np.allclose(a, b) for a, b in zip(first, other, strict=True))
    flat = [np.sort(kernel.ravel()) for kernel in first]
    for i, a in enumerate(flat):
        assert not any(a.shape == b.shape and np.allclose(a, b) for b in flat[i + 1 :])


@pytest.mark.parametrize("name", BUILDERS)
def test_without_a_seed_weights_differ(name):
    assert not np.allclose(kernels(BUILDERS[name](None))[0], kernels(BUILDERS[name](None))[0])


def test_the_two_heads_do_not_start_equal():
    encoder = build_encoder((784,), 2, seed=0)
    z_mean, raw = (encoder.get_layer(name).get_weights()[0] for name in ("z_mean", "raw_log_var"))
    assert not np.allclose(z_mean, raw)


def test_encoders_of_one_seed_draw_one_stream_of_noise():
    x = pixels(5, (4, 4, 1))
    first, same, other = (BUILDERS["encoder"](seed) for seed in (0, 0, 1))
    stream = [np.asarray(first(x)[2]) for _ in range(2)]
    assert not np.allclose(stream[0], stream[1])
    np.testing.assert_array_equal([same(x)[2] for _ in range(2)], stream)
    standardised = [
        (np.asarray(z) - np.asarray(m)) / np.exp(np.asarray(v) / 2)
        for m, v, z in (BUILDERS["encoder"](0)(x), other(x))
    ]
    assert not np.allclose(*standardised, atol=1e-2)


def test_numpy_whole_numbers_are_sizes_too():
    assert build_encoder((np.int64(16),), np.int32(2)).output_shape == [(None, 2)] * 3
    assert build_decoder(2, np.int64(16)).output_shape == (None, 16)


@pytest.mark.parametrize("build", [build_encoder, build_conv_encoder])
def test_the_shape_of_a_batch_is_refused(build):
    with pytest.raises(BadInput, match="without the batch axis"):
        build((None, 28, 28, 1))
