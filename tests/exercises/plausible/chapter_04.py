"""Plausible wrong answers to chapter 04, other than the recorded ones."""

import numpy as np


def kl_of(mean, variance, log_variance, half=0.5, one=1.0):
    return float(half * np.sum(np.square(mean) + variance - one - log_variance))


MEAN, SIGMA = np.array([1.0, -2.0]), np.array([0.5, 1.0])
VARIANCE = SIGMA**2


def _steps(s):
    return [-1 - np.log(s), -s, s - 1 - np.log(s), 1 - 1 / s]


def but(step, value):
    def steps(s):
        own = _steps(s)
        own[step] = value(s)
        return own

    return steps


def summed(most):
    """The density summed on a grid that ends: right only where the mean is neither large nor small."""

    def steps(s):
        z = np.linspace(0, most, 100_001)
        q = np.exp(-z / s) / s
        log_q = -np.trapezoid(q * (z / s + np.log(s)), z)
        log_p = -np.trapezoid(q * z, z)
        return [log_q, log_p, log_q - log_p, 1 - 1 / s]

    return steps


def _parts(images, probabilities, z_mean, z_log_var):
    pixels = -np.log(np.where(images == 1, probabilities, 1 - probabilities))
    return pixels, 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var)


def mixed(mix):
    return lambda *arguments: mix(*_parts(*arguments))


def _sums(pixels, units):
    return pixels.sum(axis=(1, 2, 3)), units.sum(axis=1)


def on(pixels=None, codes=None):
    """The right loss, of inputs that were changed first."""

    def loss(images, probabilities, z_mean, z_log_var):
        chance = pixels(probabilities) if pixels else probabilities
        log_var = codes(z_log_var) if codes else z_log_var
        return sum(_sums(*_parts(images, chance, z_mean, log_var)))

    return loss


def first_terms_only(images, probabilities, z_mean, z_log_var):
    pixels, kl = _parts(images, probabilities, z_mean, z_log_var)
    return (images * pixels).sum(axis=(1, 2, 3)) + kl.sum(axis=1)


def with_rows_of_the_batch(images, probabilities, z_mean, z_log_var):
    pixels, kl = _parts(images, probabilities, z_mean, z_log_var)
    return pixels.sum(axis=(1, 2, 3)) + kl.sum()


WHY = "Beyond a hundred draws the bound moves less than its standard error, so 100 are enough."
GOOD = {1: -202.6, 10: -200.8, 100: -199.8}


def bounds(own, why=WHY):
    return {"bounds": own, "because": why}


WRONG = {
    "cost_of_a_code": {
        "bits": 2.818147 / np.log(2),
        "from bits": 2.818147 * np.log(2),
        "means not squared": kl_of(np.sqrt(np.abs(MEAN)), VARIANCE, np.log(VARIANCE)),
        "without the log": kl_of(MEAN, VARIANCE, 0.0),
        "without the variances": kl_of(MEAN, 0.0, np.log(VARIANCE)),
        "the sign of the log": kl_of(MEAN, VARIANCE, -np.log(VARIANCE)),
        "base 10": kl_of(MEAN, VARIANCE, np.log10(VARIANCE)),
        "base 2 in the log": kl_of(MEAN, VARIANCE, np.log2(VARIANCE)),
        "without the means": kl_of(0.0, VARIANCE, np.log(VARIANCE)),
        "KL the other way round": float(np.sum(np.log(SIGMA) + (1 + MEAN**2) / (2 * VARIANCE) - 0.5)),
        "first coordinate": kl_of(MEAN[:1], VARIANCE[:1], np.log(VARIANCE[:1])),
        "without the ones": kl_of(MEAN, VARIANCE, np.log(VARIANCE), one=0.0),
        "to one decimal": 2.8,
    },
    "exponential_code": {
        "summed to 50": summed(50),
        "summed to 10": summed(10),
        "s as a rate": lambda s: _steps(1 / s),
        "(a) with the size of the log": but(0, lambda s: -1 - abs(np.log(s))),
        "(a) without the mean of z / s": but(0, lambda s: -np.log(s)),
        "(a) bits": but(0, lambda s: -1 - np.log2(s)),
        "(b) of a normal": but(1, lambda s: -(s**2) / 2),
        "(b) one over": but(1, lambda s: -1 / s),
        "(b) the sign": but(1, lambda s: s),
        "(c) (a) plus (b)": but(2, lambda s: -1 - np.log(s) - s),
        "(c) to second order": but(2, lambda s: (s - 1) ** 2 / 2),
        "(c) size of the log": but(2, lambda s: s - 1 - abs(np.log(s))),
        "(d) of the reverse": but(3, lambda s: 1 / s - 1 / s**2),
        "(d) with 1 - s": but(3, lambda s: 1 - s),
        "(d) second derivative": but(3, lambda s: 1 / s**2),
    },
    "negative_elbo": {
        "a mean times a square": mixed(lambda p, u: p.mean((1, 2, 3)) * p.shape[1] ** 2 + u.sum(1)),
        "a mean times 784": mixed(lambda p, u: p.mean((1, 2, 3)) * 784 + u.sum(1)),
        "first channel": mixed(lambda p, u: p[..., 0].sum((1, 2)) + u.sum(1)),
        "square images only": mixed(lambda p, u: p[:, :, : p.shape[1]].sum((1, 2, 3)) + u.sum(1)),
        "a floor under each unit": mixed(lambda p, u: p.sum((1, 2, 3)) + np.maximum(u, 0.05).sum(1)),
        "a floor under each KL": mixed(lambda p, u: p.sum((1, 2, 3)) + np.maximum(u.sum(1), 0.5)),
        "probabilities kept above 0.001": on(lambda p: np.clip(p, 1e-3, 1 - 1e-3)),
        "probabilities with 0.0001 added in the log": on(lambda p: p + 1e-4 * (1 - 2 * p)),
        "probabilities kept above 1e-7": on(lambda p: np.clip(p, 1e-7, 1 - 1e-7)),
        "log variances kept within 5": on(codes=lambda v: np.clip(v, -5, 5)),
        "log variances kept within 10": on(codes=lambda v: np.clip(v, -10, 10)),
        "half of the KL": mixed(lambda p, u: p.sum((1, 2, 3)) + u.sum(1) / 2),
        "white pixels only": first_terms_only,
        "KL of the batch": with_rows_of_the_batch,
        "mean over channels and columns": mixed(lambda p, u: p.mean((2, 3)).sum(1) + u.sum(1)),
        "the ELBO": mixed(lambda p, u: -p.sum((1, 2, 3)) - u.sum(1)),
        "bits": mixed(lambda p, u: (p.sum((1, 2, 3)) + u.sum(1)) / np.log(2)),
    },
    "noise_of_a_mean": {
        "one channel, not halved": np.sqrt(1024),
        "half of the root": np.sqrt(3072) / 2,
        "precision": 2 / 3072,
        "one over s": np.sqrt(2 / 3072),
        "twice the number": np.sqrt(2 * 3072),
        "number of values": 3072,
        "one side": np.sqrt(32 / 2),
        "a hundredth more": 39.6,
        "to whole numbers": 39,
        "on a scale to 255": 39.1918 * 255,
        "one over 255": 39.1918 / 255,
        "a log": np.log(3072 / 2),
    },
    "how_many_draws": {
        "minus infinity": bounds({1: -np.inf, 10: -np.inf, 100: -np.inf}),
        "falls, a little each time": bounds({1: -202.6, 10: -203.0, 100: -203.4}),
        "the same bound each time": bounds({1: -202.6, 10: -202.6, 100: -202.6}),
        "rises without end": bounds({1: -1e6, 10: -200.8, 100: -199.8}),
        "1 draw, three times": bounds({1: -202.6, 1.4: -200.8, 1.8: -199.8}),
        "no draws at all": bounds({0: -202.6, 1: -200.8, 10: -199.8}),
        "no 1": bounds({2: -202.6, 10: -200.8, 100: -199.8}),
        "not a number": bounds({1: -202.6, 10: np.nan, 100: -199.8}),
        "no k": bounds([-202.6, -200.8, -199.8]),
        "one word, often": bounds(GOOD, "draws " * 12),
        "the question, copied": bounds(
            GOOD, "Which k would you report, and why not ten times as many? A good estimate takes draws."
        ),
        "beside the point": bounds(GOOD, "I ran all of the cells and this is what came out."),
        "no reason": bounds(GOOD, ...),
    },
}
