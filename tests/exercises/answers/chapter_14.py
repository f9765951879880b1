"""Typical wrong answers to chapter 14, each with words of the hint that belongs to it."""

import math

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm


def log_densities(z, means, scales):
    return norm.logpdf(z, means, scales).sum(axis=1)


def averaged_logs(z, shares, means, scales):
    return np.dot(shares, log_densities(z, means, scales))


def without_shares(z, shares, means, scales):
    return logsumexp(log_densities(z, means, scales))


def likeliest(z, shares, means, scales):
    return max(np.log(shares) + log_densities(z, means, scales))


def half(factor):
    return math.log(0.5, factor)


def added_up(error, factor, steps):
    return [steps * error, error / (1 - factor), half(factor)]


def one_error(error, factor, steps):
    return [error * factor**steps, error / (1 - factor), half(factor)]


def one_too_many(error, factor, steps):
    return [sum(error * factor**age for age in range(steps + 1)), error / (1 - factor), half(factor)]


def per_string(found, known):
    valid = [each for each in found if each]
    distinct = set(valid)
    new = len(distinct - set(known)) / len(distinct) if distinct else 0
    return [len(valid) / len(found), len(distinct) / len(found), new]


def repeated(found, known):
    valid = [each for each in found if each]
    new = [each for each in valid if each not in known]
    n = len(valid) or 1
    return [len(valid) / len(found), len(set(valid)) / n, len(new) / n]


def none_is_new(found, known):
    valid = [each for each in found if each]
    everything = set(found)
    return [
        len(valid) / len(found),
        len(set(valid)) / (len(valid) or 1),
        len(everything - set(known)) / len(everything),
    ]


REASON = "The intervals overlap, so the code does not help in this world."
RIGHT = {"code": (150, 120, 180), "control": (160, 140, 180), "seeds": 3, "budget": 20000, "because": REASON}

WRONG = {
    "improvement_by_hand": [
        (0.6 - 0.7, "loses nothing"),
        (norm.cdf(-1), "probability of an improvement"),
        (0.1 * norm.pdf(1), "first of the two terms"),
    ],
    "mixture_density": [
        (averaged_logs, "logarithm comes last"),
        (without_shares, "shares are missing"),
        (likeliest, "likeliest component alone"),
    ],
    "drift_of_a_dream": [
        (added_up, "do not simply add up"),
        (one_error, "left of one error"),
        (one_too_many, "one error too many"),
    ],
    "scores_of_molecules": [
        (per_string, "counted per valid one"),
        (repeated, "counts once"),
        (none_is_new, "cannot be a new one"),
    ],
    "own_world": [
        ({**RIGHT, "code": (150, 160, 180)}, "at least two seeds"),
        ({**RIGHT, "seeds": 1}, "another seed"),
        ({**RIGHT, "budget": 0}, "same number of steps"),
    ],
}
