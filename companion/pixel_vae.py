"""A VAE whose decoder also sees the pixels before each pixel: strong enough to do without its code. Chapter 11."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from companion.base.divergence import check_weights_are_finite
from companion.batching import map_batches
from companion.beta_vae import BetaVAE
from companion.distributions import Distribution
from companion.errors import check_codes, check_whole_number
from companion.networks import _check_shape, _glorot, _seeds
from companion.tensors import Seed, Tensor
from companion.vq_vae.pixel_cnn import MaskedConv2D


def build_context(
    image_shape: Sequence[int] = (28, 28, 1),
    *,
    filters: int = 16,
    num_layers: int = 2,
    seed: int | None = None,
) -> keras.Model:
    """Images ``(batch, height, width, channels)`` to logits of that shape, each from the pixels before it alone.

    Before means in reading order: the rows above, and the pixels to the left. Two stacks of masked convolutions, as in
    :func:`~companion.vq_vae.build_pixel_cnn`, each of ``filters`` channels and ``num_layers`` layers. Raises
    :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers.
    Source: van den Oord et al. (2016), Conditional image generation with PixelCNN decoders. Taught in chapter 11.
    """
    shape = _check_shape(image_shape, rank=3)
    filters, num_layers = check_whole_number("filters", filters), check_whole_number("num_layers", num_layers)
    seeds = _seeds(seed)

    def masked(size: int, stack: str, mask_type: str) -> MaskedConv2D:
        return MaskedConv2D(filters, size, stack, mask_type, kernel_initializer=_glorot(seeds))

    def pointwise(units: int) -> layers.Dense:
        return layers.Dense(units, kernel_initializer=_glorot(seeds))

    images = keras.Input(shape, name="images")
    above = ops.relu(masked(5, "vertical", "A")(images))  # (batch, height, width, filters) from here on
    left = ops.relu(masked(5, "horizontal", "A")(images) + pointwise(filters)(above))
    for _ in range(1, num_layers):
        above = above + ops.relu(masked(3, "vertical", "B")(above))
        left = left + ops.relu(masked(3, "horizontal", "B")(left) + pointwise(filters)(above))
    return keras.Model(images, pointwise(shape[-1])(left), name="context")


@keras.saving.register_keras_serializable(package="companion")
class PixelVAE(BetaVAE):
    """A VAE with an autoregressive decoder: p(x|z) is a product over pixels of p(pixel | z, the pixels before it).

    The logits are those of ``decoder``, which sees the code, plus those of a :func:`build_context` network, which sees
    the pixels before each one; ``filters`` and ``num_layers`` are its width and depth. The context alone may explain an
    image so well that the KL falls to zero: posterior collapse. All arguments of :class:`~companion.beta_vae.BetaVAE`
    are taken, with ``beta`` 1 by default.

    ``decode`` and ``sample`` fill images pixel by pixel, with the mean of each or with a draw of it: a pass of the
    context network per pixel.
    Raises :class:`~companion.errors.BadInput` as a beta-VAE, for flat images, and for sizes that are not whole positive
    numbers. Source: Gulrajani et al. (2017). Taught in chapter 11.
    """

    def __init__(
        self, *networks: Any, beta: Any = 1.0, filters: int = 16, num_layers: int = 2, **kwargs: Any
    ):
        super().__init__(*networks, beta=beta, **kwargs)
        self.filters, self.num_layers = filters, num_layers
        # The encoder and the decoder have the seeds 2 * seed and 2 * seed + 1.
        seed = None if self.seed is None else 2 * self.seed + 2
        self.context = build_context(self.image_shape, filters=filters, num_layers=num_layers, seed=seed)

    def logits_of(self, z: Tensor, x: Tensor, training: bool | None = None) -> Tensor:
        """Logits from the codes ``z`` and from the pixels of ``x`` before each: ``(..., batch, *image_shape)``."""
        from_context = self.context(self.images_of(x), training=training)  # (batch, *image_shape)
        from_code = super().logits_of(z, x, training=training)  # (..., batch, *image_shape)
        return from_code + ops.cast(from_context, from_code.dtype)

    def decode(self, z: Any) -> np.ndarray:
        """Images in [0, 1], ``(n, *image_shape)``: the mean of each pixel, given the means of those before it."""
        return self._in_reading_order(check_codes(z, self.latent_dim), lambda pixels: pixels.mean())

    def sample(self, n: int, seed: Seed = None) -> np.ndarray:
        """``n`` images ``(n, *image_shape)`` drawn from the model: z from the prior, then pixel after pixel."""
        generator = self.generator_of(seed)
        codes = self.draw_from_prior(check_whole_number("n", n), generator)
        return self._in_reading_order(codes, lambda pixels: pixels.sample(generator))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "filters": self.filters, "num_layers": self.num_layers}

    def _in_reading_order(self, z: np.ndarray, choose: Callable[[Distribution], Tensor]) -> np.ndarray:
        """Images filled pixel by pixel with what ``choose`` makes of the pixel's distribution."""
        from_code = map_batches(self.decoder, z)  # (n, *image_shape)
        images = np.zeros(from_code.shape, "float32")
        for row, column in np.ndindex(*self.image_shape[:2]):
            from_context = map_batches(self.context, images)[:, row, column]
            logits = from_code[:, row, column].astype("float32") + from_context.astype("float32")
            if not np.isfinite(logits).all():  # a draw of them would be a number like any other
                check_weights_are_finite(self)
            pixels = self.likelihood.given(ops.convert_to_tensor(logits), event_ndims=1)  # (n, channels)
            images[:, row, column] = ops.convert_to_numpy(choose(pixels))
        return images
