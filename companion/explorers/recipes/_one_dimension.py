"""What the explorers of chapters 03, 04 and 10 share: a model of one code and one pixel, and recorded noise."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import norm

from companion.explorers.recording import rounded

#: x = slope z + scale * noise with z ~ N(0, 1): log p(x) and the posterior are known exactly.
MODEL = {"slope": 1.0, "scale": 0.5}
#: How far the mean and the width of a normal can be moved.
LIMITS = {"mu": [-3.0, 3.0], "sigma": [0.05, 2.0]}
GRID = np.linspace(-3.5, 3.5, 200)


def exact_model() -> Any:
    """The model as :class:`~companion.linear_gaussian.LinearGaussian`, whose figures the front end must show."""
    from companion.linear_gaussian import LinearGaussian

    return LinearGaussian([[MODEL["slope"]]], [0.0], MODEL["scale"])


def posterior(x: float) -> tuple[float, float]:
    """Mean and standard deviation of p(z|x)."""
    mean, log_var = exact_model().posterior([[x]])
    return float(mean[0, 0]), float(np.exp(log_var[0] / 2))


def kept_noise(sets: int, draws: int, seed: int) -> list[list[float]]:
    """Draws from N(0, 1), ``sets`` times ``draws``, equal in every copy of the book."""
    return rounded(np.random.default_rng(seed).normal(size=(sets, draws)), 3)


def draw_density(axes: Axes, mean: float, sigma: float, **style: Any) -> None:
    """The density of a normal as a curve."""
    axes.plot(GRID, norm.pdf(GRID, mean, sigma), **style)
