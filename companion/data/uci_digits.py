"""The default data: scikit-learn's handwritten digits, brought to the size of MNIST. They need no network."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from companion.data.dataset import Dataset, read_only
from companion.errors import check_whole_number

N_DIGITS, N_TEST = 1797, 297
WHAT = "handwritten digits, 8x8 brought to 28x28 grey (UCI, Optical Recognition of Handwritten Digits)"
LICENCE = "CC BY 4.0"


def load_digits(seed: int = 0) -> Dataset:
    """Return the 1,797 digits as 28x28x1 float32 in [0, 1], 1,500 for training and 297 for testing.

    The order is drawn from ``seed``, without stratification: class shares in the test set vary a little with the seed.
    The result is cached. Licence of the data: CC BY 4.0 (Alpaydin and Kaynak, UCI Machine Learning Repository).

    Raises :class:`~companion.errors.BadInput` for a seed that is not a whole number of at least 0. Taught in
    chapter 01.
    """
    return _load_digits(check_whole_number("seed", seed, at_least=0))


@lru_cache(maxsize=4)
def _load_digits(seed: int) -> Dataset:
    # scikit-learn takes a second or two to import, and other data sets do not need it.
    from sklearn import datasets

    raw = datasets.load_digits()
    images = read_only(enlarge(raw.images / 16.0))
    order = np.random.default_rng(seed).permutation(N_DIGITS)
    train, test = order[N_TEST:], order[:N_TEST]
    labels = raw.target.astype("int64")
    return Dataset(
        "digits",
        read_only(images[train]),
        read_only(images[test]),
        read_only(labels[train]),
        read_only(labels[test]),
        tuple("0123456789"),
        "scikit-learn",
    )


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
