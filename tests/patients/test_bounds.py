"""Protects the reading of a loss made of weights: each formula is told from the numbers that went into it, in either
order of draws and images, a bound is never called wrong, and a loss that is none of them is not read at all.
"""

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from companion.diagnosis.bounds import bound_of, read
from companion.diagnosis.patient import Observation

N, K, CODE, PIXELS = 12, 4, 3, 16
KINDS = ("log variance", "log standard deviation")


def observation(loss, *, draws=K, draws_first=True, shift=0.0):
    """A linear decoder's logits for draws around random codes, and the ``loss`` of their weights."""
    rng = np.random.default_rng(5)
    images = (rng.uniform(size=(N, PIXELS)) > 0.5).astype(float)
    mean, spread = rng.normal(size=(N, CODE)) + shift, rng.normal(size=(N, CODE))
    noise = rng.normal(size=(draws, N, CODE))
    z = mean + np.exp(0.5 * spread) * noise
    logits = z @ rng.normal(size=(CODE, PIXELS))
    error = np.sum(np.logaddexp(0, logits) - images * logits, axis=-1)
    weights = np.sum(0.5 * noise**2 + 0.5 * spread - 0.5 * z**2, axis=-1) - error
    averaged = -error - 0.5 * np.sum(mean**2 + np.exp(spread) - 1 - spread, axis=-1)
    flat = (z, logits) if draws_first else (z.swapaxes(0, 1), logits.swapaxes(0, 1))
    codes, outputs = (each.reshape(draws * N, -1) for each in flat)
    return Observation(images, mean, spread, codes, outputs, float(loss(weights, averaged)))


def observations(loss, **how):
    return [observation(loss, shift=shift, **how) for shift in (0.0, 0.6, -0.3)]


def log_mean(weights):
    return logsumexp(weights, axis=0) - np.log(len(weights))


RIGHT = {
    "the bound": lambda w, a: -log_mean(w).mean(),
    "the ELBO by draws": lambda w, a: -w.mean(),
    "the ELBO in closed form": lambda w, a: -a.mean(),
}
WRONG = {
    "sum": (lambda w, a: -logsumexp(w, axis=0).mean(), "the sum of 4 weights"),
    "shares": (
        lambda w, a: -np.mean(np.sum(softmax(w, axis=0) * w, axis=0)),
        "normalised weights of 4 draws",
    ),
    "closed form": (lambda w, a: -log_mean(a).mean(), "made of reconstruction error and KL"),
    "whole batch": (lambda w, a: -log_mean(w.ravel()), "groups of 48"),
}


@pytest.mark.parametrize("draws_first", [True, False])
@pytest.mark.parametrize("name", RIGHT)
def test_a_bound_is_called_none_of_the_wrong_ones(name, draws_first):
    for draws in (1, K):
        error, kind, reading = read(observations(RIGHT[name], draws=draws, draws_first=draws_first), KINDS)
        assert (error, kind, reading.wrong) == ("cross-entropy of logits", "log variance", "")


@pytest.mark.parametrize("draws_first", [True, False])
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_bound_is_named(name, draws_first):
    loss, words = WRONG[name]
    seen = observations(loss, draws_first=draws_first)
    _, _, reading = read(seen, KINDS)
    assert words in reading.wrong and reading.loss == pytest.approx(seen[0].loss)


@pytest.mark.parametrize("size", [2, 3, 6, N])
def test_groups_of_images_are_told_by_their_size(size):
    def grouped(w, a):
        return -log_mean(a.reshape(-1, size).T).mean()

    assert f"groups of {size}," in read(observations(grouped, draws=1), KINDS)[2].wrong


def test_images_that_lie_apart_are_a_group_too():
    seen = observations(lambda w, a: -log_mean(w.reshape(3, -1)).mean(), draws=1)
    assert "groups of 3," in read(seen, KINDS)[2].wrong


def test_another_loss_is_not_read():
    assert read(observations(lambda w, a: -1.02 * w.mean()), KINDS) is None
    assert read(observations(lambda w, a: -w.mean() + 1.0), KINDS) is None


def test_codes_of_another_number_are_not_read():
    seen = observation(RIGHT["the bound"])
    fewer = Observation(seen.images, seen.mean, seen.spread, seen.z[:-1], seen.outputs, seen.loss)
    assert read([fewer], KINDS) is None


def test_our_own_bound_is_that_of_the_weights_and_grows_with_the_draws():
    seen = observation(lambda w, a: -log_mean(w).mean())
    rng = np.random.default_rng(5)
    rng.uniform(size=(N, PIXELS)), rng.normal(size=(2, N, CODE))
    noise, matrix = rng.normal(size=(K, N, CODE)), rng.normal(size=(CODE, PIXELS))

    def ours(given):
        how = ("cross-entropy of logits", "log variance")
        return bound_of(seen.mean, seen.spread, seen.images, lambda z: z @ matrix, how, given)

    assert ours(noise) == pytest.approx(-seen.loss)
    assert ours(np.random.default_rng(0).normal(size=(500, N, CODE))) > ours(noise[:1])
