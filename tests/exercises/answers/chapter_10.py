"""Typical wrong answers to chapter 10, each with words of the hint that belongs to it."""

import numpy as np
from keras import ops
from scipy.special import logsumexp


def no_count(log_weights):
    return [logsumexp(log_weights[: j + 1], axis=0) for j in range(len(log_weights))]


def means_of_logs(log_weights):
    return [log_weights[: j + 1].mean(axis=0) for j in range(len(log_weights))]


def over_images(log_weights):
    columns = range(1, log_weights.shape[1] + 1)
    return np.stack([logsumexp(log_weights[:, :j], axis=1) - np.log(j) for j in columns], axis=1)


def the_other_stopped(log_weights):
    return ops.sum(ops.softmax(log_weights, axis=0) * ops.stop_gradient(log_weights), axis=0)


def elbo(log_weights):
    return ops.mean(log_weights, axis=0)


def all_stopped(log_weights):
    return ops.sum(ops.stop_gradient(ops.softmax(log_weights, axis=0) * log_weights), axis=0)


def estimates_left_out(log_weights):
    k = len(log_weights)
    return np.stack([logsumexp(np.delete(log_weights, i, axis=0), axis=0) - np.log(k - 1) for i in range(k)])


def turned(log_weights):
    return [
        estimates_left_out(log_weights).mean(0),
        logsumexp(log_weights, axis=0) - np.log(len(log_weights)),
    ]


def divided_by_k(log_weights):
    k = len(log_weights)
    all_draws = logsumexp(log_weights, axis=0) - np.log(k)
    return [all_draws, estimates_left_out(log_weights).mean(0) + np.log(k - 1) - np.log(k)]


def log_taken_last(log_weights):
    bound = logsumexp(log_weights, axis=0) - np.log(len(log_weights))
    return [bound, bound]


REASON = "The worth grows slower than the number of draws, so few of them count."

WRONG = {
    "bound_of_three": [
        (np.mean([-105, -104, -107]), "mean of the logarithms, the ELBO"),
        (logsumexp([-105, -104, -107]), "logarithm of the sum"),
        (max(-105, -104, -107), "largest of the three"),
    ],
    "iwae_bound": [
        (no_count, "count is missing"),
        (means_of_logs, "means of logarithms"),
        (over_images, "over images"),
    ],
    "one_draw_less": [
        (turned, "changed places: the log"),
        (divided_by_k, "divide by k - 1"),
        (log_taken_last, "average the logs"),
    ],
    "shares_held_fixed": [
        (the_other_stopped, "wrong factor"),
        (elbo, "gradient of the ELBO"),
        (all_stopped, "No gradient"),
    ],
    "worth_of_draws": [
        ({"worth": {5: 0.4, 50: 0.1, 500: 0.02}, "because": REASON}, "at least one and at most k"),
        ({"worth": {5: 2.2, 50: 1.8, 500: 1.5}, "because": REASON}, "not worth less"),
        ({"worth": {5: 2.2}, "because": REASON}, "several k"),
    ],
}
