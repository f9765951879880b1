"""The check of conditions: whole numbers for classes, or arrays of real numbers of one shape. Chapter 07."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from companion import advice
from companion.errors import BadInput, as_array, check_images, is_real_dtype

Shape = Sequence[int]

MANY = 1000  # classes; numbers beyond that are more likely years or other quantities
LARGE, SMALL = 10.0, 0.01  # limits on the scale of a condition
ROWS = 10_000  # enough to estimate the scale from


def check_conditions(conditions: Any, num_classes: int | None, condition_shape: Shape) -> np.ndarray:
    """Condition vectors ``(n, *condition_shape)``, float32, of labels ``(n,)`` or of such vectors.

    Raises :class:`~companion.errors.BadInput` for labels that are not whole numbers from 0 to ``num_classes`` - 1, and
    for vectors of another shape or with values that are not finite.
    """
    wanted = f"(n, {', '.join(map(str, condition_shape))}) real numbers"
    if num_classes:
        wanted = f"(n,) whole numbers from 0 to {num_classes - 1}, or {wanted}"
    if conditions is None:
        raise BadInput(f"labels or conditions are missing: expected {wanted}; pass one per image.")
    array = as_array(conditions, "labels or conditions")
    if num_classes and array.ndim == 1:
        return np.eye(num_classes, dtype="float32")[_check_labels(array, num_classes)]
    if array.ndim == 0 or array.shape[1:] != tuple(condition_shape):
        raise BadInput(
            f"labels or conditions have shape {array.shape}: expected {wanted}; "
            f"{_right_shape(array, num_classes, condition_shape)}"
        )
    return check_images(array, condition_shape, "conditions", in_unit_interval=False)


def warn_of_scale(conditions: np.ndarray) -> bool:
    """Warn, and return True, if a column of the conditions ``(n, ...)`` is far from the scale of the networks, about 1.

    The initial weights suit inputs of about 1, such as images in [0, 1]. Next to these, years such as 1999 dominate the
    first layers, and numbers of 0.001 have no effect.
    """
    n = len(conditions)
    some = conditions if n <= ROWS else conditions[np.random.default_rng(0).choice(n, ROWS, replace=False)]
    rows = some.reshape(len(some), -1).astype("float64")
    size = np.abs(rows).max(axis=0)
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    large = np.sqrt(np.mean(rows**2, axis=0)) > LARGE
    shifted = (spread > 1e-6 * size) & (np.abs(mean) > 100 * spread)
    small = (size > 0) & (size < SMALL)
    far = bool((large | shifted | small).any())
    if far:
        worst = int(np.argmax(large | shifted | small))
        warnings.warn(
            f"conditions hold values from {rows[:, worst].min():g} to {rows[:, worst].max():g}"
            f"{f' in number {worst}' if rows.shape[1] > 1 else ''}: expected numbers about 1, on which the networks "
            f"train best; standardise them: pass (conditions - mean) / std in every call. Take mean = "
            f"conditions.mean(axis=0) and std = conditions.std(axis=0) of the training set, and 1 where std is 0.",
            stacklevel=2,
        )
    return far


def _right_shape(array: np.ndarray, num_classes: int | None, condition_shape: Shape) -> str:
    """What to do with labels or conditions of another shape."""
    if not num_classes:
        return advice.to_shape(array, condition_shape, "conditions", "condition_shape")
    if array.size == len(np.atleast_1d(array)):  # (n, 1), or one label alone
        return "pass np.ravel(labels)."
    if array.ndim == 2:
        return f"pass labels as they came, or build the model with num_classes={array.shape[1]}."
    return "pass labels as they came."


def as_pair(x: Any) -> tuple[Any, Any]:
    """Images and conditions of an input; raises :class:`~companion.errors.BadInput` if it is not a pair."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        came = f"a {type(x).__name__}" + (f" of {len(x)}" if isinstance(x, (tuple, list)) else "")
        raise BadInput(
            f"got {came}: expected images with their labels or conditions; pass [images, labels], or a stream of items "
            f"((images, labels),)."
        )
    return x[0], x[1]


def check_equally_many(what: str, n: int, others: str, array: np.ndarray) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``array`` has ``n`` rows, one for each of ``what``."""
    if len(array) != n:
        raise BadInput(
            f"{n} {what} and {len(array)} {others}: expected one each; pass the same number of both."
        )


def _check_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    expected = f"expected whole numbers from 0 to {num_classes - 1}"
    if not len(labels):
        raise BadInput(f"labels have shape (0,): {expected}, at least one; pass one per image.")
    if labels.dtype.kind not in "iu":
        raise BadInput(
            f"labels have dtype {labels.dtype}: {expected}; number the classes: pass {_as_whole(labels)}."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise BadInput(f"labels run from {low} to {high}: {expected}; {_in_range(low, high, num_classes)}.")
    return labels


def _as_whole(labels: np.ndarray) -> str:
    """How to turn labels into integers: by a cast if they are whole numbers already, else by numbering the classes."""
    whole = is_real_dtype(labels.dtype) and np.isfinite(labels).all() and (labels == np.floor(labels)).all()
    return "labels.astype('int64')" if whole else advice.to_class_numbers(labels, "labels")


def _in_range(low: int, high: int, num_classes: int) -> str:
    """How to bring whole numbers into the range of the classes."""
    if high - low < num_classes:
        return f"number the classes from 0: pass labels {'-' if low > 0 else '+'} {abs(low)}"
    if low >= 0 and high < MANY:
        return f"number the classes from 0, or build the model with num_classes={high + 1}"
    return (
        "number the classes from 0, all sets together: pass np.unique(labels, return_inverse=True)[1], and build the "
        "model with as many classes"
    )
