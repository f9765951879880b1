"""A judge of generated images: a classifier trained on real images. Chapter 07.

Generated images have no true labels. How far the judge can be trusted is measured by its accuracy on real images that
it was not trained on, so report the two figures together.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from companion import advice
from companion.batching import map_batches
from companion.errors import BadInput, check_images, check_whole_number

HIDDEN = (512, 256)


def train_judge(
    images: Any, labels: Any, *, epochs: int = 20, batch_size: int = 64, seed: int = 0, verbose: int = 0
) -> keras.Model:
    """A classifier of real ``images`` ``(n, ...)`` in [0, 1] by their ``labels`` ``(n,)``, whole numbers from 0.

    Two dense layers with dropout, trained with Adam; its outputs are logits ``(batch, classes)``. ``seed`` fixes the
    initial weights and the dropout; the order of the images comes from Keras's global random state.
    Raises :class:`~companion.errors.BadInput` for images and labels that do not fit. Taught in chapter 07.
    """
    images = check_images(images, np.shape(images)[1:])
    labels = _check_labels(labels, len(images))
    seeds = iter(range(10 * check_whole_number("seed", seed, at_least=0), 10 * seed + 10))
    judge = keras.Sequential([keras.Input(images.shape[1:]), layers.Flatten()], name="judge")
    for units in HIDDEN:
        judge.add(layers.Dense(units, "relu", kernel_initializer=_glorot(next(seeds))))
        judge.add(layers.Dropout(0.2, seed=next(seeds)))
    judge.add(layers.Dense(int(labels.max()) + 1, kernel_initializer=_glorot(next(seeds))))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    judge.compile(keras.optimizers.Adam(1e-3), loss=loss, jit_compile=False)
    judge.fit(images, labels, batch_size=batch_size, epochs=epochs, verbose=verbose)
    return judge


def named_classes(judge: keras.Model, images: Any) -> np.ndarray:
    """The class to which the judge assigns each of ``images``: whole numbers ``(n,)``."""
    images = check_images(images, judge.input_shape[1:])
    return np.argmax(map_batches(judge, images), axis=-1)


def agreement(judge: keras.Model, images: Any, labels: Any) -> float:
    """The share of ``images`` that the judge assigns to their label, between 0 and 1.

    On real images this is the judge's accuracy; on generated images, the share that shows the requested class.
    Raises :class:`~companion.errors.BadInput` for images and labels that do not fit. Taught in chapter 07.
    """
    named = named_classes(judge, images)
    return float(np.mean(named == _check_labels(labels, len(named))))


def _glorot(seed: int) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=seed)


def _right_labels(labels: np.ndarray, n: int) -> str:
    if labels.ndim == 0 or len(labels) != n:
        return "a label for each image"
    return advice.to_class_numbers(labels, "labels")


def _check_labels(labels: Any, n: int) -> np.ndarray:
    array = np.asarray(labels)
    if array.shape != (n,) or array.dtype.kind not in "iu" or (array < 0).any():
        raise BadInput(
            f"labels have shape {array.shape} and dtype {array.dtype}: expected ({n},) whole numbers from 0, one per "
            f"image; pass {_right_labels(array, n)}."
        )
    return array
