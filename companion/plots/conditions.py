"""Images that a conditional model decodes from several codes under several conditions."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from companion.errors import BadInput, check_codes
from companion.plots.arguments import as_images, check_count
from companion.plots.figure import BookFigure
from companion.plots.images import MOST_COLUMNS, image_grid
from companion.plots.words import counted, number, on_paper, point_name

MOST_ROWS = 12


def condition_grid(
    model_or_decode: Any,
    codes: Any,
    labels: Any,
    *,
    label_names: Sequence[Any] | None = None,
    title: str | None = None,
) -> BookFigure:
    """Draw a grid of decoded images: one code per row, one label or condition per column.

    ``model_or_decode`` is a model with ``decode(codes, labels)``, or such a function, which is called once. ``codes``
    has shape ``(rows, latent_dim)``, at most 12 rows; ``labels`` holds up to 20 whole numbers, or condition vectors
    ``(columns, ...)``. Above the columns stand ``label_names``, or the labels if they are whole numbers. The alt text
    says how much a pixel differs between two columns of a row, and between two rows of a column.

    Raises :class:`~companion.errors.BadInput` for something that does not decode, for codes and labels of a wrong shape
    or number, and where another number of images comes back. Taught in chapter 07, conditional VAE.
    """
    decode = getattr(model_or_decode, "decode", model_or_decode)
    if not callable(decode):
        raise BadInput(
            f"got a {type(model_or_decode).__name__}: expected a model with decode(codes, labels), or such a function; "
            f"pass model or model.decode."
        )
    points, conditions = _checked_codes(codes), _checked_conditions(labels)
    names = list(conditions) if label_names is None and conditions.ndim == 1 else label_names
    if names is not None:
        check_count("label names", names, len(conditions), "columns")
    rows, columns = len(points), len(conditions)
    every_label = np.tile(conditions, (rows, *(1,) * (conditions.ndim - 1)))
    images = as_images(decode(np.repeat(points, columns, axis=0), every_label), "decoded images")
    check_count("decoded images", images, rows * columns, "pairs of a code and a label")
    grid = images.reshape(rows, columns, -1)
    alt_text = f"{counted(rows, 'row')} of {counted(columns, 'decoded image')}, one code per row and one condition per "
    alt_text += f"column. {_differences(grid)}" if rows * columns > 1 else "column."
    left = [on_paper(point_name(point)) for point in points]
    return image_grid(images, columns, alt_text, left=left, above=names, title=title)


def _differences(grid: np.ndarray) -> str:
    """How much the images of a row, and those of a column, differ from each other: means over all pairs."""
    said = []
    for words, axis in (("columns of a row", 1), ("rows of a column", 0)):
        pairs = list(combinations(range(grid.shape[axis]), 2))
        if pairs:
            first, second = (np.take(grid, side, axis) for side in zip(*pairs, strict=True))
            said.append(f"{number(np.abs(first - second).mean())} between two {words}")
    return f"A pixel differs by {' and by '.join(said)} on average."


def _checked_codes(codes: Any) -> np.ndarray:
    points = np.asarray(codes)
    if points.ndim != 2 or not 1 <= len(points) <= MOST_ROWS:
        raise BadInput(
            f"codes have shape {points.shape}: expected 1 to {MOST_ROWS} of them, (rows, latent_dim); pass codes[:5]."
        )
    return check_codes(points, points.shape[1])


def _checked_conditions(labels: Any) -> np.ndarray:
    conditions = np.asarray(labels)
    if conditions.ndim == 0 or not 1 <= len(conditions) <= MOST_COLUMNS:
        raise BadInput(
            f"labels have shape {conditions.shape}: expected 1 to {MOST_COLUMNS} of them, one per column; pass for "
            f"example range(10)."
        )
    return conditions
