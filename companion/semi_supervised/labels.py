"""Labels of which most are missing: whole numbers, and -1 where an image has none. Chapter 12."""

from typing import Any

import numpy as np

from companion import advice
from companion.conditional_vae.conditions import check_equally_many
from companion.errors import BadInput, as_array, check_whole_number, is_real_dtype

NO_LABEL = -1


def check_partial_labels(labels: Any, num_classes: int) -> np.ndarray:
    """``labels`` as int32 ``(n,)``: classes from 0 to ``num_classes`` - 1, and -1 for an image without a label.

    Raises :class:`~companion.errors.BadInput` for anything else, such as NaN for a missing label, one-hot rows, or
    classes that are numbered from 1. Taught in chapter 12.
    """
    expected = f"expected (n,) whole numbers from 0 to {num_classes - 1}, and -1 where an image has no label"
    if labels is None:
        raise BadInput(f"labels are missing: {expected}; pass one per image.")
    array = as_array(labels, "labels")
    if array.ndim != 1 or not len(array):
        raise BadInput(f"labels have shape {array.shape}: {expected}; {_right_shape(array, num_classes)}.")
    if array.dtype.kind not in "iu":
        raise BadInput(f"labels have dtype {array.dtype}: {expected}; pass {_as_whole(array)}.")
    low, high = int(array.min()), int(array.max())
    if low < NO_LABEL or high >= num_classes:
        raise BadInput(f"labels run from {low} to {high}: {expected}; {_in_range(array, num_classes)}.")
    return array.astype("int32")


def check_some_label(labels: Any, num_classes: int) -> None:
    """Raise :class:`~companion.errors.BadInput` unless some of ``labels`` are known: otherwise no class has a name."""
    if (check_partial_labels(labels, num_classes) == NO_LABEL).all():
        raise BadInput(
            f"all {len(labels)} labels are -1: expected at least one image with a label, better some of each class; "
            f"pass the labels that you have, or train a VAE, which needs none."
        )


def keep_labels(labels: Any, per_class: int, seed: int = 0) -> np.ndarray:
    """``labels`` ``(n,)`` with all but ``per_class`` of each class replaced by -1, drawn by ``seed``: int64 ``(n,)``.

    The same number of each class, as Kingma et al. (2014) do. Raises :class:`~companion.errors.BadInput` where a class
    has fewer images, and for labels that are not whole numbers. Taught in chapter 12.
    """
    per_class = check_whole_number("per_class", per_class)
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    array = as_array(labels, "labels")
    if array.ndim != 1 or array.dtype.kind not in "iu" or not len(array):
        raise BadInput(
            f"labels have shape {array.shape} and dtype {array.dtype}: expected (n,) whole numbers, one per image; "
            f"pass for example dataset.y_train."
        )
    kept = np.full(len(array), NO_LABEL, "int64")
    for label in np.unique(array[array != NO_LABEL]):
        rows = np.flatnonzero(array == label)
        if len(rows) < per_class:
            raise BadInput(
                f"per_class={per_class} with {len(rows)} images of class {label}: expected at most as many as the "
                f"smallest class has; pass per_class={len(rows)} or less."
            )
        kept[rng.choice(rows, per_class, replace=False)] = label
    return kept


def repeat_labelled(images: Any, labels: Any, times: int) -> list[np.ndarray]:
    """``[images, labels]`` for ``fit``, with every labelled image ``times`` times, so that most batches hold some.

    A hundred labelled images among twenty thousand would be missing from most batches of a hundred. With ``times=200``
    half of each batch has labels; ``labelled_weight=1 / 200`` then leaves the sum of all bounds as it was.
    ``images`` ``(n, ...)``; ``labels`` ``(n,)`` are whole numbers, -1 for none.
    Raises :class:`~companion.errors.BadInput` where there is not one label per image, or none is known.
    Taught in chapter 12.
    """
    images, times = as_array(images, "images"), check_whole_number("times", times)
    array = as_array(labels, "labels")
    array = check_partial_labels(array, int(array.max(initial=0)) + 1 if array.dtype.kind in "iu" else 1)
    check_equally_many("images", len(images), "labels", array)
    check_some_label(array, int(array.max()) + 1)
    rows = np.repeat(np.arange(len(array)), np.where(array == NO_LABEL, 1, times))
    return [images[rows], array[rows]]


def _right_shape(array: np.ndarray, num_classes: int) -> str:
    if array.ndim == 2 and array.shape[1] == num_classes and len(array):
        return "pass np.argmax(labels, axis=1), with -1 where a row is all zeros"
    return "pass np.ravel(labels)" if array.ndim and array.size == len(array) > 0 else "pass one per image"


def _as_whole(labels: np.ndarray) -> str:
    """How to turn labels into integers: NaN, which tables use for what is missing, becomes -1."""
    if is_real_dtype(labels.dtype):
        values = labels.astype("float64")
        known = values[~np.isnan(values)]
        if np.isfinite(known).all() and (known == np.floor(known)).all():
            missing = len(known) < len(values)
            return f"{'np.nan_to_num(labels, nan=-1)' if missing else 'labels'}.astype('int64')"
    return advice.to_class_numbers(labels, "labels")


def _in_range(labels: np.ndarray, num_classes: int) -> str:
    known = labels[labels >= 0]
    if labels.min() < NO_LABEL:
        return "mark what is missing: pass np.where(labels < 0, -1, labels)"
    if known.min() > 0 and known.max() == num_classes:
        return "number the classes from 0: pass np.where(labels > 0, labels - 1, -1)"
    return f"number the classes from 0, or build the model with num_classes={int(known.max()) + 1}"
