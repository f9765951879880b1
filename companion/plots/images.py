"""Grids of images: originals above reconstructions, samples, decoded points."""

from collections.abc import Mapping, Sequence
from math import ceil
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from companion.errors import BadInput, check_whole_number
from companion.plots.arguments import as_images, as_series, check_count, decoded, named
from companion.plots.figure import (
    BASE,
    GREY,
    HAIRLINE,
    MUTED,
    PAGE_WIDTH,
    SMALL,
    BookFigure,
    book_style,
    set_title,
    trim_height,
)
from companion.plots.words import counted, number, on_paper, spoken_list

MOST_COLUMNS = 20  # more would make a 28-pixel image smaller than its own pixels
_GAP = 0.08  # between images, relative to the width of an image
_INCHES_A_LETTER = 0.09  # of BASE type, on the wide side


def originals_and_reconstructions(
    images: Any,
    reconstructions: Any,
    labels: Sequence[Any] | None = None,
    *,
    title: str | None = None,
) -> BookFigure:
    """Draw images in one row and their reconstructions in the row below.

    ``images`` has shape ``(n, height, width)`` or ``(n, height, width, channels)``, n at most 20, values in [0, 1];
    ``reconstructions`` has the same shape, or is a mapping such as ``{"autoencoder": ..., "VAE": ...}`` of up to six
    such arrays, one per row. ``labels`` ``(n,)`` are written above the columns. Below the name of a row, and in the alt
    text, stands its mean absolute pixel difference from the originals, on the scale of [0, 1].

    Raises :class:`~companion.errors.BadInput` for wrong ranks, unequal shapes, values outside [0, 1], no images or more
    than 20. Taught in chapter 01, autoencoder.
    """
    originals = as_images(images)
    _check_columns(len(originals))
    rows = (
        named(reconstructions, "rows of reconstructions", 6) if isinstance(reconstructions, Mapping) else None
    )
    shown = {name: as_images(row, f"reconstructions {name!r}") for name, row in (rows or {}).items()}
    if rows is None:
        shown = {"reconstruction": as_images(reconstructions, "reconstructions")}
    for name, row in shown.items():
        if row.shape != originals.shape:
            raise BadInput(
                f"{name!r} has shape {row.shape} for images of shape {originals.shape}: expected the same; pass "
                "model.reconstruct(images) of the same images."
            )
    errors = {name: float(np.abs(row - originals).mean()) for name, row in shown.items()}
    said = [f"{name}: mean absolute pixel difference {number(error)}" for name, error in errors.items()]
    above = "" if labels is None else f" of {spoken_list([str(label) for label in labels])}"
    alt_text = f"{counted(len(originals), 'image')}{above} above, and below what was made of each. "
    alt_text += f"{'; '.join(said)}."
    names = ["original", *(f"{fill(name, 18)}\noff by {number(error)}" for name, error in errors.items())]
    pictures = np.concatenate([originals, *shown.values()])
    return image_grid(pictures, len(originals), alt_text, left=names, above=labels, title=title)


def samples(
    model_or_images: Any,
    n: int = 20,
    *,
    columns: int = 10,
    labels: Sequence[Any] | None = None,
    title: str | None = None,
) -> BookFigure:
    """Draw images in rows: ``n`` samples of a model, or the images of an array.

    ``model_or_images`` is a model, whose ``sample(n)`` is called, or an array of images ``(m, height, width[,
    channels])`` in [0, 1], all of which are drawn. ``columns`` is the number of images in a row, at most 20; ``labels``
    are written below the images.

    Raises :class:`~companion.errors.BadInput` for wrong ranks or values, another number of labels than of images, and
    ``n`` or ``columns`` below 1. Taught in chapter 05, latent space.
    """
    check_whole_number("n", n)
    draw = getattr(model_or_images, "sample", None)
    pictures = as_images(draw(n) if callable(draw) else model_or_images, "samples")
    columns = min(_check_columns(columns), len(pictures))
    rows = ceil(len(pictures) / columns)
    ink = f"the mean pixel is {number(pictures.mean())}, "
    ink += f"a pixel's standard deviation among them {number(pictures.std(axis=0).mean())} on average"
    kind = "sampled image" if callable(draw) else "image"
    of_what = "" if labels is None else f" of {spoken_list([str(label) for label in labels])}"
    alt_text = f"{counted(len(pictures), kind)}{of_what} in {counted(rows, 'row')} of {columns}; {ink}."
    return image_grid(pictures, columns, alt_text, below=labels, title=title)


def decoded_points(
    model_or_decode: Any,
    codes: Any,
    *,
    columns: int = 10,
    captions: Any = None,
    caption_name: str = "value",
    title: str | None = None,
) -> BookFigure:
    """Draw the images that points of latent space decode to.

    ``codes`` has shape ``(n, latent_dim)``; ``captions`` ``(n,)``, numbers, are written below the images, and
    ``caption_name`` says in the alt text what they are.

    Raises :class:`~companion.errors.BadInput` for codes of a wrong shape, a decoder that does not give one image per
    code and unequal counts. Taught in chapter 01, autoencoder.
    """
    pictures = decoded(model_or_decode, codes)
    columns = min(_check_columns(columns), len(pictures))
    points = np.asarray(codes)
    length = np.linalg.norm(points, axis=1)
    alt_text = (
        f"{counted(len(pictures), 'image')} decoded from points of a latent space of "
        f"{counted(points.shape[1], 'dimension')}, between {number(length.min())} and "
        f"{number(length.max())} from its origin."
    )
    below = None
    if captions is not None:
        values = as_series(caption_name, captions)
        check_count("captions", values, len(pictures), "images")
        below = [on_paper(number(value)) for value in values]
        alt_text += f" Under each its {caption_name}: {number(values.min())} to {number(values.max())}, "
        alt_text += f"mean {number(values.mean())}."
    return image_grid(pictures, columns, alt_text, below=below, title=title)


def image_grid(
    images: np.ndarray,
    columns: int,
    alt_text: str,
    *,
    left: Sequence[str] | None = None,
    right: Sequence[str] | None = None,
    above: Sequence[Any] | None = None,
    below: Sequence[Any] | None = None,
    title: str | None = None,
) -> BookFigure:
    """Draw checked images row by row, with words to the ``left`` and ``right``, ``above`` columns, ``below`` images."""
    rows = ceil(len(images) / columns)
    if above is not None:
        check_count("labels", above, columns, "images")
    if below is not None:
        check_count("labels", below, len(images), "images")
    aspect = images.shape[1] / images.shape[2]
    room = sum(_INCHES_A_LETTER * _longest(words) + 0.1 for words in (left, right) if words)
    tile = min(0.9, (PAGE_WIDTH - 0.2 - room) / (columns * (1 + _GAP)))
    over, under = _slant(above, tile, 35), _slant(below, tile, -35)
    step = aspect + under.room + _GAP
    step = max(step, 0.2 * max(word.count("\n") + 1 for word in left or [""]) / tile)
    top = over.room + _GAP
    width = min(PAGE_WIDTH, room + max(columns * (1 + _GAP) * tile + 0.2, 3.0 if title else 0))
    height = (rows * step + top) * tile + (0.3 if title else 0) + 0.3
    with book_style():
        figure = BookFigure(width, height, alt_text=alt_text)
        axes = figure.add_subplot()
        corners = [((i % columns) * (1 + _GAP), (i // columns) * step) for i in range(len(images))]
        for image, (x, y) in zip(images, corners, strict=True):
            draw_image(axes, image, x, y, aspect)
        for words, x, side in ((left, -0.15, "right"), (right, columns * (1 + _GAP) + 0.07, "left")):
            for row, word in enumerate(words or ()):
                axes.text(
                    x, row * step + aspect / 2, word, ha=side, va="center", fontsize=BASE, linespacing=1.3
                )
        for (x, y), word in zip(corners, () if above is None else above, strict=False):
            axes.text(x + 0.5, y - 0.06, str(word), va="bottom", fontsize=BASE, **over.look)
        for (x, y), word in zip(corners, () if below is None else below, strict=False):
            place: dict[str, Any] = {"va": "top", "fontsize": SMALL, "color": MUTED}
            axes.text(x + 0.5, y + aspect + 0.03, str(word), **place, **under.look)
        axes.set(xlim=(-_GAP, columns * (1 + _GAP)), ylim=(rows * step, -top), aspect="equal")
        axes.set_axis_off()
        axes.set_anchor("W")
        set_title(figure, axes, title, left=room)
        trim_height(figure)
    return figure


class _Slant(NamedTuple):
    """How words above or below images are rotated, and the height they take, in widths of an image."""

    look: dict[str, Any]
    room: float


def _slant(words: Sequence[Any] | None, tile: float, angle: float) -> _Slant:
    """Words are horizontal if the longest fits an image of ``tile`` inches; else all are rotated by ``angle``."""
    if words is None:
        return _Slant({}, 0.0)
    length = _INCHES_A_LETTER * _longest([str(word) for word in words])
    if length <= tile * (1 + _GAP):
        return _Slant({"ha": "center"}, 0.2 / tile)
    return _Slant({"ha": "left", "rotation": angle, "rotation_mode": "anchor"}, (0.15 + 0.5 * length) / tile)


def draw_image(axes: Axes, image: np.ndarray, x: float, y: float, height: float, width: float = 1.0) -> None:
    """Draw one image in a thin frame, its top left corner at ``(x, y)`` of axes whose y points down."""
    pixels = image[..., 0] if image.shape[-1] == 1 else image
    axes.imshow(pixels, extent=(x, x + width, y + height, y), **GREY)
    axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=HAIRLINE, linewidth=0.6))


def _check_columns(columns: Any) -> int:
    if check_whole_number("columns", columns) > MOST_COLUMNS:
        raise BadInput(
            f"{columns} images in a row: expected at most {MOST_COLUMNS}; pass fewer, for example images[:10]."
        )
    return int(columns)


def _longest(words: Sequence[str]) -> int:
    return max(len(line) for word in words for line in word.split("\n"))
