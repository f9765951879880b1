"""What numbers of a learner's own run must satisfy, whatever the model and the data: tests for open exercises."""

from itertools import pairwise
from typing import Any

import numpy as np


def is_count(value: Any) -> bool:
    """Whether ``value`` is a whole number, and not True or False."""
    return not isinstance(value, bool | np.bool_) and float(value) == int(value)


def is_share_of(share: Any, count: int) -> bool:
    """Whether some whole number out of ``count`` gives ``share``, as far as it was written down."""
    decimals = min(len(str(share).partition(".")[2]), 6)  # single precision has hardly more
    hits = float(share) * count
    return not isinstance(share, bool | np.bool_) and abs(hits - round(hits)) <= 0.51 * count / 10**decimals


def best_at_own_weight(points: list[tuple[float, float, float]]) -> bool:
    """Whether no model of (beta, rate, distortion) is clearly beaten at its own beta, at which it was trained.

    A model minimises distortion + beta rate; trainings differ, hence two nats and a tenth.
    """
    return all(
        distortion + beta * rate <= 1.1 * min(d + beta * r for _, r, d in points) + 2.0
        for beta, rate, distortion in points
    )


def is_worth_less_per_draw(sizes: list[tuple[int, float]]) -> bool:
    """Whether effective sample sizes (k, size) do not grow faster than k, up to the noise of a mean over images.

    (sum of w)^2 / (sum of w^2) is convex in the two sums, so its share of k falls on average as draws are added.
    """
    return all(b / more <= 1.1 * a / k for (k, a), (more, b) in pairwise(sizes))
