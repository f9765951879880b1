"""Protects what a fit of the loss claims: two terms are found with their weights, and a term that only resembles a KL
is not taken for one, however large the reconstruction error beside it is.
"""

import numpy as np
import pytest

from companion.diagnosis.loss_fit import RECONSTRUCTIONS, fit_of
from companion.diagnosis.patient import Observation
from companion.diagnosis.spread import kl_to_standard_normal

N, CODE, PIXELS, BATCHES = 16, 3, 64, 32


def observations(loss):
    """Batches whose means, spreads and outputs vary; ``loss`` makes a number of both terms and of a third one."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(BATCHES):
        images = (rng.uniform(size=(N, PIXELS)) > 0.5).astype(float)
        mean = rng.normal(size=(N, CODE)) * rng.uniform(0.2, 2)
        spread = rng.normal(size=(N, CODE)) - rng.uniform(0, 1)
        outputs = rng.normal(size=(N, PIXELS)) * rng.uniform(0.1, 3)
        error = RECONSTRUCTIONS["cross-entropy of logits"](images, outputs).mean()
        kl = kl_to_standard_normal(mean, spread, "log variance").mean()
        like_a_kl = kl + 0.1 * rng.normal() * kl
        found.append(Observation(images, mean, spread, mean, outputs, float(loss(error, kl, like_a_kl))))
    return found


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (1 / 64, 1.0), (1.0, 0.1), (1.0, -1.0), (1.0, 0.0)])
def test_the_weights_of_two_terms_are_found(a, b):
    fit = fit_of(observations(lambda error, kl, other: a * error + b * kl))
    assert fit.is_sure and fit.reconstruction == "cross-entropy of logits"
    assert fit.a == pytest.approx(a) and fit.b == pytest.approx(b, abs=1e-9)


def test_a_term_that_resembles_a_kl_is_none():
    fit = fit_of(observations(lambda error, kl, other: error + 0.2 * other))
    assert fit.explained > 0.999 and 0.8 < fit.of_rest < 0.999, "the error alone explains nearly all"
    assert not fit.is_sure


def test_a_small_rest_leaves_a_loss_without_a_kl_what_it_is():
    assert fit_of(observations(lambda error, kl, other: error + 0.001 * other)).is_sure
