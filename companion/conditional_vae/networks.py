"""The networks of a conditional VAE, which take a condition as second input. Chapter 07.

A condition is a vector: a one-hot label, or any array of real numbers of one shape, which the networks flatten.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from companion.errors import BadInput, check_choice, check_whole_number
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

    The condition is a one-hot label ``(batch, num_classes)`` (default 10 classes) or, with ``condition_shape``, any
    array of that shape; it is concatenated after the first hidden layer. ``network``: ``dense``, with ``hidden``
    layers, 536,836 parameters for 784 pixels and 10 classes; or ``conv``, whose layers are fixed.
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

    The arguments are those of :func:`build_cvae_encoder`; it has 539,664 parameters for 784 pixels and 10 classes.
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

    The initial kernels of its two heads are zero, so that it starts as the standard normal for every condition.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 07.
    """
    _, condition = check_condition(num_classes, condition_shape)
    full = build_encoder(condition.shape, latent_dim, hidden=hidden, seed=seed)
    for head in ("z_mean", "raw_log_var"):
        kernel = full.get_layer(head).kernel
        kernel.assign(ops.zeros(kernel.shape))
    return keras.Model(full.inputs[0], full.outputs[:2], name="prior")


def check_condition(num_classes: int | None, condition_shape: Shape | None) -> tuple[int | None, Condition]:
    """The number of classes, None where conditions are not labels, and the shape and usual length of a condition.

    10 classes if neither is given. Raises :class:`~companion.errors.BadInput` if both are, or one does not fit.
    """
    if condition_shape is None:
        num_classes = check_whole_number("num_classes", NUM_CLASSES if num_classes is None else num_classes)
        return num_classes, Condition((num_classes,), 1.0)
    if num_classes is not None:
        raise BadInput(
            f"num_classes={num_classes!r} and condition_shape={condition_shape!r}: expected one of the two; pass "
            f"num_classes for labels, condition_shape for anything else."
        )
    if not isinstance(condition_shape, (tuple, list)) or not condition_shape:
        raise BadInput(
            f"condition_shape={condition_shape!r}: expected the shape of one condition; pass a tuple such as (40,)."
        )
    shape = tuple(check_whole_number("condition_shape", size) for size in condition_shape)
    return None, Condition(shape, math.sqrt(math.prod(shape)))


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
