"""Plausible wrong answers to chapter 08 that its exercises do not foresee, each with what is wrong about it."""

import numpy as np
from scipy.stats import norm


def log_ratio(z1, qm, qv, pm, pv):
    return norm.logpdf(z1, qm, np.exp(qv / 2)) - norm.logpdf(z1, pm, np.exp(pv / 2))


def log_of_the_densities(z1, qm, qv, pm, pv):
    q, p = norm.pdf(z1, qm, np.exp(qv / 2)), norm.pdf(z1, pm, np.exp(pv / 2))
    return np.log(q / p).sum(axis=1)


def log_of_the_products(z1, qm, qv, pm, pv):
    q, p = norm.pdf(z1, qm, np.exp(qv / 2)), norm.pdf(z1, pm, np.exp(pv / 2))
    return np.log(q.prod(axis=1)) - np.log(p.prod(axis=1))


def against_a_zero(z1, qm, qv, pm, pv):
    q, p = norm.pdf(z1, qm, np.exp(qv / 2)), norm.pdf(z1, pm, np.exp(pv / 2))
    return (np.log(q + 1e-8) - np.log(p + 1e-8)).sum(axis=1)


def log_of_the_sums(z1, qm, qv, pm, pv):
    q, p = norm.pdf(z1, qm, np.exp(qv / 2)), norm.pdf(z1, pm, np.exp(pv / 2))
    return np.log(q.sum(axis=1)) - np.log(p.sum(axis=1))


def weighted_by_q(z1, qm, qv, pm, pv):
    return (norm.pdf(z1, qm, np.exp(qv / 2)) * log_ratio(z1, qm, qv, pm, pv)).sum(axis=1)


def width_of_q_in_both(z1, qm, qv, pm, pv):
    return log_ratio(z1, qm, qv, pm, qv).sum(axis=1)


def distances_not_squared(z1, qm, qv, pm, pv):
    return np.sum((pv - qv) / 2 + abs(z1 - pm) / np.exp(pv / 2) - abs(z1 - qm) / np.exp(qv / 2), axis=1)


def widths_not_halved(z1, qm, qv, pm, pv):
    return np.sum(pv - qv + ((z1 - pm) ** 2 / np.exp(pv) - (z1 - qm) ** 2 / np.exp(qv)) / 2, axis=1)


def four(m, v, c, t, a, s2):
    together = (m - a * c * m) ** 2 + v * (1 - a * c) ** 2 + a**2 * t
    apart = (m - a * c * m) ** 2 + v + a**2 * (c**2 * v + t)
    return np.array([c * v, together, apart, (apart - together) / (2 * s2)])


def absolute(m, v, c, t, a, s2):
    covariance, together, apart, gap = four(m, v, c, t, a, s2)
    return [covariance, together, apart, abs(gap)]


def positive_covariance(m, v, c, t, a, s2):
    return [np.sqrt(c**2 * v * v), *four(m, v, c, t, a, s2)[1:]]


def correlation(m, v, c, t, a, s2):
    return [c * v / np.sqrt(v * (c**2 * v + t)), *four(m, v, c, t, a, s2)[1:]]


def layers_drawn_from_the_noise_alone(m, v, c, t, a, s2):
    covariance, together, _, _ = four(m, v, c, t, a, s2)
    apart = (m - a * c * m) ** 2 + v + a**2 * t
    return [covariance, together, apart, (apart - together) / (2 * s2)]


def without_the_noise_of_the_top(m, v, c, t, a, s2):
    return four(m, v, c, 0.0, a, s2)


def cross_term_once(m, v, c, t, a, s2):
    covariance, together, apart, gap = four(m, v, c, t, a, s2)
    return [covariance, together + a * covariance, apart, gap / 2]


def top_around_zero(m, v, c, t, a, s2):
    covariance, together, apart, gap = four(m, v, c, t, a, s2)
    other = m**2 - (m - a * c * m) ** 2
    return [covariance, together + other, apart + other, gap]


def log_of_the_ratio(m, v, c, t, a, s2):
    covariance, together, apart, _ = four(m, v, c, t, a, s2)
    return [covariance, together, apart, 0.5 * np.log(apart / together)]


def decoded(z1_of):
    def answer(networks, x, noise_1, noise_2):
        mean, log_var = networks.q_z1(x)
        return networks.p_x(z1_of(networks, mean, log_var, noise_1, noise_2))

    return answer


def from_above(networks, mean, log_var, noise_1, noise_2):
    z2 = networks.q_z2(mean + np.exp(0.5 * log_var) * noise_1)[0] + noise_2
    above, log_var = networks.p_z1(z2)
    return above + np.exp(0.5 * log_var) * noise_2


def precisions_added(networks, mean, log_var, noise_1, noise_2):
    z2 = networks.q_z2(mean + np.exp(0.5 * log_var) * noise_1)[0] + noise_2
    above, above_log_var = networks.p_z1(z2)
    of_image, of_above = np.exp(-log_var), np.exp(-above_log_var)
    merged = (of_image * mean + of_above * above) / (of_image + of_above)
    return merged + noise_1 / np.sqrt(of_image + of_above)


def half_of_each(networks, mean, log_var, noise_1, noise_2):
    z1 = mean + np.exp(0.5 * log_var) * noise_1
    z2 = networks.q_z2(z1)[0] + noise_2
    above, above_log_var = networks.p_z1(z2)
    return (z1 + above + np.exp(0.5 * above_log_var) * noise_1) / 2


def mean_of_q_with_the_width_of_p(networks, mean, log_var, noise_1, noise_2):
    return mean + np.exp(0.5 * networks.p_z1(networks.q_z2(mean)[0])[1]) * noise_1


def before_the_decoder(networks, x, noise_1, noise_2):
    mean, log_var = networks.q_z1(x)
    return mean + np.exp(0.5 * log_var) * noise_1


REASON = "Layer 1 gave up one nat and a half when layer 2 kept two nats."
ANSWER = {
    "reconstruction": 82.9,
    "kl_1": 15.1,
    "kl_2": 2.1,
    "neg_elbo": 100.1,
    "in_use": "yes",
    "because": REASON,
}

WRONG = {
    "merged_mean": {
        "variances as weights, not divided by their sum": 8.0,
        "sum of the precisions": 1.25,
        "mean times the sum of the precisions": 2.5,
        "width of the merged normal": np.sqrt(0.8),
        "precisions squared": 2 / (1 + 1 / 16),
        "widths as weights": 2 * 1 / (1 + 2),
        "square root of the mean square": np.sqrt(4 / 1.25),
        "sign": -1.6,
        "product of the means": 0.0,
        "rounded": 1.5,
        "mean times the merged variance squared": 2 * 0.8**2,
    },
    "cost_of_the_draw": {
        "densities instead of log densities": log_of_the_densities,
        "products before the logarithm": log_of_the_products,
        "a small number against log 0": against_a_zero,
        "sums before the logarithm": log_of_the_sums,
        "weighted by the density": weighted_by_q,
        "width of q in both": width_of_q_in_both,
        "distances not squared": distances_not_squared,
        "log variances not halved": widths_not_halved,
        "never below zero": lambda *a: np.maximum(log_ratio(*a).sum(axis=1), 0),
        "no coordinate below zero": lambda *a: np.maximum(log_ratio(*a), 0).sum(axis=1),
        "absolute value": lambda *a: np.abs(log_ratio(*a).sum(axis=1)),
        "log q alone": lambda z, qm, qv, pm, pv: norm.logpdf(z, qm, np.exp(qv / 2)).sum(axis=1),
        "log p alone": lambda z, qm, qv, pm, pv: -norm.logpdf(z, pm, np.exp(pv / 2)).sum(axis=1),
        "in bits": lambda *a: log_ratio(*a).sum(axis=1) / np.log(2),
        "one half missing": lambda *a: 2 * log_ratio(*a).sum(axis=1),
        "mean over the batch": lambda *a: log_ratio(*a).sum(axis=1).mean(),
        "summed over images": lambda *a: log_ratio(*a).sum(axis=0),
        "variances read as widths": lambda z, qm, qv, pm, pv: log_ratio(z, qm, qv / 2, pm, pv / 2).sum(1),
    },
    "gap_of_the_closed_form": {
        "size of the gap": absolute,
        "covariance never below zero": positive_covariance,
        "correlation for covariance": correlation,
        "independent layer without the spread of z1": layers_drawn_from_the_noise_alone,
        "noise of z2 forgotten": without_the_noise_of_the_top,
        "cross term once": cross_term_once,
        "mean of z2 forgotten": top_around_zero,
        "logarithm of the ratio": log_of_the_ratio,
        "slope squared": lambda m, v, c, t, a, s2: four(m, v, c, t, a, s2) * [c, 1, 1, 1],
        "noise of z2 in the covariance": lambda m, v, c, t, a, s2: four(m, v, c, t, a, s2) + t * np.eye(4)[0],
        "s instead of s squared": lambda m, v, c, t, a, s2: four(m, v, c, t, a, np.sqrt(s2)),
        "s2 squared again": lambda m, v, c, t, a, s2: four(m, v, c, t, a, s2**2),
        "t read as a width": lambda m, v, c, t, a, s2: four(m, v, c, t**2, a, s2),
        "v read as a width": lambda m, v, c, t, a, s2: four(m, v**2, c, t, a, s2),
        "gap in bits": lambda *given: four(*given) * [1, 1, 1, 1 / np.log(2)],
        "steps 2 and 3 exchanged": lambda *given: four(*given)[[0, 2, 1, 3]],
        "a not squared": lambda m, v, c, t, a, s2: four(m, v, c, t, a, s2) - [0, *[(a * a - a) * t] * 2, 0],
    },
    "layers_that_meet": {
        "own noise for z1": decoded(lambda n, mean, lv, e1, e2: mean + np.exp(0.5 * lv) * e2),
        "variance for the width": decoded(lambda n, mean, lv, e1, e2: mean + np.exp(lv) * e1),
        "log variance for the width": decoded(lambda n, mean, lv, e1, e2: mean + lv * e1),
        "half of the log variance for the width": decoded(lambda n, mean, lv, e1, e2: mean + 0.5 * lv * e1),
        "softplus for the width": decoded(lambda n, mean, lv, e1, e2: mean + np.logaddexp(0, lv) * e1),
        "noise of width one": decoded(lambda n, mean, lv, e1, e2: mean + e1),
        "other sign of the noise": decoded(lambda n, mean, lv, e1, e2: mean - np.exp(0.5 * lv) * e1),
        "other noise in p(z1 | z2)": decoded(from_above),
        "joined by precision": decoded(precisions_added),
        "mean of both draws": decoded(half_of_each),
        "width of the prior": decoded(mean_of_q_with_the_width_of_p),
        "not decoded": before_the_decoder,
        "noise twice": decoded(lambda n, mean, lv, e1, e2: mean + np.exp(0.5 * lv) * (e1 + e2)),
    },
    "use_of_the_top": {
        "all zeros": {**dict.fromkeys(ANSWER, 0.0), "in_use": "no", "because": REASON},
        "nats per pixel": {
            **ANSWER,
            "reconstruction": 0.106,
            "kl_1": 0.019,
            "kl_2": 0.003,
            "neg_elbo": 0.128,
            "in_use": "no",
        },
        "upper layer left out of the sum": {**ANSWER, "kl_2": 0.7, "neg_elbo": 98.0},
        "half a nat lost": {**ANSWER, "neg_elbo": 99.4},
        "always in use": {**ANSWER, "kl_2": 0.1, "neg_elbo": 98.1},
        "in use, maybe": {**ANSWER, "in_use": "maybe"},
        "KL below zero": {**ANSWER, "kl_1": -1.0, "neg_elbo": 84.0},
        "NaN": {**ANSWER, "kl_2": float("nan"), "neg_elbo": float("nan"), "in_use": "no"},
        "infinite": {**ANSWER, "reconstruction": float("inf"), "neg_elbo": float("inf")},
        "ELBO instead of its negative": {**ANSWER, "reconstruction": -82.9, "neg_elbo": -65.7},
        "one word as a reason": {**ANSWER, "because": "nats " * 8},
        "the task as a reason": {**ANSWER, "because": "a sentence: what did layer 1 do in exchange?"},
        "numbers as a reason": {**ANSWER, "because": "82.9 15.1 2.1 100.1 0 0 0 0"},
        "nothing but a reason": {"because": REASON},
    },
}
