"""Missing pixels of black and white digits: ways to fill them in, and training on incomplete images. Chapter 13."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from companion import data
from companion.evaluation import missing
from companion.iwae import IWAE
from companion.miwae import MIWAE

TEST = 150  # images
SHARE = 0.5  # of the pixels, missing at random
LOWER = (14, 28)  # rows


def filled_in(seed: int, by: str, seen: str, k: int, epochs: int) -> dict[str, float]:
    """The root mean squared error of missing test pixels: half of them at random, and the lower half of the image.

    ``by``: ``mean``, ``nearest`` (one image), ``five`` (the mean of the nearest five), ``chain`` or ``importance``.
    ``seen`` says what was trained on: ``complete`` digits; ``incomplete`` ones, half of whose pixels are missing; or
    the same with ``zeros`` in the missing places, taken for observed. Models are IWAEs with five draws.
    """
    digits = data.digits()
    train, test = (data.binarize(x, "threshold") for x in (digits.x_train, digits.x_test[:TEST]))
    if seen != "complete":
        train = missing.hide_at_random(train, SHARE, seed=seed)
    if seen == "zeros":
        train = np.nan_to_num(train)
    hidden = {
        "random": missing.hide_at_random(test, SHARE, seed=seed + 1000),
        "lower": missing.hide_rows(test, *LOWER),
    }
    fill = _way(by, train, seed, k, epochs, MIWAE if seen == "incomplete" else IWAE)
    return {name: missing.imputation_error(fill(images), test, images) for name, images in hidden.items()}


def _way(by: str, train: np.ndarray, seed: int, k: int, epochs: int, family: Any) -> Any:
    if by == "mean":
        return lambda images: missing.impute_by_mean(images, train)
    if by in ("nearest", "five"):
        return lambda images: missing.impute_by_nearest(images, train, 5 if by == "five" else 1)
    keras.utils.set_random_seed(seed)
    pair = family.build_networks(train.shape[1:], 8, hidden=(128,), seed=seed)
    model = family(**pair, num_samples=5, seed=seed)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile="auto")
    model.fit(train, batch_size=50, epochs=epochs, verbose=0)
    if by == "chain":
        return lambda images: missing.impute_by_chain(model, images, draw=True, seed=seed)
    return lambda images: missing.impute_by_importance(model, images, k=k, seed=seed)
