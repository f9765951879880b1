"""Walk through arrays a batch at a time, so that memory does not grow with the number of images."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import tree

BATCH_SIZE = 500


def batches(*arrays: np.ndarray, batch_size: int = BATCH_SIZE) -> Iterator[tuple[np.ndarray, ...]]:
    """Slices of at most ``batch_size`` rows of each array, in order; the last may be shorter."""
    for start in range(0, len(arrays[0]), batch_size):
        yield tuple(array[start : start + batch_size] for array in arrays)


def map_batches(function: Callable[..., Any], *arrays: np.ndarray, batch_size: int = BATCH_SIZE) -> Any:
    """``function`` of every batch, joined along the first axis as numpy arrays, in whatever structure it returns."""
    parts = [
        tree.map_structure(keras.ops.convert_to_numpy, function(*batch))
        for batch in batches(*arrays, batch_size=batch_size)
    ]
    return tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)
