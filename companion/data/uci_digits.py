"""The default data: scikit-learn's handwritten digits, brought to the size of MNIST, or as they are. No network."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from companion.data.dataset import Dataset, read_only
from companion.errors import check_whole_number

N_DIGITS, N_TEST = 1797, 297
WHAT = "handwritten digits, 8x8 brought to 28x28 grey (UCI, Optical Recognition of Handwritten Digits)"
WHAT_8X8 = "the same digits as they are, 8x8, black and white by a threshold at 0.5"
LICENCE = "CC BY 4.0"


def load_digits(seed: int = 0) -> Dataset:
    """Return the 1,797 digits as 28x28x1 float32 in [0, 1], 1,500 for training and 297 for testing.

    The order is drawn from ``seed``, without stratification: class shares in the test set vary a little with the seed.
    The result is cached. Licence of the data: CC BY 4.0 (Alpaydin and Kaynak, UCI Machine Learning Repository).

    Raises :class:`~companion.errors.BadInput` for a seed that is not a whole number of at least 0. Taught in
    chapter 01.
    """
    return _load_digits(check_whole_number("seed", seed, at_least=0))


def load_digits_8x8(seed: int = 0) -> Dataset:
    """Return the 1,797 digits as 8x8x1 float32, each pixel 0 or 1: 1 where its grey level is at least half of full ink.

    Black and white pixels make the bound of a Bernoulli decoder a bound on a likelihood. ``seed`` splits them as
    :func:`load_digits` does: the same digits are held out. The result is cached. Licence of the data: CC BY 4.0.

    Raises :class:`~companion.errors.BadInput` for a seed that is not a whole number of at least 0. Taught in
    chapter 00.
    """
    return _load_digits(check_whole_number("seed", seed, at_least=0), "digits_8x8")


@lru_cache(maxsize=8)
def _load_digits(seed: int, name: str = "digits") -> Dataset:
    # scikit-learn takes a second or two to import, and other data sets do not need it.
    from sklearn import datasets

    raw = datasets.load_digits()
    grey = raw.images / 16.0
    images = read_only(enlarge(grey) if name == "digits" else black_and_white(grey))
    order = np.random.default_rng(seed).permutation(N_DIGITS)
    train, test = order[N_TEST:], order[:N_TEST]
    labels = raw.target.astype("int64")
    return Dataset(
        name,
        read_only(images[train]),
        read_only(images[test]),
        read_only(labels[train]),
        read_only(labels[test]),
        tuple("0123456789"),
        "scikit-learn",
    )


def black_and_white(images: np.ndarray) -> np.ndarray:
    """Images of shape (n, 8, 8) in [0, 1] as float32 of shape (n, 8, 8, 1): 1 from grey level 0.5 upwards, else 0."""
    return (images >= 0.5).astype("float32")[..., np.newaxis]


def enlarge(images: np.ndarray) -> np.ndarray:
    """Bring images of shape (n, 8, 8) in [0, 1] to float32 of shape (n, 28, 28, 1) in [0, 1].

    A border of one empty pixel, then cubic interpolation by 2.8, then clipping, since cubic curves overshoot at edges.
    """
    from scipy.ndimage import zoom

    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    # Interpolation is linear in the pixels and the same for rows and columns: enlarging the ten unit vectors gives a
    # 28x10 matrix, and two matrix products replace 1,797 calls.
    stretch = np.stack([zoom(unit, 2.8, order=3) for unit in np.eye(10)], axis=1)
    enlarged = stretch @ padded @ stretch.T
    return np.clip(enlarged, 0.0, 1.0).astype("float32")[..., np.newaxis]
