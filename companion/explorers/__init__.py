"""Explorers: interactive figures, in a notebook and in the pages of the book.

Each function returns one explorer, which shows itself as the last line of a cell. With a kernel it is a widget whose
``state`` Python can read and set; in the book it is a figure that the page's script makes interactive; elsewhere it is
a still picture. Explorers show recorded runs; ``python -m companion.explorers NAME`` records one again. A training
control shows a run of its own: it trains a model with a value that you choose.
"""

from typing import Any

from companion.explorers.control import training_control
from companion.explorers.recording import names as recorded_names
from companion.explorers.trained_here import load_trained
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
    "load_trained",
    "probability_flow",
    "recorded_names",
    "reparameterization",
    "trainer",
    "training_control",
]


def latent_plane(**start: Any) -> Any:
    """Drag a point over the codes of an autoencoder and of a VAE, and see what each decoder makes of it.

    ``start`` may hold ``z``, the two coordinates, and for a walk ``mode="walk"`` with the classes ``first`` and
    ``last`` and ``part`` from 0 to 1. Taught in chapter 05.
    """
    return explorer("latent_plane", **start)


def reparameterization(**start: Any) -> Any:
    """Move mu and sigma, and see the draws of z move with them, each with its gradient.

    ``start`` may hold ``mu``, ``sigma`` and ``draw``, which of the recorded sets of epsilon is shown. Taught in
    chapter 03.
    """
    return explorer("reparameterization", **start)


def elbo(**start: Any) -> Any:
    """Move q over the exact posterior, and see both terms of the ELBO and the gap to log p(x).

    ``start`` may hold ``mu`` and ``sigma`` of q, and the observation ``x``. Taught in chapter 04.
    """
    return explorer("elbo", **start)


def importance_samples(**start: Any) -> Any:
    """Choose k, and see the weights of k draws, their effective sample size and the bound that they give.

    ``start`` may hold ``k``, ``mu`` and ``sigma`` of q, and ``draw``, which of the recorded draws are shown. Taught in
    chapter 10.
    """
    return explorer("importance_samples", **start)


def beta(**start: Any) -> Any:
    """Change beta: see traversals of one image, and the rate and the distortion of each model.

    ``start`` may hold ``beta``, one of 1, 2, 4, 8 and 16, and ``image``, the number of one of four test images. Taught
    in chapter 06.
    """
    return explorer("beta", **start)


def condition(**start: Any) -> Any:
    """Pick a label and drag the code: see what a conditional VAE decodes for that label, and for all others.

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
    """Hold the top code of a VAE of two layers fixed, draw the lower one again, and see what each layer determines.

    ``start`` may hold the two coordinates ``z2``, ``seed``, the number of the noise from 0 to 99, and ``keep``, whether
    the noise stays the same while z2 moves. Taught in chapter 08.
    """
    return explorer("hierarchy", **start)


def probability_flow(**start: Any) -> Any:
    """Drag a noise point and see it travel to a code, and what the decoder makes of the code.

    ``start`` may hold ``start``, the noise point, ``steps``, one of 1, 2, 5, 10, 20 and 50, ``label``, a digit to ask
    for or -1, and ``guidance`` from 0 to 3. Taught in chapter 16.
    """
    return explorer("probability_flow", **start)


def trainer(**start: Any) -> Any:
    """Train a VAE of small digits in the page, and watch its codes, its pictures and its loss as it learns.

    ``start`` may hold ``beta``, ``rate``, the learning rate, ``hidden``, the units of each hidden layer, ``latent``,
    the numbers of a code, ``seed``, ``same``, whether starting over repeats the run, ``slow`` for slow motion, and
    ``z``, the place of the cross. What was trained can be downloaded and read by :func:`load_trained`. Taught in
    chapter 00.
    """
    return explorer("trainer", **start)
