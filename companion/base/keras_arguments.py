"""Arguments of Keras's methods that a model with its own loss cannot use, or that Keras would take without a word."""

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
    """Arguments of ``method`` that came by their place, ``after`` x and y, under their names."""
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
            f"loss={unused['loss']!r} came to compile: {name} computes its own loss from its likelihood; leave loss "
            f"out, and build the model with {name}(likelihood={likelihood})."
        )
    if _is_given(unused["loss_weights"]):
        raise BadInput(
            f"loss_weights={unused['loss_weights']!r} came to compile: {name} computes its own loss; leave "
            f"loss_weights out (BetaVAE(beta=...) weighs the KL, Likelihood's scale the reconstruction)."
        )
    for argument in ("metrics", "weighted_metrics"):
        if _is_given(unused[argument]):
            raise BadInput(
                f"{argument}={unused[argument]!r} came to compile: {name} has no targets to compare with, and reports "
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
            f"initial_epoch={first} with epochs={epochs}: expected epochs to be where training ends, counted from the "
            f"very first one; pass epochs={first + epochs} to train {epochs} more."
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
                    f"{name}={how[name]!r} came without validation_data: expected both; pass validation_data."
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
    """Raise :class:`~companion.errors.BadInput` unless ``x`` can be walked through in such steps and batches."""
    if how.get(steps) is not None:
        check_whole_number(steps, how[steps])
    if how.get(batch_size) is not None:
        check_whole_number(batch_size, how[batch_size])
    if not is_stream(x):
        return
    if how.get(batch_size) is not None:
        raise BadInput(
            f"{batch_size}={how[batch_size]} came with a {type(x).__name__}, which makes batches of its own: expected "
            f"one of the two; leave {batch_size} out, and set it where the {type(x).__name__} is made, for example by "
            f"dataset.batch({how[batch_size]})."
        )
    if sample_weight and how.get(sample_weight) is not None:
        raise BadInput(
            f"sample_weight came with a {type(x).__name__}: expected the weights of a batch beside its images; let "
            f"each item be (images, images, weights)."
        )
    if how.get(steps) is None and never_ends(x):
        raise BadInput(
            f"the {type(x).__name__} repeats forever: expected to know when to stop; pass {steps}=100."
        )


def check_no_class_weight(class_weight: Any) -> None:
    """Raise :class:`~companion.errors.BadInput` for class weights: there are no targets that could name a class."""
    if class_weight is not None:
        raise BadInput(
            f"class_weight={class_weight!r} came: expected None, since the model has no targets to look a class up; "
            f"pass sample_weight=weights[labels], with weights = np.array of one number per class."
        )


def _check_split(split: Any, x: Any, validation: Any) -> None:
    if is_stream(x):
        raise BadInput(
            f"validation_split={split!r} came with a {type(x).__name__}: expected an array to split; pass "
            f"validation_data, for example dataset.take(10), and train on dataset.skip(10)."
        )
    number = isinstance(split, (int, float, np.number)) and not isinstance(split, bool)
    if not number or not 0 < split < 1:
        raise BadInput(
            f"validation_split={split!r}: expected a share from 0 to below 1; pass validation_split=0.1."
        )
    if validation is not None:
        raise BadInput(
            f"validation_split={split!r} came with validation_data: expected one of the two; leave one out."
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
