"""Maps of codes, as whole numbers on a grid, above the images that they decode to."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from companion.errors import BadInput
from companion.plots.arguments import as_images, check_count, named
from companion.plots.figure import (
    BASE,
    HAIRLINE,
    INK,
    LINE_COLOURS,
    PAGE_WIDTH,
    SMALL,
    BookFigure,
    book_style,
)
from companion.plots.images import draw_image
from companion.plots.words import counted, number

CHANGED = LINE_COLOURS[1]
_GAP = 0.14  # between neighbours, in widths of a map
_PALEST = 0.45  # the darkest background of a cell under its number


def code_maps(maps: Mapping[str, Any], decoded: Any) -> BookFigure:
    """Draw up to four maps of codes by name, and below each the image that it decodes to.

    ``maps`` maps a name to whole numbers ``(height, width)``; ``decoded`` are their images, in the same order,
    ``(n, height, width[, channels])`` in [0, 1]. The background of a cell shows how dark the image is there. Cells in
    which a map differs from the first one are framed, in the map and in the image.

    Raises :class:`~companion.errors.BadInput` for maps that are not whole numbers of the same shape, and for another
    number of images than of maps. Taught in chapter 09, the VQ-VAE.
    """
    grids = {name: np.asarray(codes) for name, codes in named(maps, "maps of codes", 4).items()}
    first_name, first = next(iter(grids.items()))
    for name, grid in grids.items():
        if grid.dtype.kind not in "iu" or grid.ndim != 2 or grid.shape != first.shape:
            raise BadInput(
                f"map {name!r} has shape {grid.shape} and dtype {grid.dtype}: expected whole numbers (height, width), "
                f"of the same shape in all maps; pass one row of model.encode(images)."
            )
    images = as_images(decoded, "decoded images")
    check_count("decoded images", images, len(grids), "maps")
    said = [
        _words(name, grid, image, first_name, first, images[0])
        for (name, grid), image in zip(grids.items(), images, strict=True)
    ]
    height, width = first.shape
    alt = f"{counted(len(grids), 'map')} of {height} by {width} codes, and below each its image. {'; '.join(said)}."
    tall = height / width
    tile = min(2.3, (PAGE_WIDTH - 0.2) / (len(grids) * (1 + _GAP)))
    with book_style():
        figure = BookFigure(
            min(PAGE_WIDTH, len(grids) * (1 + _GAP) * tile + 0.2),
            (2 * tall + 2 * _GAP) * tile + 0.4,
            alt_text=alt,
        )
        axes = figure.add_subplot()
        for place, ((name, grid), image) in enumerate(zip(grids.items(), images, strict=True)):
            x = place * (1 + _GAP)
            axes.text(x + 0.5, -0.05, name, ha="center", va="bottom", fontsize=BASE)
            _draw_map(axes, grid, image, x, 1 / width)
            draw_image(axes, image, x, tall + _GAP, tall)
            for row, column in np.argwhere(grid != first):
                for top in (0.0, tall + _GAP):
                    _frame(axes, x + column / width, top + row / width, 1 / width)
        axes.set(xlim=(-0.05, len(grids) * (1 + _GAP)), ylim=(2 * tall + _GAP + 0.03, -0.16), aspect="equal")
        axes.set_axis_off()
        axes.set_anchor("W")
    return figure


def _draw_map(axes: Axes, grid: np.ndarray, image: np.ndarray, x: float, side: float) -> None:
    """A cell for each code: its number on a background as dark as the pixels there, but light enough to read it."""
    pixels = image.mean(axis=-1)
    for (row, column), code in np.ndenumerate(grid):
        under = np.array_split(np.array_split(pixels, grid.shape[0])[row], grid.shape[1], axis=1)[column]
        ground = str(1 - _PALEST * float(under.mean()))
        corner = (x + column * side, row * side)
        axes.add_patch(Rectangle(corner, side, side, facecolor=ground, edgecolor=HAIRLINE, linewidth=0.6))
        axes.text(
            corner[0] + side / 2,
            corner[1] + side / 2,
            str(code),
            ha="center",
            va="center",
            fontsize=SMALL,
            color=INK,
        )


def _frame(axes: Axes, x: float, y: float, side: float) -> None:
    axes.add_patch(Rectangle((x, y), side, side, fill=False, edgecolor=CHANGED, linewidth=2.2, zorder=3))


def _words(
    name: str,
    grid: np.ndarray,
    image: np.ndarray,
    first_name: str,
    first: np.ndarray,
    first_image: np.ndarray,
) -> str:
    words = f"{name}: {counted(len(np.unique(grid)), 'different code')}"
    if grid is first:
        return words
    moved = number(float(np.abs(image - first_image).mean()))
    return (
        f"{words}, {counted(int((grid != first).sum()), 'cell')} unlike {first_name}, mean absolute pixel difference "
        f"from its image {moved}"
    )
