"""Solutions of chapter 05.

Ask for the claim before the picture, and for the score before the claim. The open exercise makes a good debate in two
groups.
"""

from typing import Any

import numpy as np
from scipy.stats import norm


def length_of_a_midpoint() -> float:
    """Half the sum of two independent draws has variance 1/4 + 1/4 in each of sixteen coordinates.

    Discuss: its length is about 2.8, where codes have about 4; in two dimensions the same factor does no harm.
    """
    variance_of_a_coordinate = 0.5**2 + 0.5**2
    return 16 * variance_of_a_coordinate


def arc_between(a: Any, b: Any, t: Any) -> Any:
    """Spherical interpolation, for two codes of equal length (Shoemake, 1985)."""
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    omega = np.arccos(np.clip(cosine, -1.0, 1.0))
    weights = np.sin([(1 - t) * omega, t * omega]) / np.sin(omega)
    return weights[0][:, None] * a + weights[1][:, None] * b


def shell_of_the_prior(r: float, d: int) -> Any:
    """The logarithm of r^(d - 1) exp(-r^2 / 2) is (d - 1) log r - r^2 / 2; its derivative vanishes at sqrt(d - 1).

    Discuss: the density of a point is largest at the origin, and yet in 64 dimensions hardly any point lies there.
    """
    slope = (d - 1) / r - r
    return np.array([slope, np.sqrt(d - 1)])


def values_of_a_grid(n: int) -> Any:
    """The quantile function turns the middle of each share into a value of z."""
    middles = (np.arange(n) + 0.5) / n
    return norm.ppf(middles)


def clearer_groups() -> dict[str, Any]:
    """Expect: the answer depends on score, data and seeds; where ranges overlap, nobody can tell.

    Discuss: how many seeds would it take, and what was decided before the numbers were seen? A scatter plot of one run
    is one draw of one score.
    """
    because = "The two ranges overlap, and with three seeds a difference of this size is no evidence."
    scores = {"autoencoder": [0.71, 0.74, 0.72], "vae": [0.73, 0.70, 0.75]}
    return {**scores, "claim": "cannot tell", "because": because}
