"""How far the codes of single images can still be improved: gradient steps on their means and log variances alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from companion.diagnosis.loss_fit import CLIP, RECONSTRUCTIONS, Fit
from companion.diagnosis.spread import kl_to_standard_normal

STEPS, RATE = 100, 0.05  # healthy models gain 0.2 nats in them, and no more than 0.8 before training
DRAWS = 16  # per image, the same ones before and after

#: The reconstruction errors of :data:`~companion.diagnosis.loss_fit.RECONSTRUCTIONS` that a gradient can be taken of.
ERRORS: dict[str, Callable[[Any, Any], Any]] = {
    "cross-entropy of logits": lambda x, y: ops.softplus(y) - x * y,
    "cross-entropy of probabilities": lambda x, y: ops.binary_crossentropy(x, ops.clip(y, CLIP, 1 - CLIP)),
    "squared error": lambda x, y: ops.square(x - y),
    "squared error of a sigmoid": lambda x, y: ops.square(x - ops.sigmoid(y)),
    "absolute error": lambda x, y: ops.abs(x - y),
}


class Codes(NamedTuple):
    """Means and log variances of some images: ``(n, latent_dim)`` each."""

    mean: np.ndarray
    log_var: np.ndarray


def weights_in_nats(fit: Fit) -> tuple[float, float]:
    """The weights of reconstruction error and KL with which a loss is in nats.

    A cross-entropy is in nats with a weight of 1. Any other error is where the KL has a weight of 1: half a squared
    error, say, stands for pixel noise of variance 1.
    """
    return (1.0, float(fit.beta)) if "cross-entropy" in fit.reconstruction else (1 / float(fit.beta), 1.0)


class Refined(keras.Model):
    """Codes as weights, first the means and then the log variances, before a decoder that stays as it is."""

    def __init__(self, decode: Callable[[Any], Any], codes: Codes, fit: Fit):
        super().__init__()
        self.weights_of_terms, self.error = weights_in_nats(fit), ERRORS[fit.reconstruction]
        self.decode_of = decode  # a function, so that the decoder's weights are none of this model's
        self.q = self.add_weight(shape=(2, *codes.mean.shape), initializer="zeros", name="q")
        self.q.assign(np.stack(codes))

    def call(self, noise: Any) -> dict[str, Any]:
        mean, log_var = self.q[0], self.q[1]
        outputs = self.decode_of(mean + ops.exp(0.5 * log_var) * noise)
        return {"outputs": outputs, "kl": 0.5 * (ops.square(mean) + ops.exp(log_var) - 1 - log_var)}

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        outputs = ops.cast(ops.reshape(y_pred["outputs"], ops.shape(y)), "float32")
        of_error, of_kl = self.weights_of_terms
        return of_error * ops.sum(self.error(y, outputs)) + of_kl * ops.sum(y_pred["kl"])


def refined(
    decoder: Any, images: np.ndarray, codes: Codes, fit: Fit, rng: np.random.Generator, steps: int = STEPS
) -> Codes:
    """``codes`` after gradient steps on the model's own loss, each image's for itself; the decoder stays as it is."""
    how = {"training": False} if isinstance(decoder, keras.layers.Layer) else {}
    model = Refined(lambda z: decoder(z, **how), codes, fit)
    model.compile(keras.optimizers.Adam(RATE), jit_compile=False)
    x = images.astype("float32")
    for _ in range(steps):
        model.train_on_batch(rng.normal(size=codes.mean.shape).astype("float32"), x)
    return Codes(*np.asarray(keras.ops.convert_to_numpy(model.q), dtype="float64"))


def loss_of(
    decode: Callable[[np.ndarray], np.ndarray], images: np.ndarray, codes: Codes, fit: Fit, noise: np.ndarray
) -> np.ndarray:
    """The loss of each image in nats, ``(n,)``, as the mean over draws by ``noise`` ``(k, n, latent_dim)``."""
    of_error, of_kl = weights_in_nats(fit)
    deviation = np.exp(0.5 * codes.log_var)
    error = RECONSTRUCTIONS[fit.reconstruction]
    flat = images.reshape(len(images), -1)
    errors = [error(flat, decode(codes.mean + deviation * each).reshape(flat.shape)) for each in noise]
    kl = kl_to_standard_normal(codes.mean, codes.log_var, "log variance")
    return of_error * np.mean(errors, axis=0) + of_kl * kl
