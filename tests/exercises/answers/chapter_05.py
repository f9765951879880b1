"""Typical wrong answers to chapter 05, each with words of the hint that belongs to it."""

import numpy as np
from scipy.stats import norm


def line(a, b, t):
    return np.array([(1 - s) * a + s * b for s in t])


def pulled_out(a, b, t):
    points = line(a, b, t)
    return points * np.linalg.norm(a) / np.linalg.norm(points, axis=1)[:, None]


def no_sine(a, b, t):
    omega = np.arccos(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return np.array([np.sin((1 - s) * omega) * a + np.sin(s * omega) * b for s in t])


REASON = "The ranges of three seeds overlap, so the order may be chance."
SCORES = {"autoencoder": [0.71, 0.74, 0.72], "vae": [0.73, 0.70, 0.75]}

WRONG = {
    "length_of_a_midpoint": [(16, "less variance"), (16 / 4, "both of them"), (8**0.5, "its square")],
    "arc_between": [
        (line, "straight line, whose"),
        (pulled_out, "not equal"),
        (no_sine, "divide by the sine"),
    ],
    "shell_of_the_prior": [
        (lambda r, d: [-r, 0], "surface to lie on"),
        (lambda r, d: [d / r - r, d**0.5], "power d - 1"),
        (lambda r, d: ((d - 1) / r - r, d - 1), "slope is right"),
    ],
    "values_of_a_grid": [
        (lambda n: np.linspace(-3, 3, n), "Wider"),
        (lambda n: norm.ppf(np.linspace(0, 1, n)), "infinity"),
        (lambda n: [norm.ppf(i / (n + 1)) for i in range(1, n + 1)], "n + 1 shares"),
    ],
    "clearer_groups": [
        ({**SCORES, "claim": "yes", "because": REASON}, "nobody can tell"),
        ({"autoencoder": [0.71], "vae": [0.75], "claim": "yes", "because": REASON}, "at least three"),
        ({"autoencoder": [71, 74, 72], "vae": [73, 70, 75], "claim": "yes", "because": REASON}, "percentage"),
    ],
}
