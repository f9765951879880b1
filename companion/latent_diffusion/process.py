"""The diffusion of codes: the forward process, its bound, steps of the sampler, and the network. Chapter 16.

Time is measured by the log signal-to-noise ratio, from 6, where a code is almost clean, to -6, almost pure noise. A
noised code is alpha z + sigma epsilon with alpha^2 = sigmoid(log SNR) and sigma^2 = 1 - alpha^2.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import keras
import numpy as np
from keras import layers, ops

from companion.distributions import LOG_2_PI
from companion.errors import check_whole_number
from companion.networks import _check_widths, _dense, _seeds
from companion.tensors import Tensor

NOISIEST, CLEANEST = -6.0, 6.0  # log SNR
UNITS = (128, 128)
FREQUENCIES = (1, 2, 4)
Predict = Callable[[Tensor, float], Tensor]


def alpha_sigma(log_snr: Tensor) -> tuple[Tensor, Tensor]:
    """How much of a code and of noise is in a noised code; their squares add up to 1. Taught in chapter 16."""
    log_snr = ops.cast(log_snr, "float32")
    return ops.sqrt(ops.sigmoid(log_snr)), ops.sqrt(ops.sigmoid(-log_snr))


def noised(z: Tensor, epsilon: Tensor, log_snr: Tensor) -> Tensor:
    """The forward process: alpha z + sigma epsilon, ``(..., latent_dim)``; ``log_snr`` broadcasts to ``z``.

    Source: Kingma et al. (2021). Taught in chapter 16.
    """
    alpha, sigma = alpha_sigma(log_snr)
    return alpha * z + sigma * epsilon


def diffusion_bound(z: Tensor, squared_error: Tensor) -> Tensor:
    """An upper bound on -log p(z) of codes ``(..., latent_dim)``, from one noise level each: ``(...)``, in nats.

    ``squared_error`` ``(...)`` is that of epsilon minus its prediction, at a log SNR drawn evenly between its two ends.
    Over such draws the mean is the negative ELBO of a VAE with infinitely many layers. Its terms are the KL of the
    noisiest code to N(0, I), half the range of the log SNR times the error, and -log p of the code given its cleanest
    version.
    Source: Kingma et al. (2021). Taught in chapter 16.
    """
    alpha, sigma = alpha_sigma(NOISIEST)
    at_the_top = 0.5 * ops.sum(
        ops.square(alpha * z) + ops.square(sigma) - 1.0 - 2.0 * ops.log(sigma), axis=-1
    )
    at_the_bottom = 0.5 * z.shape[-1] * (LOG_2_PI + 1.0 - CLEANEST)
    return at_the_top + 0.5 * (CLEANEST - NOISIEST) * squared_error + at_the_bottom


def reverse_step(z: Tensor, predicted: Tensor, now: float, then: float, noise: Tensor = None) -> Tensor:
    """A noised code at the log SNR ``then``, from ``z`` at the lower ``now`` and the noise ``predicted`` in it.

    Without ``noise`` the step is deterministic (DDIM: Euler's method for the probability flow); with standard normal
    ``noise`` it draws from the posterior of the forward process, at the clean code that the prediction implies.
    Sources: Song et al. (2021), equation 12; Kingma et al. (2021), appendix A. Taught in chapter 16.
    """
    (alpha, sigma), (next_alpha, next_sigma) = alpha_sigma(now), alpha_sigma(then)
    clean = (z - sigma * predicted) / alpha
    if noise is None:
        return next_alpha * clean + next_sigma * predicted
    kept = math.exp(0.5 * (now - then))  # of the old noise
    return next_alpha * clean + next_sigma * (kept * predicted + math.sqrt(1.0 - kept**2) * noise)


def reverse_path(
    predict: Predict, start: Tensor, steps: int = 50, draw: Callable[[], Tensor] | None = None
) -> Iterator[Tensor]:
    """Codes on the way from noise ``start`` ``(n, latent_dim)`` to the data: the start, and one after each step.

    ``predict(z, log_snr)`` gives the noise in ``z``; the steps are even in the log SNR. ``draw()`` gives new noise for
    every step; without it the path is deterministic. The last code is divided by its alpha, so it is on the scale of
    clean codes. Raises :class:`~companion.errors.BadInput` for ``steps`` below 1. Taught in chapter 16.
    """
    ladder = np.linspace(NOISIEST, CLEANEST, check_whole_number("steps", steps) + 1).tolist()
    z = start
    yield z
    for now, then in pairwise(ladder):
        z = reverse_step(z, predict(z, now), now, then, None if draw is None else draw())
        yield z if then < CLEANEST else z / alpha_sigma(then)[0]


def time_features(log_snr: Tensor) -> Tensor:
    """What the network is told of the noise level, for ``log_snr`` ``(..., 1)``: numbers in [-1, 1], ``(..., 7)``."""
    time = (ops.cast(log_snr, "float32") - NOISIEST) / (CLEANEST - NOISIEST)
    waves = [wave(math.pi * often * time) for often in FREQUENCIES for wave in (ops.sin, ops.cos)]
    return ops.concatenate([time, *waves], axis=-1)


def build_denoiser(
    latent_dim: int, num_classes: int | None = None, *, units: Sequence[int] = UNITS, seed: int | None = None
) -> keras.Model:
    """The network of a diffusion over codes: noised code, time features and label side by side, ``latent_dim`` out.

    Its last layer begins at zero, with which the diffusion is exactly N(0, I). Taught in chapter 16.
    """
    seeds = _seeds(seed)
    inputs = keras.Input((latent_dim + 1 + 2 * len(FREQUENCIES) + (num_classes or 0),), name="noised_codes")
    h = inputs
    for width in _check_widths("units", units):
        h = _dense(width, seeds, activation="relu", dtype="float32")(h)
    outputs = layers.Dense(latent_dim, kernel_initializer="zeros", dtype="float32")(h)
    return keras.Model(inputs, outputs, name="denoiser")
