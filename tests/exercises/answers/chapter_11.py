"""Typical wrong answers to chapter 11, each with words of the hint that belongs to it."""

import numpy as np
from keras import ops

RATIOS = np.array([16.0, 4.0, 1.2, 0.4])


def clamped_by_image(kl, least):
    return np.mean(np.sum(np.maximum(kl, least), axis=1))


def clamped_total(kl, least):
    return max(least, float(np.mean(np.sum(kl, axis=1))))


def mean_of_units(kl, least):
    return np.mean(np.maximum(kl.mean(axis=0), least))


def rows_of(variances, noise):
    u = np.clip(variances - noise, 0, None)
    return [(1 - variances / noise) / (2 * noise), u, np.log1p(u / noise) / 2]


def scale_for_variance(variances, scale):
    return rows_of(variances, scale)


def negative_length(variances, scale):
    slope, _, kl = rows_of(variances, scale**2)
    return [slope, variances - scale**2, kl]


def whole_logarithm(variances, scale):
    slope, u, kl = rows_of(variances, scale**2)
    return [slope, u, 2 * kl]


def only_codes_stopped(codes, prior, weights):
    judged = ops.matmul(ops.stop_gradient(codes), weights)
    judge = ops.softplus(-ops.matmul(prior, weights)) + ops.softplus(judged)
    return ops.mean(judge + ops.softplus(-ops.matmul(codes, weights)))


def stopped_everywhere(codes, prior, weights):
    fake = ops.matmul(ops.stop_gradient(codes), weights)
    judge = ops.softplus(-ops.matmul(prior, weights)) + ops.softplus(fake)
    fake = ops.matmul(ops.stop_gradient(codes), ops.stop_gradient(weights))
    return ops.mean(judge + ops.softplus(-fake))


def saturating(codes, prior, weights):
    fake = ops.matmul(ops.stop_gradient(codes), weights)
    judge = ops.softplus(-ops.matmul(prior, weights)) + ops.softplus(fake)
    encoder = -ops.softplus(ops.matmul(codes, ops.stop_gradient(weights)))
    return ops.mean(judge + encoder)


REASON = "The difference is smaller than its spread over the seeds, so it decides nothing."

WRONG = {
    "kl_of_four_directions": [
        (np.log(RATIOS).sum() / 2, "not the negative logarithm"),
        (np.log(RATIOS[:3]).sum(), "half of that logarithm"),
        (np.log2(RATIOS[:3]).sum() / 2, "in bits"),
    ],
    "free_bits_of_units": [
        (clamped_by_image, "before the mean over images"),
        (clamped_total, "of the total"),
        (mean_of_units, "not their mean"),
    ],
    "where_a_unit_collapses": [
        (scale_for_variance, "standard deviation"),
        (negative_length, "cannot be negative"),
        (whole_logarithm, "half of that logarithm"),
    ],
    "each_learns_its_own": [
        (only_codes_stopped, "weights still learn"),
        (stopped_everywhere, "codes learn nothing"),
        (saturating, "vanishes"),
    ],
    "a_technique_measured": [
        ({"without": [101.2, 100.3], "with": [100.9, 100.8], "because": REASON}, "three seeds"),
        (
            {"without": [-101.2, -102.0, -100.7], "with": [-99.0, -98.0, -97.0], "because": REASON},
            "is positive",
        ),
        (
            {"without": [101.2, 101.2, 101.2], "with": [99.0, 98.0, 97.0], "because": REASON},
            "for several seeds",
        ),
    ],
}
