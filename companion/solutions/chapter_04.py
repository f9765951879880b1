"""Solutions of chapter 04.

The heart of the course, worth two meetings: the bound and its two terms in one, likelihoods and what goes wrong in the
other. Insist on nats per image from here on.
"""

from typing import Any

import numpy as np


def cost_of_a_code() -> float:
    """One half of the sum of mean squared, variance, minus one, minus log variance, over both coordinates."""
    mean, sigma = np.array([1.0, -2.0]), np.array([0.5, 1.0])
    return float(0.5 * np.sum(mean**2 + sigma**2 - 1 - np.log(sigma**2)))


def exponential_code(s: float) -> list[float]:
    """Under q the mean of z is s. So E[log q] = -1 - log s, E[log p] = -s, and the KL is s - 1 - log s.

    Its slope 1 - 1 / s vanishes at s = 1, where q is the prior; the KL is convex in s, so that is the only minimum.
    """
    log_q, log_p = -1 - np.log(s), -s
    return [log_q, log_p, log_q - log_p, 1 - 1 / s]


def negative_elbo(images: Any, probabilities: Any, z_mean: Any, z_log_var: Any) -> Any:
    """Sums over everything that belongs to one image, and no mean at all."""
    pixels = -images * np.log(probabilities) - (1 - images) * np.log(1 - probabilities)
    units = 0.5 * (z_mean**2 + np.exp(z_log_var) - 1 - z_log_var)
    return pixels.sum(axis=(1, 2, 3)) + units.sum(axis=1)


def noise_of_a_mean() -> float:
    """The mean over D values weighs each squared error by 1/D, the normal by 1 / (2 s^2); so s^2 = D / 2.

    Discuss: colour values lie between 0 and 1, so this model can take every image for noise. What happens to its code?
    """
    values = 32 * 32 * 3
    return float(np.sqrt(values / 2))


def how_many_draws() -> dict[str, Any]:
    """Expect: the first ten draws raise the bound most, the next hundred less, and each further factor of ten a little.

    Discuss: the rise is a lower limit of the gap. With a worse encoder the bound keeps rising for longer; at some k the
    noise of the estimate hides the rest.
    """
    bounds = {1: -202.6, 10: -200.8, 100: -199.8, 1000: -199.6}
    because = (
        "From 100 draws to 1,000 the bound moves by less than its standard error, so 100 are enough here."
    )
    return {"bounds": bounds, "because": because}
