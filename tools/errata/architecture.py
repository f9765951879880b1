"""Rows of chapter 02: sizes that do not fit."""

import keras
import numpy as np
from keras import layers

from companion.networks import build_conv_decoder
from tools.errata import Figures, erratum, error_of


@erratum("02_architecture")
def twenty_eight_does_not_halve_three_times() -> Figures:
    """The side of an image after three layers of stride 2, and after the way back from two starting sides."""

    def side(start: int, kind: type[layers.Layer]) -> int:
        image = keras.Input((start, start, 1))
        for _ in range(3):
            image = kind(1, 4, strides=2, padding="same")(image)
        return int(image.shape[1])

    encoded = side(28, layers.Conv2D)
    return {
        "encoder_ends_at": encoded,
        "counted_as": 28 // 8,
        "decoded_from_the_count": side(28 // 8, layers.Conv2DTranspose),
        "decoded_from_the_encoder": side(encoded, layers.Conv2DTranspose),
        "decoded_by_the_package": int(build_conv_decoder(2, (28, 28, 1)).output_shape[1]),
    }


@erratum("02_architecture")
def units_counted_by_numpy() -> Figures:
    """What a dense layer says to a NumPy integer, and to the same number as a Python one."""
    units = np.prod((4, 4, 128))
    return {
        "numpy_integer": error_of(lambda: layers.Dense(units)),
        "python_integer": error_of(lambda: layers.Dense(int(units))),
    }
