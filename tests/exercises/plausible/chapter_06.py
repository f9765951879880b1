"""Plausible wrong answers to chapter 06 that its exercises do not foresee, each with what is wrong about it."""

import numpy as np


def second_moment(groups, spread):
    return (np.mean(groups**2, axis=1) / spread**2).argmin(axis=1)


def own_spread(groups, spread):
    return (groups.var(axis=1) / groups.reshape(-1, groups.shape[-1]).var(axis=0)).argmin(axis=1)


def spread_of_the_group_means(groups, spread):
    return np.abs(groups.mean(axis=1) / spread).argmin(axis=1)


def interquartile(groups, spread):
    low, high = np.quantile(groups, [0.25, 0.75], axis=1)
    return ((high - low) / spread).argmin(axis=1)


def absolute_deviation(groups, spread):
    return (np.abs(groups - groups.mean(axis=1, keepdims=True)).mean(axis=1) / spread).argmin(axis=1)


def median_deviation(groups, spread):
    return (np.median(np.abs(groups - np.median(groups, axis=1, keepdims=True)), axis=1) / spread).argmin(1)


def one_pair(groups, spread):
    return (np.abs(groups[:, 0] - groups[:, 1]) / spread).argmin(axis=1)


def parts(aggregate, variance, *, d=2, of_spread=None):
    spread = np.diag(aggregate) if of_spread is None else of_spread
    log_det = np.linalg.slogdet(aggregate)[1]
    information = 0.5 * (log_det - d * np.log(variance))
    correlation = 0.5 * (np.log(np.diag(aggregate)).sum() - log_det)
    each = 0.5 * (spread - 1 - np.log(spread)).sum()
    return np.array([information + correlation + each, information, correlation, each])


def added_everywhere(covariance, variance):
    return parts(covariance + variance, variance)


def correlated_means(covariance, variance):
    right = parts(covariance + variance * np.eye(2), variance)
    of_means = parts(covariance, variance)[2]
    return np.array([right[0] - right[2] + of_means, right[1], of_means, right[3]])


def without_the_square(covariance, variance):
    right = parts(covariance + variance * np.eye(2), variance)
    spread = np.sqrt(np.diag(covariance) + variance)
    right[2] = -0.5 * np.log(1 - abs(covariance[0, 1]) / spread.prod())
    return right


def the_other_way_round(covariance, variance):
    right = parts(covariance + variance * np.eye(2), variance)
    spread = np.diag(covariance) + variance
    right[3] = 0.5 * (1 / spread - 1 + np.log(spread)).sum()
    return right


def kl_around_zero(covariance, variance):
    right = parts(covariance + variance * np.eye(2), variance)
    right[0] = variance - 1 - np.log(variance)
    return right


def soft_maximum(kl, least):
    return np.logaddexp(kl.mean(axis=0), least).sum()


def every_image_below(kl, least):
    return np.where((kl < least).all(axis=0), least, kl.mean(axis=0)).sum()


def switched_off(kl, least):
    return np.where(kl.mean(axis=0) < least, 0.0, kl.mean(axis=0)).sum()


REASON = "I would choose four for its clear outlines at half of the rate."
CURVE = {1: (11.2, 37.0), 4: (5.6, 50.1), 16: (2.1, 76.5)}

WRONG = {
    "hidden_price": {
        "rounded to one decimal": 2.6,
        "rounded up": 3,
        "weight of the sum of a 32 by 32 image, times 400": 400 * 32 * 32,
        "mean over one row": 32 / 400,
        "rows of the image instead of pixels": 400 / 32,
        "its square root": 1.6,
        "inverse on images of 28 by 28": 400 / 784,
        "one over 400": 1 / 400,
        "400 split over the pixels and the KL": 400 / (400 + 1024),
        "three colours": 3 * 1024 / 400,
        "in percent": 256.0,
    },
    "quietest_unit": {
        "mean square instead of variance": second_moment,
        "spread of the groups instead of the data": own_spread,
        "mean nearest to zero": spread_of_the_group_means,
        "range": lambda g, s: (np.ptp(g, axis=1) / s).argmin(axis=1),
        "interquartile range": interquartile,
        "mean absolute deviation": absolute_deviation,
        "median absolute deviation": median_deviation,
        "first two images alone": one_pair,
        "counted from one": lambda g, s: (g / s).var(axis=1).argmin(axis=1) + 1,
        "least of all images": lambda g, s: (g / s).min(axis=1).argmin(axis=1),
        "deviation over the spread squared": lambda g, s: (g.std(1) / s**2).argmin(1),
        "the vote of the first group for all": lambda g, s: np.full(len(g), (g[0] / s).var(0).argmin()),
        "the least and the second least exchanged": lambda g, s: (g / s).var(1).argsort(1)[:, 1],
        "all groups together": lambda g, s: np.full(len(g), (g / s).var((0, 1)).argmin()),
        "one-hot votes": lambda g, s: np.eye(len(s))[(g / s).var(1).argmin(1)],
    },
    "parts_of_the_kl": {
        "in bits": lambda c, v: parts(c + v * np.eye(2), v) / np.log(2),
        "variance added to every entry": added_everywhere,
        "variance read as a standard deviation": lambda c, v: parts(c + v**2 * np.eye(2), v**2),
        "variance of one coordinate in the entropy": lambda c, v: parts(c + v * np.eye(2), v, d=1),
        "total correlation of the means": correlated_means,
        "correlation not squared": without_the_square,
        "dimension-wise KL the other way round": the_other_way_round,
        "KL of a posterior with mean zero": kl_around_zero,
        "spread of the means in the last part": lambda c, v: parts(
            c + v * np.eye(2), v, of_spread=np.diag(c)
        ),
        "widths where variances belong": lambda c, v: parts(
            c + v * np.eye(2), v, of_spread=np.sqrt(np.diag(c) + v)
        ),
        "no correlation at all": lambda c, v: parts(np.diag(np.diag(c)) + v * np.eye(2), v),
        "per coordinate": lambda c, v: parts(c + v * np.eye(2), v) / 2,
        "without the sum": lambda c, v: parts(c + v * np.eye(2), v)[1:],
        "sum at the end": lambda c, v: np.roll(parts(c + v * np.eye(2), v), -1),
    },
    "free_of_charge": {
        "median over the batch": lambda kl, least: np.maximum(np.median(kl, axis=0), least).sum(),
        "sum over the batch": lambda kl, least: np.maximum(kl.sum(axis=0), least).sum(),
        "mean over units": lambda kl, least: np.maximum(kl.mean(axis=0), least).mean(),
        "maximum for each image": lambda kl, least: np.maximum(kl.mean(axis=1), least).sum(),
        "sum over units, maximum, mean": lambda kl, least: np.maximum(kl.sum(axis=1), least).mean(),
        "minimum shared among units": lambda kl, least: np.maximum(kl.mean(0), least / kl.shape[1]).sum(),
        "minimum added to each unit": lambda kl, least: (kl.mean(axis=0) + least).sum(),
        "largest unit alone": lambda kl, least: np.maximum(kl.mean(axis=0), least).max(),
        "units below switched off": switched_off,
        "free where every image is below": every_image_below,
        "soft maximum": soft_maximum,
        "largest image of each unit": lambda kl, least: np.maximum(kl.max(axis=0), least).sum(),
        "one value per unit": lambda kl, least: np.maximum(kl.mean(axis=0), least),
    },
    "price_curve": {
        "one weight three times": {
            "models": {1: (11.2, 37.0), "1": (5.6, 50.1), "1.0": (2.1, 76.5)},
            "because": REASON,
        },
        "no model": {"models": {}, "because": REASON},
        "one point for every weight": {"models": dict.fromkeys([1, 4, 16], (11.2, 37.0)), "because": REASON},
        "rates below zero": {"models": {1: (1.0, 37), 4: (-5, 50), 16: (-9, 76)}, "because": REASON},
        "weights below zero": {
            "models": dict(zip([-3, -2, -1], CURVE.values(), strict=True)),
            "because": REASON,
        },
        "an infinite rate": {"models": {**CURVE, 0: (np.inf, 30.0)}, "because": REASON},
        "an infinite distortion": {"models": {**CURVE, 64: (0.0, np.inf)}, "because": REASON},
        "NaN": {"models": {**CURVE, 64: (np.nan, np.nan)}, "because": REASON},
        "each beaten at its own weight": {
            "models": {1: (30, 100), 2: (20, 200), 4: (10, 300)},
            "because": REASON,
        },
        "nothing is lost by compressing": {
            "models": {1: (30, 37), 4: (9, 37), 16: (1, 37)},
            "because": REASON,
        },
        "weights without points": {"models": {1: 48.2, 4: 72.5, 16: 110.1}, "because": REASON},
        "a list of points": {"models": list(CURVE.values()), "because": REASON},
        "one word as a reason": {"models": CURVE, "because": "clearer " * 9},
        "numbers as a reason": {"models": CURVE, "because": [1, 4, 16, 11.2, 5.6, 2.1, 37.0, 50.1, 76.5]},
        "the question as a reason": {
            "models": CURVE,
            "because": "which point would you choose, and what for?",
        },
        "no reason": {"models": CURVE, "because": "four"},
    },
}
