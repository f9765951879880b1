"""Denoising with a VAE: the encoder sees noise, the decoder is asked for the clean image. Chapter 13."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops, random

from companion.errors import BadInput, check_images, check_seed, check_whole_number
from companion.noise import KeepsNoise
from companion.schedules import check_number
from companion.tensors import Tensor

HIGHEST = 0.6  # the largest standard deviation of the noise in training, on the scale of [0, 1]


def add_noise(images: Any, stddev: float, seed: int = 0) -> np.ndarray:
    """``images`` ``(n, ...)`` plus normal noise of standard deviation ``stddev``, clipped to [0, 1]: float32.

    Raises :class:`~companion.errors.BadInput` for images outside [0, 1] and a ``stddev`` below 0. Taught in chapter 13.
    """
    clean = check_images(images, np.shape(images)[1:])
    stddev = check_number("stddev", stddev)
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    return np.clip(clean + stddev * rng.normal(size=clean.shape), 0.0, 1.0).astype("float32")


def psnr(pictures: Any, images: Any) -> np.ndarray:
    """The peak signal-to-noise ratio of each picture, ``(n,)``, in decibels: ``-10 log10`` of its mean squared error.

    ``pictures`` and the clean ``images`` have the same shape ``(n, ...)`` and pixels in [0, 1], so that the peak is 1.
    Ten decibels more are a tenth of the squared error; a picture without any error has infinitely many.
    Raises :class:`~companion.errors.BadInput` for shapes that differ. Taught in chapter 13.
    """
    first, second = np.asarray(pictures, "float64"), np.asarray(images, "float64")
    if first.shape != second.shape or first.ndim < 2:
        raise BadInput(
            f"pictures have shape {first.shape} and images {second.shape}: expected the same shape (n, ...); pass one "
            f"picture for each clean image."
        )
    error = np.mean((first - second) ** 2, axis=tuple(range(1, first.ndim)))  # (n,)
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(error)


@keras.saving.register_keras_serializable(package="companion")
class InputNoise(KeepsNoise, keras.layers.Layer):
    """Adds normal noise to images in [0, 1] during training, and passes them on unchanged otherwise.

    Every image ``(height, width, channels)`` of a batch gets a standard deviation of its own, drawn uniformly between
    ``lowest`` and ``highest``; the result is clipped to [0, 1]. With equal bounds the level is fixed. ``seed`` fixes
    the draws. Raises :class:`~companion.errors.BadInput` for bounds below 0 or in the wrong order.
    Source: Vincent et al. (2008). Taught in chapter 13.
    """

    def __init__(self, lowest: float = 0.0, highest: float = HIGHEST, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.lowest, self.highest = check_number("lowest", lowest), check_number("highest", highest)
        if self.lowest > self.highest:
            raise BadInput(
                f"lowest={lowest!r} and highest={highest!r}: expected lowest <= highest; exchange the two."
            )
        self.seed = check_seed(seed, generator=False)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        if not training:
            return images
        one_per_image = (ops.shape(images)[0], *(1 for _ in images.shape[1:]))
        how: dict[str, Any] = {"dtype": images.dtype, "seed": self.seed_generator}
        stddev = random.uniform(one_per_image, self.lowest, self.highest, **how)  # (batch, 1, 1, 1)
        noise = random.normal(ops.shape(images), **how)  # (batch, height, width, channels)
        return ops.clip(images + stddev * noise, 0.0, 1.0)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"lowest": self.lowest, "highest": self.highest, "seed": self.seed}
        return {**super().get_config(), **own}


def denoising_encoder(
    encoder: keras.Model, lowest: float = 0.0, highest: float = HIGHEST, *, seed: int | None = None
) -> keras.Model:
    """``encoder`` behind an :class:`InputNoise`: in a VAE it gives the denoising criterion.

    The model that is built with it still compares the decoder's output with the clean image, so
    ``VAE(denoising_encoder(encoder), decoder)`` maximises the ELBO of the clean image under a posterior that was
    inferred from a noisy one. Nothing is added in ``encode``, ``reconstruct`` and ``evaluate``.
    Raises :class:`~companion.errors.BadInput` for an encoder of images that are not ``(height, width, channels)``, and
    as :class:`InputNoise`. Source: Im et al. (2017). Taught in chapter 13.
    """
    shape = tuple(encoder.input_shape[1:]) if not isinstance(encoder.input_shape, list) else ()
    if len(shape) != 3 or not math.prod(shape):
        raise BadInput(
            f"encoder takes inputs of shape {encoder.input_shape}: expected one input (None, height, width, channels); "
            f"build it with build_encoder((28, 28, 1), latent_dim)."
        )
    images = keras.Input(shape, name="images")
    noisy = InputNoise(lowest, highest, seed=seed, name="noise")(images)
    return keras.Model(images, encoder(noisy), name="denoising_encoder")
