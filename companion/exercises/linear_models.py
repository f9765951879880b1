"""Models whose networks are linear, so that their codes can be computed by hand: for functions that take a model."""

from typing import Any

import numpy as np

Moments = tuple[Any, Any]


class LinearModel:
    """A conditional VAE with networks so simple that codes can be computed by hand."""

    def encode(self, pair: Any) -> Any:
        """Mean, log variance and a draw of the code of images and their labels."""
        image, label = (np.asarray(part, "float64") for part in pair)
        z_mean = image - 10.0 * label[:, None]
        return z_mean, -1.0 - image, z_mean + 0.5

    def decode(self, z: Any, label: Any) -> Any:
        """Pictures from codes and labels."""
        return 2.0 * np.asarray(z, "float64") + 7.0 * np.asarray(label)[:, None]


class LinearNetworks:
    """A two-layer model whose networks are linear, so that codes can be computed by hand."""

    def q_z1(self, x: Any) -> Moments:
        """Mean and log variance of q(z1 | x)."""
        return 2.0 * x, np.full(x.shape, np.log(0.25))

    def q_z2(self, z1: Any) -> Moments:
        """Mean and log variance of q(z2 | z1)."""
        return 0.5 * z1, np.zeros(z1.shape)

    def p_z1(self, z2: Any) -> Moments:
        """Mean and log variance of p(z1 | z2)."""
        return -1.0 * z2, np.full(z2.shape, np.log(4.0))

    def p_x(self, z1: Any) -> Any:
        """What the decoder makes of z1."""
        return 3.0 * z1 + 1.0
