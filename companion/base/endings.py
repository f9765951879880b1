"""The range of a decoder's outputs: logits are unbounded, the outputs of a sigmoid are not. Chapter 04."""

import warnings
from typing import Any

import keras
import numpy as np
from keras import layers, ops, tree

from companion.errors import BadInput
from companion.tensors import Tensor

SURE, SUSPECTED = 2.0, 4.0  # with logits up to 2, a pixel reaches 0.88; with logits up to 4, it reaches 0.98
SCALES = (1.0, 1e2, 1e4)  # within the range of half precision
# Before their activation the outputs of these layers can be any number, so only the activation has to be tried.
WITH_ACTIVATION = (
    *(layers.Dense, layers.EinsumDense, layers.DepthwiseConv1D, layers.DepthwiseConv2D),
    *(layers.Conv1D, layers.Conv2D, layers.Conv3D, layers.SeparableConv1D, layers.SeparableConv2D),
    *(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose),
)


def check_gives_logits(decoder: keras.Model) -> None:
    """Check that a decoder gives logits: the likelihood applies the sigmoid, and a second one would bound the pixels.

    What follows the last layer with weights is applied to numbers up to 1e4: an activation, a layer, an operation of
    ``keras.ops`` or a function. Raises :class:`~companion.errors.BadInput` where the outputs stay above -2 or below 2,
    and warns where they stay above -4 or below 4.
    """
    low, high = reach(decoder)
    if low <= -SUSPECTED and high >= SUSPECTED:
        return
    ending, stay = _in_words(low, high)
    message = (
        f"decoder ends in {ending}: its outputs {stay} whatever its codes. Expected logits, since the likelihood "
        f"applies the sigmoid itself; build the decoder with activation=None, or pass "
        f"likelihood=Likelihood('normal', link='identity') where its outputs are meant as the mean of each pixel."
    )
    if low > -SURE or high < SURE:
        raise BadInput(message)
    warnings.warn(message, stacklevel=2)


def reach(network: keras.Model) -> tuple[float, float]:
    """The smallest and the largest output of ``network`` over many inputs and weights.

    Infinite on both sides where it cannot be tried, as with a layer that does not take random numbers.
    """
    try:
        with np.errstate(all="ignore"):
            values = np.asarray(_of_network(network), "float64")
    except Exception:  # a custom layer may raise anything for numbers that it was not made for
        return -np.inf, np.inf
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if known.size else (-np.inf, np.inf)


def _in_words(low: float, high: float) -> tuple[str, str]:
    """The kind of such an ending and the range of its outputs, in words."""
    if low >= 0 and high <= 1 + 1e-6:
        return "a sigmoid or the like", "stay between 0 and 1"
    if max(-low, high) < SCALES[-1] / 100:
        kind = "a tanh or the like" if low >= -1 - 1e-6 and high <= 1 + 1e-6 else "an activation"
        return kind, f"stay between {low:.3g} and {high:.3g}"
    if low > -SUSPECTED:
        return "a ReLU or the like", f"never fall below {low:.3g}"
    return "an activation", f"never rise above {high:.3g}"


def _of_network(network: keras.Model) -> Tensor:
    if _is_graph(network):
        return ops.convert_to_numpy(_after_the_last_weights(network.outputs[0]))
    symbols = network.inputs[0] if len(network.inputs) == 1 else network.input
    inputs = tree.map_structure(lambda part: _draws(part.shape, part.dtype), symbols)
    return ops.convert_to_numpy(_with_any_weights(network, inputs))


def _is_graph(operation: Any) -> bool:
    """Whether ``operation`` is a Functional or Sequential model with Keras's own ``call``."""
    graph = isinstance(operation, keras.Model) and bool(getattr(operation, "outputs", None))
    return graph and type(operation).call.__module__.startswith("keras.")


def _after_the_last_weights(output: Any) -> Tensor:
    """Values of the symbolic ``output``, from any numbers that leave the last layers with weights before it."""
    ends = _last_with_weights(output)
    if ends == [output]:
        return _values(output)
    return keras.Function(ends, output)([_values(end) for end in ends])


def _last_with_weights(output: Any) -> list[Any]:
    """The tensors from which layers without weights alone lead to ``output``."""
    ends: list[Any] = []
    waiting, seen = [output], set()
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node_index, _ = tensor._keras_history
        before = [] if operation is None else operation._inbound_nodes[node_index].input_tensors
        if before and not getattr(operation, "weights", None):
            waiting += before
        else:
            ends.append(tensor)
    return ends


def _values(tensor: Any) -> Tensor:
    """Possible outputs of a layer with weights, or values of an input."""
    operation, node_index, index = tensor._keras_history
    while isinstance(operation, layers.Wrapper):
        operation = operation.layer
    if not getattr(operation, "weights", None):
        return _draws(tensor.shape, tensor.dtype)
    if _is_graph(operation):
        return _after_the_last_weights(operation.outputs[index])
    if isinstance(operation, WITH_ACTIVATION) and type(operation).call.__module__.startswith("keras."):
        draws = _draws(tensor.shape, tensor.dtype)
        return draws if operation.activation is None else operation.activation(draws)
    arguments = operation._inbound_nodes[node_index].arguments
    args, kwargs = tree.map_structure(
        lambda part: _draws(part.shape, part.dtype) if isinstance(part, keras.KerasTensor) else part,
        (arguments.args, arguments.kwargs),
    )
    return tree.flatten(_with_any_weights(operation, *args, **kwargs))[index]


def _with_any_weights(layer: Any, *args: Any, **kwargs: Any) -> Tensor:
    """The outputs of ``layer`` with random weights; its own do not change."""
    rng = np.random.default_rng(0)
    drawn = [rng.standard_normal(v.shape, "float32").astype(v.dtype) for v in layer.trainable_variables]
    others = [variable.value for variable in layer.non_trainable_variables]
    outputs, _ = layer.stateless_call(drawn, others, *args, **kwargs)
    return outputs


def _draws(shape: Any, dtype: str) -> Tensor:
    """Small, large and huge numbers ``(3 * len(SCALES), *shape[1:])``: positive, negative, and of both signs."""
    if not keras.backend.is_float_dtype(dtype):
        return ops.zeros((3 * len(SCALES), *shape[1:]), dtype)
    mixed = np.random.default_rng(1).standard_normal(shape[1:], "float32")
    ones = np.ones_like(mixed)
    rows = [scale * row for scale in SCALES for row in (ones, -ones, mixed)]
    return ops.cast(np.stack(rows), dtype)
