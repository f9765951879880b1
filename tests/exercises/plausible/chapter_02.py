"""Plausible wrong answers to chapter 02, other than the recorded ones."""

import math

import numpy as np


def stepped(same, valid=lambda n, k, s: (n - k) // s + 1):
    def sizes(size, kernel, stride, padding, layers):
        found = []
        for _ in range(layers):
            size = int((same if padding == "same" else valid)(size, kernel, stride))
            found.append(size)
        return found

    return sizes


def _ceiling(n, k, s):
    return -(-n // s)


def in_one_step(size, kernel, stride, padding, layers):
    if padding == "same":
        return [math.ceil(size / stride**i) for i in range(1, layers + 1)]
    return [(size - kernel) // stride**i + 1 for i in range(1, layers + 1)]


def from_the_input(size, kernel, stride, padding, layers):
    return [size, *stepped(_ceiling)(size, kernel, stride, padding, layers - 1)]


def cut(bounds):
    def crop(pictures, size):
        first, last = bounds(pictures.shape[1], size)
        return pictures[:, first:last, first:last]

    return crop


def nothing_to_cut(pictures, size):
    front = (pictures.shape[1] - size) // 2
    return pictures if front == 0 else pictures[:, front : front + size, front : front + size]


def by_what_is_not_black(pictures, size):
    rows = np.nonzero(pictures.any(axis=(0, 2, 3)))[0]
    columns = np.nonzero(pictures.any(axis=(0, 1, 3)))[0]
    return pictures[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def first_picture(pictures, size):
    front = (pictures.shape[1] - size) // 2
    return pictures[:1, front : front + size, front : front + size]


def first_channel(pictures, size):
    front = (pictures.shape[1] - size) // 2
    return pictures[:, front : front + size, front : front + size, :1]


def as_images_of_one_channel(pictures, size):
    front = (pictures.shape[1] - size) // 2
    return pictures[:, front : front + size, front : front + size].reshape(-1, size, size, 1)


def rows_alone(pictures, size):
    front = (pictures.shape[1] - size) // 2
    return pictures[:, front : front + size]


def transposed(pictures, size):
    front = (pictures.shape[1] - size) // 2
    return pictures[:, front : front + size, front : front + size].transpose(0, 2, 1, 3)


def _known_sizes(side, size):
    front = {28: 2, 27: 2, 32: 0}.get(size, 1)
    return front, front + size


def widths(own=None, variance=None, shared=None, added=None, mean=np.mean):
    def steps(h):
        a = mean((1 + np.log(1 + h)) / 2) if own is None else own(h)
        v = 1 / mean(1 + h) if variance is None else variance(h)
        c = (1 + np.log(mean(1 + h))) / 2 if shared is None else shared(h)
        return [a, v, c, c - a if added is None else added(h)]

    return steps


def _by_trial(h):
    tried = np.linspace(0.001, 1, 1000)
    return tried[np.argmin(np.mean(1 + h) * tried - np.log(tried))]


WHY = "With two numbers for a code the bottleneck is the code and not the encoder's size."
GOOD = {"filters": (16, 32, 64), "parameters": 27_396, "reconstruction": 223.0, "because": WHY}


WRONG = {
    "weights_of_an_encoder": {
        "one head's biases forgotten": 330_020,
        "the hidden biases forgotten": 329_640,
        "biases of inputs instead of units": 784 * 400 + 784 + 2 * (400 * 20 + 400),
        "biases of the hidden layer twice": 784 * 400 + 400 + 2 * (400 * 20 + 400),
        "one too many": 330_041,
        "one too few": 330_039,
        "heads stacked one on the other": 784 * 400 + 400 + 400 * 20 + 20 + 20 * 20 + 20,
        "a covariance for a head": 784 * 400 + 400 + 400 * 20 + 20 + 400 * 400 + 400,
        "padded images": 1024 * 400 + 400 + 2 * (400 * 20 + 20),
        "rounded to thousands": 330_000,
        "in thousands": 330.04,
    },
    "sizes_of_maps": {
        "rounded to the nearest": stepped(lambda n, k, s: round(n / s)),
        "a half rounded up": stepped(lambda n, k, s: n / s + 0.5),
        "one added before halving": stepped(lambda n, k, s: (n + 1) // s),
        "the rest added": stepped(lambda n, k, s: n // s + n % s),
        "padding k // 2 on both sides": stepped(lambda n, k, s: (n + 2 * (k // 2) - k) // s + 1),
        "padding (k - 1) // 2 on both sides": stepped(lambda n, k, s: (n + 2 * ((k - 1) // 2) - k) // s + 1),
        "always halves": stepped(lambda n, k, s: math.ceil(n / 2), lambda n, k, s: (n - k) // 2 + 1),
        "'same' keeps the size": stepped(lambda n, k, s: n),
        "'valid' rounded up": stepped(_ceiling, lambda n, k, s: math.ceil((n - k) / s) + 1),
        "'valid' without the one": stepped(_ceiling, lambda n, k, s: (n - k + 1) // s),
        "'valid' rounded to the nearest": stepped(_ceiling, lambda n, k, s: round((n - k) / s) + 1),
        "dilated kernel": stepped(_ceiling, lambda n, k, s: (n - s * (k - 1) - 1) // s + 1),
        "'valid' in one step": in_one_step,
        "begins with the input": from_the_input,
    },
    "crop_to_size": {
        "front rounded to even": cut(lambda side, size: (b := round((side - size) / 2), b + size)),
        "no front margin taken for no margin": nothing_to_cut,
        "cut at what is not black": by_what_is_not_black,
        "only the sizes of the text": cut(_known_sizes),
        "one too many where odd": cut(lambda side, size: ((side - size) // 2, (side + size) // 2 + size % 2)),
        "`or None` without the odd margin": cut(
            lambda side, size: ((side - size) // 2, -((side - size) // 2) or None)
        ),
        "first picture only": first_picture,
        "first channel only": first_channel,
        "channels made images": as_images_of_one_channel,
        "rows alone": rows_alone,
        "rows and columns exchanged": transposed,
    },
    "shared_width": {
        "v to three decimals": widths(variance=lambda h: round(float(1 / np.mean(1 + h)), 3)),
        "v tried on a grid": widths(variance=_by_trial),
        "v with a floor": widths(variance=lambda h: max(1 / np.mean(1 + h), 0.01)),
        "curvature without the prior": widths(variance=lambda h: 1 / max(np.mean(h), 1e-9)),
        "geometric mean": widths(variance=lambda h: np.exp(-np.mean(np.log1p(h)))),
        "median": widths(variance=lambda h: 1 / np.median(1 + h)),
        "sums over images": widths(mean=np.sum),
        "(a) from the mean curvature": widths(own=lambda h: (1 + np.log(1 + np.mean(h))) / 2),
        "(a) not halved": widths(own=lambda h: np.mean(1 + np.log(1 + h))),
        "(c) without the half that stays": widths(shared=lambda h: np.log(np.mean(1 + h)) / 2),
        "(c) bits": widths(shared=lambda h: (1 + np.log2(np.mean(1 + h))) / 2),
        "(d) nothing": widths(added=lambda h: 0.0),
        "(d) not halved": widths(added=lambda h: np.log(np.mean(1 + h)) - np.mean(np.log(1 + h))),
        "(d) to second order": widths(added=lambda h: np.var(h) / (4 * np.mean(1 + h) ** 2)),
        "standard deviation": widths(variance=lambda h: 1 / np.sqrt(np.mean(1 + h))),
    },
    "small_encoder": {
        "an infinite loss": {**GOOD, "reconstruction": np.inf},
        "worse than grey everywhere": {**GOOD, "reconstruction": 900.0},
        "a mean squared error": {**GOOD, "reconstruction": 0.043},
        "a bound": {**GOOD, "reconstruction": -223.0},
        "not a number": {**GOOD, "reconstruction": np.nan},
        "true": {**GOOD, "reconstruction": True},
        "the count of another network": {**GOOD, "filters": (16, 32, 48)},
        "one head": {**GOOD, "parameters": 27_396 - 2 * (16 * 64 + 1)},
        "no filters": {**GOOD, "filters": (), "parameters": 0},
        "in thousands": {**GOOD, "parameters": 27.4},
        "one word, often": {**GOOD, "because": "small " * 12},
        "the question, copied": {
            **GOOD,
            "because": "How small may the convolutional encoder be? Find filters.",
        },
        "beside the point": {**GOOD, "because": "I ran all of the cells and this is what came out."},
        "no reason": {**GOOD, "because": ...},
    },
}
