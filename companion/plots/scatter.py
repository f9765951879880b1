"""Scatter plots of codes in the latent plane."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from companion.errors import BadInput
from companion.plots.arguments import as_plane, check_count, named
from companion.plots.figure import (
    BASE,
    CARD,
    CLASS_COLOURS,
    HALO,
    INK,
    PAGE_WIDTH,
    TITLE,
    BookFigure,
    book_style,
    set_title,
)
from companion.plots.words import apart, counted, number, on_paper, point_name, shared_area, spoken_list


def latent_scatter(
    codes: Any,
    labels: Any = None,
    class_names: Sequence[Any] | None = None,
    *,
    title: str | None = None,
    extra_points: Mapping[str, Any] | None = None,
    dims: Sequence[int] | None = None,
) -> BookFigure:
    """Draw the codes of images as points of the latent plane, coloured by class.

    ``codes`` has shape ``(n, 2)``: what an autoencoder's ``encode`` returns, or the ``z_mean`` of a VAE. A mapping of
    up to three, such as ``{"autoencoder": ..., "VAE": ...}``, is drawn side by side, each on its own scale. ``dims``
    names the two coordinates to show of codes with more. ``labels`` ``(n,)`` have at most ten different values;
    ``class_names[label]`` is the name of a class. Names of one or two letters are written on the median of the class,
    longer ones in a legend. ``extra_points`` maps a name to a point ``(2,)`` or points ``(m, 2)`` marked in black; with
    a mapping of codes it maps the name of a panel to such a mapping.

    Raises :class:`~companion.errors.BadInput` for codes without exactly two coordinates, unequal counts, more than ten
    classes and a label without a name. Taught in chapter 05, latent space.
    """
    several = isinstance(codes, Mapping)
    given = named(codes, "sets of codes", 3) if several else {"": codes}
    panels = {
        name: as_plane(value, dims, f"codes {name!r}" if name else "codes") for name, value in given.items()
    }
    marks = _marked_points(extra_points, panels, several)
    classes = _classes(labels, class_names, [len(plane) for plane in panels.values()])
    words = [_scatter_words(name, plane, classes, marks[name]) for name, plane in panels.items()]
    coloured = "" if classes is None else f", coloured by class, {len(classes[1])} of them"
    alt_text = f"Scatter of codes in the latent plane{coloured}. {' '.join(words)}"
    axis_names = [f"z{dim + 1}" for dim in (dims or (0, 1))]
    keys, long_names = _short_names(classes)
    with book_style():
        sizes = {1: (6.2, 4.6), 2: (PAGE_WIDTH, 4.1), 3: (PAGE_WIDTH, 3.2)}
        figure = BookFigure(*sizes[len(panels)], alt_text=alt_text)
        all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axes, (name, plane) in zip(all_axes, panels.items(), strict=True):
            _draw_points(axes, plane, classes)
            for points, marker in zip(marks[name].values(), cycle("XPD^"), strict=False):
                axes.scatter(*points.T, s=110, marker=marker, color=INK, edgecolors=CARD, zorder=5)
            axes.set_title(name)
            axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
            axes.set_aspect("equal", adjustable="datalim")
        if title and several:
            figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE, color=INK)
        else:
            set_title(figure, all_axes[0], title)
        if classes is not None and long_names:
            _draw_legend(figure, classes, keys, beside=len(panels) == 1)
        figure.draw_without_rendering()  # the final limits are needed to keep the words apart
        for axes, (name, plane) in zip(all_axes, panels.items(), strict=True):
            taken = [] if classes is None else _name_classes(axes, plane, classes, keys)
            _name_marks(axes, marks[name], taken)
    return figure


class Classes(NamedTuple):
    """The labels of all points, and the name and colour of each distinct label."""

    labels: np.ndarray
    distinct: np.ndarray
    names: list[str]
    colours: list[str]


def _classes(labels: Any, class_names: Sequence[Any] | None, counts: list[int]) -> Classes | None:
    if labels is None:
        return None
    values = np.asarray(labels).reshape(-1)
    for count in counts:
        check_count("labels", values, count, "codes")
    distinct = np.unique(values)
    if len(distinct) > len(CLASS_COLOURS):
        raise BadInput(
            f"labels have {len(distinct)} different values: expected at most {len(CLASS_COLOURS)}, as many as there "
            "are colours that can be told apart; group the labels, or pass labels=None."
        )
    whole = values.dtype.kind in "iu"
    if class_names is not None and not (whole and distinct[0] >= 0 and distinct[-1] < len(class_names)):
        raise BadInput(
            f"labels from {distinct[0]} to {distinct[-1]} for {len(class_names)} class names: expected whole numbers "
            f"from 0 to {len(class_names) - 1}; pass a name for every label."
        )
    names = [str(label) if class_names is None else str(class_names[int(label)]) for label in distinct]
    # A class keeps its colour when other classes are left out.
    own = whole and distinct[0] >= 0 and distinct[-1] < len(CLASS_COLOURS)
    colours = [CLASS_COLOURS[int(label) if own else rank] for rank, label in enumerate(distinct)]
    return Classes(values, distinct, names, colours)


def _short_names(classes: Classes | None) -> tuple[list[str], bool]:
    """The words on the classes, at most two letters each, and whether a legend must explain them."""
    if classes is None:
        return [], False
    _, distinct, names, _ = classes
    if max(len(name) for name in names) <= 2:
        return names, False
    labels = [str(label) for label in distinct]
    fits = max(len(label) for label in labels) <= 2
    return (labels if fits else [str(rank) for rank in range(len(labels))]), True


def _marked_points(
    extra_points: Mapping[str, Any] | None, panels: dict[str, np.ndarray], several: bool
) -> dict[str, dict[str, np.ndarray]]:
    by_panel: Mapping[str, Any] = (extra_points or {}) if several else {"": extra_points or {}}
    unknown = [name for name in by_panel if name not in panels]
    if unknown or not all(isinstance(points, Mapping) for points in by_panel.values()):
        raise BadInput(
            f"extra_points for {', '.join(map(repr, unknown or by_panel))}: expected points by "
            f"name{' for the panels ' + ', '.join(map(repr, panels)) if several else ''}; pass "
            f"extra_points={'{panel: {name: (0, 0)}}' if several else '{name: (0, 0)}'}."
        )
    return {
        name: {
            str(label): as_plane(np.atleast_2d(np.asarray(points)), None, f"extra points {label!r}")
            for label, points in by_panel.get(name, {}).items()
        }
        for name in panels
    }


def class_medians(plane: np.ndarray, labels: np.ndarray, distinct: np.ndarray) -> np.ndarray:
    """Return the median code of each class, shape ``(classes, 2)``: a centre that ignores a few distant codes."""
    return np.stack([np.median(plane[labels == label], axis=0) for label in distinct])


def _scatter_words(
    name: str, plane: np.ndarray, classes: Classes | None, marks: dict[str, np.ndarray]
) -> str:
    low, high = plane.min(axis=0), plane.max(axis=0)
    words = f"{name}: " if name else ""
    words += (
        f"{counted(len(plane), 'code')}, the first coordinate from {number(low[0])} to {number(high[0])}, "
    )
    words += f"the second from {number(low[1])} to {number(high[1])}"
    if classes is not None:
        labels, distinct = classes[:2]
        centres = class_medians(plane, labels, distinct)
        nearest = distinct[np.linalg.norm(plane[:, None] - centres, axis=2).argmin(axis=1)]
        words += (
            f"; {100 * (nearest == labels).mean():.0f}% of them lie nearest to the median of their own class"
        )
    if marks:
        words += f"; marked in black: {spoken_list([_mark_words(*mark) for mark in marks.items()])}"
    return words + "."


def _mark_words(label: str, points: np.ndarray) -> str:
    if len(points) > 1:
        return f"{len(points)} points {label}"
    where = point_name(points[0])
    return where if label == where else f"{label} at {where}"


def _draw_points(axes: Axes, plane: np.ndarray, classes: Classes | None) -> None:
    colours: Any = CLASS_COLOURS[0]
    if classes is not None:
        labels, distinct, _, palette = classes
        colours = np.asarray(palette)[np.searchsorted(distinct, labels)]
    size = float(np.clip(14000 / len(plane), 5, 26))
    # One call for all classes: points lie in the order of the data, so no class hides another.
    axes.scatter(plane[:, 0], plane[:, 1], s=size, c=colours, alpha=0.8, linewidths=0)


def _name_classes(axes: Axes, plane: np.ndarray, classes: Classes, keys: list[str]) -> list[Bbox]:
    """Write each class's short name on its median and return where, in pixels."""
    labels, distinct = classes[:2]
    centres = class_medians(plane, labels, distinct)
    to_pixels = axes.transData
    pixels = apart(to_pixels.transform(centres), least=24.0)
    for key, (x, y) in zip(keys, to_pixels.inverted().transform(pixels), strict=True):
        axes.text(x, y, key, ha="center", va="center", fontsize=13, fontweight="bold", path_effects=HALO)
    return [Bbox.from_bounds(x - 9, y - 11, 18, 22) for x, y in pixels]


def _draw_legend(figure: BookFigure, classes: Classes, keys: list[str], beside: bool) -> None:
    _, _, names, colours = classes
    axes = figure.axes[0]
    dots = [axes.scatter([], [], s=40, color=colour) for colour in colours]
    place = {"loc": "outside right center"} if beside else {"loc": "outside lower center", "ncols": 5}
    words = [f"{key}  {name}" for key, name in zip(keys, names, strict=True)]
    figure.legend(dots, words, handletextpad=0.2, columnspacing=1.0, **place)


def _name_marks(axes: Axes, marks: dict[str, np.ndarray], taken: list[Bbox]) -> None:
    """Write each name beside its first mark, on the side where it overlaps least with other words."""
    inside = axes.get_window_extent()
    for label, points in marks.items():
        text = axes.annotate(
            on_paper(label) if label == point_name(points[0]) else label, points[0], zorder=6
        )
        text.set(fontsize=BASE, path_effects=HALO, anncoords="offset points")
        best: tuple[float, Any, Bbox] | None = None
        for x, ha in ((8, "left"), (-8, "right")):
            for y, va in ((5, "bottom"), (0, "center"), (-5, "top")):
                text.set(position=(x, y), ha=ha, va=va)
                box = text.get_window_extent()
                covered = sum(shared_area(box, other) for other in taken) + box.width * box.height
                covered -= shared_area(box, inside)  # what sticks out of the axes counts as covered
                if best is None or covered < best[0] - 1:
                    best = covered, {"position": (x, y), "ha": ha, "va": va}, box
        assert best is not None
        text.set(**best[1])
        taken = [*taken, best[2]]
