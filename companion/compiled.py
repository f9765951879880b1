"""A function of a model and a stream of noise, compiled by the backend as a whole instead of operation by operation."""

from collections.abc import Callable
from typing import Any

import keras


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
