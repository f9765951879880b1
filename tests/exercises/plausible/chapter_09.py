"""Plausible wrong answers to chapter 09 that its exercises do not foresee, each with what is wrong about it."""

import numpy as np
from keras import ops


def differences(vectors, codebook):
    return vectors[..., None, :] - codebook


def by_another_norm(order):
    return lambda vectors, codebook: np.linalg.norm(
        differences(vectors, codebook), ord=order, axis=-1
    ).argmin(-1)


def cosine(vectors, codebook):
    return (vectors @ (codebook / np.linalg.norm(codebook, axis=1, keepdims=True)).T).argmax(-1)


def without_the_two(vectors, codebook):
    return ((codebook**2).sum(1) - vectors @ codebook.T).argmin(-1)


def lengths_not_squared(vectors, codebook):
    return (np.linalg.norm(codebook, axis=1) - 2 * vectors @ codebook.T).argmin(-1)


def by_length(vectors, codebook):
    lengths = np.linalg.norm(vectors, axis=-1)
    return np.abs(lengths[..., None] - np.linalg.norm(codebook, axis=1)).argmin(-1)


def standardized(vectors, codebook):
    return ((differences(vectors, codebook) / codebook.std(axis=0)) ** 2).sum(-1).argmin(-1)


def each_centred(vectors, codebook):
    own = vectors - vectors.mean(axis=(0, 1, 2))
    return (differences(own, codebook - codebook.mean(axis=0)) ** 2).sum(-1).argmin(-1)


def distances(vectors, codebook):
    return np.linalg.norm(differences(vectors, codebook), axis=-1)


def transposed(vectors, codebook):
    codes = distances(vectors, codebook).argmin(-1)
    return codes.swapaxes(1, 2)


def nearest_sum(vectors, codebook):
    return np.abs(differences(vectors, codebook).sum(-1)).argmin(-1)


def for_each_entry(vectors, codebook):
    return distances(vectors, codebook).reshape(-1, len(codebook)).argmin(0)


def hot(shares, categories=None):
    return ops.one_hot(ops.argmax(shares, axis=-1), categories or shares.shape[-1])


def passing(shares, value):
    return shares + ops.stop_gradient(ops.cast(value, shares.dtype) - shares)


def four_categories(shares):
    return passing(shares, hot(shares, 4))


def rounded(shares):
    return passing(shares, ops.round(shares))


def above_one_half(shares):
    return passing(shares, shares > 0.5)


def all_largest(shares):
    return passing(shares, shares == ops.max(shares, axis=-1, keepdims=True))


def of_columns(shares):
    return passing(shares, ops.one_hot(ops.argmax(shares, axis=0), shares.shape[0], axis=0))


def chosen_share_alone(shares):
    chosen = hot(shares)
    return shares * chosen + ops.stop_gradient(chosen - shares * chosen)


def through_the_logarithm(shares):
    return ops.log(shares) + ops.stop_gradient(hot(shares) - ops.log(shares))


def turned(shares):
    return ops.stop_gradient(hot(shares) + shares) - shares


def twice(shares):
    return 2 * shares + ops.stop_gradient(hot(shares) - 2 * shares)


def sharpened(shares):
    return ops.softmax(shares * 10, axis=-1)


def through_a_softmax(shares):
    soft = ops.softmax(shares, axis=-1)
    return soft + ops.stop_gradient(hot(shares) - soft)


def least(shares):
    return passing(shares, ops.one_hot(ops.argmin(shares, axis=-1), shares.shape[-1]))


def divided(shares):
    return shares / ops.max(shares, axis=-1, keepdims=True)


def half_way(shares):
    return (shares + hot(shares)) / 2


def gradients(v, e, s, w, *, slope=1.0, commitment=2.0, codebook=2.0):
    return np.stack([slope * s + commitment * w * (v - e), codebook * (e - v)])


REASON = "With 64 entries the perplexity rose by half and the loss fell by two nats."
ANSWER = {"num_embeddings": 64, "perplexity": 20.0, "bits": 211.8, "reconstruction": 185.0, "because": REASON}

WRONG = {
    "used_codes": {
        "one over the sum of squared shares": 1 / (0.25 + 0.0625 + 0.0625),
        "sum of squared shares": 0.375,
        "exp of minus the entropy": np.exp(-1.039721),
        "one over the largest share": 2.0,
        "share of the codebook in use": 2.828427 / 4,
        "entropy relative to the largest": 0.75,
        "two to the relative entropy": 2**0.75,
        "exp of the decimal entropy": np.exp(1.039721 / np.log(10)),
        "square roots of the shares": (np.sqrt(0.5) + 0.5 + 0.5) ** 2,
        "largest count": 50.0,
        "rounded to one decimal": 2.8,
        "with one added to each count": np.exp(-sum(n / 104 * np.log(n / 104) for n in (51, 26, 26, 1))),
    },
    "nearest_entries": {
        "sum of absolute differences": by_another_norm(1),
        "largest difference": by_another_norm(np.inf),
        "root norm": lambda v, c: np.sqrt(np.abs(differences(v, c))).sum(-1).argmin(-1),
        "angle": cosine,
        "product not doubled": without_the_two,
        "lengths not squared": lengths_not_squared,
        "length alone": by_length,
        "coordinates scaled by their spread": standardized,
        "each centred on its own mean": each_centred,
        "sums compared": nearest_sum,
        "first coordinate alone": lambda v, c: np.abs(v[..., :1] - c[:, 0]).argmin(-1),
        "vectors rounded first": lambda v, c: distances(np.round(v), c).argmin(-1),
        "counted from one": lambda v, c: distances(v, c).argmin(-1) + 1,
        "height and width exchanged": transposed,
        "nearest vector of each entry": for_each_entry,
        "second nearest": lambda v, c: distances(v, c).argsort(-1)[..., 1],
    },
    "two_gradients": {
        "mean over the coordinates": lambda v, e, s, w: np.stack([s + 2 * w * (v - e) / 3, 2 * (e - v) / 3]),
        "weight on the codebook loss": lambda v, e, s, w: np.stack([s + 2 * (v - e), 2 * w * (e - v)]),
        "weight on both": lambda v, e, s, w: np.stack([s + 2 * w * (v - e), 2 * w * (e - v)]),
        "no weight": lambda v, e, s, w: np.stack([s + 2 * (v - e), 2 * (e - v)]),
        "weight on the slope": lambda v, e, s, w: np.stack([w * (s + 2 * (v - e)), 2 * (e - v)]),
        "slope turned": lambda *a: gradients(*a, slope=-1.0),
        "slope doubled": lambda *a: gradients(*a, slope=2.0),
        "one square derived": lambda *a: gradients(*a, commitment=1.0),
        "codebook's square not derived": lambda *a: gradients(*a, codebook=1.0),
        "commitment turned": lambda *a: gradients(*a, commitment=-2.0),
        "codebook turned": lambda *a: gradients(*a, codebook=-2.0),
        "codebook left alone": lambda *a: gradients(*a, codebook=0.0),
        "commitment left out": lambda *a: gradients(*a, commitment=0.0),
        "slope to the entry alone": lambda v, e, s, w: np.stack([2 * w * (v - e), s + 2 * (e - v)]),
        "entry first": lambda *a: gradients(*a)[::-1],
        "slope of length one": lambda v, e, s, w: gradients(v, e, s / np.linalg.norm(s), w),
        "signs of the differences": lambda v, e, s, w: np.stack([s + w * np.sign(v - e), np.sign(e - v)]),
        "both in one": lambda *a: gradients(*a).sum(axis=0),
    },
    "hard_choice": {
        "four categories": four_categories,
        "rounded": rounded,
        "above one half": above_one_half,
        "a 1 for each of two equal shares": all_largest,
        "largest of each column": of_columns,
        "gradient of the chosen share alone": chosen_share_alone,
        "gradient of the logarithm": through_the_logarithm,
        "gradient turned": turned,
        "gradient doubled": twice,
        "a colder softmax": sharpened,
        "gradient of a second softmax": through_a_softmax,
        "least share": least,
        "shares divided by the largest": divided,
        "half way to the choice": half_way,
    },
    "codebook_in_use": {
        "this chapter's 32 entries": {**ANSWER, "num_embeddings": 32},
        "every entry used alike": {**ANSWER, "perplexity": 64.0, "bits": 49 * 6.0},
        "table without frequencies": {**ANSWER, "bits": 49 * 6.0},
        "bits of one code": {**ANSWER, "bits": 4.32},
        "nats": {**ANSWER, "bits": 49 * np.log(20)},
        "bytes": {**ANSWER, "bits": 211.8 / 8},
        "bits times the perplexity": {**ANSWER, "bits": 49 * 20.0},
        "entropy as perplexity": {**ANSWER, "perplexity": np.log(20), "bits": 211.8},
        "one code": {**ANSWER, "perplexity": 1.0, "bits": 0.0},
        "half an entry": {**ANSWER, "num_embeddings": 64.5},
        "infinite loss": {**ANSWER, "reconstruction": float("inf")},
        "NaN": {**ANSWER, "reconstruction": float("nan")},
        "sign of the likelihood": {**ANSWER, "reconstruction": -185.0},
        "one word as a reason": {**ANSWER, "because": "codebook " * 8},
        "the task as a reason": {
            **ANSWER,
            "because": "how does your codebook compare with the 32 entries of this chapter?",
        },
        "numbers as a reason": {**ANSWER, "because": "64 20 211.8 185 32 12 170 190"},
        "nothing but a reason": {"because": REASON},
    },
}
