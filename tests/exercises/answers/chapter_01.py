"""Typical wrong answers to chapter 01, each with words of the hint that belongs to it."""

import numpy as np


def _probabilities(logits):
    return 1 / (1 + np.exp(-logits))


def mean_over_pixels(images, logits):
    loss = np.logaddexp(0, logits) - images * logits
    return loss.mean(axis=(1, 2, 3))


def over_the_channel_alone(images, logits):
    return np.sum(np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - images * logits, axis=-1)


def clipped(images, logits):
    p = np.clip(_probabilities(logits), 1e-7, 1 - 1e-7)
    return -np.sum(images * np.log(p) + (1 - images) * np.log(1 - p), axis=(1, 2, 3))


def with_itself(codes):
    return np.array([min(np.linalg.norm(a - b) for b in codes) for a in codes])


def squared(codes):
    table = ((codes[:, None] - codes) ** 2).sum(-1) + np.diag(np.full(len(codes), 1e9))
    return table.min(axis=0)


def mean_of_others(codes):
    table = np.linalg.norm(codes[:, None] - codes, axis=-1)
    return table.sum(axis=0) / (len(codes) - 1)


def steps_with_other_sign(x, p):
    return [(x - p) / (p - p**2), x, -x * np.log(x) - (1 - x) * np.log(1 - x), 1 / x + 1 / (1 - x)]


def steps_without_floor(x, p):
    return [(1 - x) / (1 - p) - x / p, x, 0.0, 1 / x + 1 / (1 - x)]


def steps_at_p(x, p):
    floor = -x * np.log(x) - (1 - x) * np.log(1 - x)
    return np.array([(1 - x) / (1 - p) - x / p, x, floor, x / p**2 + (1 - x) / (1 - p) ** 2])


REASON = "The loss falls with the size of the code and then levels off."

WRONG = {
    "nats_of_a_mean": [
        (0.2448 * 28 * 28, "padded image"),
        (0.2448, "nats per pixel"),
        (122.4, "somebody chose"),
    ],
    "image_loss": [
        (mean_over_pixels, "mean over pixels"),
        (over_the_channel_alone, "channel"),
        (clipped, "caps the loss"),
    ],
    "nearest_other": [(with_itself, "handed out"), (squared, "squared"), (mean_of_others, "mean distance")],
    "best_grey": [
        (steps_with_other_sign, "(a): the sign"),
        (steps_without_floor, "Only for x = 0"),
        (steps_at_p, "at p. Put"),
    ],
    "size_of_the_code": [
        ({"losses": {2: 0.28, 8: 0.25, 32: 0.24}, "because": REASON}, "mean over pixels"),
        ({"losses": {2: 224.0, 8: 199.0}, "because": REASON}, "at least three"),
        ({"losses": {2: 224.0, 8: 199.0, 32: 190.0}, "because": "Because."}, "in a sentence"),
    ],
}
