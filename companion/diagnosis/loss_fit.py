"""The heart of a diagnosis: a model's own loss, explained by reconstruction error and KL in nats per image.

The loss is observed on batches whose images, means and spreads were moved. Least squares then find
``loss = a * reconstruction + b * KL + c``, where reconstruction and KL are sums over what belongs to one image. A VAE
has a = b = 1. From a and b follow the effective beta b / a, and which sums were replaced by means.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, xlogy

from companion.diagnosis.patient import Observation
from companion.diagnosis.spread import STANDARD_DEVIATIONS, kl_to_standard_normal

CLIP = 1e-7  # where Keras and others clip a probability before its logarithm
SURE = 0.999  # the share of the loss's variation that must be explained
NO_KL = 0.02  # a weight of the KL, beside the reconstruction error's, that is as good as none

Term = Callable[[Observation], np.ndarray]


def _by_image(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1).sum(axis=1)


def _from_logits(x: np.ndarray, logits: np.ndarray) -> np.ndarray:
    return _by_image(np.logaddexp(0.0, logits) - x * logits)


def _from_probabilities(x: np.ndarray, p: np.ndarray) -> np.ndarray:
    p = np.clip(p, CLIP, 1 - CLIP)
    return -_by_image(xlogy(x, p) + xlogy(1 - x, 1 - p))


def _pixels(observation: Observation) -> tuple[np.ndarray, np.ndarray]:
    """Images and outputs in one shape, the outputs' own where they hold as many numbers."""
    return observation.images.reshape(observation.outputs.shape), observation.outputs


#: Reconstruction errors in nats, or in squares, of each image, by what the loss takes the outputs for.
RECONSTRUCTIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cross-entropy of logits": _from_logits,
    "cross-entropy of probabilities": _from_probabilities,
    "squared error": lambda x, y: _by_image((x - y) ** 2),
    "squared error of a sigmoid": lambda x, y: _by_image((x - expit(y)) ** 2),
    "absolute error": lambda x, y: _by_image(np.abs(x - y)),
}


def _kl_of(kind: str) -> Term:
    return lambda o: kl_to_standard_normal(o.mean, o.spread, kind)


#: KL terms of each image by formula; the first four are right for an output of that meaning.
KLS: dict[str, Term] = {
    **{f"KL for a {kind}": _kl_of(kind) for kind in STANDARD_DEVIATIONS},
    "KL without the exponential": lambda o: 0.5 * np.sum(o.mean**2 - 1 + 0 * o.spread, axis=1),
    "KL without the mean": lambda o: 0.5 * np.sum(np.exp(o.spread) - 1 - o.spread, axis=1),
    "KL without the logarithm": lambda o: 0.5 * np.sum(o.mean**2 + np.exp(o.spread) - 1, axis=1),
}
#: The names of those that are right.
RIGHT = tuple(f"KL for a {kind}" for kind in STANDARD_DEVIATIONS)


@dataclass(frozen=True)
class Fit:
    """``loss = a * reconstruction + b * kl + constant``, errors, and the share of the variation explained.

    ``of_rest`` is the share that the KL explains of what the reconstruction error leaves.
    """

    reconstruction: str
    kl: str
    a: float
    b: float
    constant: float
    a_error: float
    b_error: float
    explained: float
    of_rest: float = 1.0

    @property
    def beta(self) -> float:
        """The effective weight of the KL against the reconstruction error."""
        return self.b / self.a if self.a else np.inf

    @property
    def is_sure(self) -> bool:
        """Whether these two terms are all that moves the loss.

        A large reconstruction error may hide that the other term is no KL, such as the discriminator's part in the loss
        of an adversarial autoencoder; so a KL that counts has to explain what the error leaves.
        """
        counts = abs(self.b) > max(3 * self.b_error, NO_KL * abs(self.a))
        return self.explained >= SURE and (not counts or self.of_rest >= SURE)


def fit_of(observations: Sequence[Observation]) -> Fit | None:
    """The combination of terms that explains the losses best; None where they are too few or do not vary."""
    losses = np.array([each.loss for each in observations])
    if len(losses) < 8 or not np.isfinite(losses).all() or np.ptp(losses) == 0:
        return None
    if any(each.outputs.size != each.images.size for each in observations):
        return None  # several draws per image, or another size of image
    pairs = [_pixels(each) for each in observations]
    in_unit = all(y.min() >= 0 and y.max() <= 1 for _, y in pairs)
    found = []
    with np.errstate(all="ignore"):
        errors = {
            name: np.array([np.mean(error(x, y)) for x, y in pairs])
            for name, error in RECONSTRUCTIONS.items()
            if name != "squared error of a sigmoid" or not in_unit
        }
        kls = {name: np.array([np.mean(kl(each)) for each in observations]) for name, kl in KLS.items()}
    for (error, r), (kl, k) in itertools.product(errors.items(), kls.items()):
        if np.isfinite(r).all() and np.isfinite(k).all():
            found.append(_least_squares(error, kl, r, k, losses))
    return max(found, key=lambda fit: fit.explained, default=None)


def _least_squares(error: str, kl: str, r: np.ndarray, k: np.ndarray, losses: np.ndarray) -> Fit:
    design = np.stack([r, k, np.ones_like(r)], axis=1)
    scale = np.abs(design).max(axis=0)
    solution, *_ = np.linalg.lstsq(design / scale, losses, rcond=None)
    left = losses - design / scale @ solution
    freedom = max(len(losses) - 3, 1)
    spread = np.linalg.pinv((design / scale).T @ (design / scale)) * np.sum(left**2) / freedom
    errors = np.sqrt(np.maximum(np.diag(spread), 0.0)) / scale
    explained = 1 - np.sum(left**2) / np.sum((losses - losses.mean()) ** 2)
    alone = np.stack([r, np.ones_like(r)], axis=1)
    rest = losses - alone @ np.linalg.lstsq(alone, losses, rcond=None)[0]
    of_rest = 1 - np.sum(left**2) / max(float(np.sum(rest**2)), 1e-300)
    numbers = (*(solution / scale), *errors[:2], explained, of_rest)
    return Fit(error, kl, *map(float, numbers))
