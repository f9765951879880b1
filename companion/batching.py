"""Go through arrays one batch at a time, so that memory does not grow with the number of images.

An input is one array, or a tuple of arrays with one row per image, such as images and their labels.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import tree

from companion.memory import keep_freed_memory

BATCH_SIZE = 500


def count(x: Any) -> int:
    """The number of images in ``x``: one array, or a tuple of arrays with one row per image."""
    return len(x[0]) if isinstance(x, tuple) else len(x)


def take(x: Any, rows: slice) -> Any:
    """The ``rows`` of ``x``, or of each array of a tuple."""
    return tuple(part[rows] for part in x) if isinstance(x, tuple) else x[rows]


def batches(*inputs: Any, batch_size: int = BATCH_SIZE) -> Iterator[tuple[Any, ...]]:
    """Slices of at most ``batch_size`` rows of each input, in order; the last may be shorter."""
    keep_freed_memory()
    for start in range(0, count(inputs[0]), batch_size):
        yield tuple(take(x, slice(start, start + batch_size)) for x in inputs)


def map_batches(function: Callable[..., Any], *inputs: Any, batch_size: int = BATCH_SIZE) -> Any:
    """``function`` of every batch, concatenated along the first axis as NumPy arrays, in the structure it returns."""
    with _without_gradients():
        parts = [
            tree.map_structure(keras.ops.convert_to_numpy, function(*map(_as_operands, batch)))
            for batch in batches(*inputs, batch_size=batch_size)
        ]
    return tree.map_structure(lambda *pieces: np.concatenate(pieces), *parts)


def _as_operands(batch: Any) -> Any:
    """``batch`` as tensors on PyTorch, whose tensors refuse to meet an array of NumPy; elsewhere as it is."""
    if keras.backend.backend() != "torch":
        return batch
    return tree.map_structure(keras.ops.convert_to_tensor, batch)


def _without_gradients() -> AbstractContextManager[Any]:
    """PyTorch alone would keep every intermediate result for a gradient that nobody asks for."""
    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()
