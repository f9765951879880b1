"""Approximation gap and amortisation gap on a linear model whose log p(x) is known and whose posterior is correlated.

Every bound is exact: for a linear decoder the ELBO of a diagonal normal has a closed form, so that nothing is drawn.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from scipy.stats import multivariate_normal

PIXELS, LATENT_DIM, SCALE = 32, 4, 0.1


def gaps(hidden: int, seed: int, epochs: int = 60, observations: int = 1500) -> dict[str, float]:
    """The gaps of an encoder with ``hidden`` units, in nats per observation, on observations that it has not seen.

    ``total`` is log p(x) - ELBO of the encoder; ``amortisation`` what optimising q for each observation gains;
    ``left`` what is missing after that; ``approximation`` the exact gap of the best diagonal normal.
    """
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    weights = 0.1 * (rng.normal(size=(PIXELS, LATENT_DIM)) + rng.normal(size=(PIXELS, 1)))
    z = rng.normal(size=(observations + 500, LATENT_DIM))
    x = (z @ weights.T + SCALE * rng.normal(size=(len(z), PIXELS))).astype("float32")
    model = _encoder(hidden)
    loss = _negative_elbo(weights.astype("float32"))
    model.compile(keras.optimizers.Adam(2e-3), loss=loss, jit_compile=False)
    model.fit(x[:observations], x[:observations], batch_size=64, epochs=epochs, verbose=0)
    held_out = x[observations:]
    start = model.predict(held_out, verbose=0)
    best = _optimised(start, held_out, loss)
    covariance = weights @ weights.T + SCALE**2 * np.eye(PIXELS)
    exact = float(multivariate_normal(np.zeros(PIXELS), covariance).logpdf(held_out).mean())
    by_encoder, by_image = (-float(np.mean(loss(held_out, q))) for q in (start, best))
    return {
        "total": exact - by_encoder,
        "amortisation": by_image - by_encoder,
        "left": exact - by_image,
        "approximation": approximation_gap(weights, SCALE),
    }


def approximation_gap(weights: np.ndarray, scale: float) -> float:
    """KL from the best diagonal normal to the exact posterior of a linear model, in nats.

    The best one has the posterior's mean and the inverse of the diagonal of its precision as variances.
    """
    precision = np.eye(weights.shape[1]) + weights.T @ weights / scale**2
    return float(0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1]))


def _encoder(hidden: int) -> keras.Model:
    x = keras.Input((PIXELS,))
    return keras.Model(x, layers.Dense(2 * LATENT_DIM)(layers.Dense(hidden, activation="relu")(x)))


def _negative_elbo(weights: np.ndarray) -> Any:
    """The exact negative ELBO of each observation, ``(n,)``; q holds means and log variances side by side."""
    lengths = np.sum(weights**2, axis=0)

    def negative_elbo(x: Any, q: Any) -> Any:
        mean, log_var = q[:, :LATENT_DIM], q[:, LATENT_DIM:]
        variance = ops.exp(log_var)
        error = ops.sum(ops.square(x - ops.matmul(mean, weights.T)), axis=-1)
        error = error + ops.sum(variance * lengths, axis=-1)
        kl = 0.5 * ops.sum(ops.square(mean) + variance - 1.0 - log_var, axis=-1)
        return 0.5 * error / SCALE**2 + PIXELS * np.log(SCALE * np.sqrt(2 * np.pi)) + kl

    return negative_elbo


def _optimised(start: np.ndarray, x: np.ndarray, loss: Any, steps: int = 2000) -> np.ndarray:
    """Means and log variances of every observation, each improved by gradient steps of its own."""
    import tensorflow as tf

    q, observed = tf.Variable(start), tf.constant(x)
    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, steps))
    optimizer.build([q])

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(loss(observed, q))
        optimizer.apply([tape.gradient(total, q)], [q])

    for _ in range(steps):
        step()
    return q.numpy()
