"""Learning curves: the terms of a loss by epoch."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from companion.errors import BadInput
from companion.plots.arguments import as_series, named
from companion.plots.figure import (
    INK,
    LINE_COLOURS,
    LINE_DASHES,
    MUTED,
    PAGE_WIDTH,
    TITLE,
    BookFigure,
    book_style,
)
from companion.plots.lines import grid_lines
from companion.plots.words import counted, name_at_the_end, number

DASH_OF = {"validation": "-", "training": LINE_DASHES[1]}
#: The terms of a model's history and how a page calls them. All are in nats per image.
TERM_NAMES = {
    "neg_elbo": "\u2212ELBO",
    "loss": "loss",
    "reconstruction_loss": "reconstruction term",
    "kl_loss": "KL term",
}


def learning_curves(
    histories: Any,
    *,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    ylabel: str = "nats per image",
) -> BookFigure:
    """Draw the terms of a loss by epoch, in nats per image, one panel per term.

    ``histories`` is what ``model.fit`` returns, its ``history`` dictionary, or a mapping from up to four names to
    either. Training is dashed, validation (``val_...``) solid. ``metrics`` names the terms to draw; by default they are
    ``neg_elbo``, ``reconstruction_loss`` and ``kl_loss``, or ``loss`` where a model has no ``neg_elbo``.

    Raises :class:`~companion.errors.BadInput` for an empty history, an unknown metric and NaN or infinity in a curve.
    Taught in chapter 04, objectives.
    """
    runs = _named_histories(histories)
    shown = list(metrics) if metrics is not None else _usual_metrics(runs)
    curves = {metric: _curves_of(metric, runs) for metric in shown}
    said = [_curve_words(metric, lines) for metric, lines in curves.items()]
    alt_text = f"Learning curves in {ylabel}. {' '.join(said)}"
    columns = min(len(shown), 3 if max(map(len, runs)) <= 12 else 2)
    rows, several = ceil(len(shown) / columns), len(runs) > 1
    with book_style():
        height = 0.5 + 2.5 * rows + (0.3 if title else 0) + (0.3 if several else 0)
        figure = BookFigure(min(PAGE_WIDTH, 2.2 + 3.2 * columns), height, alt_text=alt_text)
        grid = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes in grid[len(shown) :]:
            axes.set_axis_off()
        for axes, (metric, lines) in zip(grid, curves.items(), strict=False):
            for _, values, colour, dash in lines:
                mark = "o" if len(values) == 1 else None
                axes.plot(np.arange(1, len(values) + 1), values, color=colour, linestyle=dash, marker=mark)
            axes.set_title(TERM_NAMES.get(metric, metric))
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, steps=[1, 2, 5, 10]))
            grid_lines(axes)
        for axes in grid[::columns]:
            axes.set_ylabel(ylabel)
        if title:
            figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE, color=INK)
        if several:  # then the lines have the names of the runs, and a legend explains the dashes once
            drawn = [line[-1] for lines in curves.values() for line in lines]
            kinds = {part: dash for part, dash in DASH_OF.items() if dash in drawn}
            dashes = [Line2D([], [], color=MUTED, linestyle=dash) for dash in kinds.values()]
            figure.legend(dashes, list(kinds), loc="outside lower left", ncols=2)
        for axes, lines in zip(grid, curves.values(), strict=False):
            ends = {}
            for label, values, colour, _ in lines:
                name = label.rsplit(", ", 1)[0] if several else label
                ends[name] = (name, len(values), values[-1], colour)
            name_at_the_end(figure, axes, list(ends.values()))
    return figure


Line = tuple[str, np.ndarray, str, Any]  # label, values, colour, dash


def _named_histories(histories: Any) -> dict[str, dict[str, Any]]:
    inner = getattr(histories, "history", histories)
    many = isinstance(inner, Mapping) and any(
        isinstance(getattr(v, "history", v), Mapping) for v in inner.values()
    )
    runs = named(inner if many else {"": inner}, "histories", 4)
    runs = {name: getattr(run, "history", run) for name, run in runs.items()}
    for name, run in runs.items():
        if not isinstance(run, Mapping) or not run:
            raise BadInput(
                f"history {name!r} is {run!r}: expected a dict with a list of numbers per metric; pass what "
                "model.fit(...) returned."
            )
    return runs


def _usual_metrics(runs: dict[str, dict[str, Any]]) -> list[str]:
    wanted = ("neg_elbo", "loss", "reconstruction_loss", "kl_loss")
    found = [metric for metric in wanted if any(metric in run for run in runs.values())]
    if all(
        "neg_elbo" in run for run in runs.values()
    ):  # what is reported is the ELBO, whatever was optimised
        found = [metric for metric in found if metric != "loss"]
    return found or [next(iter(next(iter(runs.values()))))]


def _curves_of(metric: str, runs: dict[str, dict[str, Any]]) -> list[Line]:
    lines: list[Line] = []
    for (run_name, run), colour in zip(runs.items(), LINE_COLOURS, strict=False):
        for key, part in ((metric, "training"), (f"val_{metric}", "validation")):
            if key in run:
                label = f"{run_name}, {part}" if run_name else part
                lines.append((label, as_series(key, run[key]), colour, DASH_OF[part]))
    if not lines:
        known = sorted({key.removeprefix("val_") for run in runs.values() for key in run})
        raise BadInput(
            f"metric {metric!r} is in no history: expected one of {', '.join(known)}; pass metrics=[{known[0]!r}]."
        )
    return lines


def _curve_words(metric: str, lines: list[Line]) -> str:
    said = [f"{label} from {number(v[0], 4)} to {number(v[-1], 4)}" for label, v, _, _ in lines]
    said.append(f"over {counted(max(len(values) for _, values, _, _ in lines), 'epoch')}")
    return f"{TERM_NAMES.get(metric, metric)}: {'; '.join(said)}."
