"""Protects denoising: noise that only training sees, a loss against the clean image, decibels worked out by hand, and a
VAE that restores noisy images better once its encoder has seen noise."""

import keras
import numpy as np
import pytest

from companion import data
from companion.denoising import HIGHEST, InputNoise, add_noise, denoising_encoder, psnr
from companion.errors import BadInput
from companion.networks import build_conv_encoder, build_decoder, build_encoder
from companion.vae import VAE

SHAPE = (4, 4, 1)
GREY = np.full((2000, *SHAPE), 0.5, "float32")


def small_vae(lowest=0.0, highest=0.5, seed=0):
    encoder = denoising_encoder(build_encoder(SHAPE, 2, hidden=(8,), seed=1), lowest, highest, seed=seed)
    return VAE(encoder, build_decoder(2, SHAPE, hidden=(8,), seed=2), seed=seed)


def test_decibels_by_hand():
    images = np.zeros((3, *SHAPE))
    pictures = images + np.array([0.1, 0.01, 1.0])[:, None, None, None]
    np.testing.assert_allclose(psnr(pictures, images), [20.0, 40.0, 0.0], atol=1e-9)
    half = images.copy()
    half[:, :2] = 0.1  # half of the pixels: half the squared error is 3 dB more
    np.testing.assert_allclose(psnr(half, images), 20 + 10 * np.log10(2))
    assert psnr(images, images).tolist() == [np.inf] * 3


def test_added_noise_has_its_standard_deviation_and_stays_between_0_and_1():
    noisy = add_noise(GREY, 0.1, seed=3)
    assert noisy.dtype == "float32" and noisy.shape == GREY.shape
    assert (noisy - GREY).std() == pytest.approx(0.1, rel=0.02)
    assert (noisy - GREY).mean() == pytest.approx(0.0, abs=0.002)
    strong = add_noise(GREY, 2.0)
    assert strong.min() == 0 and strong.max() == 1
    np.testing.assert_array_equal(add_noise(GREY, 0.1, seed=3), noisy)
    assert not np.array_equal(add_noise(GREY, 0.1, seed=4), noisy)
    np.testing.assert_array_equal(add_noise(GREY, 0.0), GREY)


def test_the_layer_adds_noise_in_training_alone():
    layer = InputNoise(0.0, 0.2, seed=0)
    np.testing.assert_array_equal(layer(GREY), GREY)
    np.testing.assert_array_equal(layer(GREY, training=False), GREY)
    first, second = (np.asarray(layer(GREY, training=True)) for _ in range(2))
    assert not np.array_equal(first, second)


def test_every_image_has_a_level_of_its_own_between_the_bounds():
    wide = np.full((3000, 8, 8, 1), 0.5, "float32")
    noise = np.asarray(InputNoise(0.05, 0.15, seed=0)(wide, training=True)) - wide
    levels = noise.std(axis=(1, 2, 3))  # (3000,), each estimated from 64 pixels
    assert levels.mean() == pytest.approx(0.1, rel=0.02)
    assert levels.std() == pytest.approx(np.sqrt(0.1**2 / 12 + 0.1**2 / 128), rel=0.1)
    assert abs(noise.mean()) < 0.002
    fixed = np.asarray(InputNoise(0.1, 0.1, seed=0)(wide, training=True)) - wide
    assert fixed.std() == pytest.approx(0.1, rel=0.01)
    strong = np.asarray(InputNoise(3.0, 3.0, seed=0)(wide, training=True))
    assert strong.min() == 0 and strong.max() == 1


def test_the_loss_compares_with_the_clean_image():
    model = small_vae(0.5, 0.5)
    images = np.random.default_rng(0).uniform(size=(6, *SHAPE)).astype("float32")
    y_pred = model(images, training=True)
    loss = model.compute_loss(x=images, y_pred=y_pred, training=True)
    expected = VAE.likelihood_of(model, y_pred["logits"]).log_prob(images) - model.kl_of(
        y_pred["z_mean"], y_pred["z_log_var"], images
    )
    assert float(loss) == pytest.approx(-float(np.mean(expected)), rel=1e-5)
    clean = np.asarray(model.encoder(images)[0])
    assert not np.allclose(np.asarray(y_pred["z_mean"]), clean)  # inferred from a noisy image
    np.testing.assert_allclose(model.encode(images)[0], clean, rtol=1e-5)  # without noise where it is used


def test_a_convolutional_encoder_and_saving(tmp_path):
    encoder = denoising_encoder(build_conv_encoder((8, 8, 1), 2, filters=(4, 4)), 0.1, 0.3, seed=7)
    model = VAE(encoder, seed=0)
    model.compile("adam")
    images = np.random.default_rng(0).uniform(size=(20, 8, 8, 1)).astype("float32")
    model.fit(images, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.reconstruct(images), model.reconstruct(images), rtol=1e-5)
    layer = loaded.encoder.get_layer("noise")
    assert (layer.lowest, layer.highest, layer.seed) == (0.1, 0.3, 7)
    before = [np.asarray(part.encoder.get_layer("noise")(images, training=True)) for part in (model, loaded)]
    np.testing.assert_allclose(before[0], before[1], rtol=1e-5)  # the noise goes on where it stood


@pytest.mark.slow
def test_it_learns_to_restore():
    """With noise in training the restored digits are closer to the clean ones, even after a short training."""
    digits = data.digits().x_train[:500]
    noisy, found = add_noise(digits, 0.4, seed=9), {}
    for name, highest in (("plain", 0.0), ("denoising", HIGHEST)):
        pair = VAE.build_networks(digits.shape[1:], 8, hidden=(64,), seed=0)
        model = VAE(denoising_encoder(pair["encoder"], 0.0, highest, seed=0), pair["decoder"], seed=0)
        model.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
        model.fit(digits, batch_size=50, epochs=15, verbose=0)
        found[name] = psnr(model.reconstruct(noisy), digits).mean()
    assert found["denoising"] > found["plain"] + 0.5
    assert found["denoising"] > psnr(noisy, digits).mean() + 4


BAD = {
    "noise below 0": (lambda: add_noise(GREY, -0.1), "stddev=-0.1: expected a finite number of at least 0"),
    "pixels of 255": (lambda: add_noise(GREY * 510, 0.1), "expected pixels in [0, 1]"),
    "a seed": (lambda: add_noise(GREY, 0.1, seed=-1), "seed=-1: expected a whole number"),
    "shapes": (lambda: psnr(GREY[:2], GREY), "expected the same shape (n, ...)"),
    "numbers": (lambda: psnr([0.5], [0.5]), "expected the same shape (n, ...)"),
    "bounds": (lambda: InputNoise(0.5, 0.2), "lowest=0.5 and highest=0.2: expected lowest <= highest"),
    "a bound": (lambda: InputNoise(0.0, np.inf), "highest=inf: expected a finite number"),
    "lower bound": (lambda: InputNoise(-0.1, 0.5), "lowest=-0.1: expected a finite number"),
    "layer's seed": (lambda: InputNoise(seed="a"), "seed='a': expected a whole number"),
    "flat encoder": (lambda: denoising_encoder(build_encoder((16,), 2)), "expected one input (None, height"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_bad_is_named(case):
    act, message = BAD[case]
    with pytest.raises(BadInput) as error:
        act()
    assert message in str(error.value)
