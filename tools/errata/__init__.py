"""What is wrong in the sources, measured by this book's own code: ``make errata``.

One file a chapter, one short function a row. A function takes nothing, measures, and returns a dictionary of figures:
numbers, counts, or the name of the error that Keras raises. ``make errata`` calls them all and writes
``results/errata.json``; the page ``book/errata.md`` reads its figures there and shows the functions. A new row is a new
function under :func:`erratum` and a new entry on that page.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

SEED = 0
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
