"""Protects the classifier two-sample test: one half for equal distributions, near 1 for different ones, its p-value."""

import numpy as np
import pytest

from companion.errors import BadInput
from companion.evaluation import classifier_two_sample_test


def normal(seed, n=400, d=3):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_equal_distributions_are_not_told_apart():
    found = [classifier_two_sample_test(normal(2 * s), normal(2 * s + 1), seed=s) for s in range(5)]
    assert np.mean([each.accuracy for each in found]) == pytest.approx(0.5, abs=0.04)
    assert sum(each.p_value < 0.05 for each in found) <= 1


def test_a_shift_is_seen_and_so_is_a_ring_which_no_line_can_cut():
    assert classifier_two_sample_test(normal(0), normal(1) + 3).accuracy > 0.97
    ring = normal(3)
    ring *= 3 / np.linalg.norm(ring, axis=1, keepdims=True)
    found = classifier_two_sample_test(normal(2), ring)
    assert found.accuracy > 0.85 and found.p_value < 1e-6


def test_the_scale_of_a_coordinate_does_not_matter():
    shifted = normal(1) + np.array([1.0, 0.0, 0.0])
    small = classifier_two_sample_test(normal(0) * 1e-3, shifted * 1e-3)
    large = classifier_two_sample_test(normal(0), shifted)
    assert small.accuracy == pytest.approx(large.accuracy, abs=1e-6) and 0.6 < large.accuracy < 0.8


def test_the_p_value_is_that_of_a_fair_coin():
    points = normal(0, n=100)
    accuracy, p_value = classifier_two_sample_test(points, normal(1, n=100) + 1.0)
    deviations = (accuracy - 0.5) / np.sqrt(0.25 / 100)  # 50 unseen points of each set
    from scipy.stats import norm

    assert p_value == pytest.approx(norm.sf(deviations))
    assert accuracy * 100 == pytest.approx(round(accuracy * 100))


def test_one_seed_gives_one_answer():
    first, second = normal(0), normal(1) + 0.5
    again = [classifier_two_sample_test(first, second, seed=seed) for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (normal(0), normal(1, n=300), r"shapes \(400, 3\) and \(300, 3\): expected \(n, d\) twice"),
        (normal(0, n=19), normal(1, n=19), "n >= 20"),
        (np.zeros(40), np.zeros(40), r"shapes \(40,\)"),
        (np.full((40, 2), np.nan), np.zeros((40, 2)), "finite"),
    ],
)
def test_bad_input(first, second, message):
    with pytest.raises(BadInput, match=message):
        classifier_two_sample_test(first, second)


def test_twenty_points_are_enough_and_a_bad_seed_is_refused():
    assert 0 <= classifier_two_sample_test(normal(0, n=20), normal(1, n=20)).accuracy <= 1
    with pytest.raises(BadInput, match="seed=-1"):
        classifier_two_sample_test(normal(0), normal(1), seed=-1)
