"""Checks of arguments of Keras's methods that a model with its own loss cannot use, or that Keras would not check."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from companion.base.streams import is_stream, never_ends
from companion.batching import count
from companion.errors import BadInput, check_whole_number

# Losses of Keras, without underscores, and the likelihood whose negative log they are, up to scale and constants.
LIKELIHOODS = {
    "mse": 'Likelihood("normal")',
    "meansquarederror": 'Likelihood("normal")',
    "mae": 'Likelihood("normal")',
    "meanabsoluteerror": 'Likelihood("normal")',
    "bce": '"bernoulli"',
    "binarycrossentropy": '"bernoulli"',
}


def by_name(method: Callable[..., Any], values: Sequence[Any], after: int = 2) -> dict[str, Any]:
    """Positional arguments of ``method``, those ``after`` x and y, by their names."""
    names = list(inspect.signature(method).parameters)[after:]
    if len(values) > len(names):
        raise TypeError(
            f"{method.__name__} takes at most {after + len(names)} arguments, got {after + len(values)}"
        )
    return dict(zip(names, values, strict=False))


def check_compile(model: Any, unused: Mapping[str, Any], how: Mapping[str, Any]) -> None:
    """Raise :class:`~companion.errors.BadInput` for a loss or metrics, and for settings that are not allowed."""
    name = type(model).__name__
    if _is_given(unused["loss"]):
        likelihood = LIKELIHOODS.get(_loss_name(unused["loss"]), 'Likelihood("normal")')
        raise BadInput(
            f"compile got loss={unused['loss']!r}: {name} computes its own loss from its likelihood; leave loss out, "
            f"and build the model with {name}(likelihood={likelihood})."
        )
    if _is_given(unused["loss_weights"]):
        raise BadInput(
            f"compile got loss_weights={unused['loss_weights']!r}: {name} computes its own loss; leave loss_weights "
            f"out (the weight of the KL is BetaVAE(beta=...), that of the reconstruction Likelihood's scale)."
        )
    for argument in ("metrics", "weighted_metrics"):
        if _is_given(unused[argument]):
            raise BadInput(
                f"compile got {argument}={unused[argument]!r}: {name} has no targets to compare with, and reports "
                f"{', '.join(metric.name for metric in model.metrics if metric.name != 'loss') or 'its loss'} by "
                f"itself; leave {argument} out, and compare with model.reconstruct(x)."
            )
    steps = how.get("steps_per_execution")
    if steps is not None and steps != "auto":
        check_whole_number("steps_per_execution", steps)
    for argument, allowed in (("jit_compile", (True, False, "auto", None)), ("run_eagerly", (True, False))):
        value = how.get(argument, False)
        if not isinstance(value, (bool, str, type(None))) or value not in allowed:
            raise BadInput(
                f"{argument}={value!r}: expected one of {', '.join(map(repr, allowed))}; pass one of these."
            )


def check_fit(x: Any, how: Mapping[str, Any]) -> None:
    """Raise :class:`~companion.errors.BadInput` for arguments of ``fit`` that do not fit ``x`` or each other."""
    check_no_class_weight(how.get("class_weight"))
    check_walk(x, how, "steps_per_epoch", "sample_weight")
    epochs = check_whole_number("epochs", how.get("epochs", 1), at_least=0)
    first = check_whole_number("initial_epoch", how.get("initial_epoch", 0), at_least=0)
    if first > epochs:
        raise BadInput(
            f"initial_epoch={first} with epochs={epochs}: expected epochs to be the number of the last epoch, counted "
            f"from the first; pass epochs={first + epochs} to train {epochs} more."
        )
    if not isinstance(how.get("shuffle", True), (bool, np.bool_)):
        raise BadInput(f"shuffle={how['shuffle']!r}: expected True or False; pass one of these.")
    validation, split = how.get("validation_data"), how.get("validation_split", 0.0)
    if split != 0.0 and split is not None:
        _check_split(split, x, validation)
    if validation is None and not split:
        for name in ("validation_steps", "validation_batch_size"):
            if how.get(name) is not None:
                raise BadInput(
                    f"{name}={how[name]!r} without validation_data: expected both; pass validation_data, too."
                )
        return
    _check_frequency(how.get("validation_freq", 1))
    parts = validation if isinstance(validation, (tuple, list)) and len(validation) else (validation,)
    check_walk(parts[0], how, "validation_steps", batch_size="validation_batch_size")


def check_walk(
    x: Any,
    how: Mapping[str, Any],
    steps: str,
    sample_weight: str | None = None,
    batch_size: str = "batch_size",
) -> None:
    """Raise :class:`~companion.errors.BadInput` where the number of steps or the batch size does not fit ``x``."""
    if how.get(steps) is not None:
        check_whole_number(steps, how[steps])
    if how.get(batch_size) is not None:
        check_whole_number(batch_size, how[batch_size])
    if not is_stream(x):
        return
    if how.get(batch_size) is not None:
        raise BadInput(
            f"{batch_size}={how[batch_size]} with a {type(x).__name__}, which makes its own batches: expected one of "
            f"the two; leave {batch_size} out, and set it where the {type(x).__name__} is made, for example with "
            f"dataset.batch({how[batch_size]})."
        )
    if sample_weight and how.get(sample_weight) is not None:
        raise BadInput(
            f"sample_weight with a {type(x).__name__}: expected the weights in each batch; let each item be (images, "
            f"images, weights)."
        )
    if how.get(steps) is None and never_ends(x):
        raise BadInput(
            f"the {type(x).__name__} repeats forever: expected a number of steps; pass for example {steps}=100."
        )


def check_no_class_weight(class_weight: Any) -> None:
    """Raise :class:`~companion.errors.BadInput` for class weights: there are no targets with classes."""
    if class_weight is not None:
        raise BadInput(
            f"class_weight={class_weight!r}: expected None, since the model has no targets with classes; pass "
            f"sample_weight=weights[labels], where weights is an array with one number per class."
        )


def _check_split(split: Any, x: Any, validation: Any) -> None:
    if is_stream(x):
        raise BadInput(
            f"validation_split={split!r} with a {type(x).__name__}: expected an array to split; pass validation_data, "
            f"for example dataset.take(10), and train on dataset.skip(10)."
        )
    number = isinstance(split, (int, float, np.number)) and not isinstance(split, bool)
    if not number or not 0 < split < 1:
        raise BadInput(
            f"validation_split={split!r}: expected a number from 0 to below 1; pass for example validation_split=0.1."
        )
    if validation is not None:
        raise BadInput(
            f"validation_split={split!r} and validation_data: expected one of the two; leave one out."
        )
    try:
        n = count(tuple(x) if isinstance(x, (tuple, list)) and np.ndim(x[0]) > 1 else x)
    except (TypeError, IndexError):
        return  # what has no length is refused by the check of images
    if not 0 < math.floor(n * (1 - split)) < n:
        raise BadInput(
            f"validation_split={split!r} of {n} images leaves one part empty: expected at least one image in each; "
            f"pass more images, or validation_data."
        )


def _check_frequency(frequency: Any) -> None:
    if isinstance(frequency, Iterable) and not isinstance(frequency, (str, bytes)):
        for epoch in frequency:
            check_whole_number("validation_freq", epoch)
    else:
        check_whole_number("validation_freq", frequency)


def _is_given(value: Any) -> bool:
    return value is not None and not (isinstance(value, (list, tuple, dict, str)) and not value)


def _loss_name(loss: Any) -> str:
    if isinstance(loss, keras.losses.Loss):
        loss = type(loss).__name__
    return (loss if isinstance(loss, str) else getattr(loss, "__name__", "")).replace("_", "").lower()
