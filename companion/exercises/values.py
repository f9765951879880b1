"""Results of answers as arrays: brought to one form, compared, and described in words."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from companion.errors import BadInput

# float32 and another order of summation must pass, another formula must not.
RTOL, ATOL = 1e-3, 1e-5
SHOWN = 6
DIGITS, MANY_DIGITS = 4, 9

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
    kind, words = type(value).__name__, _shown(value)
    return f"a value of type {kind}" if words is None or len(words) > 60 else f"{words} ({kind})"


def shortened(value: Any, longest: int = 100) -> str:
    """``repr(value)``, cut where it is long; the type alone where a learner's object has none."""
    words = _shown(value)
    if words is None:
        return f"a value of type {type(value).__name__}"
    return words if len(words) <= longest else f"{words[: longest - 4]} ..."


def _shown(value: Any) -> str | None:
    try:
        return repr(value)
    except Exception:  # a learner's object may raise anything
        return None


def how_to_give_numbers(value: Any) -> str:
    """What to do where ``value`` holds no numbers."""
    if isinstance(value, (str, bytes)):
        return "This is text. Give the number itself, without quotes and without commas between thousands."
    if isinstance(value, Iterator):
        return "This gives its numbers one at a time; put list(...) around it."
    return "Return numbers in one array."


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


def in_words(values: Values, digits: int = DIGITS) -> str:
    """The first few numbers, and the shape of an array of rank 2 or more; whole numbers with all their digits."""
    if isinstance(values, dict):
        return "; ".join(f"{name} {in_words(part, digits)}" for name, part in values.items())
    if values.size == 1:
        return _number(values.reshape(())[()], digits)
    flat = values.reshape(-1)
    more = ", ..." if flat.size > SHOWN else ""
    shape = f", shape {values.shape}" if values.ndim > 1 else ""
    return f"[{', '.join(_number(value, digits) for value in flat[:SHOWN])}{more}]{shape}"


def told_apart(came: Values, expected: Values) -> tuple[str, str]:
    """Both in words, with more digits where four do not show the difference."""
    few = in_words(came), in_words(expected)
    return few if few[0] != few[1] else (in_words(came, MANY_DIGITS), in_words(expected, MANY_DIGITS))


def _number(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    whole = abs(value) < 10**MANY_DIGITS and float(value).is_integer()
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"
