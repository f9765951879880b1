"""Traversals: the effect of each coordinate of a code on the image, one row per coordinate, the others fixed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from companion.errors import BadInput, check_codes, check_whole_number
from companion.plots.arguments import check_count, decoded, prior_of_coordinates
from companion.plots.figure import BookFigure
from companion.plots.images import MOST_COLUMNS, image_grid
from companion.plots.words import counted, number, on_paper, spoken_list

MOST_ROWS = 16


def traversals(
    model_or_decode: Any,
    code: Any,
    *,
    dims: Sequence[int] | None = None,
    reach: float = 2.0,
    columns: int = 9,
    notes: Sequence[str] | None = None,
    title: str | None = None,
) -> BookFigure:
    """Draw rows of decoded images; in each row one coordinate of ``code`` goes from -reach to reach.

    ``code`` has shape ``(latent_dim,)``: the z_mean of an image, or zeros. ``dims`` names the coordinates to change,
    from 0, in the order of the rows; by default all of them. The default ``reach`` of 2 covers 95 % of the prior; if
    the model's ``prior_of`` gives another normal than N(0, I), ``reach`` counts its standard deviations from its mean.
    ``notes``, one per row, are written below the name of the coordinate, such as its KL. ``columns`` is the number of
    images in a row, 2 to 20.

    Raises :class:`~companion.errors.BadInput` for a code that is not one row of numbers, more than 16 rows, coordinates
    that do not exist, a reach that is not above 0, unequal counts and ``columns`` outside 2 to 20. Taught in
    chapter 06, beta-VAE.
    """
    start, rows = _checked(code, dims, reach)
    if check_whole_number("columns", columns, at_least=2) > MOST_COLUMNS:
        raise BadInput(f"columns={columns}: expected at most {MOST_COLUMNS} images in a row; pass columns=9.")
    steps = np.linspace(-reach, reach, columns)
    mean, sigma = prior_of_coordinates(model_or_decode, len(start))
    standard = np.allclose(mean, 0) and np.allclose(sigma, 1)
    codes = np.tile(start, (len(rows), columns, 1))
    for row, dim in enumerate(rows):
        codes[row, :, dim] = mean[dim] + sigma[dim] * steps
    images = decoded(model_or_decode, codes.reshape(-1, len(start)))
    pixels = images.reshape(len(rows), columns, -1)
    changes = np.abs(np.diff(pixels, axis=1)).mean(axis=(1, 2))
    names = [f"z{dim + 1}" for dim in rows]
    words = [f"{name} ({number(change)})" for name, change in zip(names, changes, strict=True)]
    if notes is not None:
        check_count("notes", notes, len(rows), "rows")
        words = [f"{said}, {note}" for said, note in zip(words, notes, strict=True)]
        names = [f"{name}\n{note}" for name, note in zip(names, notes, strict=True)]
    alt_text = (
        f"{counted(len(rows), 'row')} of {columns} decoded images; in each, one coordinate of the code goes from "
        f"{number(-reach)} to {number(reach)}{'' if standard else ' standard deviations about the mean of the prior'}. "
        f"The mean change of a pixel from one image to the next: "
        f"{spoken_list(words)}."
    )
    unit = "" if standard else " σ"
    above = [on_paper(f"{step + 0.0:.2g}{unit}") for step in steps]
    return image_grid(images, columns, alt_text, left=names, above=above, title=title)


def _checked(code: Any, dims: Sequence[int] | None, reach: float) -> tuple[np.ndarray, list[int]]:
    """The code as float32 ``(latent_dim,)`` and the coordinates to change."""
    array = np.asarray(code)
    if array.ndim != 1 or not array.size:
        raise BadInput(
            f"code has shape {array.shape}: expected one code, (latent_dim,); pass np.zeros(model.latent_dim) or "
            f"z_mean[0]."
        )
    start = check_codes(array[None], len(array))[0]
    rows = list(range(len(start)) if dims is None else dims)
    if not 1 <= len(rows) <= MOST_ROWS or any(dim not in range(len(start)) for dim in rows):
        raise BadInput(
            f"{len(rows)} rows for dims={dims!r}: expected 1 to {MOST_ROWS} coordinates from 0 to {len(start) - 1}; "
            f"pass dims=[0, 1] or the like."
        )
    if not 0 < reach < float("inf"):
        raise BadInput(f"reach={reach!r}: expected a finite number above 0; pass reach=2.0.")
    return start, rows
