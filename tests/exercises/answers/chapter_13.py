"""Typical wrong answers to chapter 13, each with words of the hint that belongs to it."""

import numpy as np
from scipy.special import softmax


def unweighted(log_weights, means):
    return np.mean(means, axis=0)


def over_images(log_weights, means):
    return np.sum(softmax(log_weights, axis=1)[:, :, None] * means, axis=0)


def divided_twice(log_weights, means):
    return np.mean(softmax(log_weights, axis=0)[:, :, None] * means, axis=0)


def chain(w_seen, w_missing, scale, x, prior=1.0):
    step = w_missing / (prior * scale**2 + w_seen**2 + w_missing**2)
    return step * w_seen * x, step * w_missing


def without_prior(w_seen, w_missing, scale, x):
    a, b = chain(w_seen, w_missing, scale, x, prior=0.0)
    return [a, b, a / (1 - b), w_missing * x / w_seen]


def one_step_for_the_limit(w_seen, w_missing, scale, x):
    a, b = chain(w_seen, w_missing, scale, x)
    return [a, b, a, w_missing * w_seen * x / (scale**2 + w_seen**2)]


def codes(w_seen, w_missing, scale, x):
    a, b = chain(w_seen, w_missing, scale, x)
    return [a / w_missing, b / w_missing, a / (1 - b) / w_missing, w_seen * x / (scale**2 + w_seen**2)]


def interpolated(normal, anomalous, rate):
    return np.quantile(normal, 1 - rate)


def lower_end(normal, anomalous, rate):
    return sorted(normal)[int((len(normal) + 1) * rate + 1e-9) - 1]


def all_scores(normal, anomalous, rate):
    scores = sorted([*normal, *anomalous])
    return scores[-int((len(scores) + 1) * rate + 1e-9)]


REASON = "One kind is found and the other is missed, and the intervals do not meet."
FOUND = {"class 3": (0.86, 0.82, 0.90), "blurred": (0.31, 0.25, 0.37)}

WRONG = {
    "decibels_of_two": [
        (-10 * np.log10(np.mean([0.01, 0.001])), "PSNR of the mean error"),
        (np.mean(10 * np.log10([0.01, 0.001])), "sign is turned"),
        (np.mean(-10 * np.log([0.01, 0.001])), "natural logarithm"),
    ],
    "weighted_guess": [
        (unweighted, "counts the same"),
        (over_images, "over images"),
        (divided_twice, "do not divide by k"),
    ],
    "fixed_point_of_the_chain": [
        (without_prior, "prior is missing"),
        (one_step_for_the_limit, "one step from 0"),
        (codes, "values of the code"),
    ],
    "threshold_from_normals": [
        (interpolated, "quantile interpolates"),
        (lower_end, "lower end"),
        (all_scores, "still take part"),
    ],
    "own_anomalies": [
        ({"auroc": {"all": (0.7, 0.6, 0.8)}, "promised": 0.05, "met": 0.06, "because": REASON}, "each kind"),
        (
            {
                "auroc": {"a": (0.7, 0.8, 0.9), "b": (0.5, 0.4, 0.6)},
                "promised": 0.05,
                "met": 0,
                "because": REASON,
            },
            "at least two seeds",
        ),
        ({"auroc": FOUND, "promised": 5, "met": 6, "because": REASON}, "not trained on"),
    ],
}
