"""Data for the book: digits (the default), MNIST, Fashion-MNIST, drawn shapes and your own images; binarisation.

Nothing here imports Keras until :class:`Batches` is used or a set has to be downloaded.
"""

from typing import TYPE_CHECKING, Any

from companion.data.binarization import BINARIZATIONS, binarize
from companion.data.dataset import Dataset
from companion.data.drawn_shapes import Shapes, draw_shapes, shapes
from companion.data.files import from_arrays
from companion.data.sets import NAMES, Source, digits, fashion_mnist, load, mnist, sources

if TYPE_CHECKING:
    from companion.data.batches import Batches

__all__ = [
    "BINARIZATIONS",
    "NAMES",
    "Batches",
    "Dataset",
    "Shapes",
    "Source",
    "binarize",
    "digits",
    "draw_shapes",
    "fashion_mnist",
    "from_arrays",
    "load",
    "mnist",
    "shapes",
    "sources",
]


def __getattr__(name: str) -> Any:
    """Import :class:`Batches`, and with it Keras, when it is first named (PEP 562)."""
    if name == "Batches":
        from companion.data.batches import Batches

        return Batches
    raise AttributeError(f"module 'companion.data' has no attribute {name!r}")
