"""Typical wrong answers to chapter 00, each with words of the hint that belongs to it."""

import numpy as np


def on_the_image(x, s):
    return np.column_stack([x, np.zeros(len(x))])


def at_the_prior(x, s):
    return np.column_stack([np.zeros(len(x)), np.ones(len(x))])


def with_standard_deviation(x, s):
    return np.column_stack([x / (1 + s**2), np.sqrt(s**2 / (1 + s**2))])


def unsquared(x, s):
    return np.column_stack([x / (1 + s), s / (1 + s)])


def with_variance(z_mean, z_log_var, epsilon):
    return z_mean + epsilon * np.e**z_log_var


def with_logarithm(z_mean, z_log_var, epsilon):
    return z_mean + z_log_var * epsilon


def halved_outside(z_mean, z_log_var, epsilon):
    return z_mean + np.exp(z_log_var) / 2 * epsilon


REASON = "The reconstruction falls faster than the KL grows until about eight numbers."

WRONG = {
    "most_that_pays": [
        (2125 - 1740, "divides it"),
        ((2125 - 1740) / 1024, "three values per pixel"),
        (2125 / 3072, "whole loss"),
        (1740 / 3072, "the floor"),
    ],
    "where_they_rest": [
        (on_the_image, "a point on x"),
        (at_the_prior, "KL alone"),
        (with_standard_deviation, "the variance was asked for"),
        (unsquared, "its square"),
    ],
    "cloud_of_an_image": [
        (with_variance, "as it was handed out"),
        (with_logarithm, "undo it first"),
        (halved_outside, "inside the exponent"),
    ],
    "two_terms_by_size": [
        ({"terms": {1: (231.0, 3.6), 2: (213.6, 5.0)}, "because": REASON}, "Hand in"),
        ({"terms": {1: (0.29, 3.6), 2: (0.27, 5.0), 8: (0.24, 14.0)}, "because": REASON}, "mean over pixels"),
        ({"terms": {1: (186.0, 14.0), 2: (213.6, 5.0), 8: (231.0, 3.6)}, "because": REASON}, "reversed"),
    ],
}
