"""Typical wrong answers to chapter 08, each with words of the hint that belongs to it."""

import numpy as np
from scipy.stats import norm


def closed_form(z1, q_mean, q_log_var, p_mean, p_log_var):
    ratio = np.exp(q_log_var - p_log_var)
    return 0.5 * np.sum(ratio + (q_mean - p_mean) ** 2 / np.exp(p_log_var) - 1 - np.log(ratio), axis=1)


def standard_prior(z1, q_mean, q_log_var, p_mean, p_log_var):
    return (norm.logpdf(z1, q_mean, np.exp(q_log_var / 2)) - norm.logpdf(z1)).sum(axis=1)


def log_sigma(z1, q_mean, q_log_var, p_mean, p_log_var):
    log_q = norm.logpdf(z1, q_mean, np.exp(q_log_var))
    return np.sum(log_q - norm.logpdf(z1, p_mean, np.exp(p_log_var)), axis=-1)


def of_the_mean(networks, x, noise_1, noise_2):
    return networks.p_x(networks.q_z1(x)[0])


def from_the_top(networks, x, noise_1, noise_2):
    z1 = networks.q_z1(x)[0] + np.exp(networks.q_z1(x)[1] / 2) * noise_1
    return networks.p_x(networks.q_z2(z1)[0] + noise_2)


def prior_mean(networks, x, noise_1, noise_2):
    z1 = networks.q_z1(x)[0] + 0.5 * noise_1
    z2 = networks.q_z2(z1)[0] + noise_2
    return networks.p_x(networks.p_z1(z2)[0])


def slope_alone(m, v, c, t, a, s2):
    mean = m - a * c * m
    together, apart = mean**2 + v * (1 - a * c) ** 2 + a * a * t, mean**2 + v + a * a * (c * c * v + t)
    return [c, together, apart, (apart - together) / 2 / s2]


def variances(m, v, c, t, a, s2):
    return [c * v, v * (1 - a * c) ** 2 + a * a * t, v + a * a * (c * c * v + t), a * c * v / s2]


def twice_the_gap(m, v, c, t, a, s2):
    _, together, apart, gap = slope_alone(m, v, c, t, a, s2)
    return np.array([c * v, together, apart, 2 * gap])


REASON = "Free bits keep two nats in the top layer, at the cost of layer one."
ANSWER = {
    "reconstruction": 82.9,
    "kl_1": 15.1,
    "kl_2": 2.1,
    "neg_elbo": 100.1,
    "in_use": "yes",
    "because": REASON,
}

WRONG = {
    "merged_mean": [
        ((2 + 0) / 2, "plain mean"),
        ((2 * 1 + 0 * 4) / 5, "wrong way round"),
        (2 / (1 + 0.5), "one over the standard"),
    ],
    "cost_of_the_draw": [
        (closed_form, "closed form"),
        (standard_prior, "not the standard"),
        (log_sigma, "log standard"),
    ],
    "gap_of_the_closed_form": [
        (slope_alone, "no covariance"),
        (variances, "those are variances"),
        (twice_the_gap, "twice the variance"),
    ],
    "layers_that_meet": [
        (of_the_mean, "about the draw"),
        (from_the_top, "saw z2"),
        (prior_mean, "mean of p(z1"),
    ],
    "use_of_the_top": [
        ({**ANSWER, "neg_elbo": -100.1}, "All four are losses"),
        ({**ANSWER, "neg_elbo": 85.0}, "do not add up"),
        ({**ANSWER, "in_use": "no"}, "Half a nat"),
    ],
}
