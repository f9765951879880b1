"""The Bernoulli log likelihood as one operation with a gradient of its own.

It is the largest array of a training step: 784 pixels for each of k draws per image. Automatic differentiation visits
it six times on the way back where three are enough, and the derivative that JAX finds for softplus is slow. Measured
on one core for 50 draws of 128 images, value and gradient: 36 ms on JAX and 32 ms on TensorFlow by automatic
differentiation, 12 ms and 27 ms here.
"""

import math
from collections.abc import Callable
from typing import Any

from keras import ops

from companion.tensors import Tensor


def bernoulli_log_prob(x: Tensor, logits: Tensor, event_ndims: int) -> Tensor:
    """log p(x) of black or white pixels, summed over the last ``event_ndims`` axes: shape ``(..., batch)``, in nats.

    It is ``sum(x * logits - softplus(logits))``. Where ``logits`` ``(..., batch, *event)`` are draws for the images
    ``x`` ``(batch, *event)``, it has a gradient of its own; shapes that only broadcast take the plain formula.
    """
    if one_image_per_event(x, logits, event_ndims):
        return ops.custom_gradient(_value_and_gradient)(_flat(x, event_ndims), _flat(logits, event_ndims))
    axes = tuple(range(-event_ndims, 0))
    values = x * logits - ops.softplus(logits)
    return ops.sum(values, axis=axes) if axes else values


def one_image_per_event(x: Tensor, logits: Tensor, event_ndims: int) -> bool:
    """Whether ``logits`` are draws for the images ``x``: events of one shape, any number of axes for draws in front."""
    draws = len(logits.shape) - len(x.shape)
    if draws < 0 or not 0 < event_ndims <= len(x.shape) or None in x.shape[-event_ndims:]:
        return False
    return tuple(x.shape) == tuple(logits.shape[draws:])


def _flat(images: Tensor, event_ndims: int) -> Tensor:
    """``images`` with one last axis for all pixels: XLA is slow in sums over a last axis of a single channel."""
    event = images.shape[-event_ndims:]
    return ops.reshape(images, (*ops.shape(images)[:-event_ndims], math.prod(event)))  # (..., batch, pixels)


def _value_and_gradient(x: Tensor, logits: Tensor) -> tuple[Tensor, Callable[..., Any]]:
    """The log likelihood ``(..., batch)`` of pixels ``(batch, pixels)``, and what turns its gradient into theirs."""
    # softplus, written so that no exponential overflows; d/dlogits is x - sigmoid(logits), d/dx is logits
    softplus = ops.maximum(logits, 0.0) + ops.log1p(ops.exp(-ops.abs(logits)))

    def gradient(*arguments: Tensor, upstream: Tensor | None = None) -> tuple[Tensor, Tensor]:
        # TensorFlow and JAX pass the incoming gradient alone, PyTorch by its name.
        incoming = (arguments[0] if upstream is None else upstream)[..., None]
        draws = tuple(range(len(logits.shape) - len(x.shape)))
        to_x = incoming * logits
        return ops.sum(to_x, axis=draws) if draws else to_x, (x - ops.sigmoid(logits)) * incoming

    return ops.sum(x * logits - softplus, axis=-1), gradient
