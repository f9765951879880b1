"""Variables that a model needs while it trains and that no file keeps."""

from collections.abc import Sequence
from typing import Any

import keras


class Unsaved(keras.layers.Layer):
    """One variable, ``value`` of ``shape``, zero at first, which a training step may change and no file keeps.

    On JAX, Keras gives the loss the model's own variables and nothing else, so whatever a step reads or leaves behind
    must be one of them. Files stay the same on every backend.
    """

    def __init__(self, shape: Sequence[int] = (), dtype: str = "float32", **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.value = self.add_weight(
            name="value",
            shape=tuple(shape),
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            aggregation="only_first_replica",  # replicas of a model share it, as they share the optimizer's count
        )
        self.built = True

    def save_own_variables(self, store: Any) -> None:
        """Nothing is saved."""

    def load_own_variables(self, store: Any) -> None:
        """Nothing is loaded."""
