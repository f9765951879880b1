"""How a Keras model is listened to and left as it was."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from companion.errors import BadInput

FUNCTIONS = ("train_function", "test_function", "predict_function")


@contextlib.contextmanager
def untouched(model: keras.Model, *, eagerly: bool = True) -> Iterator[None]:
    """Whatever happens inside, also Ctrl-C: weights, noise, metrics and optimizer are as before at the end."""
    optimizer = getattr(model, "optimizer", None)
    kept = [*model.variables, *(optimizer.variables if optimizer is not None else [])]
    kept += [variable for metric in getattr(model, "metrics", []) for variable in metric.variables]
    values = [values_of(variable) for variable in kept]
    functions = {name: vars(model).get(name) for name in FUNCTIONS if name in vars(model)}
    compiled = getattr(model, "compiled", False)
    was_eager, was_jit = (model.run_eagerly, model.jit_compile) if compiled else (None, None)
    try:
        if was_eager is not None:
            model.run_eagerly = eagerly
            model.jit_compile = False  # compiling takes seconds, and each function is called a few times
        if optimizer is not None and not optimizer.built:  # a step would build it; a copy takes the step
            model.optimizer = type(optimizer).from_config(optimizer.get_config())
        for name in functions:
            setattr(model, name, None)
        model.reset_metrics()
        yield
    finally:
        for variable, value in zip(kept, values, strict=True):
            variable.assign(value)
        if was_eager is not None:
            model.run_eagerly, model.jit_compile = was_eager, was_jit
            model.optimizer = optimizer
        for name, function in functions.items():
            setattr(model, name, function)


@contextlib.contextmanager
def listened_to(
    part: Any, outputs: Callable[[Any], Any], inputs: Callable[[Any], None] = lambda x: None
) -> Iterator[None]:
    """``part`` with its first input and its outputs passed on; what ``outputs`` returns takes their place."""
    own = part.call

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        inputs(x[0] if isinstance(x, (list, tuple)) else x)
        return outputs(own(x, *args, **kwargs))

    object.__setattr__(part, "call", call)
    try:
        yield
    finally:
        object.__delattr__(part, "call")


def moved(outputs: Any, mean_shift: float, spread_shift: float) -> Any:
    """The encoder's outputs with mean and spread moved; a draw among them moves with the mean."""
    if not mean_shift and not spread_shift:
        return outputs
    names = list(outputs) if isinstance(outputs, dict) else None
    parts = list(outputs.values()) if names else list(outputs)
    shifts = [mean_shift, spread_shift, mean_shift][: len(parts)]
    shifted = [part + shift for part, shift in zip(parts, shifts, strict=False)]
    return dict(zip(names, shifted, strict=True)) if names else type(outputs)(shifted)


def arrays(outputs: Any) -> list[np.ndarray]:
    """The two or three outputs of an encoder, ``(n, latent_dim)`` each; raises for others."""
    parts = list(outputs.values()) if isinstance(outputs, dict) else outputs
    if not isinstance(parts, (list, tuple)) or len(parts) not in (2, 3):
        raise BadInput(
            f"encoder gives {type(outputs).__name__}: expected mean and log variance, with or without a draw; return "
            f"[z_mean, z_log_var] or [z_mean, z_log_var, z]."
        )
    return [as_float(part).reshape(len(part), -1) for part in parts]


def values_of(variable: Any) -> np.ndarray:
    """A copy of what a variable holds."""
    return np.array(keras.ops.convert_to_numpy(variable.value), copy=True)


def as_float(values: Any) -> np.ndarray:
    """A tensor of any precision as an array of float64."""
    return np.asarray(keras.ops.convert_to_numpy(values)).astype("float64")


def tensor(array: np.ndarray) -> Any:
    """An array as a tensor of float32."""
    return keras.ops.convert_to_tensor(np.asarray(array, "float32"))
