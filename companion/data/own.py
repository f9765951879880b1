"""What chapters ask of a data set that is not the book's: that it fits, that it has classes, how long to train."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from companion.data.dataset import Dataset, read_only
from companion.errors import BadInput, check_whole_number

#: Class names of images that have no classes of their own.
BY_INK = ("light", "dark")


class DoesNotFit(BadInput):
    """A chapter needs something else than this data set; the message is one line, also in a notebook."""

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows: the message alone, since nothing in the code is wrong."""
        return [str(self)]


def check_fits(
    dataset: Dataset,
    why: str,
    *,
    images: int = 2,
    each_class: int = 0,
    image_shape: Sequence[int] | None = None,
) -> None:
    """Raise :class:`DoesNotFit`, in one line and before any training, unless a chapter can work with ``dataset``.

    ``images`` is the least number of images, training and test together. ``each_class`` is the least number of
    training images of every class, which then also needs a test image; 0 is right where classes do not matter.
    ``image_shape`` is the only shape that will do. ``why`` ends the sentence "This chapter needs ...: ". Images have
    one channel or three, or no chapter can draw them. Taught in chapter 01.
    """
    found = len(dataset.x_train) + len(dataset.x_test)
    channels = dataset.image_shape[-1]
    if channels not in (1, 3):
        mend = (
            "leave out the transparency with images[..., :3]"
            if channels == 4
            else "choose one or three of them"
        )
        _refuse(
            dataset,
            "one channel or three",
            "its pictures are grey or in colour",
            f"{channels} channels",
            mend,
        )
    if image_shape is not None and dataset.image_shape != tuple(image_shape):
        wanted, came = _sides(image_shape), f"images of {_sides(dataset.image_shape)}"
        _refuse(dataset, f"images of {wanted}", why, came, "resize them, or take another chapter")
    if found < images:
        _refuse(dataset, f"at least {images} images", why, f"{found} images", "add images")
    if not each_class or dataset.y_train is None or dataset.y_test is None:
        return
    trained = np.bincount(dataset.y_train, minlength=dataset.num_classes)
    tested = np.bincount(dataset.y_test, minlength=dataset.num_classes)
    for name, n_train, n_test in zip(dataset.class_names, trained, tested, strict=True):
        if n_train < each_class or n_test < 1:
            wanted = f"{each_class} training and 1 test image of every class"
            came = f"{n_train} and {n_test} of class {name}"
            _refuse(dataset, wanted, why, came, "add images of it, or leave the class out")


def _refuse(dataset: Dataset, wanted: str, why: str, came: str, mend: str) -> None:
    raise DoesNotFit(f"This chapter needs {wanted}: {why}. {dataset.name} has {came}; {mend}.")


def _sides(shape: Sequence[int]) -> str:
    return "x".join(str(side) for side in shape)


def in_classes(dataset: Dataset) -> Dataset:
    """Return ``dataset`` itself if it has two classes or more; else with its images in two classes by their ink.

    The images whose mean pixel lies above the median of the training images are ``dark``, the others ``light``. So a
    chapter about classes runs on images that have none, and one printed line says so. Taught in chapter 07.
    """
    if dataset.num_classes >= 2:
        return dataset
    train, test = (part.mean(axis=(1, 2, 3)) for part in (dataset.x_train, dataset.x_test))
    middle = np.median(train)
    labels = [read_only((ink > middle).astype("int64")) for ink in (train, test)]
    has = "no labels" if not dataset.num_classes else "one class"
    print(f"{dataset.name} has {has}: the chapter sorts its images by their ink into two, light and dark.")
    return replace(dataset, y_train=labels[0], y_test=labels[1], class_names=BY_INK)


def epochs_for(images: Any, seen: int, *, at_least: int = 2, at_most: int = 300) -> int:
    """How often to go through ``images`` so that a training sees about ``seen``: fewer epochs for a larger set.

    A large set is still gone through ``at_least`` times, and a tiny one, whose epochs are a step or two, ``at_most``
    times. Raises :class:`~companion.errors.BadInput` for numbers that are not whole or below 1. Taught in chapter 01.
    """
    for name, value in (("seen", seen), ("at_least", at_least), ("at_most", at_most)):
        check_whole_number(name, value)
    return min(max(at_least, seen // len(images)), at_most)


def first(values: Any, n: int) -> Any:
    """The first ``n`` entries of ``values``, or fewer where there are fewer; ``None`` of ``None``, as of no labels.

    Raises :class:`~companion.errors.BadInput` for an ``n`` that is not whole or below 1. Taught in chapter 01.
    """
    n = check_whole_number("n", n)
    return None if values is None else values[:n]


def few_classes(labels: Any, at_most: int = 10) -> Any:
    """``labels`` for colouring points, or ``None`` where there are none, or more kinds than colours can tell apart.

    Taught in chapter 01.
    """
    if labels is None or len(np.unique(labels)) > check_whole_number("at_most", at_most):
        return None
    return labels


def set_aside(why: str) -> None:
    """Print one line, ending with ``why``, if ``DATASET`` names a set that this chapter does not use.

    Taught in chapter 06.
    """
    wanted = os.environ.get("DATASET") or "digits"
    if wanted not in ("digits", "shapes"):
        print(f"This chapter does not use DATASET={os.path.basename(wanted)}: {why}.")
