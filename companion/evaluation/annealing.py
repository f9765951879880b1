"""Annealed importance sampling: an estimate of log p(x) whose draws do not come from the encoder. Chapter 10."""

from itertools import pairwise
from typing import Any

import keras
import numpy as np
from scipy.special import logsumexp

from companion.base import check_one_layer
from companion.batching import batches, count
from companion.compiled import compiled
from companion.errors import check_whole_number
from companion.vae import VAE

IMAGES_AT_ONCE = 100


def annealed_log_likelihood(
    model: VAE, x: Any, *, steps: int = 1000, chains: int = 16, seed: int = 0
) -> np.ndarray:
    """An estimate of log p(x) of each image by annealed importance sampling: shape ``(n,)``, in nats.

    Each of ``chains`` codes per image starts as a draw from the standard normal prior. In ``steps`` steps the target
    moves from the prior p(z) to p(z) p(x|z), which is the posterior up to its constant p(x), and one Metropolis move
    follows each step. The mean weight over chains has the expectation p(x), so in expectation the result is at most
    log p(x), and it rises with ``steps`` and ``chains``. The encoder only sets the size of the moves: a poor one makes
    the estimate lower, never too high on average. ``model`` is a VAE or IWAE with a standard normal prior.

    Raises :class:`~companion.errors.BadInput` for ``steps`` or ``chains`` below 1 and for images that do not fit,
    NotImplementedError for a model with several layers of codes.
    Sources: Neal (2001); Wu et al. (2017). Taught in chapter 10.
    """
    check_one_layer(model)
    steps, chains = check_whole_number("steps", steps), check_whole_number("chains", chains)
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    log_p_x_given = compiled(
        lambda images, z: model.likelihood_of(model.logits_of(z, images)).log_prob(model.images_of(images)),
        model,
        model.seed_generator,
    )
    found = [
        _of_a_batch(
            model, log_p_x_given, keras.ops.convert_to_tensor(images), temperatures(steps), chains, rng
        )
        for (images,) in batches(model.checked(x), batch_size=IMAGES_AT_ONCE)
    ]
    return np.concatenate(found)


def temperatures(steps: int) -> np.ndarray:
    """The powers of p(x|z) in the targets, from 0 to 1: ``(steps + 1,)``, dense at both ends as in Wu et al. (2017)."""
    curve = 1 / (1 + np.exp(-np.linspace(-4.0, 4.0, steps + 1)))
    return (curve - curve[0]) / (curve[-1] - curve[0])


def _of_a_batch(
    model: VAE, log_p_x_given: Any, images: Any, powers: np.ndarray, chains: int, rng: np.random.Generator
) -> np.ndarray:
    z_log_var = keras.ops.convert_to_numpy(model.encoder(images)[1])  # (n, latent_dim)
    shape = (chains, count(images), z_log_var.shape[-1])

    def log_likelihood(z: np.ndarray) -> np.ndarray:
        return keras.ops.convert_to_numpy(log_p_x_given(images, z)).astype("float64")  # (chains, n)

    def log_prior(z: np.ndarray) -> np.ndarray:
        return -0.5 * np.sum(z.astype("float64") ** 2, axis=-1)  # less a constant, (chains, n)

    z = rng.normal(size=shape).astype("float32")
    log_w = np.zeros(shape[:2])
    now, prior_now = log_likelihood(z), log_prior(z)
    for before, power in pairwise(powers):
        log_w += (power - before) * now
        # As wide as a normal posterior would be that has the encoder's width at power 1.
        deviation = (1 - power + power * np.exp(-z_log_var)) ** -0.5  # (n, latent_dim)
        move = 2.38 / np.sqrt(shape[-1]) * deviation * rng.normal(size=shape)
        proposed = (z + move).astype("float32")
        then, prior_then = log_likelihood(proposed), log_prior(proposed)
        gain = power * (then - now) + prior_then - prior_now
        taken = np.log(rng.uniform(size=shape[:2])) < gain  # (chains, n)
        z = np.where(taken[..., None], proposed, z)
        now, prior_now = np.where(taken, then, now), np.where(taken, prior_then, prior_now)
    return logsumexp(log_w, axis=0) - np.log(chains)
