"""One error for bad input, and the checks that several modules share."""

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from companion import advice


class BadInput(ValueError):
    """Input that cannot be used. The message says what was given, what was expected and the call that fixes it."""


def check_whole_number(name: str, value: Any, at_least: int = 1) -> int:
    """Return ``value`` as an ``int``; raise :class:`BadInput` unless it is a whole number of at least ``at_least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise BadInput(
            f"{name}={value!r}: expected a whole number of at least {at_least}; pass {name}={at_least} or more."
        )
    return int(value)


def check_seed(seed: Any, *, generator: bool = True) -> Any:
    """A seed as Keras takes it: None, an ``int`` of at least 0 or, unless ``generator`` is False, a ``SeedGenerator``.

    Whole numbers of NumPy become ``int``. Raises :class:`BadInput` for anything else.
    """
    if seed is None or (generator and is_seed_generator(seed)):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        wanted = "a whole number of at least 0, a keras.random.SeedGenerator or None"
        wanted = wanted if generator else "a whole number of at least 0, or None"
        raise BadInput(f"seed={seed!r}: expected {wanted}; pass for example seed=0.")
    return int(seed)


def is_seed_generator(seed: Any) -> bool:
    """Whether ``seed`` is a ``keras.random.SeedGenerator``, by its attributes: this module does not import Keras."""
    return hasattr(seed, "next") and hasattr(seed, "state")


def check_choice(name: str, value: Any, allowed: Iterable[str]) -> str:
    """Return ``value``; raise :class:`BadInput` unless it is one of ``allowed``."""
    names = list(allowed)
    if value not in names:
        raise BadInput(f"{name}={value!r}: expected one of {', '.join(names)}; pass one of these names.")
    return value


def is_real_dtype(dtype: Any) -> bool:
    """Whether a dtype holds real numbers: integers, booleans and floating types, including bfloat16.

    To NumPy bfloat16 is of kind V, like other types that it does not define.
    """
    dtype = np.dtype(dtype)
    return dtype.kind in "fiub" or (dtype.kind == "V" and "float" in dtype.name)


def check_images(
    images: Any, image_shape: Sequence[int], what: str = "images", *, in_unit_interval: bool = True
) -> np.ndarray:
    """Return ``images`` as float32 of shape ``(n, *image_shape)``, with values in [0, 1] if ``in_unit_interval``.

    Raises :class:`BadInput` for no images, a wrong rank or size, a type other than real numbers, NaN or infinity, and
    values outside [0, 1]. Integers 0 and 1 are accepted as binarised pixels.
    """
    array, name = as_array(images, what), what.split()[-1]
    shape = tuple(image_shape)
    if not is_real_dtype(array.dtype):
        wanted = "real numbers in [0, 1]" if in_unit_interval else "real numbers"
        raise BadInput(
            f"{what} have dtype {array.dtype}: expected {wanted}; pass {advice.to_real_numbers(array, name)}."
        )
    if array.ndim != len(shape) + 1 or array.shape[1:] != shape:
        raise BadInput(
            f"{what} have shape {array.shape}: expected (n, {', '.join(map(str, shape))}); "
            f"{advice.to_shape(array, shape, name)}"
        )
    if len(array) == 0:
        raise BadInput(
            f"{what} have shape {array.shape}: expected at least one "
            f"{'image' if in_unit_interval else 'row'}; pass an array with n >= 1."
        )
    with np.errstate(over="ignore"):  # an overflow gives infinity, which the next line finds
        array = array.astype("float32", copy=False)
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise BadInput(
            f"{what} hold {bad} values that are NaN or infinite: expected finite "
            f"{'pixels' if in_unit_interval else 'numbers'}; {advice.without_the_bad(array, name)}."
        )
    low, high = float(array.min()), float(array.max())
    if in_unit_interval and (low < 0 or high > 1):
        raise BadInput(
            f"{what} hold values from {low:g} to {high:g}: expected pixels in [0, 1]; "
            f"pass {advice.to_unit_interval(array, name)}."
        )
    return array


def as_array(values: Any, what: str) -> np.ndarray:
    """``values`` as an array; raises :class:`BadInput`, which names ``what``, for items of different sizes."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise BadInput(
            f"{what} are a {type(values).__name__} whose items differ in size: expected one array; bring all items to "
            f"one shape and pass np.stack(items)."
        ) from error


def check_codes(codes: Any, latent_dim: int) -> np.ndarray:
    """Return latent ``codes`` as float32 of shape ``(n, latent_dim)``; raise :class:`BadInput` for anything else."""
    array = as_array(codes, "codes")
    fits = array.ndim == 2 and array.shape[1] == latent_dim and len(array)
    if array.dtype.kind == "b" or not is_real_dtype(array.dtype) or not fits:
        raise BadInput(
            f"codes have shape {array.shape} and dtype {array.dtype}: expected (n, {latent_dim}) real numbers, n >= 1; "
            f"pass {_right_codes(array, latent_dim, bool(fits))}."
        )
    with np.errstate(over="ignore"):
        array = array.astype("float32", copy=False)
    if not np.isfinite(array).all():
        raise BadInput(
            f"codes of shape {array.shape} hold NaN or infinity: expected finite numbers; "
            f"{advice.without_the_bad(array, 'codes')}. If they came from encode, the training has diverged: train the "
            f"model again with a smaller learning rate."
        )
    return array


def _right_codes(array: np.ndarray, latent_dim: int, fits: bool) -> str:
    """What to pass in place of codes of another type or shape."""
    if fits:
        return (
            "codes.astype('float32')" if array.dtype.kind == "b" else advice.to_real_numbers(array, "codes")
        )
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] == latent_dim:
        return "codes[0], z_mean, of the three parts that encode(images) returned"
    if array.ndim == 1 and array.size and (latent_dim == 1 or array.size == latent_dim):
        return f"np.reshape(codes, (-1, {latent_dim}))"
    return f"one row of {latent_dim} numbers per image, as encode(images) of this model gives them"
