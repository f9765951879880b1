"""Typical wrong answers to chapter 07, each with words of the hint that belongs to it."""

import numpy as np
from scipy.special import softmax


def no_prior(bounds, prior):
    return softmax(bounds, axis=1)


def over_images(bounds, prior):
    return softmax(bounds + np.log(prior), axis=0)


def prior_as_it_is(bounds, prior):
    return softmax(bounds + prior, axis=1)


def reconstruction(model, image, label, new_label):
    return model.decode(model.encode((image, label))[0], label)


def exchanged(model, image, label, new_label):
    return model.decode(model.encode((image, new_label))[0], label)


def noisy(model, image, label, new_label):
    return model.decode(model.encode((image, label))[2], new_label)


def by_variance(q_mean, q_log_var, p_mean, p_log_var):
    mean, log_var = (q_mean - p_mean) / np.exp(p_log_var), q_log_var - p_log_var
    return [mean, log_var, (np.exp(log_var) + mean**2 - 1 - log_var) / 2]


def half_of_the_width(q_mean, q_log_var, p_mean, p_log_var):
    mean, log_var = (q_mean - p_mean) / np.exp(p_log_var / 2), q_log_var - p_log_var / 2
    return [mean, log_var, (np.exp(log_var) + mean**2 - 1 - log_var) / 2]


def standard_prior(q_mean, q_log_var, p_mean, p_log_var):
    return [q_mean, q_log_var, (np.exp(q_log_var) + q_mean**2 - 1 - q_log_var) / 2]


REASON = "The share lies within two standard errors of the judge's accuracy."
ANSWER = {"pictures": 2000, "agreed": 0.98, "judge": 0.99, "stderr": 0.0031, "because": REASON}

WRONG = {
    "cost_under_a_learned_prior": [
        (0.5 * (1 + 0.25 - 1 - np.log(0.25)), "mean of its own"),
        (0.5 * (1 / 0.25 - 1 + np.log(0.25)), "over q"),
        (0.5 * (0.5 - 1 - np.log(0.5)), "square it"),
    ],
    "label_from_bounds": [
        (no_prior, "is missing"),
        (over_images, "over images"),
        (prior_as_it_is, "as its logarithm"),
    ],
    "standardized_code": [
        (by_variance, "not by its variance"),
        (half_of_the_width, "sigma squared"),
        (standard_prior, "z itself"),
    ],
    "same_hand": [(reconstruction, "a reconstruction"), (exchanged, "changed places"), (noisy, "adds noise")],
    "asked_and_got": [
        ({**ANSWER, "pictures": 20}, "mostly chance"),
        ({**ANSWER, "agreed": 98}, "between 0 and 1"),
        ({**ANSWER, "stderr": 0.14}, "sqrt(p (1 - p) / n)"),
    ],
}
