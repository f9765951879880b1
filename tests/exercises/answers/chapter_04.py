"""Typical wrong answers to chapter 04, each with words of the hint that belongs to it."""

import numpy as np
from scipy.stats import norm


def _by_integration(q_mean, q_scale, p_mean, p_scale):
    """KL of two normals, coordinate by coordinate, on a fine grid."""
    z = np.linspace(-60, 60, 240_001)
    kl = np.empty(np.shape(q_mean))
    for i in np.ndindex(kl.shape):
        log_q, log_p = norm.logpdf(z, q_mean[i], q_scale[i]), norm.logpdf(z, p_mean[i], p_scale[i])
        kl[i] = np.trapezoid(np.exp(log_q) * (log_q - log_p), z)
    return kl


def entropy(s):
    return [1 + np.log(s), -s, s - 1 - np.log(s), (s - 1) / s]


def reversed_kl(s):
    return [-1 - np.log(s), -s, np.log(s) + 1 / s - 1, (s - 1) / s]


def mean_of_the_prior(s):
    return [-1 - np.log(s), -1.0, s - 1 - np.log(s), (s - 1) / s]


def _terms(images, probabilities, z_mean, z_log_var):
    pixels = -np.log(np.where(images == 1, probabilities, 1 - probabilities))
    kl = _by_integration(z_mean, np.exp(z_log_var / 2), 0 * z_mean, np.ones(z_mean.shape))
    return pixels, kl


def two_means(*arguments):
    pixels, kl = _terms(*arguments)
    return pixels.mean((1, 2, 3)) + kl.mean(1)


def subtracted(*arguments):
    pixels, kl = _terms(*arguments)
    return pixels.sum((1, 2, 3)) - kl.sum(1)


def one_number(*arguments):
    pixels, kl = _terms(*arguments)
    return np.mean(pixels.sum((1, 2, 3)) + kl.sum(1))


REASON = "Beyond a hundred draws the bound moves less than its standard error."

WRONG = {
    "cost_of_a_code": [
        ((0.5 * (1.25 - 1 - 2 * np.log(0.5)) + 2) / 2, "mean over"),
        (0.5 * (1.25 - 1 - np.log(0.5)) + 2, "twice the logarithm"),
        (0.5 * (1 + 0.25 + 4 + 1 - 1 - 2 * np.log(0.5)), "every coordinate"),
        (0.5 * (1 + np.exp(0.5) - 1 - 0.5 + 4 + np.exp(1) - 1 - 1), "where log variances belong"),
    ],
    "exponential_code": [
        (entropy, "minus the average"),
        (reversed_kl, "KL(p || q)"),
        (mean_of_the_prior, "mean of z under q"),
    ],
    "negative_elbo": [
        (two_means, "Two means"),
        (subtracted, "adds it"),
        (one_number, "one value for each"),
    ],
    "noise_of_a_mean": [
        (3072 / 2, "the variance"),
        (np.sqrt(3072), "2 s^2"),
        (np.sqrt(1024 / 2), "three channels"),
    ],
    "how_many_draws": [
        ({"bounds": {1: 202.6, 10: 200.8, 100: 199.8}, "because": REASON}, "look like losses"),
        ({"bounds": {1: -202.6, 10: -210.8, 100: -215.8}, "because": REASON}, "bound that falls"),
        ({"bounds": {1: -0.26, 10: -0.25, 100: -0.25}, "because": REASON}, "mean over pixels"),
    ],
}
