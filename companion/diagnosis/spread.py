"""What a model's second output means: a log variance, a log standard deviation, a standard deviation or a variance."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

#: The standard deviation that an output ``s`` of the encoder stands for, by what the output means.
STANDARD_DEVIATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "log variance": lambda s: np.exp(0.5 * s),
    "log standard deviation": np.exp,
    "standard deviation": lambda s: s,
    "variance": lambda s: np.sqrt(np.maximum(s, 0.0)),
}
BINS = 6
ENOUGH = 300  # draws that a guess needs
WIDEST = 8.0  # outputs beyond it give standard deviations that no draw can tell


class Guess(NamedTuple):
    """What the output seems to mean; ``ratio`` is the standard deviation of the draws over the one it would give."""

    kind: str
    ratio: float
    misfit: float  # the largest log ratio of any bin: 0 for a perfect fit


def kl_to_standard_normal(mean: np.ndarray, spread: np.ndarray, kind: str) -> np.ndarray:
    """KL(q || N(0, I)) of each image in nats, ``(n,)``, for means and spreads ``(n, latent_dim)``."""
    variance = np.maximum(STANDARD_DEVIATIONS[kind](spread) ** 2, 1e-300)
    return 0.5 * np.sum(mean**2 + variance - 1 - np.log(variance), axis=1)


def guess(
    mean: np.ndarray, spread: np.ndarray, z: np.ndarray, kinds: Iterable[str] = STANDARD_DEVIATIONS
) -> Guess | None:
    """Which of ``kinds`` ``spread`` is, judged by draws ``z`` ``(n, latent_dim)``; None where too few or without noise.

    If the standard deviation is right, (z - mean) / sd has the variance 1 wherever the output is small or large. The
    draws are sorted by the output into bins; the meaning whose bins are nearest to 1, up to one factor, is taken.
    """
    usable = np.isfinite(spread) & np.isfinite(z - mean) & (np.abs(spread) < WIDEST)
    s, noise = spread[usable], (z - mean)[usable]
    if len(s) < ENOUGH or np.allclose(noise, 0.0):
        return None
    order = np.array_split(np.argsort(s), BINS)
    found = []
    for kind in kinds:
        with np.errstate(all="ignore"):
            scaled = noise / STANDARD_DEVIATIONS[kind](s)
        if ("log" not in kind and s.min() < 0) or not np.isfinite(scaled).all():
            continue
        logs = np.log([np.sqrt(np.mean(scaled[chosen] ** 2)) for chosen in order])
        found.append(Guess(kind, float(np.exp(np.mean(logs))), float(np.abs(logs - np.mean(logs)).max())))
    return min(found, key=lambda each: each.misfit + abs(np.log(each.ratio)), default=None)
