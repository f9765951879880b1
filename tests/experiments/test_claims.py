"""Protects claims: intervals agree with scipy and cover as often as they say, paired seeds cancel, and a relation holds
only where its interval excludes the contrary."""

import math

import numpy as np
import pytest
from scipy import stats

from companion.errors import BadInput
from companion.experiments import claims

RNG = np.random.default_rng(0)
FIVE = RNG.normal(90.0, 2.0, 5)


def test_the_interval_of_a_mean_is_that_of_scipy():
    found = claims.mean_interval(FIVE, 0.9)
    low, high = stats.t.interval(0.9, 4, loc=FIVE.mean(), scale=stats.sem(FIVE))
    assert (found.mean, found.low, found.high) == pytest.approx((FIVE.mean(), low, high))
    assert found.n == 5
    assert claims.mean_interval([3.0]).high == math.inf


def test_what_seeds_share_cancels():
    other = FIVE + 0.5 + 0.01 * RNG.normal(size=5)
    paired = claims.paired_difference(FIVE, other)
    assert paired.high < -0.4
    test = stats.ttest_rel(FIVE, other).confidence_interval()
    assert (paired.low, paired.high) == pytest.approx((test.low, test.high))


def test_a_slope_is_fitted_for_each_seed():
    x = np.log([1, 4, 16, 64])
    rows = [-0.5 * x + shift for shift in (0.0, 3.0, -1.0)]
    found = claims.slope(x, rows)
    assert found.mean == pytest.approx(-0.5)
    assert found.high - found.low == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_intervals_cover_as_often_as_they_say():
    draws = np.random.default_rng(1).normal(size=(10_000, 6))
    of_mean = of_next = 0
    for row in draws:
        mean, following = claims.mean_interval(row[:5]), claims.prediction_interval(row[:5])
        of_mean += mean.low < 0 < mean.high
        of_next += following.low < row[5] < following.high
    assert 0.935 < of_mean / 10_000 < 0.965
    assert 0.935 < of_next / 10_000 < 0.965


def test_a_pooled_deviation_narrows_the_prediction():
    arms = np.random.default_rng(2).normal(size=(4, 5))
    deviation, degrees = claims.pooled_deviation(arms)
    assert degrees == 16
    assert deviation == pytest.approx(math.sqrt(np.mean(np.var(arms, axis=1, ddof=1))))
    found = claims.prediction_interval(arms[0], deviation=deviation, degrees=degrees, level=0.99)
    half = stats.t.ppf(0.995, 16) * deviation * math.sqrt(1.2)
    assert (found.low, found.high) == pytest.approx((arms[0].mean() - half, arms[0].mean() + half))


FIGURES = {
    "nll": {
        "ladder": {0: 90.0, 1: 91.0, 2: 90.4},
        "bottom_up": {0: 91.0, 1: 92.1, 2: 91.3, 3: 50.0},
        "same": {0: 90.02, 1: 90.99, 2: 90.41},
    }
}


@pytest.mark.parametrize(
    ("relation", "holds"),
    [
        ("nll[ladder] < nll[bottom_up]", True),  # of the seeds that both have
        ("nll[bottom_up] > nll[ladder]", True),
        ("nll[bottom_up] < nll[ladder]", False),
        ("nll[ladder] < nll[same]", False),  # not shown
        ("abs(nll[ladder] - nll[same]) < 0.5", True),
        ("abs(nll[ladder] - nll[bottom_up]) < 0.5", False),
        ("nll[ladder] < nll[bottom_up] - 0.5", True),
        ("2 * nll[ladder] < nll[ladder] + 80", False),
    ],
)
def test_a_relation_is_decided_by_its_interval(relation, holds):
    assert claims.decide(relation, FIGURES).holds is holds


def test_one_seed_shows_nothing():
    one = {"nll": {"a": {0: 1.0}, "b": {0: 100.0}}}
    assert not claims.decide("nll[a] < nll[b]", one).holds


def test_the_arms_of_a_relation():
    assert claims.arms_of("abs(nll[a] - kl['b c']) < 1") == {("nll", "a"), ("kl", "b c")}


@pytest.mark.parametrize(
    ("relation", "message"),
    [
        ("nll[ladder]", "not a comparison"),
        ("nll[ladder] < ", "not a relation"),
        ("nll[ladder] <= nll[same]", "not a comparison"),
        ("1 < 2", "names no figure"),
        ("nll[best] < nll[same]", r"nll\[best\] is not recorded"),
        ("__import__('os') < nll[same]", "expected figures, slopes, numbers"),
        ("abs(nll[same]) < nll[ladder]", "a number above 0"),
    ],
)
def test_bad_relations(relation, message):
    with pytest.raises(BadInput, match=message):
        claims.decide(relation, FIGURES)


@pytest.mark.parametrize(
    "call",
    [
        lambda: claims.mean_interval([]),
        lambda: claims.mean_interval([1.0, float("nan")]),
        lambda: claims.mean_interval(FIVE, 1.0),
        lambda: claims.paired_difference(FIVE, FIVE[:3]),
        lambda: claims.slope([1.0, 1.0], [[1.0, 2.0]]),
        lambda: claims.pooled_deviation([[1.0], [2.0]]),
    ],
)
def test_bad_figures(call):
    with pytest.raises(BadInput, match="expected"):
        call()
