"""Results of answers as arrays: brought to one form, compared, and described in words."""

from typing import Any

import numpy as np

from companion.errors import BadInput

# float32 and another order of summation must pass, another formula must not.
RTOL, ATOL = 1e-3, 1e-5
SHOWN = 6

Values = Any


def as_values(value: Any) -> Values:
    """``value`` as a float64 array, or as a dictionary of such arrays where it is a dictionary.

    Takes Python numbers and lists, NumPy arrays, and tensors and variables of Keras, TensorFlow, JAX and PyTorch.
    Raises :class:`~companion.errors.BadInput`, with one line of text, for values that are not real numbers.
    """
    if isinstance(value, dict):
        return {name: as_values(part) for name, part in value.items()}
    try:
        array = np.asarray(_plain(value))
        if array.dtype.kind not in "fiub" and "float" not in str(
            array.dtype
        ):  # bfloat16 has a kind of its own
            raise ValueError
        return array.astype("float64")
    except Exception:
        raise BadInput(f"{_named(value)} holds no real numbers, or rows of unequal length") from None


def _plain(value: Any) -> Any:
    """A tensor as a NumPy array; a list of tensors as a list of arrays."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "detach"):  # PyTorch
        value = value.detach().cpu()
    return value.numpy() if hasattr(value, "numpy") and callable(value.numpy) else value


def _named(value: Any) -> str:
    kind = type(value).__name__
    return f"a value of type {kind}" if len(repr(value)) > 60 else f"{value!r} ({kind})"


def same_shape(came: Values, expected: Values) -> bool:
    """Whether ``came`` has the shape of ``expected``; a single number may have any shape."""
    if isinstance(expected, dict):
        return isinstance(came, dict) and all(
            name in came and same_shape(came[name], expected[name]) for name in expected
        )
    if isinstance(came, dict):
        return False
    return came.shape == expected.shape or came.size == expected.size == 1


def close(came: Values, expected: Values, rtol: float = RTOL) -> bool:
    """Whether shapes agree and all numbers are equal up to rounding."""
    if not same_shape(came, expected):
        return False
    if isinstance(expected, dict):
        return all(close(came[name], expected[name], rtol) for name in expected)
    came = came.reshape(expected.shape)
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
    return bool(np.allclose(came, expected, rtol=rtol, atol=ATOL * max(1.0, size), equal_nan=True))


def holds_nan(came: Values) -> bool:
    """Whether any number is NaN or infinite."""
    if isinstance(came, dict):
        return any(holds_nan(part) for part in came.values())
    return not np.isfinite(came).all()


def shape_in_words(values: Values) -> str:
    """``one number`` or ``shape (3, 2)``."""
    if isinstance(values, dict):
        return ", ".join(f"{name}: {shape_in_words(part)}" for name, part in values.items())
    return f"shape {values.shape}" if values.shape else "one number"


def in_words(values: Values) -> str:
    """The first few numbers, and the shape of an array of rank 2 or more."""
    if isinstance(values, dict):
        return "; ".join(f"{name} {in_words(part)}" for name, part in values.items())
    if values.size == 1:
        return _number(values.reshape(())[()])
    flat = values.reshape(-1)
    more = ", ..." if flat.size > SHOWN else ""
    shape = f", shape {values.shape}" if values.ndim > 1 else ""
    return f"[{', '.join(map(_number, flat[:SHOWN]))}{more}]{shape}"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-0", "0") if value == 0 else f"{value:.4g}"
