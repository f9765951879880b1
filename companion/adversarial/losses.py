"""The losses of two networks that compete, one value per image, and the two ways to keep a gradient out. Chapter 11."""

from typing import Any

import keras
from keras import ops

from companion.errors import BadInput
from companion.tensors import Tensor


def discriminator_loss(real: Tensor, *fake: Tensor) -> Tensor:
    """Minus the log probability of the right answers: softplus(-real) + the sum of softplus(fake), ``(batch,)``.

    ``real`` and each ``fake`` are logits of the discriminator, ``(batch,)`` or ``(batch, 1)``: the log odds that its
    input is real. In nats; an undecided discriminator pays log 2 for each. Raises
    :class:`~companion.errors.BadInput` without a ``fake``, and for logits of another shape.
    Source: Goodfellow et al. (2014), equation 1. Taught in chapter 11.
    """
    if not fake:
        raise BadInput(
            "discriminator_loss got no fake logits: expected at least one; call discriminator_loss(real, fake)."
        )
    return ops.softplus(-_flat(real)) + sum(ops.softplus(_flat(each)) for each in fake)


def generator_loss(*fake: Tensor) -> Tensor:
    """The non-saturating loss of the network that makes the fakes: the sum of softplus(-fake), ``(batch,)``, in nats.

    It is minus the log probability that the discriminator takes them for real. Unlike log(1 - D) it has a large
    gradient where the discriminator is sure of the fake. Raises :class:`~companion.errors.BadInput` as
    :func:`discriminator_loss`. Source: Goodfellow et al. (2014), section 3. Taught in chapter 11.
    """
    if not fake:
        raise BadInput(
            "generator_loss got no fake logits: expected at least one; call generator_loss(logits)."
        )
    return sum(ops.softplus(-_flat(each)) for each in fake)


def feature_loss(real: Tensor, fake: Tensor, scale: float = 1.0) -> Tensor:
    """Half the squared distance of features ``(batch, units)``, over ``scale`` squared: ``(batch,)``, in nats.

    It is minus the log density of the real image's features under a normal around the fake one's with standard
    deviation ``scale``, without its constant. Raises :class:`~companion.errors.BadInput` where the shapes differ.
    Source: Larsen et al. (2016), equations 7 and 8. Taught in chapter 11.
    """
    if tuple(real.shape)[1:] != tuple(fake.shape)[1:] or len(real.shape) != 2:
        raise BadInput(
            f"features have shapes {tuple(real.shape)} and {tuple(fake.shape)}: expected (batch, units) twice; take "
            f"both from the same layer of the discriminator."
        )
    difference = ops.cast(real, "float32") - ops.cast(fake, "float32")
    return 0.5 * ops.sum(ops.square(difference / scale), axis=-1)


def frozen(network: keras.Model, inputs: Tensor, training: bool | None = None) -> Any:
    """What ``network`` gives for ``inputs`` with its weights held constant: a gradient reaches the inputs alone.

    Its values are those of ``network(inputs)``. ``ops.stop_gradient`` does the opposite: there the weights of what
    comes after a tensor learn, and what made the tensor does not. Taught in chapter 11.
    """
    weights = [
        ops.stop_gradient(ops.convert_to_tensor(weight.value)) for weight in network.trainable_variables
    ]
    others = [ops.convert_to_tensor(variable.value) for variable in network.non_trainable_variables]
    return network.stateless_call(weights, others, inputs, training=training)[0]


def _flat(logits: Tensor) -> Tensor:
    """Logits as float32 of shape ``(batch,)``."""
    logits = ops.convert_to_tensor(logits)
    if len(logits.shape) not in (1, 2) or (len(logits.shape) == 2 and logits.shape[1] != 1):
        raise BadInput(
            f"logits have shape {tuple(logits.shape)}: expected (batch,) or (batch, 1), one per image; let the "
            f"discriminator end in one unit without an activation."
        )
    return ops.reshape(ops.cast(logits, "float32"), (-1,))
