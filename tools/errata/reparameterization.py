"""Rows of chapter 03: a layer that draws."""

import tempfile
from pathlib import Path

import keras
import numpy as np
from keras import ops

from companion.layers import Sampling
from tools.errata import SEED, Figures, erratum, error_of


@erratum("03_reparameterization")
def an_integer_seed_repeats_its_noise() -> Figures:
    """How far two calls for noise lie apart: with an integer for a seed, and with the package's layer."""

    def apart(draw) -> float:  # type: ignore[no-untyped-def]
        return float(np.max(np.abs(np.subtract(draw(), draw()))))

    layer, nothing = Sampling(seed=SEED), ops.zeros((100, 2))
    return {
        "integer_seed": apart(lambda: ops.convert_to_numpy(keras.random.normal((100, 2), seed=SEED))),
        "seed_generator": apart(lambda: ops.convert_to_numpy(layer([nothing, nothing]))),
    }


@erratum("03_reparameterization")
def an_unregistered_layer_cannot_be_loaded() -> Figures:
    """Save and load a model with a drawing layer of one's own, and one with the package's registered layer."""

    class Draw(keras.layers.Layer):
        def call(self, z_mean):  # type: ignore[no-untyped-def]
            return z_mean + keras.random.normal(ops.shape(z_mean))

    def reload(layer: keras.layers.Layer, inputs: list) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            keras.Model(inputs, layer(inputs if len(inputs) > 1 else inputs[0])).save(path)
            return error_of(lambda: keras.saving.load_model(path))

    mean, log_var = keras.Input((2,)), keras.Input((2,))
    return {"own_layer": reload(Draw(), [mean]), "registered_layer": reload(Sampling(), [mean, log_var])}
