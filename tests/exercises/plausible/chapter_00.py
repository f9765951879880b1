"""Plausible wrong answers to chapter 00, other than the recorded ones."""

import numpy as np


def by_the_ratio_of_means(x, s):
    mean = x / (1 + s**2)
    return np.stack([mean, 1 - mean / x], axis=1)


def on_a_grid(x, s):
    means, variances = np.linspace(-10, 10, 20_001), np.linspace(1e-4, 2, 20_000)
    rows = []
    for each, width in zip(x, s, strict=True):
        m = means[np.argmin((each - means) ** 2 / (2 * width**2) + means**2 / 2)]
        v = variances[np.argmin(variances / (2 * width**2) + (variances - np.log(variances)) / 2)]
        rows.append([m, v])
    return np.array(rows)


def by_descent(x, s):
    m, v = np.zeros(len(x)), np.full(len(x), 0.5)
    for _ in range(5000):
        m = m - 0.01 * ((m - x) / s**2 + m)
        v = np.maximum(v - 0.01 * (0.5 / s**2 + 0.5 - 0.5 / v), 1e-6)
    return np.stack([m, v], axis=1)


def with_a_floor(x, s):
    return np.stack([x / (1 + s**2), np.maximum(s**2 / (1 + s**2), 0.05)], axis=1)


def squeezed(x, s):
    return np.squeeze(np.stack([x / (1 + s**2), s**2 / (1 + s**2)], axis=1))


def one_scale_for_all(x, s):
    shared = np.mean(s**2)
    return np.column_stack([x / (1 + shared), np.full(len(x), shared / (1 + shared))])


def other_order(x, s):
    return np.column_stack([s**2 / (1 + s**2), x / (1 + s**2)])


def weights_exchanged(x, s):
    return np.column_stack([x * s**2 / (1 + s**2), 1 / (1 + s**2)])


def log_variance(x, s):
    return np.column_stack([x / (1 + s**2), np.log(s**2 / (1 + s**2))])


def size_of_the_mean(x, s):
    return np.column_stack([np.abs(x) / (1 + s**2), s**2 / (1 + s**2)])


def within_the_prior(x, s):
    return np.column_stack([np.clip(x / (1 + s**2), -3, 3), s**2 / (1 + s**2)])


def drawn(scale):
    return lambda mean, log_var, noise: mean + scale(log_var) * noise


WHY = "The reconstruction error falls faster than the KL grows until about 8 numbers."
GOOD = {1: (231.1, 2.7), 2: (213.5, 5.0), 8: (187.4, 11.7)}


def terms(reason=WHY, **values):
    return {"terms": {int(size[1:]): pair for size, pair in values.items()}, "because": reason}


WRONG = {
    "most_that_pays": {
        "gray images": 385 / (28 * 28),
        "padded grey images squared": 385 / 32,
        "channels only": 385 / 3,
        "in bits": 385 / 3072 / np.log(2),
        "half of it": 385 / 3072 / 2,
        "as a share of the loss": 385 / 2125,
        "as a share of the floor": 385 / 1740,
        "rounded to an eighth": 0.125,
        "the sign": -385 / 3072,
        "sum of both": (2125 + 1740) / 3072,
    },
    "where_they_rest": {
        "variance from the ratio of the means, which fails at x = 0": by_the_ratio_of_means,
        "search on a grid with ends": on_a_grid,
        "descent with a fixed step": by_descent,
        "variance with a floor": with_a_floor,
        "one observation without its row": squeezed,
        "one scale for all": one_scale_for_all,
        "variance before mean": other_order,
        "weights of prior and pixel exchanged": weights_exchanged,
        "log variance": log_variance,
        "size of the mean": size_of_the_mean,
        "means kept within three standard deviations of the prior": within_the_prior,
    },
    "cloud_of_an_image": {
        "log variance clipped at 10": drawn(lambda v: np.exp(np.clip(v, -10, 10) / 2)),
        "log variance clipped from -30 to 20": drawn(lambda v: np.exp(np.clip(v, -30, 20) / 2)),
        "a thousandth added to the variance": drawn(lambda v: np.sqrt(np.exp(v) + 1e-6)),
        "a floor under the deviation": drawn(lambda v: np.maximum(np.exp(v / 2), 0.01)),
        "softplus": drawn(lambda v: np.log1p(np.exp(v))),
        "root of the size": drawn(lambda v: np.sqrt(np.abs(v))),
        "base 2": drawn(lambda v: 2 ** (v / 2)),
        "precision": drawn(lambda v: np.exp(-v / 2)),
        "one noise for the batch": lambda m, v, e: m + np.exp(v / 2) * e[:1],
        "one width for the batch": lambda m, v, e: m + np.exp(v / 2).mean(axis=0) * e,
        "noise made positive": lambda m, v, e: m + np.exp(v / 2) * np.abs(e),
        "the mean scaled as well": lambda m, v, e: np.exp(v / 2) * (m + e),
        "noise centred": lambda m, v, e: m + np.exp(v / 2) * (e - e.mean(axis=0)),
        "noise of its own": lambda m, v, e: m + np.exp(v / 2) * np.random.default_rng(0).normal(size=m.shape),
    },
    "two_terms_by_size": {
        "one training handed in twice": terms(_1=(231.1, 2.7), _2=(231.1, 2.7), _8=(187.4, 11.7)),
        "infinite": terms(_1=(np.inf, 2.7), _2=(np.inf, 5.0), _8=(np.inf, 11.7)),
        "a negative KL": terms(_1=(231.1, -2.7), _2=(213.5, 5.0), _8=(187.4, 11.7)),
        "a KL that no number can have": terms(_1=(231.1, 2.7), _2=(213.5, np.nan), _8=(187.4, 11.7)),
        "both terms grow": terms(_1=(187.4, 2.7), _2=(213.5, 5.0), _8=(231.1, 11.7)),
        "a KL that eats more than the gain": terms(_1=(231.1, 2.7), _2=(213.5, 50.0), _8=(187.4, 117.0)),
        "sizes below 1": terms(_0=(231.1, 2.7), _2=(213.5, 5.0), _8=(187.4, 11.7)),
        "half a number": {"terms": {0.5: (231.1, 2.7), 1.5: (213.5, 5.0), 8: (187.4, 11.7)}, "because": WHY},
        "KL before reconstruction": terms(_1=(2.7, 231.1), _2=(5.0, 213.5), _8=(11.7, 187.4)),
        "the sum in the place of a term": {"terms": {1: 233.8, 2: 218.5, 8: 199.1}, "because": WHY},
        "one word, often": {"terms": GOOD, "because": "word word word word word word word word word"},
        "the question, copied": {
            "terms": GOOD,
            "because": "Which term changes more as codes grow, and when does the change stop?",
        },
        "beside the point": {"terms": GOOD, "because": "I ran all of the cells and this is what came out."},
        "no reason": {"terms": GOOD, "because": ...},
        "a reason for nothing": {"terms": ..., "because": WHY},
    },
}
