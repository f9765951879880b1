"""The data set that every loader returns: images and labels, split into training and test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from companion.errors import BadInput, check_whole_number


@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """Images in [0, 1] with their labels, split into training and test.

    ``x_train`` and ``x_test`` are float32 of shape ``(n, height, width, channels)``; ``y_train`` and ``y_test`` are
    int64 of shape ``(n,)`` and index ``class_names``, or ``None`` where the data have no labels. The loaders return
    read-only arrays, so that one cell cannot change the data of the next in place; call ``.copy()`` to edit them.
    ``source`` says in a few words where the data came from.

    Taught in chapter 01.
    """

    name: str
    x_train: np.ndarray
    x_test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray | None
    class_names: tuple[str, ...]
    source: str

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape of one image, ``(height, width, channels)``."""
        return tuple(self.x_train.shape[1:])

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where the data have no labels."""
        return len(self.class_names)

    def subset(self, n_train: int | None = None, n_test: int | None = None) -> Dataset:
        """Return the first ``n_train`` training and ``n_test`` test images, for a quick run; ``None`` keeps all.

        Raises :class:`~companion.errors.BadInput` for a number that is not whole, below 1, or larger than the set.
        """
        first_train = slice(_check_at_most("n_train", n_train, len(self.x_train), self.name))
        first_test = slice(_check_at_most("n_test", n_test, len(self.x_test), self.name))
        return replace(
            self,
            x_train=self.x_train[first_train],
            x_test=self.x_test[first_test],
            y_train=None if self.y_train is None else self.y_train[first_train],
            y_test=None if self.y_test is None else self.y_test[first_test],
        )

    def __repr__(self) -> str:
        shape = "x".join(str(side) for side in self.image_shape)
        classes = f"{self.num_classes} classes" if self.num_classes else "no labels"
        counts = f"{len(self.x_train):,} training and {len(self.x_test):,} test images"
        return f"Dataset {self.name}: {counts} of {shape}, {classes}, from {self.source}"


def _check_at_most(name: str, count: int | None, available: int, dataset_name: str) -> int | None:
    """Return ``count`` if it is ``None`` or a whole number from 1 to ``available``."""
    if count is None:
        return None
    if check_whole_number(name, count) > available:
        raise BadInput(
            f"{name}={count}: expected at most the {available} images that {dataset_name} has; pass {name}={available}."
        )
    return int(count)


def read_only(array: np.ndarray) -> np.ndarray:
    """Return a read-only view of ``array``."""
    view = array.view()
    view.flags.writeable = False
    return view
