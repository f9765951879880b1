"""Typical wrong answers to chapter 02, each with words of the hint that belongs to it."""

import math

import numpy as np


def rounded_down(size, kernel, stride, padding, layers):
    return [size // stride ** (i + 1) for i in range(layers)]


def always_padded(size, kernel, stride, padding, layers):
    sizes = []
    for _ in range(layers):
        size = math.ceil(size / stride)
        sizes.append(size)
    return sizes


def one_place_short(size, kernel, stride, padding, layers):
    sizes = []
    for _ in range(layers):
        size = math.ceil(size / stride) if padding == "same" else math.floor((size - kernel) / stride)
        sizes.append(size)
    return sizes


def in_the_corner(pictures, size):
    return pictures[:, :size, :size]


def far_corner(pictures, size):
    start = len(pictures[0]) - size
    return pictures[:, start:, start:]


def as_given(pictures, size):
    margin = (32 - size) // 2
    return pictures[:, margin:-margin, margin:-margin]


def with_mean_variance(h):
    v = np.mean(1 / (1 + h))
    own, shared = np.mean(1 + np.log(1 + h)) / 2, np.mean((1 + h) * v - np.log(v)) / 2
    return [own, v, shared, shared - own]


def own_minus_shared(h):
    own, shared = (1 + np.mean(np.log(1 + h))) / 2, (1 + np.log(np.mean(1 + h))) / 2
    return own, 1 / np.mean(1 + h), shared, own - shared


REASON = "The code of two numbers limits the reconstruction, not the encoder."

WRONG = {
    "weights_of_an_encoder": [
        (784 * 400 + 2 * 400 * 20, "bias"),
        (784 * 400 + 400 + 400 * 20 + 20, "two heads"),
    ],
    "sizes_of_maps": [
        (rounded_down, "7 halves to 4"),
        (always_padded, "'same' only"),
        (one_place_short, "first place"),
    ],
    "crop_to_size": [
        (in_the_corner, "not in the corner"),
        (far_corner, "far corner"),
        (as_given, "handed out"),
    ],
    "shared_width": [
        (with_mean_variance, "mean of the best variances"),
        (own_minus_shared, "take shared minus own"),
    ],
    "small_encoder": [
        (
            {"filters": (16, 32, 64), "parameters": 25_346, "reconstruction": 223.0, "because": REASON},
            "itself",
        ),
        (
            {"filters": (32, 64, 128), "parameters": 100_868, "reconstruction": 223.0, "because": REASON},
            "halve",
        ),
        (
            {"filters": (16, 32, 64), "parameters": 27_396, "reconstruction": 0.28, "because": REASON},
            "mean over",
        ),
    ],
}
