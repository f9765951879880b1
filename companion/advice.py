"""What to do with an array that does not fit: the call that an error message names. Every one of them is run by a test.

Each function returns an expression in the name that the message gives the array, or a few words where none can help.
"""

from collections.abc import Sequence

import numpy as np

OVERSHOOT = 0.05  # interpolation and rounding leave [0, 1] by so much; more is another scale
BITS = (10, 12, 14, 16)  # of cameras and microscopes, stored in 16


def to_real_numbers(array: np.ndarray, name: str) -> str:
    """How to make real numbers of an array of another type: objects, text that spells numbers, complex numbers."""
    if array.dtype.kind == "c":
        return f"np.abs({name})"
    if array.dtype.kind in "OUS":
        try:
            if np.isfinite(array.astype("float32")).all():
                return f"np.asarray({name}, 'float32')"
        except (TypeError, ValueError):
            pass
    return "a float32 array"


def to_unit_interval(array: np.ndarray, name: str) -> str:
    """How to bring finite numbers into [0, 1], on a scale that other arrays of the same origin can share."""
    low, high = float(array.min()), float(array.max())
    if low >= -OVERSHOOT and high <= 1 + OVERSHOOT:
        return f"np.clip({name}, 0, 1)"
    if low >= 0 and (array == np.floor(array)).all() and high <= 2 ** BITS[-1] - 1:
        full = 255 if high <= 255 else next(2**bits - 1 for bits in BITS if high < 2**bits)
        return f"{name} / {full}"
    if low >= 0 and 100 < high <= 255:  # bytes that were resized, so that they are no longer whole
        return f"{name} / 255"
    if low >= -0.5 and high <= 0.5:
        return f"{name} + 0.5"
    if low >= -1 and high <= 1:
        return f"({name} + 1) / 2"
    return f"np.interp({name}, ({min(low, 0.0):.6g}, {high:.6g}), (0, 1))"


def to_shape(array: np.ndarray, shape: Sequence[int], name: str, option: str = "input_shape") -> str:
    """How to give ``(n, *shape)`` to images or conditions of another shape, without mixing up their axes.

    ``option`` is the argument of the model that sets the shape.
    """
    shape = tuple(shape)
    wanted = ", ".join(map(str, shape))
    size = int(np.prod(shape))
    if array.shape == shape:
        return f"that is one image; pass {name}[None]."
    if array.size == size and _same_but_for_ones(array.shape, shape):
        return f"that is one image; pass {name}.reshape((1, {wanted}))."
    per_image = array.shape[1:]
    if array.ndim >= 1 and len(array) and array.size == len(array) * size:
        if len(per_image) <= 1 or _same_but_for_ones(per_image, shape) or _joined(per_image, shape):
            return f"pass {name}.reshape((-1, {wanted}))."
        if len(per_image) == 3 and (*per_image[1:], per_image[0]) == shape:
            return f"pass np.moveaxis({name}, 1, -1), since the channels come first."
        if len(per_image) >= 2 and (per_image[1], per_image[0], *per_image[2:]) == shape:
            return f"pass np.swapaxes({name}, 1, 2), since width comes before height."
    if array.ndim < 2:
        return f"pass an array of shape (n, {wanted})."
    if len(per_image) == len(shape) == 3 and per_image[:2] == shape[:2]:
        if shape[2] == 1 and per_image[2] == 3:
            return f"pass {name}.mean(axis=-1, keepdims=True) for grey levels."
        if shape[2] == 3 and per_image[2] in (1, 4):
            return f"pass {f'np.repeat({name}, 3, axis=-1)' if per_image[2] == 1 else f'{name}[..., :3]'}."
    return f"resize the {name}, or build the model with their shape, {option}={per_image}."


def without_the_bad(array: np.ndarray, name: str) -> str:
    """How to leave out the rows that hold NaN or infinity."""
    axes = tuple(range(1, array.ndim))
    if not np.isfinite(array).all(axis=axes).any():
        return "find out where they come from, since every row holds some"
    axis = axes[0] if len(axes) == 1 else axes
    return f"leave those rows out: pass {name}[np.isfinite({name}).all(axis={axis})]"


def to_class_numbers(labels: np.ndarray, name: str) -> str:
    """How to make whole numbers from 0 of labels of any type: text, floats, numbers with gaps or below 0."""
    if is_one_hot(labels):
        return f"np.argmax({name}, axis=1)"
    flat = f"np.ravel({name})" if labels.ndim != 1 else name
    if labels.dtype.kind == "b":
        return f"{flat}.astype('int64')"
    if labels.ndim != 1 and labels.dtype.kind in "iu" and labels.min() >= 0:
        return flat
    return f"np.unique({flat}, return_inverse=True)[1]"


def is_one_hot(labels: np.ndarray) -> bool:
    """Whether labels are rows of numbers, a column for each class."""
    return labels.ndim == 2 and labels.shape[1] > 1 and labels.dtype.kind in "iufb"


def _same_but_for_ones(first: Sequence[int], second: Sequence[int]) -> bool:
    """Whether two shapes differ in axes of length 1 alone."""
    return [side for side in first if side != 1] == [side for side in second if side != 1]


def _joined(came: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether neighbouring axes of ``wanted`` were joined into one, as in (height * width, channels)."""
    sides = list(wanted)
    for side in came:
        product = 1
        while sides and product < side:
            product *= sides.pop(0)
        if product != side:
            return False
    return not [side for side in sides if side != 1]
