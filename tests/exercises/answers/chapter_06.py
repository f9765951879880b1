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


REASON = "The first nats of code save the most nats of pixels."

WRONG = {
    "hidden_price": [(400 / 1024, "its inverse"), (400, "weighs a mean"), (784 / 400, "padded image")],
    "quietest_unit": [
        (not_scaled, "small altogether"),
        (busiest, "moves most"),
        (value_not_index, "which coordinate"),
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
