"""Rows of chapter 10: importance weights, on a linear model whose log p(x) is known exactly."""

import numpy as np
from keras import ops
from scipy.special import logsumexp, softmax

from companion.linear_gaussian import LinearGaussian
from companion.objectives import log_mean_exp
from tools.errata import SEED, Figures, erratum

OFF = {"mean_shift": 0.3, "log_var_shift": 0.5}  # an encoder that is wrong by a known amount
IMAGES = 400


def _toy() -> tuple[LinearGaussian, np.ndarray]:
    toy = LinearGaussian.random(seed=SEED)
    return toy, toy.sample(IMAGES, seed=SEED)


def _log_weights(toy: LinearGaussian, x: np.ndarray, k: int) -> np.ndarray:
    """log w of ``k`` draws for every image: shape ``(k, images)``, in nats."""
    return ops.convert_to_numpy(toy.vae(**OFF, seed=SEED).log_weights(x, k, seed=SEED)).astype("float64")


def _bound(log_weights: np.ndarray) -> float:
    return float(np.mean(log_mean_exp(log_weights)))


@erratum("10_iwae")
def images_grouped_as_draws() -> Figures:
    """The k-sample bound with k draws an image, and the same formula over groups of k different images."""
    toy, x = _toy()
    one_each = _log_weights(toy, x, 1)
    return {
        "exact": float(np.mean(toy.log_prob(x))),
        "elbo": float(np.mean(one_each)),
        "right_8": _bound(_log_weights(toy, x, 8)),
        "grouped_8": _bound(one_each.reshape(-1, 8).T),
        "grouped_100": _bound(one_each.reshape(-1, 100).T),
    }


@erratum("10_iwae")
def a_mean_weighted_by_its_own_weights() -> Figures:
    """The log weights averaged with their normalised weights, beside the logarithm of their mean."""
    toy, x = _toy()

    def weighted(log_weights: np.ndarray) -> float:
        return float(np.mean(np.sum(softmax(log_weights, axis=0) * log_weights, axis=0)))

    return {
        "exact": float(np.mean(toy.log_prob(x))),
        **{f"right_{k}": _bound(_log_weights(toy, x, k)) for k in (8, 1000)},
        **{f"weighted_{k}": weighted(_log_weights(toy, x, k)) for k in (8, 1000)},
    }


@erratum("10_iwae")
def an_analytic_kl_among_the_weights() -> Figures:
    """The k-sample bound when the two densities of each draw are replaced by the KL, which is their average."""
    toy, x = _toy()
    vae, noise = toy.vae(**OFF, seed=SEED), np.random.default_rng(SEED).normal(size=(1000, IMAGES, 2))
    z_mean, z_log_var, _ = vae.encode(x)
    logits = vae.logits_of((z_mean + np.exp(z_log_var / 2) * noise).astype("float32"), x)
    log_likelihood = ops.convert_to_numpy(vae.likelihood_of(logits).log_prob(x)).astype("float64")
    return {
        "exact": float(np.mean(toy.log_prob(x))),
        "right_1000": _bound(_log_weights(toy, x, 1000)),
        "analytic_1000": _bound(log_likelihood - vae.elbo_terms(x)["kl"]),
    }


@erratum("10_iwae")
def weights_that_are_not_held_fixed() -> Figures:
    """The pull on each of 8 draws, by the gradient of the bound and by that of the mean under moving weights."""
    toy, x = _toy()
    log_weights = _log_weights(toy, x, 8)

    def pull(value) -> np.ndarray:  # type: ignore[no-untyped-def]
        step = 1e-5
        up = [value(log_weights + step * np.eye(8)[:, [draw]]) for draw in range(8)]
        return (np.stack(up) - value(log_weights)) / step

    right = pull(lambda weights: logsumexp(weights, axis=0) - np.log(8))
    moving = pull(lambda weights: np.sum(softmax(weights, axis=0) * weights, axis=0))
    return {
        "smallest_right": float(right.min()),
        "smallest_moving": float(moving.min()),
        "share_pushed_away_right": float(np.mean(right < 0)),
        "share_pushed_away_moving": float(np.mean(moving < 0)),
    }
