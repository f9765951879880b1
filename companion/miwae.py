"""MIWAE: an IWAE trained on images in which pixels are missing. Chapter 13.

A missing pixel is NaN, as in NumPy and scikit-learn. The encoder sees 0 in its place, and the likelihood leaves it out.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from companion.distributions import Distribution
from companion.errors import BadInput, as_array, check_images, is_real_dtype
from companion.iwae import IWAE
from companion.likelihoods import Likelihood
from companion.tensors import Seed, Tensor


class ObservedPixels:
    """p(x|z) of the observed pixels alone: a distribution whose ``log_prob`` leaves out the pixels that are NaN.

    ``likelihood`` is read for decoder outputs ``logits`` ``(..., *image_shape)``, the last ``event_ndims`` axes of
    which are one image. Under a likelihood with independent pixels, leaving a pixel out is the same as integrating over
    it. Source: Mattei & Frellsen (2019). Taught in chapter 13.
    """

    def __init__(self, likelihood: Likelihood, logits: Tensor, event_ndims: int = 3):
        self.pixels: Distribution = likelihood.given(logits, event_ndims=0)
        self.event_ndims = event_ndims

    def log_prob(self, x: Tensor) -> Tensor:
        """log p of the observed pixels of ``x`` in nats, summed over each image: shape ``(..., batch)``."""
        x = ops.cast(ops.convert_to_tensor(x), "float32")
        missing = ops.isnan(x)
        # The value in a missing place must be finite: a gradient of 0 times NaN would be NaN.
        per_pixel = self.pixels.log_prob(without_nan(x))  # (..., batch, *image_shape)
        observed = ops.where(missing, ops.zeros_like(per_pixel), per_pixel)
        return ops.sum(observed, axis=tuple(range(-self.event_ndims, 0)))

    def mean(self) -> Tensor:
        """The mean of every pixel, observed or not, of the shape of the outputs."""
        return self.pixels.mean()

    def sample(self, seed: Seed = None) -> Tensor:
        """One draw of every pixel, of the shape of the outputs."""
        return self.pixels.sample(seed)


def without_nan(x: Tensor) -> Tensor:
    """``x`` with 0 in the place of every NaN."""
    return ops.where(ops.isnan(x), ops.zeros_like(x), x)


@keras.saving.register_keras_serializable(package="companion")
class FillMissing(keras.layers.Layer):
    """Passes images on with 0 in the place of every missing pixel, which is NaN."""

    def call(self, images: Tensor) -> Tensor:
        return without_nan(images)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


def encoder_of_incomplete(encoder: keras.Model) -> keras.Model:
    """``encoder`` behind a :class:`FillMissing`; unchanged where it begins with one."""
    if any(isinstance(layer, FillMissing) for layer in encoder.layers):
        return encoder
    images = keras.Input(encoder.input_shape[1:], name="images")
    return keras.Model(images, encoder(FillMissing()(images)), name="encoder_of_incomplete")


@keras.saving.register_keras_serializable(package="companion")
class MIWAE(IWAE):
    """An IWAE of images in which pixels are missing: it maximises the k-sample bound of the observed pixels.

    Arguments are those of :class:`~companion.iwae.IWAE`. Wherever images are taken, a missing pixel is NaN; images
    without any NaN give what an IWAE gives. All terms and bounds, also those of :mod:`companion.evaluation`, are those
    of the observed pixels, in nats per image. Which pixels are missing must not depend on their values once the
    observed ones are known (*missing at random*). :func:`companion.evaluation.missing.impute_by_importance` fills in
    the missing ones.

    Raises :class:`~companion.errors.BadInput` as :class:`~companion.iwae.IWAE`, and for images none of whose pixels is
    observed. Source: Mattei & Frellsen (2019). Taught in chapter 13.
    """

    def likelihood_of(self, logits: Tensor) -> Any:
        """p(x|z) of the observed pixels for decoder outputs ``(..., *image_shape)``."""
        return ObservedPixels(self.likelihood, logits, len(self.image_shape))

    def checked(self, x: Any, what: str = "images") -> np.ndarray:
        """Images as this model takes them, float32, missing pixels NaN."""
        array = as_array(x, what)
        if array.dtype.kind != "f" and "float" not in array.dtype.name:
            return super().checked(array, what)  # no NaN can be in it
        missing = (
            np.isnan(array.astype("float32")) if is_real_dtype(array.dtype) else np.zeros(array.shape, bool)
        )
        if array.size and missing.all():
            raise BadInput(
                f"{what} of shape {array.shape} have no observed pixel: expected numbers, and NaN in some places; pass "
                f"np.where(missing, np.nan, images)."
            )
        how: dict[str, Any] = {"in_unit_interval": self.in_unit_interval}
        check_images(np.where(missing, 0, array).astype(array.dtype), self.image_shape, what, **how)
        return array.astype("float32", copy=False)

    def _complete(self, *given: Any) -> tuple[keras.Model, keras.Model]:
        encoder, decoder = super()._complete(*given)
        return encoder_of_incomplete(encoder), decoder
