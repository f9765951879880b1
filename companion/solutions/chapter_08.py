"""Solutions of chapter 08.

Two layers invite stories. Keep to the figures: which layer carries how many nats, and what changes when a weight is set
to zero.
"""

from typing import Any

import numpy as np


def merged_mean() -> float:
    """Precisions 1 and 1/4 weigh the means 2 and 0.

    Discuss: the merged variance is 0.8, below both. What would it be if variances were added, as some code does?
    """
    precision_of_image, precision_of_prior = 1 / 1.0, 1 / 4.0
    return (precision_of_image * 2.0 + precision_of_prior * 0.0) / (precision_of_image + precision_of_prior)


def cost_of_the_draw(z1: Any, q_mean: Any, q_log_var: Any, p_mean: Any, p_log_var: Any) -> Any:
    """log q(z1|x) - log p(z1|z2) at the draw; it may be negative, and only its average is a divergence."""
    log_q = -0.5 * (q_log_var + (z1 - q_mean) ** 2 / np.exp(q_log_var))
    log_p = -0.5 * (p_log_var + (z1 - p_mean) ** 2 / np.exp(p_log_var))
    return np.sum(log_q - log_p, axis=-1)


def gap_of_the_closed_form(m: float, v: float, c: float, t: float, a: float, s2: float) -> list[float]:
    """Covariance of z1 and z2, the mean square of z1 - a z2 with and without it, and their difference in nats.

    Discuss: the gap is a times the covariance over s2. When is it zero, and what does top-down inference do about it?
    """
    covariance = c * v
    squared_mean = (m - a * c * m) ** 2
    together = squared_mean + v * (1 - a * c) ** 2 + a**2 * t
    independent = squared_mean + v + a**2 * (c**2 * v + t)
    return [covariance, together, independent, (independent - together) / (2 * s2)]


def layers_that_meet(networks: Any, x: Any, noise_1: Any, noise_2: Any) -> Any:
    """The decoder sees the z1 that the encoder drew; z2 is drawn for the loss."""
    q1_mean, q1_log_var = networks.q_z1(x)
    z1 = q1_mean + np.exp(0.5 * q1_log_var) * noise_1
    return networks.p_x(z1)


def use_of_the_top() -> dict[str, Any]:
    """Expect: a plain training leaves layer 2 a fraction of a nat; free bits of two leave it about two.

    Discuss: layer 1 gives up most of what layer 2 takes, and the bound hardly moves. Is a layer that is forced into use
    worth having, and for which question?
    """
    because = "With free bits of two the top layer keeps about two nats, and layer 1 gives up most of them in exchange."
    terms = {"reconstruction": 82.9, "kl_1": 15.1, "kl_2": 2.1, "neg_elbo": 100.1}
    return {**terms, "in_use": "yes", "because": because}
