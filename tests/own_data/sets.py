"""Sets as readers bring them: without labels, with one class or 26, in colour, oblong, tiny, large.

They are made of the digits, so that they look like something and need no network.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from companion import data

Arrays = dict[str, np.ndarray]


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 digits as uint8 of shape (n, 28, 28), and their labels."""
    whole = data.digits()
    pixels = np.concatenate([whole.x_train, whole.x_test])[..., 0]
    labels = np.concatenate([whole.y_train, whole.y_test])  # type: ignore[list-item]
    return np.round(pixels * 255).astype("uint8"), labels


def unlabelled() -> Arrays:
    images, _ = digits()
    return {"images": images[:600]}


def one_class() -> Arrays:
    images, labels = digits()
    return {"images": images[labels == 3], "labels": labels[labels == 3]}


def letters() -> Arrays:
    """26 classes, named by the numbers 1 to 26: digits, turned by quarters and mirrored."""
    images, labels = digits()
    kinds = np.arange(len(images)) % 3
    turned = np.stack([np.rot90(image, kind) for image, kind in zip(images, kinds, strict=True)])
    named = 1 + labels + 10 * kinds
    return {"images": turned[named <= 26], "labels": named[named <= 26]}


def colour() -> Arrays:
    """32x32 in three channels: grey ink on coloured paper."""
    images, labels = digits()
    padded = np.pad(images[:800], ((0, 0), (2, 2), (2, 2)))[..., np.newaxis] / 255
    paper = np.random.default_rng(0).uniform(0.2, 0.9, size=(800, 1, 1, 3))
    return {"images": np.round(255 * (paper * (1 - padded) + padded)).astype("uint8"), "labels": labels[:800]}


def tiny() -> Arrays:
    images, labels = digits()
    return {"images": images[:12], "labels": labels[:12]}


def oblong() -> Arrays:
    """40x28 in grey, as floats, in four classes."""
    images, labels = digits()
    few = labels < 4
    tall = np.pad(images[few], ((0, 0), (6, 6), (0, 0))) / np.float32(255)
    return {"images": tall.astype("float32"), "labels": labels[few]}


def large() -> Arrays:
    """20,000 images: the digits, moved by up to two pixels."""
    images, labels = digits()
    rng = np.random.default_rng(0)
    rows, shifts = rng.integers(len(images), size=20_000), rng.integers(-2, 3, size=20_000)
    moved = np.stack([np.roll(images[row], shift, axis=1) for row, shift in zip(rows, shifts, strict=True)])
    return {"images": moved, "labels": labels[rows]}


SETS: dict[str, Callable[[], Arrays]] = {
    make.__name__: make for make in (unlabelled, one_class, letters, colour, tiny, oblong, large)
}


def write(name: str, folder: Path) -> Path:
    """Write the set ``name`` into ``folder`` as ``name.npz`` and return its path."""
    path = folder / f"{name}.npz"
    np.savez(path, **SETS[name]())
    return path
