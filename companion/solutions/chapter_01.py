"""Solutions of chapter 01.

Let learners predict, before they train, what the decoder draws for a code far from all others. The common stumble is
the unit: ask of every loss what was summed and what averaged.
"""

from typing import Any

import numpy as np


def nats_of_a_mean() -> float:
    """The mean ran over 32 by 32 padded pixels, so the sum is 1,024 times as much.

    Discuss: about 187 nats of it are the floor that the grey levels of Fashion-MNIST set; and how many readers would
    have compared 0.2448 with a loss over 784 pixels.
    """
    return 0.2448 * 32 * 32


def image_loss(images: Any, logits: Any) -> Any:
    """With p = 1 / (1 + exp(-l)), minus x log p minus (1 - x) log(1 - p) simplifies to log(1 + exp(l)) - x l."""
    per_pixel = np.logaddexp(0.0, logits) - images * logits
    return per_pixel.reshape(len(images), -1).sum(axis=1)


def nearest_other(codes: Any) -> Any:
    """The diagonal of the table of distances holds each code's distance to itself; infinity never wins a minimum."""
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    return distances.min(axis=1)


def best_grey(x: float, p: float) -> list[float]:
    """L'(p) = -x / p + (1 - x) / (1 - p) = (p - x) / (p (1 - p)), which vanishes at p* = x.

    L(x) is the entropy of a coin that falls to 1 with probability x: 0.69 nats for a middle grey. The second derivative
    x / p^2 + (1 - x) / (1 - p)^2 is positive everywhere, so p* is the only minimum; at x it is 1 / (x (1 - x)).
    """
    slope = (p - x) / (p * (1 - p))
    least = -x * np.log(x) - (1 - x) * np.log(1 - x)
    return [slope, x, least, 1 / (x * (1 - x))]


def size_of_the_code() -> dict[str, Any]:
    """Expect: the loss falls as the code grows, and stays above the floor of 161 nats whatever its size.

    Discuss: how would you decide that a further coordinate is no longer worth it? A test loss that rises while the
    training loss falls means overfitting; a loss says little without its floor.
    """
    losses = {2: 224.0, 8: 196.0, 32: 184.0}
    because = "Each doubling of the code gains less, and all losses stay above the floor of the grey levels."
    return {"losses": losses, "because": because}
