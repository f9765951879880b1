"""VAEs of the digits trained on clean or on noisy input, at noise levels that they are not told. Chapter 13."""

from __future__ import annotations

import keras
import numpy as np
from scipy import ndimage

from companion import data
from companion.denoising import add_noise, denoising_encoder, psnr
from companion.vae import VAE

LEVELS = (0.0, 0.1, 0.2, 0.4, 0.6)
WIDTHS = np.arange(0.0, 2.05, 0.1)  # of a blur, in pixels


def restored(
    seed: int, lowest: float, highest: float, epochs: int, latent_dim: int, control: str = ""
) -> dict[str, float]:
    """PSNR of the restored test digits at each noise level, in decibels, and the negative ELBO of the clean ones.

    ``lowest`` and ``highest`` bound the noise in training; 0 for both is a plain VAE. ``control`` trains nothing:
    ``noisy`` returns the image as it came, ``blur`` blurs it by the width that is best for that level on the training
    digits.
    """
    digits = data.digits()
    test = {level: add_noise(digits.x_test, level, seed=seed) for level in LEVELS}
    if control:
        pictures = {level: _controlled(control, test[level], digits.x_train, level, seed) for level in LEVELS}
        return {**_ratios(pictures, digits.x_test), "neg_elbo": 0.0}
    keras.utils.set_random_seed(seed)
    pair = VAE.build_networks(digits.image_shape, latent_dim, hidden=(256,), seed=seed)
    if highest > 0:
        pair["encoder"] = denoising_encoder(pair["encoder"], lowest, highest, seed=seed)
    model = VAE(**pair, seed=seed)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile="auto")
    model.fit(digits.x_train, batch_size=50, epochs=epochs, verbose=0)
    terms = model.elbo_terms(digits.x_test, model.noise(len(digits.x_test), seed))
    pictures = {level: model.reconstruct(images) for level, images in test.items()}
    return {**_ratios(pictures, digits.x_test), "neg_elbo": float(-np.mean(terms["elbo"]))}


def _ratios(pictures: dict[float, np.ndarray], images: np.ndarray) -> dict[str, float]:
    """The mean PSNR by level, under the names psnr_0, psnr_1, psnr_2, ...: tenths. Unchanged images count 60 dB."""
    return {
        f"psnr_{round(10 * level)}": float(np.mean(np.minimum(psnr(shown, images), 60.0)))
        for level, shown in pictures.items()
    }


def _controlled(control: str, noisy: np.ndarray, train: np.ndarray, level: float, seed: int) -> np.ndarray:
    if control == "noisy":
        return noisy
    some = add_noise(train, level, seed=seed + 1000)
    best = max(WIDTHS, key=lambda width: np.mean(np.minimum(psnr(_blurred(some, width), train), 60.0)))
    return _blurred(noisy, best)


def _blurred(images: np.ndarray, width: float) -> np.ndarray:
    return ndimage.gaussian_filter(images, (0, width, width, 0))
