"""One dot for each seed of each arm of an experiment, with the mean and its interval."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from companion.plots.arguments import as_series, named
from companion.plots.figure import BASE, LINE_COLOURS, MUTED, BookFigure, book_style, set_title
from companion.plots.words import number, spoken_list


def seed_dots(
    values: Mapping[str, Any],
    intervals: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    alt: str,
    title: str | None = None,
) -> BookFigure:
    """Draw the figures of up to twenty-four arms: a dot per seed, the mean as a line and its interval as a bar.

    ``values`` holds the figures of each arm's seeds, ``(n,)``; ``intervals`` its ends ``(low, high)``, which are not
    drawn where they are infinite, as for a single seed. ``alt`` says what is compared; means and intervals are added.

    Raises :class:`~companion.errors.BadInput` for nothing to draw, NaN and infinite values. Taught in chapter 04.
    """
    arms = {name: as_series(name, seeds) for name, seeds in named(values, "arms", 24).items()}
    said = [_in_words(name, seeds, intervals.get(name)) for name, seeds in arms.items()]
    with book_style():
        height = 0.9 + 0.3 * len(arms) + (0.3 if title else 0)
        figure = BookFigure(6.6, height, alt_text=f"{alt.rstrip('.')}: {spoken_list(said)}.")
        axes = figure.add_subplot(xlabel=xlabel)
        for place, (name, seeds) in enumerate(arms.items()):
            low, high = intervals.get(name, (np.nan, np.nan))
            if np.isfinite([low, high]).all():
                axes.plot([low, high], [place, place], color=LINE_COLOURS[0], linewidth=6, alpha=0.25)
                axes.plot([seeds.mean()] * 2, [place - 0.28, place + 0.28], color=LINE_COLOURS[0])
            axes.plot(
                seeds, np.full(len(seeds), place), "o", color=LINE_COLOURS[0], markersize=4.5, alpha=0.8
            )
            axes.axhline(place, color=MUTED, linewidth=0.4, alpha=0.4, zorder=0)
        axes.set_yticks(range(len(arms)), list(arms))
        axes.tick_params(axis="y", length=0, labelsize=BASE)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(len(arms) - 0.4, -0.6)
        axes.margins(x=0.06)
        set_title(figure, axes, title)
    return figure


def _in_words(name: str, seeds: np.ndarray, interval: Sequence[float] | None) -> str:
    words = f"{name} {number(seeds.mean(), 4)}"
    if len(seeds) == 1 or interval is None:
        return f"{words} (one seed)" if len(seeds) == 1 else words
    low, high = (number(end, 4) for end in interval)
    return f"{words} (interval {low} to {high}, {len(seeds)} seeds)"
