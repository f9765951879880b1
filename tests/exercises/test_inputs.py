"""Protects what checks rely on: inputs whose right answer is known by another way, and rules that honest runs obey."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from companion.exercises.consistency import (
    best_at_own_weight,
    is_count,
    is_share_of,
    is_worth_less_per_draw,
)
from companion.exercises.gradients import on_the_first_of_equals
from companion.exercises.inputs import (
    bounds_of_unlike_images,
    groups_of_known_variance,
    log_weights_of_unlike_images,
    vectors_between_entries,
)

ROOT = Path(__file__).resolve().parents[2]


def test_the_votes_are_those_of_the_variance():
    groups, spread, votes = groups_of_known_variance()
    relative = groups.var(axis=1) / spread**2
    right = np.where(np.arange(3) == votes[:, None], 0.49, 1.0)
    np.testing.assert_allclose(relative, right, rtol=1e-5)


def test_the_shares_follow_from_the_bounds():
    bounds, prior, posterior = bounds_of_unlike_images()
    right = softmax(bounds.astype("float64") + np.log(prior), axis=1)
    np.testing.assert_allclose(posterior, right, rtol=5e-4, atol=1e-12)
    assert bounds.dtype == prior.dtype == np.float32


def test_the_codes_are_the_nearest_by_far():
    vectors, codebook, codes = vectors_between_entries()
    distances = np.sort(np.linalg.norm(vectors[..., None, :] - codebook, axis=-1), axis=-1)
    assert (distances[..., 1] - distances[..., 0] > 0.01).all()
    own = np.linalg.norm(vectors - codebook[codes], axis=-1)
    np.testing.assert_allclose(own, distances[..., 0], rtol=1e-5)


def test_either_of_two_equal_shares_may_be_chosen():
    shares = np.array([[0.1, 0.4, 0.4, 0.1], [0.2, 0.5, 0.2, 0.1]])
    first, last = np.eye(4)[[1, 1]], np.eye(4)[[2, 1]]
    np.testing.assert_array_equal(on_the_first_of_equals(last, shares), first)
    both, smaller, half = np.array([first[0] + last[0], first[1]]), np.eye(4)[[0, 2]], 0.5 * last
    for wrong in (both, smaller, half, shares, first[0]):
        np.testing.assert_array_equal(on_the_first_of_equals(wrong, shares), wrong)


def test_one_shift_for_all_images_underflows_and_one_for_each_does_not():
    log_weights = log_weights_of_unlike_images(4)
    assert (np.exp(log_weights - log_weights.max()) == 0).any()
    assert (np.exp((log_weights - log_weights.max(axis=0)).astype("float32")) > 0).all()


def test_recorded_models_are_best_at_their_own_weight():
    recorded = json.loads((ROOT / "results" / "shapes-beta" / "outcome.json").read_text(encoding="utf-8"))
    curves = {}
    for run in recorded["runs"]:
        beta = recorded["settings"][f"{run['budget']}/{run['arm']}"]["beta"]
        point = beta, run["figures"]["rate"], run["figures"]["distortion"]
        curves.setdefault(run["seed"], []).append(point)
    assert len(curves) == 5 and all(len(points) == 4 for points in curves.values())
    assert all(map(best_at_own_weight, curves.values()))
    for points in curves.values():
        betas, *figures = zip(*sorted(points), strict=True)
        assert not best_at_own_weight(list(zip(betas[::-1], *figures, strict=True))), "the weights reversed"


def test_draws_are_worth_less_and_less_each():
    """For any weights, the mean over all ways to leave one draw out is not below what all draws give."""
    for seed in range(20):
        w = np.exp(2 * np.random.default_rng(seed).normal(size=12))
        sizes = [(12, w.sum() ** 2 / (w**2).sum())]
        without = [np.delete(w, i) for i in range(12)]
        sizes.insert(0, (11, np.mean([each.sum() ** 2 / (each**2).sum() for each in without])))
        ((few, a), (more, b)) = sizes
        assert b / more <= a / few + 1e-12 and is_worth_less_per_draw(sizes)


@pytest.mark.parametrize("digits", [2, 3, 4, 16])
def test_a_share_may_be_rounded(digits):
    for count in (200, 333, 2000, 12345):
        for hits in (1, count // 3, count - 1, count):
            assert is_share_of(round(hits / count, digits), count)
            assert is_share_of(np.float32(hits / count), count)
    assert not is_share_of(0.98765, 200) and not is_share_of(True, 200)


def test_a_count_is_whole():
    assert all(map(is_count, (5, 5.0, np.int64(5), "5")))
    assert not any(map(is_count, (5.5, True, np.True_)))
