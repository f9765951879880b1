"""Line plots, bar charts and histograms, with names written next to what they name."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from companion.errors import BadInput, check_choice, check_whole_number
from companion.plots.arguments import as_series, check_count, named
from companion.plots.figure import (
    BASE,
    INK,
    LINE_COLOURS,
    LINE_DASHES,
    MUTED,
    BookFigure,
    book_style,
    set_title,
)
from companion.plots.words import name_at_the_end, number, on_paper, spoken_list


def line_plot(
    series: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    alt: str,
    title: str | None = None,
    hlines: Mapping[str, float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    extremes: bool = True,
) -> BookFigure:
    """Draw up to seven lines by name: densities, gradients, a bound against the number of samples.

    A line is ``(x, y)`` or ``(x, y, spread)``, each ``(n,)``; a spread is drawn as a band from y - spread to
    y + spread. ``hlines`` maps names to levels, drawn as dotted lines. ``alt`` says what the figure is about; the ends
    of the lines are added to it, and with ``extremes`` the places between them where a line is lowest or highest. Leave
    these out for a noisy line, on which another run has them elsewhere. Scales are ``"linear"``, ``"log"`` or
    ``"symlog"``.

    Raises :class:`~companion.errors.BadInput` for unequal lengths, NaN, infinity, nothing to draw and an unknown scale.
    Taught in chapter 04, objectives.
    """
    check_choice("xscale", xscale, ("linear", "log", "symlog"))
    check_choice("yscale", yscale, ("linear", "log", "symlog"))
    lines = {
        label: _checked_line(label, line) for label, line in named(series, "lines", len(LINE_COLOURS)).items()
    }
    for scale, part, way in ((xscale, 0, "xscale"), (yscale, 1, "yscale")):
        lowest = min(line[part].min() for line in lines.values())
        if scale == "log" and lowest <= 0:
            raise BadInput(
                f"{way}='log' for values down to {lowest:g}: expected values above 0; pass {way}='symlog'."
            )
    levels = {str(label): float(as_series(label, [level])[0]) for label, level in (hlines or {}).items()}
    said = [_line_words(label, line[0], line[1], extremes) for label, line in lines.items()]
    said += [f"{label} at {number(level, 4)}" for label, level in levels.items()]
    with book_style():
        figure = BookFigure(6.6, 3.7, alt_text=f"{alt.rstrip('.')}. {'; '.join(said)}.")
        axes = figure.add_subplot(xscale=xscale, yscale=yscale, xlabel=xlabel, ylabel=ylabel)
        ends = []
        for (label, (x, y, *spread)), colour, dash in zip(
            lines.items(), LINE_COLOURS, cycle(LINE_DASHES), strict=False
        ):
            mark = "o" if len(x) <= 12 else None
            axes.plot(x, y, color=colour, linestyle=dash, marker=mark, markersize=4.5)
            if spread:
                axes.fill_between(x, y - spread[0], y + spread[0], color=colour, alpha=0.18, linewidth=0)
            ends.append((label, x[-1], y[-1], colour))
        right = max(x.max() for x, *_ in lines.values())
        for label, level in levels.items():
            axes.axhline(level, color=MUTED, linestyle=":", linewidth=1.4, zorder=1.5)
            ends.append((label, right, level, MUTED))
        grid_lines(axes)
        for axis, scale in ((axes.xaxis, xscale), (axes.yaxis, yscale)):
            if scale != "linear":  # powers of ten would put their exponents in type too small to read
                axis.set_major_formatter(FuncFormatter(lambda value, _: on_paper(f"{value:.8g}")))
                axis.set_minor_formatter(NullFormatter())
        set_title(figure, axes, title)
        name_at_the_end(figure, axes, ends)
    return figure


def _checked_line(label: str, line: Any) -> tuple[np.ndarray, ...]:
    if not isinstance(line, (tuple, list)) or len(line) not in (2, 3) or np.ndim(line[0]) != 1:
        raise BadInput(
            f"line {label!r} is a {type(line).__name__}: expected (x, y) or (x, y, spread); pass for example "
            "(np.arange(len(y)), y)."
        )
    parts = tuple(as_series(label, part) for part in line)
    for part in parts[1:]:
        check_count(f"values of {label!r}", part, len(parts[0]), "places on the x axis")
    order = np.argsort(parts[0], kind="stable")
    return tuple(part[order] for part in parts)


def _line_words(label: str, x: np.ndarray, y: np.ndarray, extremes: bool) -> str:
    words = f"{label}: {number(y[0], 4)} at {number(x[0])}, {number(y[-1], 4)} at {number(x[-1])}"
    if not extremes:
        return words
    low, high = y.argmin(), y.argmax()
    if y[low] < min(y[0], y[-1]):
        words += f", lowest {number(y[low], 4)} at {number(x[low])}"
    if y[high] > max(y[0], y[-1]):
        words += f", highest {number(y[high], 4)} at {number(x[high])}"
    return words


def bars(
    values: Mapping[str, float],
    *,
    xlabel: str,
    alt: str,
    spreads: Sequence[float] | None = None,
    title: str | None = None,
) -> BookFigure:
    """Draw up to sixteen named numbers as bars from zero, with the number written at the end of each bar.

    ``spreads`` ``(n,)`` are drawn as error bars to both sides; ``alt`` says what is compared, and the numbers are
    added to it.

    Raises :class:`~companion.errors.BadInput` for nothing to draw, NaN, infinity and unequal counts. Taught in
    chapter 04, objectives.
    """
    given = named(values, "bars", 16)
    lengths = as_series("bars", list(given.values()))
    errors = np.zeros_like(lengths) if spreads is None else as_series("spreads", spreads)
    check_count("spreads", errors, len(lengths), "bars")
    said = [f"{name} {number(length)}" for name, length in zip(given, lengths, strict=True)]
    with book_style():
        height = 0.9 + 0.36 * len(given) + (0.3 if title else 0)
        figure = BookFigure(6.2, height, alt_text=f"{alt.rstrip('.')}: {spoken_list(said)}.")
        axes = figure.add_subplot(xlabel=xlabel)
        places = np.arange(len(given))
        xerr = None if spreads is None else errors
        axes.barh(places, lengths, height=0.66, color=LINE_COLOURS[0], xerr=xerr, ecolor=INK, capsize=3)
        for place, length, error in zip(places, lengths, errors, strict=True):
            side = "left" if length >= 0 else "right"
            beyond = length + error if length >= 0 else length - error
            offset = (5 if length >= 0 else -5, 0)
            axes.annotate(
                on_paper(number(length)),
                (beyond, place),
                offset,
                textcoords="offset points",
                ha=side,
                va="center",
            )
        axes.axvline(0, color=MUTED, linewidth=0.8)
        axes.set_yticks(places, list(given))
        axes.tick_params(axis="y", length=0, labelsize=BASE)
        axes.spines["left"].set_visible(False)
        axes.invert_yaxis()
        axes.margins(x=0.14)
        set_title(figure, axes, title)
    return figure


def histogram(
    values: Mapping[str, Any],
    *,
    xlabel: str,
    alt: str = "",
    bins: int = 30,
    density: bool = False,
    title: str | None = None,
) -> BookFigure:
    """Draw histograms of up to four named sets of values over the same ``bins`` bins.

    The sets have shape ``(n,)``, or any other, which is flattened; ``density=True`` gives each the area 1, so that sets
    of different sizes can be compared. ``alt`` says what is counted; counts, means and standard deviations are added.

    Raises :class:`~companion.errors.BadInput` for an empty set, NaN, infinity and ``bins`` below 1. Taught in
    chapter 04, objectives.
    """
    check_whole_number("bins", bins)
    sets = {name: as_series(name, np.ravel(v)) for name, v in named(values, "sets of values", 4).items()}
    edges = np.histogram_bin_edges(np.concatenate(list(sets.values())), bins=bins)
    said = [
        f"{name}: {len(v)} values, mean {number(v.mean())}, standard deviation {number(v.std())}"
        for name, v in sets.items()
    ]
    what = alt.rstrip(".") or f"Histogram of {xlabel}"
    with book_style():
        figure = BookFigure(6.2, 3.5, alt_text=f"{what}. {'; '.join(said)}.")
        axes = figure.add_subplot(xlabel=xlabel, ylabel="density" if density else "count")
        for (name, v), colour, dash in zip(sets.items(), LINE_COLOURS, LINE_DASHES, strict=False):
            counts, _ = np.histogram(v, bins=edges, density=density)
            axes.stairs(counts, edges, fill=True, color=colour, alpha=0.22)
            axes.stairs(counts, edges, color=colour, linestyle=dash, linewidth=1.8, label=name)
        if len(sets) > 1:
            figure.legend(loc="outside upper left", ncols=len(sets), fontsize=BASE)
        grid_lines(axes)
        set_title(figure, axes, title)
    return figure


def grid_lines(axes: Axes) -> None:
    """Draw faint horizontal grid lines."""
    axes.grid(axis="y")
    axes.tick_params(length=3)
