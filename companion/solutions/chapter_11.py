"""Solutions of chapter 11.

Do the third exercise at the board: there posterior collapse is a theorem, with a threshold. The fourth mistake is easy
to make in adversarial code; have the class draw the arrows of both gradients before they mend it.
"""

from typing import Any

import numpy as np
from keras import ops


def kl_of_four_directions() -> float:
    """Three of the four variances exceed 0.25, the variance of the noise; the fourth direction has collapsed."""
    variances = np.array([4.0, 1.0, 0.3, 0.1])
    return float(0.5 * np.log(np.maximum(variances / 0.25, 1.0)).sum())


def free_bits_of_units(kl: Any, least: float) -> Any:
    """Mean over images, maximum per unit, sum over units: in this order."""
    return np.maximum(least, kl.mean(axis=0)).sum()


def where_a_unit_collapses(variances: Any, scale: float) -> Any:
    """The slope at 0 is negative exactly where the variance exceeds the noise; only there does a length above 0 pay."""
    noise = scale**2
    slope = 0.5 * (1 / noise - variances / noise**2)
    best = np.maximum(variances - noise, 0)
    return np.stack([slope, best, 0.5 * np.log((best + noise) / noise)])


def each_learns_its_own(codes: Any, prior: Any, weights: Any) -> Any:
    """One score of the codes for each player, each with the other player's part held constant."""
    fake = ops.matmul(ops.stop_gradient(codes), weights)
    judge = ops.softplus(-ops.matmul(prior, weights)) + ops.softplus(fake)
    encoder = ops.softplus(-ops.matmul(codes, ops.stop_gradient(weights)))
    return ops.mean(judge + encoder)


def a_technique_measured() -> dict[str, Any]:
    """Expect: differences over seeds as large as most effects, so that three seeds rarely decide.

    Discuss: what the interval of the paired difference excludes, and which technique was tried because the loss curve
    asked for it.
    """
    because = "The mean difference is 0.6 nats, but it changes its sign with the seed, so nothing is shown by three."
    return {"without": [101.2, 102.0, 100.7], "with": [100.1, 102.3, 99.7], "because": because}
