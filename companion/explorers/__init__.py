"""Explorers: pictures that answer to the hand, in a notebook and in the book's pages alike.

Each function returns one explorer, which shows itself as the last line of a cell: with a kernel a widget whose
``state`` Python can read and set, in the book a picture that the page's own script brings to life, elsewhere a still
picture. What they show comes from recorded runs; ``python -m companion.explorers NAME`` records one anew. A
training control shows no recorded run but makes one: it trains with a value of the reader's choice.
"""

from typing import Any

from companion.explorers.control import training_control
from companion.explorers.recording import names as recorded_names
from companion.explorers.widget import explorer

__all__ = [
    "beta",
    "codebook",
    "condition",
    "elbo",
    "explorer",
    "hierarchy",
    "importance_samples",
    "latent_plane",
    "recorded_names",
    "reparameterization",
    "training_control",
]


def latent_plane(**start: Any) -> Any:
    """Drag one point over the codes of an autoencoder and of a VAE, and see what each decoder makes of it.

    ``start`` may hold ``z``, the two coordinates, and for a walk ``mode="walk"`` with the classes ``first`` and
    ``last`` and ``part`` from 0 to 1. Taught in chapter 05.
    """
    return explorer("latent_plane", **start)


def reparameterization(**start: Any) -> Any:
    """Move mu and sigma, and see draws of z follow, each with the gradient that it sends back.

    ``start`` may hold ``mu``, ``sigma`` and ``draw``, which of the kept sets of epsilon is shown. Taught in chapter 03.
    """
    return explorer("reparameterization", **start)


def elbo(**start: Any) -> Any:
    """Move q over the exact posterior, and see both terms of the ELBO and the gap to log p(x).

    ``start`` may hold ``mu`` and ``sigma`` of q, and the observation ``x``. Taught in chapter 04.
    """
    return explorer("elbo", **start)


def importance_samples(**start: Any) -> Any:
    """Choose k, and see the weights of k draws, their effective sample size and the bound that they give.

    ``start`` may hold ``k``, ``mu`` and ``sigma`` of q, and ``draw``, which of the kept draws are shown. Taught in
    chapter 10.
    """
    return explorer("importance_samples", **start)


def beta(**start: Any) -> Any:
    """Slide the price of the code: traversals of one image, and where each model stands on rate and distortion.

    ``start`` may hold ``beta``, one of 1, 2, 4, 8 and 16, and ``image``, which of four test images is shown. Taught in
    chapter 06.
    """
    return explorer("beta", **start)


def condition(**start: Any) -> Any:
    """Pick a label and drag the style: what a conditional VAE decodes, for one label and beside it for all.

    ``start`` may hold ``label`` and the two coordinates ``z``. Taught in chapter 07.
    """
    return explorer("condition", **start)


def codebook(**start: Any) -> Any:
    """Paint codes on the map of a VQ-VAE, and see the image that the map decodes to.

    ``start`` may hold ``codes``, 7 rows of 7 codes, ``digit``, whose own codes they are compared with, ``brush``, the
    code that is painted with, and ``at``, the chosen cell in reading order from 0. Taught in chapter 09.
    """
    return explorer("codebook", **start)


def hierarchy(**start: Any) -> Any:
    """Hold the top code of a VAE of two layers, draw the lower one again and again, and see what it decides.

    ``start`` may hold the two coordinates ``z2``, ``seed``, the number of the noise from 0 to 99, and ``keep``, whether
    the noise stays while z2 moves. Taught in chapter 08.
    """
    return explorer("hierarchy", **start)
