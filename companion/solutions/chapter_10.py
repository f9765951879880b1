"""Solutions of chapter 10.

Repeat the linear model of chapter 04, whose exact value the chapter relies on. The third exercise is the proof that the
bound rises with k, and worth doing together at the board.
"""

from typing import Any

import numpy as np
from keras import ops


def bound_of_three() -> float:
    """The logarithm of the mean weight, with the largest taken out so that nothing underflows."""
    log_weights = np.array([-105.0, -104.0, -107.0])
    largest = log_weights.max()
    return float(largest + np.log(np.exp(log_weights - largest).mean()))


def iwae_bound(log_weights: Any) -> Any:
    """Running sums of weights, scaled by each image's largest, divided by how many there are so far."""
    largest = log_weights.max(axis=0)
    running = np.cumsum(np.exp(log_weights - largest), axis=0)
    draws = np.arange(1, len(log_weights) + 1)[:, None]
    return largest + np.log(running / draws)


def shares_held_fixed(log_weights: Any) -> Any:
    """Its gradient is that of the bound; its value is not the bound and must not be reported."""
    shares = ops.stop_gradient(ops.softmax(log_weights, axis=0))
    return ops.sum(shares * log_weights, axis=0)


def one_draw_less(log_weights: Any) -> Any:
    """The log of a mean, and the mean of the logs of the same numbers: by Jensen the second is never larger."""
    k = len(log_weights)
    shift = np.max(log_weights, axis=0)
    weights = np.exp(log_weights - shift)
    left_out = np.stack([np.delete(weights, i, axis=0).mean(axis=0) for i in range(k)])
    return shift + np.stack([np.log(left_out.mean(axis=0)), np.log(left_out).mean(axis=0)])


def worth_of_draws() -> dict[str, Any]:
    """Expect: less than k, and the less the worse the encoder is; with the exact model 100 draws are worth 43, or 17.

    Discuss: the posterior of an IWAE is wider than that of a VAE, so its draws are worth less, although its bound is
    better.
    """
    because = (
        "A hundred times the draws are worth far less than a hundred times as much, so few of them count."
    )
    return {"worth": {5: 2.2, 50: 7.0, 500: 24.0}, "because": because}
