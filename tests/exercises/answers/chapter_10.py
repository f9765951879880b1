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


def mean_over_images(log_weights, k):
    table = log_weights.reshape(-1, k)
    return logsumexp(table, axis=0) - np.log(len(table))


def mean_of_logs(log_weights, k):
    return [np.mean(log_weights[i : i + k]) for i in range(0, len(log_weights), k)]


def a_sum(log_weights, k):
    return logsumexp(log_weights.reshape(-1, k), axis=1)


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
    "shares_held_fixed": [
        (the_other_stopped, "wrong factor"),
        (elbo, "gradient of the ELBO"),
        (all_stopped, "No gradient"),
    ],
    "images_kept_apart": [
        (mean_over_images, "runs over its images"),
        (mean_of_logs, "mean of logarithms"),
        (a_sum, "k is missing"),
    ],
    "worth_of_draws": [
        ({"worth": {5: 0.4, 50: 0.1, 500: 0.02}, "because": REASON}, "at least one and at most k"),
        ({"worth": {5: 2.2, 50: 1.8, 500: 1.5}, "because": REASON}, "not worth less"),
        ({"worth": {5: 2.2}, "because": REASON}, "several k"),
    ],
}
