"""Contour plots of densities over a plane, one per panel, such as an exact posterior and its approximations."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from companion.errors import BadInput
from companion.plots.arguments import as_series, named
from companion.plots.figure import LINE_COLOURS, PAGE_WIDTH, BookFigure, book_style, set_title, trim_height
from companion.plots.words import number, point_name

# The share of the density that each contour encloses, the innermost first.
SHARES = (0.25, 0.5, 0.75, 0.95)


def density_contours(
    densities: Mapping[str, Any],
    x: Any,
    y: Any,
    *,
    alt: str,
    labels: tuple[str, str] = ("z1", "z2"),
    mark: tuple[float, float] | None = None,
) -> BookFigure:
    """Draw up to four densities over one grid side by side, as contours that enclose 25, 50, 75 and 95 % of each.

    ``x`` ``(columns,)`` and ``y`` ``(rows,)`` are the grid's coordinates; each density is ``(rows, columns)``, not
    negative, of any scale. ``mark`` is a point to show in every panel, such as a mean. ``alt`` says what is shown; the
    place and the width of each density are added.

    Raises :class:`~companion.errors.BadInput` for other shapes, negative values and densities that are zero
    everywhere. Taught in chapter 10.
    """
    columns, rows = as_series("x", x), as_series("y", y)
    panels = {
        name: _checked_density(name, density, (len(rows), len(columns)))
        for name, density in named(densities, "densities", 4).items()
    }
    said = [f"{name}: {_density_words(density, columns, rows)}" for name, density in panels.items()]
    with book_style():
        width = min(PAGE_WIDTH, 0.4 + 2.4 * len(panels))
        figure = BookFigure(width, 2.9, alt_text=f"{alt.rstrip('.')}. {'; '.join(said)}.")
        all_axes = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (name, density), colour in zip(all_axes, panels.items(), LINE_COLOURS, strict=False):
            axes.contour(columns, rows, density, levels=_levels(density), colors=colour, linewidths=1.3)
            if mark is not None:
                axes.plot(*mark, marker="+", color=LINE_COLOURS[4], markersize=9)
            axes.set(xlabel=labels[0], aspect="equal")
            set_title(figure, axes, name, left=width * (1 - 1 / len(panels)))
        all_axes[0].set_ylabel(labels[1])
        trim_height(figure)
    return figure


def _checked_density(name: str, density: Any, shape: tuple[int, int]) -> np.ndarray:
    array = np.asarray(density, "float64")
    if array.shape != shape:
        raise BadInput(
            f"density {name!r} has shape {array.shape}: expected {shape}, one row per y and one column per x; reshape "
            f"or transpose it."
        )
    if not np.isfinite(array).all() or array.min() < 0 or array.max() <= 0:
        raise BadInput(
            f"density {name!r} holds values from {array.min():g} to {array.max():g}: expected finite numbers >= 0, not "
            f"all of them 0; pass np.exp of a log density."
        )
    return array / array.sum()


def _levels(density: np.ndarray) -> list[float]:
    """The heights above which the given shares of the density lie, lowest first."""
    heights = np.sort(density.ravel())[::-1]
    enclosed = np.cumsum(heights)
    places = np.searchsorted(enclosed, [share * enclosed[-1] for share in SHARES])
    return sorted({float(heights[min(place, len(heights) - 1)]) for place in places})


def _density_words(density: np.ndarray, x: np.ndarray, y: np.ndarray) -> str:
    over_x, over_y = density.sum(axis=0), density.sum(axis=1)
    centre = np.array([over_x @ x, over_y @ y])
    spread = np.sqrt([over_x @ (x - centre[0]) ** 2, over_y @ (y - centre[1]) ** 2])
    return (
        f"centre {point_name(centre)}, standard deviations {number(spread[0], 2)} and {number(spread[1], 2)}"
    )
