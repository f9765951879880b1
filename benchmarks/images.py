"""The images that all contestants train on: the book's digits, again and again until there are as many as in MNIST.

They need no network. How fast a step is does not depend on what an image shows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write(folder: Path, count: int) -> Path:
    """Write ``count`` images, float32 ``(count, 28, 28, 1)`` in [0, 1], into ``folder`` unless they are there.

    Beside them lies the same as a data set for the command line, ``images.npz`` with 8-bit pixels.
    """
    path = folder / f"images-{count}.npy"
    if not path.exists() or not path.with_suffix(".npz").exists():
        # Here, so that a peer's process does not import the package.
        from companion import data

        digits = data.digits()
        images = np.resize(digits.x_train, (count, *digits.image_shape))
        pixels = np.round(255 * images).astype("uint8")
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(path.with_suffix(".npz"), x_train=pixels, x_test=pixels[:100])
        np.save(path, pixels.astype("float32") / 255)
    return path


def read(path: str, count: int) -> np.ndarray:
    """The first ``count`` images in ``path``, in memory."""
    return np.array(np.load(path, mmap_mode="r")[:count])
