"""Plausible wrong answers to chapter 05, other than the recorded ones."""

import numpy as np
from scipy.stats import chi, norm


def arc(angle=None, share=None, straight_below=0.0):
    """Spherical interpolation with a place for a mistake."""

    def points(a, b, t):
        cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
        t = t if share is None else share(t)
        whole = np.arccos(np.clip(cosine, -1, 1)) if angle is None else angle(a, b, cosine)
        if whole < straight_below:
            return a + t[:, None] * (b - a)
        return (np.sin((1 - t) * whole)[:, None] * a + np.sin(t * whole)[:, None] * b) / np.sin(whole)

    return points


def in_the_plane(a, b, t):
    first, last = (np.arctan2(each[1], each[0]) for each in (a, b))
    angles = first + t * (last - first)
    found = np.zeros((len(t), len(a)))
    found[:, 0], found[:, 1] = np.cos(angles), np.sin(angles)
    return np.linalg.norm(a) * found


def on_the_unit_circle(a, b, t):
    u, v = a / np.linalg.norm(a), b / np.linalg.norm(b)
    return arc()(u, v, t)


def the_shorter_way(a, b, t):
    return arc()(a, b if a @ b >= 0 else -b, t)


def with_roots_of_shares(a, b, t):
    return np.sqrt(1 - t)[:, None] * a + np.sqrt(t)[:, None] * b


def with_cosines(a, b, t):
    return np.cos(t * np.pi / 2)[:, None] * a + np.sin(t * np.pi / 2)[:, None] * b


def shell(slope=lambda r, d: (d - 1) / r - r, peak=lambda r, d: np.sqrt(d - 1)):
    return lambda r, d: [slope(r, d), peak(r, d)]


def _searched(r, d):
    lengths = np.linspace(0.001, 10, 100_000)
    return lengths[np.argmax(chi.logpdf(lengths, d))]


def grid(shares, turned=norm.ppf):
    return lambda n: turned(shares(n))


def _middles(n):
    return (np.arange(n) + 0.5) / n


def _drawn(n):
    return np.quantile(np.random.default_rng(0).normal(size=1_000_000), _middles(n))


def _mean_of_each_share(n):
    edges = norm.pdf(norm.ppf(np.arange(n + 1) / n))
    return n * (edges[:-1] - edges[1:])


def _from_a_table(n):
    known = {5: [-1.28155, -0.52440, 0.0, 0.52440, 1.28155]}
    return known.get(n, norm.ppf(np.linspace(0.0625, 0.9375, n)))


WHY = "The ranges of three seeds overlap, and only a gap in ten seeds would convince me."
GOOD = {"autoencoder": [0.71, 0.74, 0.72], "vae": [0.73, 0.70, 0.75], "claim": "cannot tell"}


def handed_in(autoencoder, vae, claim, why=WHY):
    return {"autoencoder": autoencoder, "vae": vae, "claim": claim, "because": why}


WRONG = {
    "length_of_a_midpoint": {
        "sixteen quarters and a half": 16 * 0.25 + 0.5,
        "one coordinate": 0.5,
        "root of the ends": 4.0 * 0.5,
        "three quarters": 12,
        "root of 16 times 2": np.sqrt(32),
        "mean length, not squared": 2.785,
        "nothing, since the mean is 0": 0,
        "an eighth": 16 / 8,
        "one dimension fewer": 7.5,
        "one dimension more": 8.5,
        "the distance of the ends": 2 * 8 + 16 + 8,
    },
    "arc_between": {
        "shares stretched from 0 to 1": arc(share=lambda t: (t - t.min()) / (t.max() - t.min() + 1e-12)),
        "shares put in order": arc(share=np.sort),
        "shares at equal steps": arc(share=lambda t: np.linspace(0, 1, len(t))),
        "straight where the angle is small": arc(straight_below=0.5),
        "angle by a sine": arc(lambda a, b, cosine: np.arcsin(np.sqrt(1 - cosine**2))),
        "codes of length 1 assumed": arc(lambda a, b, cosine: np.arccos(np.clip(a @ b, -1, 1))),
        "angle from the chord": arc(lambda a, b, cosine: np.linalg.norm(a - b) / np.linalg.norm(a)),
        "a right angle assumed": with_cosines,
        "roots of shares": with_roots_of_shares,
        "two dimensions only": in_the_plane,
        "unit circle": on_the_unit_circle,
        "minus b where that is nearer": the_shorter_way,
        "from the wrong end": arc(share=lambda t: 1 - t),
        "smooth steps": arc(share=lambda t: 3 * t**2 - 2 * t**3),
    },
    "shell_of_the_prior": {
        "searched up to 10": shell(peak=_searched),
        "root of d less a half": shell(peak=lambda r, d: np.sqrt(d - 0.5)),
        "mean length": shell(peak=lambda r, d: chi.mean(d)),
        "median length": shell(peak=lambda r, d: chi.median(d)),
        "root of d": shell(peak=lambda r, d: np.sqrt(d)),
        "root rounded": shell(peak=lambda r, d: np.round(np.sqrt(d - 1))),
        "root of d + 1": shell(peak=lambda r, d: np.sqrt(d + 1)),
        "of the squared length": shell(peak=lambda r, d: np.sqrt(max(d - 2, 0))),
        "slope of the density itself": shell(lambda r, d: ((d - 1) / r - r) * chi.pdf(r, d)),
        "sign of the slope": shell(lambda r, d: r - (d - 1) / r),
        "power not brought down": shell(lambda r, d: 1 / r - r),
        "logarithm not taken": shell(lambda r, d: (d - 1) * r ** (d - 2) - r),
        "slope by r squared": shell(lambda r, d: (d - 1) / r**2 - 1),
        "slope to whole numbers": shell(lambda r, d: (d - 1) // r - r),
        "other order": lambda r, d: [np.sqrt(d - 1), (d - 1) / r - r],
    },
    "values_of_a_grid": {
        "from a tenth to nine tenths": grid(lambda n: np.linspace(0.1, 0.9, n)),
        "a known list for 5": _from_a_table,
        "quantiles of a million draws": _drawn,
        "mean of each share": _mean_of_each_share,
        "plotting positions": grid(lambda n: (np.arange(1, n + 1) - 0.375) / (n + 0.25)),
        "upper ends kept from 1": grid(lambda n: np.clip(np.arange(1, n + 1) / n, 0, 0.999)),
        "lower ends kept from 0": grid(lambda n: np.clip(np.arange(n) / n, 0.001, 1)),
        "from 1 to 99 percent": grid(lambda n: np.linspace(0.01, 0.99, n)),
        "from 5 to 95 percent": grid(lambda n: np.linspace(0.05, 0.95, n)),
        "descending": grid(lambda n: _middles(n)[::-1]),
        "logistic quantiles": grid(_middles, lambda p: np.log(p / (1 - p)) / 1.702),
        "another variance": grid(_middles, lambda p: norm.ppf(p) / np.sqrt(2)),
        "distribution function in place of its inverse": grid(lambda n: np.linspace(-2, 2, n), norm.cdf),
    },
    "clearer_groups": {
        "one seed, three times": handed_in([0.71] * 3, [0.75] * 3, "yes"),
        "the VAE's seeds alike": handed_in([0.71, 0.74, 0.72], [0.8] * 3, "yes"),
        "the same scores for both": handed_in([0.71, 0.74, 0.72], [0.71, 0.74, 0.72], "cannot tell"),
        "the same scores in another order": handed_in([0.71, 0.74, 0.72], [0.72, 0.71, 0.74], "cannot tell"),
        "yes, by the means": handed_in([0.71, 0.74, 0.72], [0.73, 0.72, 0.78], "yes"),
        "no, by the best seed": handed_in([0.71, 0.76, 0.72], [0.73, 0.72, 0.74], "no"),
        "cannot tell, though no ranges overlap": handed_in(
            [0.61, 0.64, 0.62], [0.73, 0.72, 0.74], "cannot tell"
        ),
        "two seeds": handed_in([0.71, 0.74], [0.73, 0.72], "cannot tell"),
        "not a number": handed_in([0.71, np.nan, 0.72], [0.73, 0.72, 0.74], "cannot tell"),
        "another claim": handed_in([0.71, 0.74, 0.72], [0.73, 0.70, 0.75], "maybe"),
        "one word, often": {**GOOD, "because": "overlap " * 12},
        "the question, copied": {
            **GOOD,
            "because": "A VAE groups the classes more clearly than an autoencoder.",
        },
        "beside the point": {**GOOD, "because": "I ran all of the cells and this is what came out."},
        "no reason": {**GOOD, "because": ...},
    },
}
