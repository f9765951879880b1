"""Mistakes in the sources and in well-known code, measured by this book's own code: ``make errata``.

There is one file per chapter, one for code that readers meet elsewhere, and one short function per row. A function
takes nothing, measures, and returns a dictionary of figures: numbers, counts, or the name of the error that Keras
raises. ``make errata`` calls them all and writes ``results/errata.json``; the page ``book/errata.md`` reads its figures
there and shows the functions. A new row is a new function under :func:`erratum` and a new entry on that page.
"""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

SEED = 0
SEEDS = range(5)  # of rows that train: what two of them share is paired seed by seed
Figures = dict[str, float | int | str]


@dataclass(frozen=True)
class Row:
    """A flaw as it is measured: the chapter that teaches the right form, and how far a figure may move."""

    name: str
    chapter: str
    tolerance: float
    measure: Callable[[], Figures]


_rows: dict[str, Row] = {}


def erratum(
    chapter: str, *, tolerance: float = 0.02
) -> Callable[[Callable[[], Figures]], Callable[[], Figures]]:
    """Register the function below as a row.

    ``chapter`` is the file that teaches the right form, such as ``04_objectives``; ``tolerance`` is how far a figure
    with a decimal point may move, relative to its recorded value, when it is measured again.
    """

    def register(measure: Callable[[], Figures]) -> Callable[[], Figures]:
        name = measure.__name__
        if name in _rows and _rows[name].measure.__module__ != measure.__module__:
            raise ValueError(
                f"two rows are named {name}: in {_rows[name].measure.__module__} and {measure.__module__}"
            )
        _rows[name] = Row(name, chapter, tolerance, measure)
        return measure

    return register


def rows() -> dict[str, Row]:
    """Every row by its name, in the order of the chapters; imports Keras."""
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_rows.items(), key=lambda item: (item[1].chapter, item[0])))


def error_of(call: Callable[[], object]) -> str:
    """The name of the error that ``call`` raises, or ``no error``."""
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "no error"


def over_seeds(name: str, values: Sequence[float]) -> Figures:
    """The mean of one figure per seed, and under ``_low`` and ``_high`` its 95 % interval (Student's t)."""
    # Imported here, since the help of the command line must not wait for it.
    from scipy import stats

    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    reach = float(stats.t.ppf(0.975, len(values) - 1)) * error
    return {name: mean, f"{name}_low": mean - reach, f"{name}_high": mean + reach}
