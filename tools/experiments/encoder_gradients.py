"""What chapter 03 compares on the digits: encoders trained with and without a path, and sampling layers with a slip.

Every function trains the dense VAE with eight latent units that the chapter trains, and gives its figures. One seed
fixes the first weights, the order of the batches and the stream of the noise, so that arms are paired.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from companion import data
from companion.distributions import DiagonalNormal
from companion.evaluation import active_units
from companion.layers import Sampling
from companion.networks import build_decoder, build_encoder
from companion.objectives import kl_to_standard_normal
from companion.tensors import Tensor
from companion.vae import VAE, Terms

LATENT_DIM = 8


class CutOff(VAE):
    """A VAE whose code is passed on as a constant: no gradient of the pixels reaches the encoder."""

    def call(self, x: Tensor, training: bool | None = None) -> Terms:
        z_mean, z_log_var, z = self.encoder(x, training=training)
        logits = self.decoder(ops.stop_gradient(z), training=training)
        return {"logits": logits, "z_mean": z_mean, "z_log_var": z_log_var, "z": ops.stop_gradient(z)}


class ByScoreFunction(CutOff):
    """The score-function gradient in the place of the path, with the batch mean as baseline."""

    def terms(self, x: Tensor, outputs: Terms) -> Terms:
        q = DiagonalNormal(outputs["z_mean"], outputs["z_log_var"])
        return {**super().terms(x, outputs), "log_q": q.log_prob(outputs["z"])}

    def surplus(self, terms: Terms) -> Tensor:
        """By how much each image's log likelihood exceeds the mean of the batch: the weight of its score."""
        f = terms["log_likelihood"]
        return ops.stop_gradient(f - ops.mean(f))

    def objective(self, terms: Terms) -> Tensor:
        return super().objective(terms) - self.surplus(terms) * terms["log_q"]


class NoiseAlone(ByScoreFunction):
    """As :class:`ByScoreFunction`, but each image's score meets its neighbour's weight: the mean gradient is zero."""

    def surplus(self, terms: Terms) -> Tensor:
        return ops.roll(super().surplus(terms), 1)


class Repeating(Sampling):
    """Every call adds the same noise."""

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        z_mean, z_log_var = inputs
        return z_mean + ops.exp(0.5 * z_log_var) * keras.random.normal(ops.shape(z_mean), seed=42)


class Squared(Sampling):
    """Draws with the variance where the standard deviation belongs."""

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        z_mean, z_log_var = inputs
        return super().call((z_mean, 2 * z_log_var))


ESTIMATORS = {"pathwise": VAE, "score": ByScoreFunction, "noise": NoiseAlone, "cut": CutOff}
LAYERS = {"right": Sampling, "repeating": Repeating, "squared": Squared}


def estimators(estimator: str, seed: int, epochs: int = 11) -> dict[str, float]:
    """Test figures in nats per image, units in use, and the KL of the first epoch and of the highest one."""
    images, test_images = _digits(seed)
    model = ESTIMATORS[estimator](input_shape=images.shape[1:], latent_dim=LATENT_DIM, seed=seed)
    history = _train(model, images, epochs)
    terms = model.elbo_terms(test_images)
    return {
        "neg_elbo": -float(np.mean(terms["elbo"])),
        "kl": float(np.mean(terms["kl"])),
        "active": float(active_units(model, test_images)),
        "kl_highest": max(history["kl_loss"]),
    }


def slips(layer: str, batch_size: int, epochs: int, seed: int) -> dict[str, float]:
    """The figure of the training, the one that the model reports on test images, and those with the slip undone.

    ``fresh``: with new noise of the width that the KL is computed for. ``drawn``: as reported, with the KL of the
    distribution that was drawn from.
    """
    images, test_images = _digits(seed)
    encoder = build_encoder(images.shape[1:], LATENT_DIM, seed=2 * seed)
    z_mean, z_log_var, _ = encoder.outputs
    z = LAYERS[layer](seed=seed)([z_mean, z_log_var])
    encoder = keras.Model(encoder.inputs[0], [z_mean, z_log_var, z])
    model = VAE(encoder, build_decoder(LATENT_DIM, images.shape[1:], seed=2 * seed + 1))
    history = _train(model, images, epochs, batch_size)
    noise = np.random.default_rng(seed).normal(size=(len(test_images), LATENT_DIM))
    terms, fresh = model.elbo_terms(test_images), model.elbo_terms(test_images, noise)
    z_mean, z_log_var, _ = model.encode(test_images)
    kl_drawn = kl_to_standard_normal(z_mean, (2 if layer == "squared" else 1) * z_log_var)
    return {
        "training": history["loss"][-1],
        "reported": -float(np.mean(terms["elbo"])),
        "fresh": -float(np.mean(fresh["elbo"])),
        "drawn": float(np.mean(kl_drawn) - np.mean(terms["log_likelihood"])),
    }


def variances(epochs: int, seed: int, images_used: int = 64, draws: int = 500) -> dict[str, float]:
    """Variance of one draw's gradient for z_mean, as natural logarithms of ratios to the pathwise one.

    ``share_of_draws`` is the part of the variance of the pathwise gradient of the negative ELBO that comes from the
    draw of z, the rest coming from the choice of the image.
    """
    images, test_images = _digits(seed)
    model = VAE(input_shape=images.shape[1:], latent_dim=LATENT_DIM, seed=seed)
    _train(model, images, epochs)
    gradients, z_mean = gradients_of(model, test_images[:images_used], draws)
    path = gradients.pop("pathwise")
    within = path.var(axis=1, ddof=1).mean(axis=0).sum()
    means = z_mean - path.mean(axis=1)  # of the negative ELBO, whose KL term adds z_mean
    between = means.var(axis=0, ddof=1).sum() - within / draws
    ratios = {
        f"log_{name}": float(np.log(g.var(axis=1, ddof=1).mean() / path.var(axis=1, ddof=1).mean()))
        for name, g in gradients.items()
    }
    return {
        **ratios,
        "spread": float(path.std(axis=1).mean()),
        "share_of_draws": float(within / (within + between)),
    }


def gradients_of(model: VAE, x: np.ndarray, draws: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Gradients of log p(x|z) for z_mean, each ``(images, draws, units)``, by five estimators; and z_mean.

    ``bare``: the score function. ``batch`` and ``image``: less the mean of f over all draws, or over the other draws
    of the same image. ``tangent``: also less the tangent of f at z_mean, whose share of the gradient is known.
    """
    import tensorflow as tf

    z_mean, z_log_var, _ = model.encoder(x)
    repeated = [ops.repeat(part, draws, axis=0) for part in (z_mean, z_log_var)]
    z = Sampling(seed=0)(repeated)
    f, path = _value_and_slope(tf, model, z, np.repeat(x, draws, axis=0))
    f_at_mean, slope_at_mean = _value_and_slope(tf, model, z_mean, x)
    score = (z - repeated[0]) / ops.exp(repeated[1])
    by_image = (len(x), draws, LATENT_DIM)
    path, score, step = (np.reshape(part, by_image) for part in (path, score, z - repeated[0]))
    f = np.reshape(f, (len(x), draws, 1))
    slope = np.asarray(slope_at_mean)[:, None]
    straight = np.reshape(f_at_mean, (-1, 1, 1)) + np.sum(slope * step, axis=-1, keepdims=True)
    found = {
        "pathwise": path,
        "bare": f * score,
        "batch": (f - f.mean()) * score,
        "image": _less_own_mean(f) * score,
        "tangent": _less_own_mean(f - straight) * score + slope,
    }
    return found, np.asarray(z_mean)


def _less_own_mean(f: np.ndarray) -> np.ndarray:
    """``f`` of shape ``(images, draws, 1)`` less the mean over the other draws of the same image."""
    return (f - f.mean(axis=1, keepdims=True)) * f.shape[1] / (f.shape[1] - 1)


def _value_and_slope(tf: Any, model: VAE, z: Tensor, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    z = tf.convert_to_tensor(z)
    with tf.GradientTape() as tape:
        tape.watch(z)
        f = model.likelihood_of(model.decoder(z)).log_prob(x)
    return f.numpy().astype("float64"), tape.gradient(f, z).numpy().astype("float64")


def _digits(seed: int) -> tuple[np.ndarray, np.ndarray]:
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    return dataset.x_train, dataset.x_test


def _train(model: VAE, images: np.ndarray, epochs: int, batch_size: int = 64) -> dict[str, list[float]]:
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    return model.fit(images, batch_size=batch_size, epochs=epochs, verbose=0).history
