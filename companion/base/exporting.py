"""Keras's ``save`` and ``export`` for a model that knows the shape of its input before it is called."""

from typing import Any

import keras

from companion.errors import BadInput
from companion.tensors import Tensor

# Further names of formats; Keras calls them by the second one.
_FORMATS = {"tflite": "litert", "saved_model": "tf_saved_model"}


class Exports:
    """``export`` and ``save`` for a model of images; listed before ``keras.Model``."""

    image_shape: tuple[int, ...]
    takes_pairs: bool

    def input_signature(self) -> list[Any]:
        """The input of an exported model: images ``(batch, *image_shape)``, float32, or a list of them and conditions.

        Conditions are labels ``(batch,)``, int32, or vectors ``(batch, *condition_shape)`` where there are no classes.
        """
        images = keras.InputSpec(shape=(None, *self.image_shape), dtype="float32")
        if not self.takes_pairs:
            return [images]
        if getattr(self, "num_classes", None):
            return [[images, keras.InputSpec(shape=(None,), dtype="int32")]]
        shape = getattr(self, "condition_shape", ())
        return [[images, keras.InputSpec(shape=(None, *shape), dtype="float32")]]

    def export(
        self, filepath: Any, format: str = "tf_saved_model", verbose: bool | None = None, **how: Any
    ) -> None:
        """Keras's ``export``: what ``call`` computes, as a SavedModel or in another ``format`` that Keras offers.

        The exported function takes :meth:`input_signature`, or the ``input_signature`` that is given, and returns a
        dict of tensors under the names that ``call`` gives them; those of the layers of a hierarchical model are
        ``layer_1_z_mean``, ``layer_1_z`` and so on. Noise is drawn at every call. ``format="tflite"`` means Keras's
        ``"litert"``. A format without random numbers cannot hold a whole model that draws: export ``model.encoder`` or
        ``model.decoder`` there.
        """
        if how.get("input_signature") is None:
            how["input_signature"] = self.input_signature()
        keras_format = _FORMATS.get(format, format)
        if keras.backend.backend() == "jax" and keras_format == "tf_saved_model":
            how.setdefault("is_static", False)  # a draw moves the state of the noise
        _Served(self).export(filepath, keras_format, verbose, **how)

    def save(self, filepath: Any, *more: Any, **how: Any) -> None:
        """Keras's ``save`` into a ``.keras`` file. Raises :class:`~companion.errors.BadInput` for another ending."""
        path = str(filepath)
        if how.get("zipped") is not False and not path.endswith(".keras") and not path.startswith("hf://"):
            raise BadInput(
                f"filepath={path!r}: expected a path that ends in .keras, a file of settings, weights, optimizer and "
                f"noise; call model.save('model.keras'), or model.save_weights('model.weights.h5') for weights alone."
            )
        super().save(filepath, *more, **how)  # type: ignore[misc] # Keras's, next in line


class _Served(keras.Model):
    """A model whose ``call`` returns one flat dict of tensors, as the export formats require."""

    def __init__(self, model: Any) -> None:
        super().__init__(name=model.name)
        self.model = model
        self.built = True

    def call(self, x: Any) -> dict[str, Tensor]:
        return _flat(self.model(x, training=False))


def _flat(outputs: dict[str, Any]) -> dict[str, Tensor]:
    """The tensors in ``outputs``; those in its lists of named tuples get names with their position."""
    flat: dict[str, Tensor] = {}
    for name, value in outputs.items():
        if not isinstance(value, (list, tuple)):
            flat[name] = value
            continue
        for place, layer in enumerate(value, start=1):
            flat |= {
                f"{name.removesuffix('s')}_{place}_{field}": part for field, part in layer._asdict().items()
            }
    return flat
