"""Solutions of chapter 06.

Begin with the curve of distortion against rate, whose slope at a model is -beta. Most are surprised that no score can
be computed from pixels alone; leave time for it.
"""

from typing import Any

import numpy as np


def hidden_price() -> float:
    """400 times a mean over 1,024 pixels is 400/1024 times their sum; beta is the weight of the KL relative to that.

    Discuss: the author meant to give the pixels more weight and has trained a beta-VAE with beta = 2.56.
    """
    weight_of_the_sum = 400 / (32 * 32)
    return 1 / weight_of_the_sum


def quietest_unit(groups: Any, spread: Any) -> Any:
    """One vote per group, as in the score of Kim & Mnih (2018): the coordinate that varies least, for its size."""
    relative = np.var(groups / spread, axis=1)
    return relative.argmin(axis=1)


def parts_of_the_kl(covariance: Any, variance: float) -> Any:
    """q(z) is N(0, S + s I); each part is a mean of a difference of two normal log densities.

    Discuss: which of the three is a bound on what a classifier could read off the code, and which one does a turn of
    the code change?
    """
    aggregate = covariance + variance * np.eye(2)
    spread, log_det = np.diag(aggregate), np.linalg.slogdet(aggregate)[1]
    information = 0.5 * (log_det - 2 * np.log(variance))
    correlation = 0.5 * (np.log(spread).sum() - log_det)
    dimension_wise = 0.5 * (spread - 1 - np.log(spread)).sum()
    return np.array([information + correlation + dimension_wise, information, correlation, dimension_wise])


def free_of_charge(kl_per_unit: Any, least: float) -> Any:
    """The minimum applies to each unit, and to its mean over the batch."""
    of_units = kl_per_unit.mean(axis=0)
    return np.maximum(of_units, least).sum()


def price_curve() -> dict[str, Any]:
    """Expect: a falling, convex curve, steep where the first nats say where the shape is.

    Discuss: which point would you choose, and for what? The loss cannot decide, since each beta has its own.
    """
    models = {1: (11.2, 37.0), 4: (5.6, 50.1), 16: (2.1, 76.5)}
    because = (
        "Each of the first nats of rate saves several nats of distortion, later ones hardly more than one."
    )
    return {"models": models, "because": because}
