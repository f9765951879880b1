"""Losses made of the log weights of draws: which of them are a bound on log p(x), and which only look like one.

A log weight is log p(x|z) + log p(z) - log q(z|x). The k-sample bound of an image is the log of the mean of its k
weights (Burda et al., 2016, equation 8). All that enters a loss was listened to, so each reading is exact.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp, softmax

from companion.diagnosis.loss_fit import RECONSTRUCTIONS
from companion.diagnosis.patient import Observation
from companion.diagnosis.spread import STANDARD_DEVIATIONS, kl_to_standard_normal

EXACT = 1e-3  # relative: how near a reading must be to the loss

HALF = "half the squared error"
ERRORS = {**RECONSTRUCTIONS, HALF: lambda x, y: 0.5 * RECONSTRUCTIONS["squared error"](x, y)}


class Weights(NamedTuple):
    """Log weights ``(n, k)`` of the draws of each image; ``flat`` in the order in which the decoder got the codes."""

    drawn: np.ndarray  # with log p(z) - log q(z|x) at each draw
    averaged: np.ndarray  # with minus the KL in closed form instead
    draws_first: bool

    def flat(self, which: np.ndarray) -> np.ndarray:
        """The weights in one row."""
        return (which.T if self.draws_first else which).ravel()


class Reading(NamedTuple):
    """A loss in nats, as something was read from weights: ``wrong`` says what, and is empty for a bound."""

    loss: float
    wrong: str = ""


def log_mean_exp(log_weights: np.ndarray) -> np.ndarray:
    """The log of the mean of the weights along the last axis."""
    return logsumexp(log_weights, axis=-1) - np.log(log_weights.shape[-1])


def layout(o: Observation, kind: str) -> tuple[int, bool] | None:
    """How many draws per image the decoder got, and whether the draws are its first axis; None for other codes."""
    n, size = o.mean.shape
    if o.z.size % (n * size) or o.outputs.size * n * size != o.images.size * o.z.size:
        return None
    k = o.z.size // (n * size)
    with np.errstate(all="ignore"):
        misfit = [
            np.mean(((_by_draw(o.z, n, k, first) - o.mean[:, None]) / _deviation(o, kind)[:, None]) ** 2)
            for first in (True, False)
        ]
    return k, bool(misfit[0] < misfit[1])


def weights(o: Observation, error: str, kind: str) -> Weights | None:
    """The weights of an observation under an ``error`` in nats and a meaning of the spread."""
    found = layout(o, kind)
    if found is None:
        return None
    (k, first), (n, _) = found, o.mean.shape
    z, outputs = _by_draw(o.z, n, k, first), _by_draw(o.outputs, n, k, first)
    images = np.repeat(o.images.reshape(n, 1, -1), k, axis=1)
    deviation = _deviation(o, kind)[:, None]
    with np.errstate(all="ignore"):
        errors = ERRORS[error](images.reshape(n * k, -1), outputs.reshape(n * k, -1)).reshape(n, k)
        noise = (z - o.mean[:, None]) / deviation
        ratio = np.sum(0.5 * noise**2 + np.log(deviation) - 0.5 * z**2, axis=-1)  # log p(z) - log q(z|x)
        kl = kl_to_standard_normal(o.mean, o.spread, kind)[:, None]
    return Weights(ratio - errors, -kl - errors, first)


def readings(w: Weights) -> Iterator[Reading]:
    """What a loss may have been made of, bounds first."""
    n, k = w.drawn.shape
    yield Reading(-float(log_mean_exp(w.drawn).mean()))
    yield Reading(-float(w.drawn.mean()))
    yield Reading(-float(w.averaged.mean()))
    if k > 1:
        yield Reading(-float(logsumexp(w.drawn, axis=1).mean()), f"the sum of {k} weights and not their mean")
        yield Reading(
            -float(np.mean(np.sum(softmax(w.drawn, axis=1) * w.drawn, axis=1))),
            f"the normalised weights of {k} draws times the losses of these draws",
        )
        yield Reading(
            -float(log_mean_exp(w.averaged).mean()),
            f"weights of {k} draws that are made of reconstruction error and KL",
        )
    for values in (w.drawn, w.averaged):
        for size in (size for size in range(2, n * k + 1) if (n * k) % size == 0):
            for rows in (w.flat(values).reshape(-1, size), w.flat(values).reshape(size, -1).T):
                yield Reading(
                    -float(log_mean_exp(rows).mean()),
                    f"the mean of weights over groups of {size}, in which images are mixed",
                )


def read(observations: list[Observation], kinds: tuple[str, ...]) -> tuple[str, str, Reading] | None:
    """Error, meaning of the spread and reading that give the loss of every observation; None where none does."""
    for error in ERRORS:
        for kind in kinds:
            each = [weights(o, error, kind) for o in observations]
            if any(w is None or not np.isfinite(w.drawn).all() for w in each):
                continue
            columns = zip(*(list(readings(w)) for w in each if w is not None), strict=True)
            for column in columns:
                if all(_gives(reading.loss, o.loss) for reading, o in zip(column, observations, strict=True)):
                    return error, kind, column[0]
    return None


def bound_of(
    mean: np.ndarray,
    spread: np.ndarray,
    images: np.ndarray,
    decode: Callable[[np.ndarray], np.ndarray],
    how: tuple[str, str],
    noise: np.ndarray,
) -> float:
    """The k-sample bound in nats per image, from k draws of our own by ``noise`` ``(k, n, latent_dim)``."""
    error, kind = how
    z = mean + STANDARD_DEVIATIONS[kind](spread) * noise
    outputs = np.stack([decode(each) for each in z])
    w = weights(Observation(images, mean, spread, z, outputs, 0.0), error, kind)
    return float("nan") if w is None else float(log_mean_exp(w.drawn).mean())


def _gives(reading: float, loss: float) -> bool:
    return abs(reading - loss) <= EXACT * max(1.0, abs(loss))


def _deviation(o: Observation, kind: str) -> np.ndarray:
    return np.maximum(STANDARD_DEVIATIONS[kind](o.spread), 1e-150)


def _by_draw(values: np.ndarray, n: int, k: int, draws_first: bool) -> np.ndarray:
    """Values of all draws as ``(n, k, rest)``."""
    return values.reshape(k, n, -1).swapaxes(0, 1) if draws_first else values.reshape(n, k, -1)
