"""Solutions of chapter 14.

Begin with the frames and let the class say what a single one does not show. Before the table of controllers, ask for
bets on random projections: most people bet against them. The third exercise explains why a dream of stable codes may
be wrong by a constant amount and still be useful, and why one of unstable codes may not.
"""

import math
from typing import Any

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm


def improvement_by_hand() -> float:
    """u = -1, so 0.1 (-0.1587 + 0.2420): less than a hundredth, from a trial that fails five times out of six."""
    return float(0.1 * (-norm.cdf(-1) + norm.pdf(-1)))


def mixture_density(z: Any, shares: Any, means: Any, scales: Any) -> Any:
    """A logsumexp over components of log share plus log density: no density of its own may be rounded to 0."""
    return logsumexp(np.log(shares) + norm.logpdf(z, means, scales).sum(axis=1))


def drift_of_a_dream(error: float, factor: float, steps: int) -> list[float]:
    """A geometric series. Discuss: what happens for a factor of 1 or more, as for a pole that is falling?"""
    after = sum(error * factor**age for age in range(steps))
    return [after, error / (1 - factor), math.log(2) / -math.log(factor)]


def scores_of_molecules(found: list[Any], known: list[str]) -> list[float]:
    """Each score has the set that the one before it left: valid of all, distinct of valid, new of distinct."""
    molecules = [string for string in found if string is not None]
    distinct = set(molecules)
    new = distinct.difference(known)
    return [
        len(molecules) / len(found),
        len(distinct) / len(molecules) if molecules else 0.0,
        len(new) / len(distinct) if distinct else 0.0,
    ]


def own_world() -> dict[str, Any]:
    """Expect: differences smaller than hoped for, and controls that are hard to beat.

    Discuss: did the code and its control have the same budget, and was the data for the code counted in?
    """
    because = "The intervals overlap, so in this world the code does not help, though it is not worse either."
    return {
        "code": (150.0, 120.0, 180.0),
        "control": (160.0, 140.0, 180.0),
        "seeds": 3,
        "budget": 20_000,
        "because": because,
    }
