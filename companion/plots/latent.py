"""Images decoded from latent space: from a grid over the plane, and along straight lines."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from companion.errors import BadInput, check_whole_number
from companion.plots.arguments import decoded, latent_dim_of, prior_of_coordinates
from companion.plots.figure import GREY, BookFigure, book_style, set_title, trim_height
from companion.plots.images import MOST_COLUMNS, image_grid
from companion.plots.words import counted, number, on_paper, point_name, spoken_list


def manifold_grid(model_or_decode: Any, n: int = 15, *, title: str | None = None) -> BookFigure:
    """Draw the latent plane as a grid of decoded images, each for an equal share of the prior.

    Cell i of ``n`` along an axis decodes the quantile ``Phi^-1((i + 0.5) / n)`` of N(0, 1), so that each image
    represents 1/n^2 of the prior's mass; equal steps from -1 to 1 would cover only 47% of it. If the model's
    ``prior_of`` gives another normal, its quantiles are used. z1 grows to the right, z2 upwards. ``model_or_decode`` is
    a model with ``decode``, or a function from codes ``(n*n, 2)`` to images in [0, 1].

    Raises :class:`~companion.errors.BadInput` for a model whose ``latent_dim`` is not 2 and for ``n`` outside 2 to 30.
    Source: Kingma and Welling, "Auto-Encoding Variational Bayes" (2014), appendix A. Taught in chapter 05, latent
    space.
    """
    if check_whole_number("n", n, at_least=2) > 30:
        raise BadInput(
            f"n={n}: expected at most 30 images along an axis, more are too small to see; pass n=15."
        )
    latent_dim = latent_dim_of(model_or_decode)
    if latent_dim not in (None, 2):
        raise BadInput(
            f"latent_dim={latent_dim}: expected 2, since the grid shows a plane; build the model with latent_dim=2, or "
            "draw latent_lines(model, ...)."
        )
    quantiles = ndtri((np.arange(n) + 0.5) / n)
    mean, sigma = prior_of_coordinates(model_or_decode, 2)
    across, up = mean[:, None] + sigma[:, None] * quantiles
    z1, z2 = np.meshgrid(across, up[::-1])  # the first row of images is the top one: the largest z2
    images = decoded(model_or_decode, np.stack([z1.ravel(), z2.ravel()], axis=1))
    height, width, channels = images.shape[1:]
    tiles = images.reshape(n, n, height, width, channels)
    steps = np.abs(np.diff(tiles, axis=0)).mean(), np.abs(np.diff(tiles, axis=1)).mean()
    montage = tiles.transpose(0, 2, 1, 3, 4).reshape(n * height, n * width, channels)
    ends = [f"from {number(steps_of[0])} to {number(steps_of[-1])}" for steps_of in (across, up)]
    prior = "N(0, 1)" if np.allclose((mean, sigma), ([0, 0], [1, 1])) else "the model's prior"
    alt_text = (
        f"A grid of {n} by {n} decoded images at the quantiles of {prior}: z1 {ends[0]} left to right, z2 "
        f"{ends[1]} bottom to top. Neighbours differ by {number(np.mean(steps))} per pixel on average."
    )
    with book_style():
        figure = BookFigure(6.0, 6.0 * height / width + (0.3 if title else 0), alt_text=alt_text)
        axes = figure.add_subplot()
        axes.imshow(
            montage if channels == 3 else montage[..., 0], extent=(0, n, 0, n), aspect=height / width, **GREY
        )
        shown = np.unique(np.linspace(0, n - 1, n if n <= 9 else 7).round().astype(int))
        axes.set_xticks(shown + 0.5, [on_paper(f"{across[i] + 0.0:.2f}") for i in shown])
        axes.set_yticks(shown + 0.5, [on_paper(f"{up[i] + 0.0:.2f}") for i in shown])
        axes.set(xlabel="z1", ylabel="z2")
        axes.spines[["left", "bottom"]].set_visible(False)
        set_title(figure, axes, title)
        trim_height(figure)
    return figure


def latent_lines(
    model_or_decode: Any, lines: Sequence[tuple[Any, Any]], *, columns: int = 11, title: str | None = None
) -> BookFigure:
    """Draw rows of images decoded at equal steps along straight lines through latent space.

    ``lines`` are pairs of end points, each ``(latent_dim,)``; a number stands for that value in every coordinate, so
    that ``[(-1, 1), (-3, 3), (-8, 8)]`` shows the diagonal over three ranges. Each row is labelled with its two ends.
    ``columns`` is the number of images per row, ends included, 2 to 20. A function is taken to decode two dimensions
    unless an end point has more.

    Raises :class:`~companion.errors.BadInput` for no lines or more than twelve, end points of another length than the
    latent space and ``columns`` outside 2 to 20. Taught in chapter 05, latent space.
    """
    if check_whole_number("columns", columns, at_least=2) > MOST_COLUMNS:
        raise BadInput(
            f"columns={columns}: expected at most {MOST_COLUMNS} images in a row; pass columns=11."
        )
    ends = _end_points(lines, latent_dim_of(model_or_decode))
    part = np.linspace(0, 1, columns)[:, None]
    codes = np.concatenate([(1 - part) * start + part * end for start, end in ends])
    images = decoded(model_or_decode, codes)
    rows = images.reshape(len(ends), columns, *images.shape[1:])
    changes = np.abs(np.diff(rows, axis=1)).reshape(len(ends), -1).mean(axis=1)
    names = [(point_name(start), point_name(end)) for start, end in ends]
    said = [f"{a} to {b} ({number(change)})" for (a, b), change in zip(names, changes, strict=True)]
    alt_text = (
        f"{counted(len(ends), 'row')} of {columns} images decoded along straight lines through latent "
        f"space, with the mean change of a pixel from one image to the next: {spoken_list(said)}."
    )
    left, right = [on_paper(a) for a, _ in names], [on_paper(b) for _, b in names]
    return image_grid(images, columns, alt_text, left=left, right=right, title=title)


def _end_points(lines: Any, latent_dim: int | None) -> list[tuple[np.ndarray, np.ndarray]]:
    pairs = list(lines)
    if not 1 <= len(pairs) <= 12 or any(np.ndim(pair) == 0 or len(pair) != 2 for pair in pairs):
        raise BadInput(
            f"lines={lines!r}: expected 1 to 12 pairs (start, end); pass for example "
            "lines=[(-1, 1), ((-3, 0), (3, 0))]."
        )
    points = [np.asarray(point, dtype="float64") for pair in pairs for point in pair]
    size = latent_dim or next((point.size for point in points if point.ndim), 2)
    for point in points:
        if point.ndim > 1 or (point.ndim == 1 and point.size != size):
            raise BadInput(
                f"an end point has shape {point.shape}: expected {size} coordinates, or one number for all of them; "
                f"pass for example {point_name(np.zeros(size))}."
            )
    whole = [np.broadcast_to(point, (size,)) for point in points]
    return list(zip(whole[::2], whole[1::2], strict=True))
