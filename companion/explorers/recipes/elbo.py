"""Record the explorer of chapter 04: a model whose log p(x) is known, and the first q."""

from pathlib import Path
from typing import Any

from companion.explorers.recipes._one_dimension import LIMITS, MODEL, draw_density, exact_model, posterior
from companion.explorers.recording import Draft, write
from companion.plots.figure import INK, LINE_COLOURS, PAGE_WIDTH, BookFigure, book_style

NAME = "elbo"
SETTINGS: dict[str, Any] = {"model": MODEL, "seed": None, "kept_as": "float16"}


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Write the explorer into the folder ``out``; nothing is trained, and nothing is drawn at random."""
    chosen = SETTINGS | (settings or {})
    draft = Draft(NAME, "The two terms, and the gap that is left", chosen)
    draft.shown = {"model": chosen["model"], "limits": LIMITS | {"x": [-3.0, 3.0]}}
    draft.start = {"mu": -0.5, "sigma": 0.8, "x": 1.2}
    write(draft, out, _still(draft), chosen["kept_as"])


def _still(draft: Draft) -> BookFigure:
    """The three densities in the first state of the explorer."""
    start = draft.start
    mean, sigma = posterior(start["x"])
    log_evidence = exact_model().log_prob([[start["x"]]])[0]
    alt = (
        f"Three densities of one code z for the observation x = {start['x']:g}: the prior, the exact posterior with "
        f"mean {mean:.2f} and width {sigma:.2f}, and q with mean {start['mu']:g} and width {start['sigma']:g}, which "
        f"lies beside it. log p(x) is {log_evidence:.2f} nats."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 2.6, alt_text=alt)
        axes = figure.subplots()
        draw_density(axes, 0.0, 1.0, color=INK, linestyle="--", linewidth=1.0, label="prior")
        draw_density(axes, mean, sigma, color=INK, label="exact posterior")
        draw_density(axes, start["mu"], start["sigma"], color=LINE_COLOURS[0], linewidth=3.0, label="q")
        axes.set(xlabel="z", ylabel="density", ylim=(0, None))
        axes.legend()
    return figure
