"""A function of a model and a stream of noise, compiled by the backend as a whole instead of operation by operation."""

from collections.abc import Callable, Hashable
from typing import Any

import keras
import numpy as np


def compiled(
    function: Callable[..., Any], model: keras.Model, generator: keras.random.SeedGenerator
) -> Callable[..., Any]:
    """``function`` of tensors, traced once per shape; it may use ``model`` and draw from ``generator``.

    It gives what ``function`` gives: the weights are those that the model has at each call, and the stream moves on.
    On TensorFlow it is a ``tf.function`` without XLA, which would draw another stream; on JAX it is jitted; on PyTorch
    ``function`` itself.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "jax":
        return _jitted(function, model, generator)
    return function


def _jitted(function: Callable[..., Any], model: keras.Model, generator: Any) -> Callable[..., Any]:
    """JAX compiles pure functions, so weights and the state of the stream go in and come out as values."""
    import jax

    variables = [variable for variable in model.variables if variable is not generator.state]

    @jax.jit
    def pure(values: list[Any], state: Any, *tensors: Any) -> tuple[Any, Any]:
        known = [*zip(variables, values, strict=True), (generator.state, state)]
        with keras.StatelessScope(state_mapping=known) as scope:
            result = function(*tensors)
        return result, scope.get_current_value(generator.state)

    def call(*tensors: Any) -> Any:
        result, state = pure([variable.value for variable in variables], generator.state.value, *tensors)
        generator.state.assign(state)
        return result

    return call


class KeptFunctions:
    """Compiled functions of one model, kept with it until one of its attributes is another: tracing takes a second."""

    def __init__(self, model: keras.Model):
        self.attributes = _attributes(model)
        self.generator = keras.random.SeedGenerator(0)
        self.functions: dict[Hashable, Callable[..., Any]] = {}

    def get(self, name: Hashable, model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function`` of tensors, compiled at the first call with this ``name``; it draws from ``generator``."""
        if name not in self.functions:
            self.functions[name] = compiled(function, model, self.generator)
        return self.functions[name]


def kept_functions(model: keras.Model) -> KeptFunctions:
    """The functions kept with ``model``; none yet where an attribute of it is another than when they were traced.

    A function that was traced holds the attributes of that moment: a network, a likelihood, a number. Weights are read
    anew at each call. An array can change in place, so a model with an array among its attributes keeps nothing.
    """
    kept: KeptFunctions | None = vars(model).get(_KEPT)
    if kept is None or not _same(kept.attributes, _attributes(model)):
        kept = KeptFunctions(model)
        # Not by `model.attribute = ...`: Keras would take the stream of noise for one of the model's own.
        vars(model)[_KEPT] = kept
    return kept


_KEPT = "_kept_functions"


def _attributes(model: keras.Model) -> dict[str, Any]:
    """What a traced function may have read: the model's attributes, and those of its likelihood."""
    own = {name: _copied(value) for name, value in vars(model).items() if name != _KEPT}
    likelihood = getattr(model, "likelihood", None)
    return {**own, "of the likelihood": _copied(getattr(likelihood, "__dict__", {}))}


def _copied(value: Any) -> Any:
    """``value`` with lists and dictionaries copied, since they can change in place."""
    if isinstance(value, (list, tuple)):
        return [_copied(each) for each in value]
    return {key: _copied(each) for key, each in value.items()} if isinstance(value, dict) else value


def _same(before: Any, now: Any) -> bool:
    """Whether both are one object or equal numbers or words, or hold such in the same places; False for an array."""
    if isinstance(before, list) and isinstance(now, list):
        return len(before) == len(now) and all(map(_same, before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        return before.keys() == now.keys() and all(_same(before[name], now[name]) for name in before)
    if isinstance(before, (bool, int, float, str)):
        return type(before) is type(now) and before == now
    return before is now and not isinstance(before, np.ndarray)
