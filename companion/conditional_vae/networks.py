"""The networks of a conditional VAE, which take a condition as second input, and the check of conditions. Chapter 07.

A condition is a vector: a one-hot label, or any array of real numbers of one shape, which the networks flatten.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from companion.errors import BadInput, as_array, check_choice, check_images, check_whole_number
from companion.networks import (
    HIDDEN,
    Condition,
    build_conv_decoder,
    build_conv_encoder,
    build_decoder,
    build_encoder,
)

Shape = Sequence[int]

NUM_CLASSES = 10
NETWORKS = ("dense", "conv")
PRIOR_HIDDEN = (64,)


def build_cvae_encoder(
    input_shape: Shape = (784,),
    latent_dim: int = 2,
    num_classes: int | None = None,
    *,
    condition_shape: Shape | None = None,
    network: str = "dense",
    hidden: Sequence[int] = HIDDEN,
    seed: int | None = None,
) -> keras.Model:
    """q(z|x, y): maps ``[images, condition]`` to ``[z_mean, z_log_var, z]``, each ``(batch, latent_dim)``.

    The condition is a one-hot label ``(batch, num_classes)`` (10 classes where nothing is said) or, with a
    ``condition_shape``, anything of that shape; it is joined after the first hidden layer. ``network``: ``dense``, with
    ``hidden`` layers, 536,836 parameters for 784 pixels and 10 classes; or ``conv``, whose layers are fixed.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 07.
    """
    _, condition = check_condition(num_classes, condition_shape)
    if check_choice("network", network, NETWORKS) == "conv":
        return build_conv_encoder(input_shape, latent_dim, condition=condition, seed=seed)
    return build_encoder(input_shape, latent_dim, hidden=hidden, condition=condition, seed=seed)


def build_cvae_decoder(
    latent_dim: int = 2,
    output_shape: Shape = (784,),
    num_classes: int | None = None,
    *,
    condition_shape: Shape | None = None,
    network: str = "dense",
    hidden: Sequence[int] = HIDDEN[::-1],
    activation: str | None = None,
    seed: int | None = None,
) -> keras.Model:
    """p(x|y, z): maps ``[codes, condition]`` to logits ``(batch, *output_shape)``.

    The arguments are those of :func:`build_cvae_encoder`, and 539,664 the parameters for 784 pixels and 10 classes;
    ``activation="sigmoid"`` gives pixels instead of logits.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 07.
    """
    _, condition = check_condition(num_classes, condition_shape)
    how: dict[str, Any] = {"activation": activation, "condition": condition, "seed": seed}
    if check_choice("network", network, NETWORKS) == "conv":
        return build_conv_decoder(latent_dim, output_shape, **how)
    return build_decoder(latent_dim, output_shape, hidden=hidden, **how)


def build_cvae_prior(
    latent_dim: int = 2,
    num_classes: int | None = None,
    *,
    condition_shape: Shape | None = None,
    hidden: Sequence[int] = PRIOR_HIDDEN,
    seed: int | None = None,
) -> keras.Model:
    """p(z|y): maps a condition ``(batch, *condition_shape)`` to ``[mean, log_var]``, each ``(batch, latent_dim)``.

    It begins as the standard normal for every condition, since the kernels of its two heads are zero at first.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 07.
    """
    _, condition = check_condition(num_classes, condition_shape)
    full = build_encoder(condition.shape, latent_dim, hidden=hidden, seed=seed)
    for head in ("z_mean", "raw_log_var"):
        kernel = full.get_layer(head).kernel
        kernel.assign(ops.zeros(kernel.shape))
    return keras.Model(full.inputs[0], full.outputs[:2], name="prior")


def check_condition(num_classes: int | None, condition_shape: Shape | None) -> tuple[int | None, Condition]:
    """The number of classes, None where conditions are no labels, and the shape and usual length of a condition.

    10 classes where neither is given. Raises :class:`~companion.errors.BadInput` where both are, or one does not fit.
    """
    if condition_shape is None:
        num_classes = check_whole_number("num_classes", NUM_CLASSES if num_classes is None else num_classes)
        return num_classes, Condition((num_classes,), 1.0)
    if num_classes is not None:
        raise BadInput(
            f"num_classes={num_classes!r} and condition_shape={condition_shape!r}: expected one of them; pass "
            f"num_classes for labels, condition_shape for anything else."
        )
    if not isinstance(condition_shape, (tuple, list)) or not condition_shape:
        raise BadInput(
            f"condition_shape={condition_shape!r}: expected the shape of one condition; pass a tuple such as (40,)."
        )
    shape = tuple(check_whole_number("condition_shape", size) for size in condition_shape)
    return None, Condition(shape, math.sqrt(math.prod(shape)))


def check_conditions(conditions: Any, num_classes: int | None, condition_shape: Shape) -> np.ndarray:
    """Condition vectors ``(n, *condition_shape)``, float32, of labels ``(n,)`` or of such vectors.

    Raises :class:`~companion.errors.BadInput` for labels that are not whole numbers from 0 to ``num_classes`` - 1, and
    for vectors of another shape or with values that are not finite.
    """
    wanted = f"(n, {', '.join(map(str, condition_shape))}) real numbers"
    if num_classes:
        wanted = f"(n,) whole numbers from 0 to {num_classes - 1}, or {wanted}"
    if conditions is None:
        raise BadInput(f"no labels or conditions came: expected {wanted}; pass one for each image.")
    array = as_array(conditions, "labels or conditions")
    if num_classes and array.ndim == 1:
        return np.eye(num_classes, dtype="float32")[_check_labels(array, num_classes)]
    if array.ndim == 0 or array.shape[1:] != tuple(condition_shape):
        advice = "an array with one row an image"
        if num_classes:  # (n, 1), or one label alone, or one-hot twice
            advice = "np.ravel(labels)" if array.size == len(np.atleast_1d(array)) else "labels as they came"
        raise BadInput(f"labels or conditions have shape {array.shape}: expected {wanted}; pass {advice}.")
    return check_images(array, condition_shape, "conditions", in_unit_interval=False)


def as_pair(x: Any) -> tuple[Any, Any]:
    """Images and conditions of an input; raises :class:`~companion.errors.BadInput` where it has not two parts."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        came = f"a {type(x).__name__}" + (f" of {len(x)}" if isinstance(x, (tuple, list)) else "")
        raise BadInput(
            f"{came} came: expected images with their labels or conditions; pass [images, labels], or a stream of "
            f"items ((images, labels),)."
        )
    return x[0], x[1]


def check_equally_many(what: str, n: int, others: str, array: np.ndarray) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``array`` has ``n`` rows, one for each of ``what``."""
    if len(array) != n:
        raise BadInput(f"{n} {what} and {len(array)} {others}: expected one each; pass equally many of both.")


def check_takes_condition(name: str, network: keras.Model, condition_shape: Shape) -> None:
    """Raise :class:`~companion.errors.BadInput` unless the second of two inputs has the shape of a condition.

    ``name`` is ``encoder`` or ``decoder``, for the message.
    """
    takes = [tuple(part.shape[1:]) for part in network.inputs]
    if len(takes) != 2 or takes[1] != tuple(condition_shape):
        raise BadInput(
            f"{name} takes inputs of shapes {takes}: expected two, the second a condition of shape "
            f"{condition_shape}; build it with build_cvae_{name}, and give both the same num_classes or "
            f"condition_shape."
        )


def _check_labels(labels: np.ndarray, num_classes: int) -> np.ndarray:
    expected = f"expected whole numbers from 0 to {num_classes - 1}"
    if not len(labels):
        raise BadInput(f"labels have shape (0,): {expected}, at least one; pass one for each image.")
    if labels.dtype.kind not in "iu":
        raise BadInput(
            f"labels have dtype {labels.dtype}: {expected}; number the classes, or pass labels.astype(int) where they "
            f"are whole."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise BadInput(
            f"labels run from {low} to {high}: {expected}; number the classes from 0, or build the model with "
            f"num_classes={high - min(low, 0) + 1}."
        )
    return labels
