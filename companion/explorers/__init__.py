"""Explorers: pictures that answer to the hand, in a notebook and in the book's pages alike.

Each function returns one explorer, which shows itself as the last line of a cell: with a kernel a widget whose
``state`` Python can read and set, in the book a picture that the page's own script brings to life, elsewhere a still
picture. What they show comes from recorded runs; ``python -m companion.explorers NAME`` records one anew.
"""

from typing import Any

from companion.explorers.recording import names as recorded_names
from companion.explorers.widget import explorer

__all__ = ["explorer", "latent_plane", "recorded_names"]


def latent_plane(**start: Any) -> Any:
    """Drag one point over the codes of an autoencoder and of a VAE, and see what each decoder makes of it.

    ``start`` may hold ``z``, the two coordinates, and for a walk ``mode="walk"`` with the classes ``first`` and
    ``last`` and ``part`` from 0 to 1. Taught in chapter 05.
    """
    return explorer("latent_plane", **start)
