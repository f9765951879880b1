"""Inputs of checks that tell a right rule from its neighbours: another norm, another spread, another shift."""

from typing import Any

import numpy as np
from scipy.spatial import KDTree


def groups_of_known_variance() -> tuple[Any, Any, Any]:
    """Groups for votes, the spread of each coordinate, and the votes, which follow from how the groups are made.

    Every coordinate varies by its spread, the winner by 0.7 of it. Half of the coordinates take two values, the others
    mostly one and rarely a far one, so a range or a mean deviation finds another winner. The means lie apart, too.
    """
    rng, n, spread = np.random.default_rng(2), 40, np.array([1.0, 4.0, 0.5])
    two_values, rare = np.repeat([-1.0, 1.0], n // 2), np.zeros(n)
    rare[:2] = np.sqrt(n / 2), -np.sqrt(n / 2)
    votes = np.array([0, 1, 2, 0, 1, 2])
    groups = np.empty((len(votes), n, len(spread)))
    for group, vote in enumerate(votes):
        for coordinate in range(len(spread)):
            is_rare = (coordinate == vote) == (group < 3)
            width = 0.7 if coordinate == vote else 1.0
            mean = 2.0 * (-1) ** group if coordinate == 0 else 0.0
            groups[group, :, coordinate] = mean + width * rng.permutation(rare if is_rare else two_values)
    return (groups * spread).astype("float32"), spread.astype("float32"), votes


def bounds_of_unlike_images() -> tuple[Any, Any, Any]:
    """Bounds in single precision, 600 nats apart between images and 150 between labels, a prior, and the shares."""
    log_posterior = np.log([[0.25, 0.75, 1.0], [1.0, 0.4, 0.6], [0.9, 1.0, 0.1]])
    log_posterior[[0, 1, 2], [2, 0, 1]] = -150.0
    prior = np.array([0.2, 0.3, 0.5], "float32")
    level = np.array([[-700.0], [-1000.0], [-1300.0]])
    bounds = log_posterior - np.log(prior) + level
    return bounds.astype("float32"), prior, np.exp(log_posterior)


def vectors_between_entries() -> tuple[Any, Any, Any]:
    """Vectors that lie anywhere, a codebook of unlike spread in its coordinates, and the codes by a search tree."""
    rng = np.random.default_rng(5)
    scale = np.array([1.0, 3.0, 0.4])
    codebook = (rng.normal(size=(7, 3)) * scale + 1.0).astype("float32")
    vectors = (rng.normal(size=(500, 3)) * scale + 1.5).astype("float32")
    distances, codes = KDTree(codebook).query(vectors, k=2)
    clear = np.flatnonzero(distances[:, 1] - distances[:, 0] > 0.02)[:96]
    return vectors[clear].reshape(6, 4, 4, 3), codebook, codes[clear, 0].reshape(6, 4, 4)


def log_weights_of_unlike_images(k: int) -> Any:
    """Log weights of k draws for three images, near -60, -450 and -900; the last draw of the first stands alone."""
    log_weights = np.random.default_rng(7).normal(size=(k, 3)) + np.array([-60.0, -450.0, -900.0])
    log_weights[-1, 0] += 60.0
    return log_weights
