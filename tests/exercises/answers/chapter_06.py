"""Typical wrong answers to chapter 06, each with words of the hint that belongs to it."""

import numpy as np


def not_scaled(groups, spread):
    return [int(np.argmin(np.std(group, axis=0))) for group in groups]


def busiest(groups, spread):
    return [int(np.argmax(np.std(group, axis=0) / spread)) for group in groups]


def value_not_index(groups, spread):
    return [np.min(np.std(group / spread, axis=0) ** 2) for group in groups]


def each_image(kl, least):
    return np.mean([sum(max(value, least) for value in row) for row in kl])


def subtracted(kl, least):
    return sum(max(np.mean(unit) - least, 0) for unit in kl.T)


def capped(kl, least):
    return sum(min(np.mean(unit), least) for unit in kl.T)


def three_parts(aggregate, variance):
    spread, log_det = np.diag(aggregate), np.log(np.linalg.det(aggregate))
    parts = [
        log_det / 2 - np.log(variance),
        np.log(spread).sum() / 2 - log_det / 2,
        (spread - 1 - np.log(spread)).sum() / 2,
    ]
    return np.array([sum(parts), *parts])


def without_the_noise(covariance, variance):
    return three_parts(covariance, variance)


def out_of_order(covariance, variance):
    kl, information, correlation, each = three_parts(covariance + variance * np.eye(2), variance)
    return kl, correlation, information, each


def without_a_half(covariance, variance):
    return 2 * three_parts(covariance + variance * np.eye(2), variance)


REASON = "The first nats of code save the most nats of pixels."

WRONG = {
    "hidden_price": [(400 / 1024, "its inverse"), (400, "weighs a mean"), (784 / 400, "padded image")],
    "quietest_unit": [
        (not_scaled, "small altogether"),
        (busiest, "moves most"),
        (value_not_index, "which coordinate"),
    ],
    "parts_of_the_kl": [
        (without_the_noise, "wider than the means"),
        (out_of_order, "order is KL"),
        (without_a_half, "one half"),
    ],
    "free_of_charge": [(each_image, "each image"), (subtracted, "subtracts"), (capped, "caps")],
    "price_curve": [
        (
            {"models": {1: (11.2, 0.05), 4: (5.6, 0.06), 16: (2.1, 0.1)}, "because": REASON},
            "mean over pixels",
        ),
        ({"models": {1: (37.0, 11.2), 4: (50.1, 5.6), 16: (76.5, 2.1)}, "because": REASON}, "in this order"),
        ({"models": {1: (11.2, 37.0), 4: (5.6, 50.1)}, "because": REASON}, "Three points"),
    ],
}
