"""The codes of a Keras model that quantises: whoever wrote the layer, its codebook and what it gives tell them."""

from typing import Any

import keras
import numpy as np


def quantiser_of(model: keras.Model) -> Any:
    """The model's layer that quantises, by its name or that of its class; None where there is none."""
    named = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if "quantiz" in type(layer).__name__.lower() or "quantis" in type(layer).__name__.lower()
    ]
    return next((layer for layer in named if layer.weights), None)


def nearest_codes(vectors: np.ndarray, layer: Any) -> tuple[np.ndarray, int] | None:
    """Which row of the layer's codebook each vector ``(n, ..., dim)`` is, and how many rows there are.

    The codebook is the layer's weight with one side as long as a vector, lying row by row or column by column. None
    where no weight is one, or where the vectors are no rows of it.
    """
    flat = vectors.reshape(-1, vectors.shape[-1])
    best: tuple[float, np.ndarray, int] | None = None
    for weight in layer.weights:
        values = np.asarray(keras.ops.convert_to_numpy(weight), dtype="float64")
        if values.ndim != 2:
            continue
        for rows in (values, values.T):
            if rows.shape[1] != flat.shape[1]:
                continue
            squares = (rows**2).sum(axis=1) - 2 * flat @ rows.T  # less |vector|^2, the same for every row
            codes = squares.argmin(axis=1)
            misfit = float(np.mean((flat - rows[codes]) ** 2))
            if best is None or misfit < best[0]:
                best = misfit, codes.reshape(vectors.shape[:-1]), len(rows)
    if best is None or best[0] > 1e-4 * max(float(np.mean(flat**2)), 1e-12):
        return None
    return best[1], best[2]


def quantised(outputs: Any, shape: tuple[int, ...]) -> np.ndarray | None:
    """The quantised vectors among what the layer gave: the first array of the ``shape`` of its input."""
    parts = list(outputs.values()) if isinstance(outputs, dict) else outputs
    for part in parts if isinstance(parts, (list, tuple)) else [parts]:
        if tuple(getattr(part, "shape", ())) == shape:
            return np.asarray(keras.ops.convert_to_numpy(part)).astype("float64")
    return None
