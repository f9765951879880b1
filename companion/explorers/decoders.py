"""A Keras decoder as a list of steps that a page can compute without Keras.

A step is a small mapping: ``{"do": "dense", ...}``. Its kernel and bias are in the packed arrays, at the positions that
it names. The front end, ``front/decoders.js``, computes the same steps.
"""

from typing import Any

import numpy as np

from companion.errors import BadInput

Step = dict[str, Any]

# Layers that do not change a code, or that concern the condition alone, which `join` takes.
_WITHOUT_A_STEP = ("InputLayer", "Flatten", "Dropout", "Rescaling")
_ACTIVATIONS = ("linear", "relu", "sigmoid")


class Arrays:
    """The arrays of all decoders of an explorer, in the order in which they were added."""

    def __init__(self) -> None:
        self.values: list[np.ndarray] = []

    def add(self, array: Any) -> int:
        """Keep ``array`` and return its position."""
        self.values.append(np.asarray(array, "float32"))
        return len(self.values) - 1


def steps_of(decoder: Any, arrays: Arrays, *, logits: bool = True) -> list[Step]:
    """The steps of ``decoder``, a Keras model of the layers in :mod:`companion.networks`; its numbers go to ``arrays``.

    ``logits=True`` adds the sigmoid that turns the decoder's logits into pixels.
    Raises :class:`~companion.errors.BadInput` for a layer or an activation that the front end does not know.
    """
    steps: list[Step] = []
    # Not `layers`: an operation such as tanh in the middle of a network is not a layer and would be missed.
    for layer in getattr(decoder, "operations", decoder.layers):
        step = _step_of(layer, decoder, arrays)
        steps += [step | {"shape": _shape(layer)}] if step else []
    steps[0]["from"] = [int(size) for size in decoder.inputs[0].shape[1:]]
    return [*steps, {"do": "sigmoid", "shape": _shape(decoder)}] if logits else steps


def _step_of(layer: Any, decoder: Any, arrays: Arrays) -> Step:
    """The step that computes ``layer``; an empty one for a layer that changes nothing."""
    kind = type(layer).__name__
    if kind in _WITHOUT_A_STEP:
        return {}
    if kind == "Dense":
        return _weighed("dense", arrays, layer, layer.get_weights()[0])
    if kind == "Conv2DTranspose":
        # Each input number is added to several outputs, so the channels of the input come first.
        return _spread(arrays, layer, layer.get_weights()[0].transpose(3, 0, 1, 2))
    if kind == "Conv2D" and tuple(layer.strides) == (1, 1):
        # With stride 1 a convolution is a transposed convolution with the kernel reversed.
        return _spread(arrays, layer, layer.get_weights()[0][::-1, ::-1].transpose(2, 0, 1, 3))
    if kind == "Reshape":
        return {"do": "reshape"}
    if kind == "Concatenate" and len(_shape(layer)) == 1:
        scales = [other.scale for other in decoder.layers if type(other).__name__ == "Rescaling"]
        return {"do": "join", "by": float(scales[0]) if scales else 1.0}
    if kind == "Tanh":
        return {"do": "tanh"}
    if kind in ("TrueDivide", "Multiply") and (factor := _factor(layer, kind)) is not None:
        return {"do": "scale", "by": factor}
    if kind == "Cropping2D":
        (top, _), (left, _) = layer.cropping
        return {"do": "crop", "top": top, "left": left}
    raise BadInput(
        f"a decoder with a {kind} layer: expected Dense, Reshape, Conv2D with stride 1, Conv2DTranspose, Cropping2D, "
        f"tanh, a product with a number, or a condition joined to a dense layer; build the decoder with "
        f"companion.networks."
    )


def _factor(operation: Any, kind: str) -> float | None:
    """The constant by which ``operation`` multiplies its input; None where both factors are computed."""
    first, second = operation._inbound_nodes[-1].arguments.args
    if kind == "Multiply" and isinstance(first, (int, float)):
        return float(first)
    if isinstance(second, (int, float)):
        return 1 / second if kind == "TrueDivide" else float(second)
    return None


def _shape(layer: Any) -> list[int]:
    """The output shape of ``layer`` for one image, without the batch axis."""
    return [int(size) for size in layer.output.shape[1:]]


def _weighed(do: str, arrays: Arrays, layer: Any, kernel: np.ndarray) -> Step:
    activation = layer.activation.__name__
    if activation not in _ACTIVATIONS:
        raise BadInput(
            f"a decoder with the activation {activation}: expected one of {', '.join(_ACTIVATIONS)}; use relu."
        )
    bias = layer.get_weights()[1]
    return {"do": do, "kernel": arrays.add(kernel), "bias": arrays.add(bias), "activation": activation}


def _spread(arrays: Arrays, layer: Any, kernel: np.ndarray) -> Step:
    if layer.padding != "same":
        raise BadInput(
            f"a convolution with padding={layer.padding!r}: expected padding='same'; build the decoder with it."
        )
    stride, width = int(layer.strides[0]), kernel.shape[1]
    return _weighed("spread", arrays, layer, kernel) | {
        "stride": stride,
        "before": max(width - stride, 0) // 2,
    }
