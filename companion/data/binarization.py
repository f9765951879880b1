"""From grey pixels to black and white: three ways, which give different likelihoods."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion.errors import as_array, check_choice, check_images, check_whole_number

BINARIZATIONS = ("none", "threshold", "static", "dynamic")

# Images are drawn in blocks whose random numbers stay in the cache: twice as fast as all at once.
_BLOCK = 128


def binarize(images: Any, how: str, seed: int = 0, epoch: int = 0) -> np.ndarray:
    """Return ``images`` in {0, 1}, as float32 of the same shape ``(n, ...)``.

    A grey level g in [0, 1] is read as a probability. ``how`` is one of

    - ``"none"``: the grey levels themselves, as float32;
    - ``"threshold"``: 1 where g >= 1/2; nothing is drawn;
    - ``"static"``: 1 with probability g, drawn once: ``seed`` fixes the draw and ``epoch`` is not used;
    - ``"dynamic"``: 1 with probability g, drawn again for each ``epoch``; the same ``(seed, epoch)`` gives the same
      draw.

    Likelihoods under the three cannot be compared: Burda, Grosse and Salakhutdinov (2016, arXiv:1509.00519) report
    88.71 nats with static and 86.76 with dynamic binarisation of MNIST for the same model. So name the one you used.
    Black and white images come back unchanged. Use different seeds for training and test images, or pixels at the same
    position of both share their random numbers.

    Raises :class:`~companion.errors.BadInput` for an unknown ``how``, for images that are not real numbers in [0, 1],
    and for a seed or epoch that is not a whole number of at least 0. Taught in chapter 04.
    """
    check_choice("how", how, BINARIZATIONS)
    seed = check_whole_number("seed", seed, at_least=0)
    epoch = check_whole_number("epoch", epoch, at_least=0)
    grey = as_stack_of_images(images)
    if how == "none":
        return grey
    if how == "threshold":
        return (grey >= 0.5).astype("float32")
    draws = generator(seed, "static") if how == "static" else generator(seed, "dynamic", epoch)
    return _drawn(grey, draws, "float32")


def draw_dynamic(grey: np.ndarray, seed: int, epoch: int, dtype: str) -> np.ndarray:
    """What ``binarize(grey, "dynamic", seed, epoch)`` draws, of another ``dtype``, for images that are checked."""
    return _drawn(grey, generator(seed, "dynamic", epoch), dtype)


def _drawn(grey: np.ndarray, draws: np.random.Generator, dtype: str) -> np.ndarray:
    binary = np.empty(grey.shape, dtype)
    uniform = np.empty((_BLOCK, *grey.shape[1:]), "float32")
    for start in range(0, len(grey), _BLOCK):
        block = grey[start : start + _BLOCK]
        drawn = uniform[: len(block)]
        draws.random(out=drawn, dtype="float32")
        # The uniform numbers lie in [0, 1): level 0 is never white and level 1 always is.
        np.less(drawn, block, out=binary[start : start + _BLOCK], casting="unsafe")
    return binary


def as_stack_of_images(images: Any) -> np.ndarray:
    """Return ``images`` as float32 of the shape they have, ``(n, ...)``, with values in [0, 1]."""
    array = as_array(images, "images")
    return check_images(array, array.shape[1:])


# One key per use of a seed, so that no two uses share a stream of random numbers.
_STREAMS = {"static": 1, "dynamic": 2, "order": 3}


def generator(seed: int, use: str, epoch: int = 0) -> np.random.Generator:
    """Return the random generator for one use of ``seed`` in one epoch; equal arguments give equal numbers."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAMS[use], epoch)))
