"""Typical wrong answers to chapter 09, each with words of the hint that belongs to it."""

import numpy as np
from keras import ops


def farthest(vectors, codebook):
    return np.argmax(((vectors[..., None, :] - codebook) ** 2).sum(-1), axis=-1)


def largest_product(vectors, codebook):
    return np.argmax(np.einsum("nhwd,kd->nhwk", vectors, codebook), axis=-1)


def flattened(vectors, codebook):
    flat = vectors.reshape(-1, vectors.shape[-1])
    return [int(np.argmin(((codebook - vector) ** 2).sum(1))) for vector in flat]


def no_gradient(shares):
    chosen = ops.one_hot(ops.argmax(shares, axis=-1), shares.shape[-1])
    return chosen - ops.stop_gradient(shares) + ops.stop_gradient(shares)


def product(shares):
    return shares * ops.one_hot(ops.argmax(shares, axis=-1), shares.shape[-1])


def a_sum(shares):
    return shares + ops.one_hot(ops.argmax(shares, axis=-1), shares.shape[-1])


REASON = "The larger codebook was used less evenly and gave no better pictures."
ANSWER = {"num_embeddings": 64, "perplexity": 20.0, "bits": 211.8, "reconstruction": 185.0, "because": REASON}

WRONG = {
    "used_codes": [
        (1.0397, "in nats; the perplexity"),
        (2**1.0397, "not a power of two"),
        (3, "counts the codes"),
    ],
    "nearest_entries": [
        (farthest, "farthest"),
        (largest_product, "long entries"),
        (flattened, "lost its shape"),
    ],
    "two_gradients": [
        (lambda v, e, s, w: [s + 2 * w * (v - e), s + 2 * (e - v)], "reached the codebook"),
        (lambda v, e, s, w: [2 * w * (v - e), 2 * (e - v)], "lost the decoder's gradient"),
        (lambda v, e, s, w: [s + w * (v - e), e - v], "twice its argument"),
        (lambda v, e, s, w: [s + 2 * w * (e - v), 2 * (v - e)], "signs are turned"),
    ],
    "hard_choice": [
        (no_gradient, "as it was handed out"),
        (product, "product"),
        (a_sum, "sum of both"),
        (lambda s: s + 0, "shares"),
    ],
    "codebook_in_use": [
        ({**ANSWER, "perplexity": 80.0}, "between one and"),
        ({**ANSWER, "bits": 20.0}, "base-2 logarithm"),
        ({**ANSWER, "reconstruction": 0.2}, "mean over pixels"),
    ],
}
