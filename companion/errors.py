"""One error for bad input, and the checks that several rooms share."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np


class BadInput(ValueError):
    """Input that cannot be used. The message says what came, what was expected and the call that mends it."""


def check_whole_number(name: str, value: Any, at_least: int = 1) -> int:
    """Return ``value`` as an ``int``; raise :class:`BadInput` unless it is a whole number of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise BadInput(
            f"{name}={value!r}: expected a whole number of at least {at_least}; pass {name}={at_least} or more."
        )
    return int(value)


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return ``value``; raise :class:`BadInput` unless it is one of ``allowed``."""
    names = list(allowed)
    if value not in names:
        raise BadInput(f"{name}={value!r}: expected one of {', '.join(names)}; pass one of these names.")
    return value


def check_images(
    images: Any, image_shape: Sequence[int], what: str = "images", *, in_unit_interval: bool = True
) -> np.ndarray:
    """Return ``images`` as float32 of shape ``(n, *image_shape)``, with values in [0, 1] unless told otherwise.

    Raises :class:`BadInput` for no images, a wrong rank or size, a type that is not real numbers, NaN or infinity, and
    values outside [0, 1]. Whole numbers 0 and 1 are taken as binarised pixels.
    """
    array = as_array(images, what)
    shape = tuple(image_shape)
    if array.dtype.kind not in "fiub":
        raise BadInput(
            f"{what} have dtype {array.dtype}: expected real numbers in [0, 1]; pass a float32 array."
        )
    if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
        raise BadInput(
            f"{what} have shape {array.shape}: expected (n, {', '.join(map(str, shape))}); "
            f"{_how_to_reshape(array, shape)}"
        )
    if len(array) == 0:
        raise BadInput(
            f"{what} have shape {array.shape}: expected at least one image; pass an array with n >= 1."
        )
    with np.errstate(over="ignore"):  # what overflows becomes infinity, which the next line finds
        array = array.astype("float32", copy=False)
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise BadInput(
            f"{what} hold {bad} values that are NaN or infinite: expected finite pixels; clean them first."
        )
    low, high = float(array.min()), float(array.max())
    if in_unit_interval and (low < 0 or high > 1):
        advice = "divide by 255" if high > 1 and low >= 0 else "rescale them"
        raise BadInput(
            f"{what} hold values from {low:g} to {high:g}: expected pixels in [0, 1]; {advice} first."
        )
    return array


def as_array(values: Any, what: str) -> np.ndarray:
    """``values`` as an array; numpy's own message for rows of different lengths does not say whose rows."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise BadInput(
            f"{what} came as a {type(values).__name__} whose items differ in size: expected one array; bring "
            f"all items to "
            f"one shape and pass np.stack(items)."
        ) from error


def _how_to_reshape(array: np.ndarray, shape: tuple[int, ...]) -> str:
    """Advice for images of the wrong shape: a reshape where the number of pixels allows it."""
    pixels = int(np.prod(shape))
    if array.ndim == len(shape) and array.shape == shape:
        return "that is one image; pass images[None]."
    if array.ndim >= 1 and len(array) and array.size == len(array) * pixels:
        return f"pass images.reshape((-1, {', '.join(map(str, shape))}))."
    return "resize the images, or build the model with their shape as input_shape."


def check_codes(codes: Any, latent_dim: int) -> np.ndarray:
    """Return latent ``codes`` as float32 of shape ``(n, latent_dim)``; raise :class:`BadInput` for anything else."""
    array = as_array(codes, "codes")
    if array.dtype.kind not in "fiu" or array.ndim != 2 or array.shape[1] != latent_dim or len(array) == 0:
        raise BadInput(
            f"codes have shape {array.shape} and dtype {array.dtype}: expected (n, {latent_dim}) real numbers, n >= 1; "
            f"pass np.reshape(codes, (-1, {latent_dim}))."
        )
    with np.errstate(over="ignore"):
        array = array.astype("float32", copy=False)
    if not np.isfinite(array).all():
        raise BadInput(
            f"codes of shape {array.shape} hold NaN or infinity: expected finite numbers; clean them first."
        )
    return array
