"""Solutions of chapter 13.

Begin with the noisy digits and let the class guess which model wins at which noise level before the table is shown. The
third exercise explains why the chain works where q is exact; ask what happens to its speed when the missing pixel has a
large weight. The threshold is worth an experiment at the board: twenty numbers from the class, and one more.
"""

import math
from typing import Any

import numpy as np


def decibels_of_two() -> float:
    """The mean of 20 and 30 decibels. The mean error, 0.0055, would give 22.6: one bad picture dominates it."""
    return float(np.mean(-10 * np.log10([0.01, 0.001])))


def weighted_guess(log_weights: Any, means: Any) -> Any:
    """The normalised weights of each image's draws, with its largest log weight taken out, times what they guess."""
    weights = np.exp(log_weights - log_weights.max(axis=0))
    return ((weights / weights.sum(axis=0))[..., None] * means).sum(axis=0)


def fixed_point_of_the_chain(w_seen: float, w_missing: float, scale: float, x: float) -> list[float]:
    """Expect: the last two numbers agree. The slope says how slowly the chain forgets its start."""
    total = scale**2 + w_seen**2 + w_missing**2
    intercept, slope = w_missing * w_seen * x / total, w_missing**2 / total
    exact = w_missing * w_seen * x / (scale**2 + w_seen**2)
    return [intercept, slope, intercept / (1 - slope), exact]


def threshold_from_normals(normal: Any, anomalous: Any, rate: float) -> float:
    """The anomalies are an argument that must not be used: when the threshold is chosen, nobody has seen them."""
    m = math.floor((len(normal) + 1) * rate + 1e-9)
    return float(np.sort(normal)[-m])


def own_anomalies() -> dict[str, Any]:
    """Expect: large differences between kinds of anomalies, and intervals that a single seed would have hidden.

    Discuss: which of the scores was chosen, and was it chosen before the anomalies were seen?
    """
    because = "The held-out class is found well, but blurred images score lower than sharp ones, so they are missed."
    found = {"class 3": (0.86, 0.82, 0.90), "blurred": (0.31, 0.25, 0.37)}
    return {"auroc": found, "promised": 0.05, "met": 0.06, "because": because}
