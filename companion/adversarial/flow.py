"""Which network gets a gradient from which loss, measured. Chapter 11."""

from typing import Any

import keras
import numpy as np
from keras import ops

from companion.errors import BadInput

NETWORKS = ("encoder", "decoder", "discriminator")


def gradient_flow(model: Any, x: Any) -> dict[str, dict[str, float]]:
    """The length of the gradient that each loss of an adversarial ``model`` gives each network on images ``x``.

    The result has a row for each loss and in it ``encoder``, ``decoder`` and ``discriminator``, in nats per unit of
    weight, before any weight of the loss; 0 where none arrives. The model is not changed but for its noise. Works with
    TensorFlow. Raises :class:`~companion.errors.BadInput` for a model without ``losses_of``, for images that do not
    fit, and on another backend. Taught in chapter 11.
    """
    if not hasattr(model, "losses_of"):
        raise BadInput(
            f"{type(model).__name__} has no losses of its own for each network: expected an AAE or a VAEGAN; pass one."
        )
    if keras.backend.backend() != "tensorflow":
        raise BadInput(
            f"gradient_flow on {keras.backend.backend()}: expected TensorFlow, whose tape it uses; set "
            f"KERAS_BACKEND=tensorflow and start a new process."
        )
    import tensorflow as tf

    images = ops.convert_to_tensor(model.checked(x))
    with tf.GradientTape(persistent=True) as tape:
        y_pred = model(images, training=True)
        y_pred["z_prior"] = model.draw_like(y_pred["z"], images)
        losses = model.losses_of(images, y_pred, model.terms(images, y_pred), True)
        means = {name: ops.mean(loss) for name, loss in losses.items()}
    return {
        name: {
            part: _length(tape.gradient(mean, getattr(model, part).trainable_variables)) for part in NETWORKS
        }
        for name, mean in means.items()
    }


def _length(gradients: list[Any]) -> float:
    squares = [float(np.sum(np.square(ops.convert_to_numpy(g)))) for g in gradients if g is not None]
    return float(np.sqrt(sum(squares)))
