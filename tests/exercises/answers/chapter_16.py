"""Typical wrong answers to chapter 16, each with words of the hint that belongs to it."""

import numpy as np
from scipy.stats import entropy, norm


def swapped(q, p):
    whole = q.mean(axis=0)
    return [entropy(q, p[None], axis=1).mean(), entropy(whole, p), entropy(q, whole[None], axis=1).mean()]


def reversed_information(q, p):
    whole = q.mean(axis=0)
    return [entropy(q, p[None], axis=1).mean(), entropy(whole[None], q, axis=1).mean(), entropy(whole, p)]


def summed(q, p):
    whole = q.mean(axis=0)
    return [entropy(q, p[None], axis=1).sum(), entropy(q, whole[None], axis=1).sum(), entropy(whole, p)]


def as_if_spread_were_one(z, s, alpha, sigma):
    return sigma * z


def clean_code(z, s, alpha, sigma):
    return alpha * s**2 * z / (alpha**2 * s**2 + sigma**2)


def score(z, s, alpha, sigma):
    return -z / (alpha**2 * s**2 + sigma**2)


def only_clean(z, predicted, alpha, sigma, next_alpha, next_sigma):
    return (z - sigma * predicted) / alpha


def alpha_forgotten(z, predicted, alpha, sigma, next_alpha, next_sigma):
    return next_alpha * (z - sigma * predicted) + next_sigma * predicted


REASON = "The fidelity stays the same from ten steps on, within what seeds differ by."

WRONG = {
    "density_after_a_stretch": [
        (norm.logpdf(1.0), "derivative is missing"),
        (norm.logpdf(1.0) + np.log(2), "derivative of u with respect to z counts"),
        (norm.logpdf(3.0) - np.log(2), "not at the code"),
    ],
    "kl_in_two_parts": [
        (swapped, "changed places"),
        (reversed_information, "not the other way round"),
        (summed, "not sums"),
    ],
    "noise_in_a_code": [
        (as_if_spread_were_one, "right for s = 1"),
        (clean_code, "expected clean code"),
        (score, "minus sigma times the score"),
    ],
    "step_to_less_noise": [
        (only_clean, "some noise left"),
        (alpha_forgotten, "divide by it"),
    ],
    "steps_of_yours": [
        ({"fidelity": {2: 0.5, 50: 0.8}, "because": REASON}, "several numbers of steps"),
        ({"fidelity": {2: 50.0, 10: 79.0, 50: 80.0}, "because": REASON}, "share of pictures"),
        ({"fidelity": {0: 0.5, 10: 0.7, 50: 0.8}, "because": REASON}, "numbers of steps, and the values"),
    ],
}
