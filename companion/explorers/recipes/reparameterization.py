"""Record the explorer of chapter 03: draws of epsilon, the only random part of it."""

from pathlib import Path
from typing import Any

import numpy as np

from companion.explorers.recipes._one_dimension import LIMITS, draw_density, kept_noise
from companion.explorers.recording import Draft, write
from companion.plots.figure import INK, LINE_COLOURS, MUTED, PAGE_WIDTH, BookFigure, book_style

NAME = "reparameterization"
SETTINGS: dict[str, Any] = {"function": "z squared", "sets": 40, "draws": 16, "seed": 0, "kept_as": "float16"}


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Write the explorer into the folder ``out``; nothing is trained."""
    chosen = SETTINGS | (settings or {})
    draft = Draft(NAME, "Mu, sigma and the draws between them", chosen)
    draft.shown = {"noise": kept_noise(chosen["sets"], chosen["draws"], chosen["seed"]), "limits": LIMITS}
    draft.start = {"mu": 1.0, "sigma": 0.5, "draw": 0}
    write(draft, out, _still(draft), chosen["kept_as"])


def _still(draft: Draft) -> BookFigure:
    """The draws in the first state of the explorer, each with the slope of f at its place."""
    mu, sigma = draft.start["mu"], draft.start["sigma"]
    noise = np.array(draft.shown["noise"][0])
    z = mu + sigma * noise
    alt = (
        f"{len(noise)} draws of epsilon on an upper line, each joined by a thread to its z on a lower line, for mu "
        f"{mu:g} and sigma {sigma:g}. From every z an arrow points downhill on z squared; above lies the density."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 3.0, alt_text=alt)
        axes = figure.subplots()
        for value, at in zip(noise, z, strict=True):
            axes.plot([value, at], [1.0, 0.0], color=MUTED, linewidth=0.6)
            axes.annotate(
                "", (at - 0.12 * 2 * at, 0.0), (at, 0.0), arrowprops={"arrowstyle": "->", "color": INK}
            )
        axes.scatter(noise, np.ones_like(noise), s=12, color=INK)
        axes.scatter(z, np.zeros_like(z), s=22, color=LINE_COLOURS[0], zorder=3)
        draw_density(axes, mu, sigma, color=MUTED, linewidth=1.0)
        axes.set(xlim=(-3.5, 3.5), yticks=[0, 1], yticklabels=["z", "epsilon"], xlabel="value")
    return figure
