"""Data for the book: digits (the default), MNIST, Fashion-MNIST, drawn shapes and your own images; binarisation.

Nothing here imports Keras until :class:`Batches` is used or a set has to be downloaded.
"""

from typing import TYPE_CHECKING, Any

from companion.data.binarization import BINARIZATIONS, binarize
from companion.data.dataset import Dataset
from companion.data.drawn_shapes import Shapes, draw_shapes, shapes
from companion.data.files import from_arrays
from companion.data.own import DoesNotFit, check_fits, epochs_for, few_classes, first, in_classes, set_aside
from companion.data.sets import NAMES, Source, digits, digits_8x8, fashion_mnist, load, mnist, sources

if TYPE_CHECKING:
    from companion.data.batches import Batches

__all__ = [
    "BINARIZATIONS",
    "NAMES",
    "Batches",
    "Dataset",
    "DoesNotFit",
    "Shapes",
    "Source",
    "binarize",
    "check_fits",
    "digits",
    "digits_8x8",
    "draw_shapes",
    "epochs_for",
    "fashion_mnist",
    "few_classes",
    "first",
    "from_arrays",
    "in_classes",
    "load",
    "mnist",
    "set_aside",
    "shapes",
    "sources",
]


def __getattr__(name: str) -> Any:
    """Import :class:`Batches`, and with it Keras, when it is first named (PEP 562)."""
    if name == "Batches":
        from companion.data.batches import Batches

        return Batches
    raise AttributeError(f"module 'companion.data' has no attribute {name!r}")
