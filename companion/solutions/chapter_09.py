"""Solutions of chapter 09.

Play the quantiser by hand with five vectors and three entries. The gradient around the choice is the hard step; the
drawing of values and gradients helps.
"""

from typing import Any

import numpy as np
from keras import ops


def used_codes() -> float:
    """The exponential of the entropy, whatever the base as long as both agree."""
    shares = np.array([50, 25, 25]) / 100
    entropy = -np.sum(shares * np.log(shares))
    return float(np.exp(entropy))


def nearest_entries(vectors: Any, codebook: Any) -> Any:
    """The squared length of the vector is the same for every entry, so it may be left out of the comparison."""
    products = vectors @ codebook.T
    squared_lengths = (codebook**2).sum(axis=1)
    return (squared_lengths - 2 * products).argmin(axis=-1)


def two_gradients(vector: Any, entry: Any, slope: Any, weight: float) -> Any:
    """Under sg everything is a constant: the slope and the commitment move the vector, the codebook loss the entry."""
    of_vector = slope + 2 * weight * (vector - entry)
    of_entry = 2 * (entry - vector)
    return np.stack([of_vector, of_entry])


def hard_choice(shares: Any) -> Any:
    """The value of the choice with the gradient of the shares, as straight-through Gumbel-softmax has it."""
    chosen = ops.one_hot(ops.argmax(shares, axis=-1), shares.shape[-1])
    return shares + ops.stop_gradient(chosen - shares)


def codebook_in_use() -> dict[str, Any]:
    """Expect: see whether the perplexity grows as fast as the codebook, and how much each further bit gains.

    Discuss: bits and reconstruction are the rate and distortion of chapter 06. Perplexities of batches average
    to less than that of all codes; which one was handed in?
    """
    because = (
        "Doubling the codebook raised the perplexity by less than half and the reconstruction hardly moved."
    )
    perplexity = 20.0
    bits = 49 * np.log2(perplexity)
    return {
        "num_embeddings": 64,
        "perplexity": perplexity,
        "bits": float(bits),
        "reconstruction": 185.0,
        "because": because,
    }
