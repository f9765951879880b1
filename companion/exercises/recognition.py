"""What can be said of a wrong result of any exercise: its shape, its sign, its rounding, NaN."""

import numpy as np

from companion.exercises.values import Values, close, holds_nan, same_shape, shape_in_words

DECIMALS = range(4)
DIGITS = range(1, 4)


def general_hint(came: Values, expected: Values, *, is_one_number: bool) -> str:
    """A hint that fits how ``came`` differs from ``expected``; empty where none is recognised."""
    if not same_shape(came, expected):
        return _of_shape(came, expected)
    if holds_nan(came):
        return "There is a NaN or an infinity: look for a logarithm of 0, a division by 0 or an overflow."
    if isinstance(expected, dict):
        return ""
    came = came.reshape(expected.shape)
    if np.any(expected) and close(came, -expected):
        return "The size is right and the sign is not."
    if is_one_number and _has_few_digits(float(came), float(expected)):
        return "This looks rounded too much. Give at least four digits, or let Python compute the number."
    for decimals in DECIMALS:
        if _is_rounded(came, expected, decimals):
            return f"The numbers are rounded to {decimals} decimals. Return them as they are computed."
    return ""


def _of_shape(came: Values, expected: Values) -> str:
    are_arrays = not isinstance(came, dict) and not isinstance(expected, dict)
    if are_arrays and came.ndim > 1 and close(came.T, expected):
        return "The numbers are right and the axes are swapped: return the transpose."
    return f"Return {shape_in_words(expected)}; yours is {shape_in_words(came)}."


def _has_few_digits(came: float, expected: float) -> bool:
    return any(came == float(f"{expected:.{digits}g}") for digits in DIGITS)


def _is_rounded(came: np.ndarray, expected: np.ndarray, decimals: int) -> bool:
    """Whether all numbers are the right ones, rounded; zeros alone do not count, since they may come from anything."""
    right = np.round(expected, decimals)
    return bool(np.any(right) and np.abs(expected).max() >= 10.0**-decimals and np.array_equal(came, right))
