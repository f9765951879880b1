"""Record the explorer of chapter 10: noise for draws whose k-sample bounds are compared with a known log p(x)."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from scipy.stats import norm

from companion.explorers.recipes._one_dimension import LIMITS, MODEL, draw_density, kept_noise, posterior
from companion.explorers.recording import Draft, write
from companion.plots.figure import INK, LINE_COLOURS, PAGE_WIDTH, BookFigure, book_style

NAME = "importance_samples"
SETTINGS: dict[str, Any] = {
    "model": MODEL,
    "observation": 1.2,
    "counts": [1, 2, 4, 8, 16, 32, 64],
    "sets": 100,
    "seed": 0,
    "kept_as": "float16",
}


def record(out: Path, settings: dict[str, Any] | None = None) -> None:
    """Write the explorer into the folder ``out``; nothing is trained."""
    chosen = SETTINGS | (settings or {})
    draft = Draft(NAME, "What k draws are worth", chosen)
    draft.shown = {
        "model": chosen["model"],
        "observation": chosen["observation"],
        "limits": LIMITS,
        "counts": chosen["counts"],
        "noise": kept_noise(chosen["sets"], chosen["counts"][-1], chosen["seed"]),
    }
    draft.start = {"mu": 0.2, "sigma": 0.9, "k": 8, "draw": 0}
    write(draft, out, _still(draft), chosen["kept_as"])


def _still(draft: Draft) -> BookFigure:
    """The draws in the first state of the explorer, each as high as its normalised weight."""
    start, shown = draft.start, draft.shown
    q = start["mu"], start["sigma"]
    z = q[0] + q[1] * np.array(shown["noise"][0][: start["k"]])
    pixels = norm.logpdf(shown["observation"], shown["model"]["slope"] * z, shown["model"]["scale"])
    shares = softmax(pixels + norm.logpdf(z) - norm.logpdf(z, *q))
    alt = (
        f"{start['k']} draws from q, which lies beside the exact posterior. Each draw is a stem as high as its share "
        f"of the weight; the largest share is {shares.max():.2f}, and together they are worth "
        f"{1 / np.square(shares).sum():.1f} equal draws."
    )
    with book_style():
        figure = BookFigure(PAGE_WIDTH, 2.6, alt_text=alt)
        axes = figure.subplots()
        draw_density(axes, *posterior(shown["observation"]), color=INK, label="exact posterior")
        draw_density(axes, *q, color=LINE_COLOURS[0], linewidth=3.0, label="q")
        axes.stem(z, shares, linefmt=INK, markerfmt="o", basefmt=" ", label="share of each draw")
        axes.set(xlabel="z", ylim=(0, None))
        axes.legend()
    return figure
