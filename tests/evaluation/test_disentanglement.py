"""Protects the disentanglement scores: near 1 on a code that copies each factor, near 0 (or chance) on a shuffled one,
in between where two factors are mixed; and each score's own reading, counted by hand on small codes."""

import numpy as np
import pytest
from scipy.stats import entropy
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from companion.errors import BadInput
from companion.evaluation import disentanglement as scores

N, STEPS, FACTORS = 1600, 5, 4
RNG = np.random.default_rng(0)
FACTOR = RNG.integers(0, STEPS, (N, FACTORS))
COPY = (FACTOR - 2) / np.sqrt(2) + 0.02 * RNG.standard_normal((N, FACTORS))
SHUFFLED = COPY[RNG.permutation(N)]
NOISE = RNG.standard_normal((N, 3))


def turned(codes, degrees=45.0):
    """The last two coordinates turned in their plane: at 45 degrees each knows both factors equally well."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    mixed = codes.copy()
    mixed[:, 2], mixed[:, 3] = c * codes[:, 2] - s * codes[:, 3], s * codes[:, 2] + c * codes[:, 3]
    return mixed


def corrected(score):
    return lambda codes, factors, **kwargs: scores.above_chance(score(codes, factors, **kwargs), FACTORS)


def part(i):
    return lambda codes, factors, **kwargs: scores.dci(codes, factors, **kwargs)[i]


GAPS = {
    "higgins": corrected(scores.higgins_score),
    "factor_vae": corrected(scores.factor_vae_score),
    "mig": scores.mig,
    "sap": scores.sap,
    "disentanglement": part(0),
    "completeness": part(1),
}
each_score = pytest.mark.parametrize("score", GAPS.values(), ids=GAPS)


# --- What all agree on ------------------------------------------------------------------------------------------------


@each_score
def test_a_copy_scores_near_one_in_any_order_scale_and_sign(score):
    assert score(COPY, FACTOR) > 0.97
    assert score(COPY[:, ::-1] * [3, -1, 0.01, 1] + 5, FACTOR) > 0.97


@each_score
def test_a_shuffled_copy_scores_near_zero(score):
    assert abs(score(SHUFFLED, FACTOR)) < 0.08


@each_score
def test_a_copy_with_two_factors_turned_scores_in_between(score):
    assert 0.4 < score(turned(COPY), FACTOR) < 0.9


@each_score
def test_coordinates_that_know_nothing_do_no_harm(score):
    assert score(np.hstack([COPY, NOISE, np.zeros((N, 1))]), FACTOR) > 0.97


def test_informativeness_is_high_where_the_factors_can_be_read_however_mixed():
    copied, mixed, shuffled = (scores.dci(codes, FACTOR)[2] for codes in (COPY, turned(COPY), SHUFFLED))
    assert copied > 0.99
    assert mixed > 0.9
    assert shuffled == pytest.approx(1 / STEPS, abs=0.04)


# --- What each reads --------------------------------------------------------------------------------------------------


def test_mutual_information_is_that_of_the_counts():
    codes = turned(COPY, 20)
    information = scores.mutual_information(codes, FACTOR, bins=7)
    assert information.shape == (FACTORS, FACTORS)
    for j, k in np.ndindex(FACTORS, FACTORS):
        counts = np.histogram2d(codes[:, j], FACTOR[:, k], bins=(7, STEPS))[0]
        by_hand = entropy(counts.sum(0)) + entropy(counts.sum(1)) - entropy(counts.ravel())
        assert information[j, k] == pytest.approx(by_hand, abs=1e-9)


def test_mig_is_the_gap_over_the_entropy_of_the_factor():
    codes = turned(COPY, 20)
    information = np.sort(scores.mutual_information(codes, FACTOR), axis=0)
    entropies = [entropy(np.bincount(column)) for column in FACTOR.T]
    by_hand = ((information[-1] - information[-2]) / entropies).mean()
    assert scores.mig(codes, FACTOR) == pytest.approx(by_hand)
    assert scores.mig(FACTOR, FACTOR) == pytest.approx(1, abs=0.01)
    assert scores.mig(np.hstack([COPY, COPY]), FACTOR) == pytest.approx(0, abs=1e-9)
    assert scores.mig(COPY, FACTOR, bins=2) < 0.6
    information = scores.mutual_information(COPY[:, :1], FACTOR)[0]
    assert scores.mig(COPY[:, :1], FACTOR) == pytest.approx((information / entropies).mean())


def test_sap_is_the_gap_of_squared_correlations():
    codes = turned(COPY, 20)
    squared = np.sort(np.corrcoef(codes.T, FACTOR.T)[:FACTORS, FACTORS:] ** 2, axis=0)
    assert scores.sap(codes, FACTOR) == pytest.approx((squared[-1] - squared[-2]).mean())
    assert scores.sap(np.hstack([COPY, COPY]), FACTOR) == pytest.approx(0, abs=1e-9)
    with_constant = np.hstack([COPY[:, :3], np.ones((N, 1))])
    assert 0.7 < scores.sap(with_constant, FACTOR) < 0.76


def test_a_categorical_factor_is_read_by_a_classifier():
    # Three classes of which the middle one lies highest: no line through the steps fits, intervals of a code do.
    order = np.array([0.0, 2.0, 1.0])
    factor = RNG.integers(0, 3, (N, 2))
    codes = order[factor] + 0.02 * RNG.standard_normal((N, 2))
    assert scores.sap(codes, factor) == pytest.approx(0.25, abs=0.03)
    both = scores.sap(codes, factor, categorical=(0, 1))
    assert both == pytest.approx(1 - 1 / 3, abs=0.04)
    one = scores.sap(codes, factor, categorical=(1,))
    assert one == pytest.approx((0.25 + 2 / 3) / 2, abs=0.04)
    rare = np.where(RNG.random((N, 1)) < 0.9, 0, factor)  # a classifier that always says 0 is right in 93 %
    useless = np.hstack([rare[RNG.permutation(N)], NOISE]).astype(float)
    assert abs(scores.sap(useless, rare, categorical=(0, 1))) < 0.1


def test_disentanglement_and_completeness_tell_one_from_many():
    # Each factor spread over two coordinates that know nothing else; then two factors in each coordinate.
    spread = np.hstack([COPY, COPY + 0.02 * RNG.standard_normal(COPY.shape)])
    disentangled, complete, _ = scores.dci(spread, FACTOR)
    assert disentangled > 0.97
    assert complete < 0.85
    packed = FACTOR[:, :2] + 10 * FACTOR[:, 2:]
    disentangled, complete, informative = scores.dci(packed, FACTOR)
    assert disentangled < 0.7
    assert complete > disentangled + 0.1
    assert informative > 0.97
    only = scores.dci(COPY[:, :1], FACTOR)
    assert only[:2] == pytest.approx((only[0], 1.0))


def test_dci_is_read_off_the_importances_of_ten_trees_a_factor():
    codes = np.hstack([turned(COPY, 20), np.zeros((N, 1))])
    importances, accuracies = [], []
    for steps in FACTOR.T:
        x, x_test, y, y_test = train_test_split(codes, steps, test_size=0.5, random_state=3)
        forest = RandomForestClassifier(10, max_features=None, min_samples_leaf=5, random_state=3).fit(x, y)
        importances.append(forest.feature_importances_)
        accuracies.append((forest.predict(x_test) == y_test).mean())
    shares = np.array(importances)  # of the coordinates, for each factor
    completeness = 1 - entropy(shares, base=5, axis=1)
    of_coordinate = shares.T[:4] / shares.T[:4].sum(axis=1, keepdims=True)
    weights = shares.sum(axis=0)[:4] / shares.sum()
    disentanglement = weights @ (1 - entropy(of_coordinate, base=4, axis=1))
    expected = (disentanglement, completeness.mean(), np.mean(accuracies))
    assert scores.dci(codes, FACTOR, seed=3) == pytest.approx(expected, abs=1e-9)


def test_sap_of_a_category_is_the_balanced_accuracy_on_the_other_half():
    factor = np.where(RNG.random((N, 2)) < 0.6, 0, RNG.integers(0, 3, (N, 2)))
    codes = np.hstack([factor + 0.6 * RNG.standard_normal((N, 2)), np.ones((N, 1))])
    gaps = []
    for steps in factor.T:
        accuracies = []
        for coordinate in codes[:, :2].T:
            x, x_test, y, y_test = train_test_split(coordinate[:, None], steps, test_size=0.5, random_state=5)
            mean, std = x.mean(), x.std()
            classifier = LogisticRegression(max_iter=1000, class_weight="balanced").fit((x - mean) / std, y)
            right = classifier.predict((x_test - mean) / std) == y_test
            accuracies.append(np.mean([right[y_test == value].mean() for value in range(3)]))
        gaps.append(max(accuracies) - min(accuracies))
    assert scores.sap(codes, factor, categorical=(0, 1), seed=5) == pytest.approx(np.mean(gaps), abs=1e-9)


def test_what_is_usual():
    codes = turned(COPY, 40)
    assert scores.higgins_score(codes, FACTOR) == scores.higgins_score(
        codes, FACTOR, points=1000, pairs=64, seed=0
    )
    blind = SHUFFLED[:, :2]
    assert scores.factor_vae_score(blind, FACTOR) == scores.factor_vae_score(
        blind, FACTOR, votes=1000, group=64, seed=0
    )
    assert scores.mig(codes, FACTOR) == scores.mig(codes, FACTOR, bins=20)
    assert scores.dci(codes, FACTOR) == scores.dci(codes, FACTOR, seed=0)
    assert scores.sap(codes, FACTOR, categorical=(1,)) == scores.sap(codes, FACTOR, categorical=(1,), seed=0)


def test_a_coordinate_s_bins_are_of_equal_width():
    # Four steps on 0, 1, 2 and 9: with three bins of width 3 the first three fall together.
    factor = np.tile(np.arange(4), 8)[:, None]
    codes = np.array([0.0, 1.0, 2.0, 9.0])[factor]
    expected = entropy([0.75, 0.25])
    np.testing.assert_allclose(scores.mutual_information(codes, factor, bins=3), [[expected]], rtol=1e-9)
    assert scores.mig(codes, factor, bins=3) == pytest.approx(expected / np.log(4))


def test_two_values_and_two_images_a_value_are_enough():
    factor = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert scores.mig(factor.astype(float), factor) == pytest.approx(1)
    each_twice = np.repeat(np.arange(3), 2)[:, None]
    assert scores.mig(each_twice.astype(float), each_twice) == pytest.approx(1)
    with pytest.raises(BadInput, match="factor 0 has 4 different values in 6 images"):
        scores.mig(np.zeros((6, 1)), np.array([0, 1, 2, 3, 3, 3])[:, None])


def test_a_vote_goes_to_the_coordinate_that_varies_least_for_its_own_scale():
    factor = np.stack([np.arange(N) % 2, np.arange(N) // 2 % 2], axis=1)
    codes = np.stack([1000.0 * factor[:, 0], factor[:, 1] + RNG.uniform(-0.1, 0.1, N)], axis=1)
    assert scores.factor_vae_score(codes, factor) == 1.0
    blind = np.stack([RNG.standard_normal(N), RNG.standard_normal(N)], axis=1)
    assert scores.factor_vae_score(blind, factor) == pytest.approx(0.5, abs=0.08)
    assert scores.factor_vae_score(np.ones((N, 3)), factor) == 0.5


def test_the_higgins_score_is_lenient_with_mixtures_that_differ():
    # At 20 degrees the two coordinates still shrink by different amounts, and a linear classifier reads that.
    assert scores.higgins_score(turned(COPY, 20), FACTOR) > 0.95
    assert scores.mig(turned(COPY, 20), FACTOR) < 0.8
    assert scores.higgins_score(turned(COPY), FACTOR, pairs=64) < 0.85
    assert scores.higgins_score(COPY, FACTOR, pairs=1) < scores.higgins_score(COPY, FACTOR, pairs=16)


def test_the_two_of_a_pair_share_a_value_and_pairs_have_others():
    """Higgins et al. (2017) fix the factor for a point and draw its value anew for each of the point's pairs."""
    steps = np.array([0, 0, 1, 1, 1, 2])
    first, second = scores._pairs_sharing_values(steps, 3000, np.random.default_rng(0))
    np.testing.assert_array_equal(steps[first], steps[second])
    np.testing.assert_allclose(np.bincount(first) / 3000, 1 / 6, atol=0.03)  # the first is any image
    partners = np.bincount(second[steps[first] == 1], minlength=6)
    np.testing.assert_allclose(partners[2:5] / partners.sum(), 1 / 3, atol=0.05)
    assert partners.sum() == partners[2:5].sum()


def test_the_higgins_score_needs_pairs_of_every_value():
    # The scale of the second coordinate follows the first factor: with one value for all pairs of a point, points of
    # one factor would scatter, and a classifier would see several kinds of them.
    rng = np.random.default_rng(0)
    factor = rng.integers(0, 4, (4000, 2))
    codes = np.stack(
        [factor[:, 0] + 0.01 * rng.normal(size=4000), 10.0 ** factor[:, 0] * factor[:, 1]], axis=1
    )
    assert scores.higgins_score(codes, factor, pairs=200) > 0.97


@pytest.mark.parametrize("score", [*GAPS.values(), part(2)], ids=[*GAPS, "informativeness"])
def test_a_seed_gives_one_figure(score):
    seeded = {} if score is scores.mig else {"seed": 3}
    assert score(turned(COPY), FACTOR, **seeded) == score(turned(COPY), FACTOR, **seeded)


def test_factors_may_be_values_instead_of_steps():
    values = np.array([5.0, 5.8, 6.6, 7.4, 9.0])[FACTOR]
    assert scores.mig(COPY, values) == scores.mig(COPY, FACTOR)
    assert scores.sap(COPY, values) == scores.sap(COPY, FACTOR)
    assert scores.dci(COPY, values) == scores.dci(COPY, FACTOR)
    assert scores.higgins_score(COPY, values) == scores.higgins_score(COPY, FACTOR)


def test_each_half_of_the_groups_shares_every_factor_equally_often():
    for count in (20, 21, 40):
        shared = scores._shared_factors(count, 3, np.random.default_rng(0))
        assert len(shared) == count
        for half in (shared[: count // 2], shared[count // 2 :]):
            assert np.ptp(np.bincount(half, minlength=3)) <= 1
            assert (np.diff(half) != 1).any()  # in no order


def test_the_least_that_is_taken():
    assert scores.higgins_score(COPY, FACTOR, points=20, pairs=8) >= 0.5
    assert scores.factor_vae_score(COPY, FACTOR, votes=20, group=2) >= 0.5


def test_a_code_that_never_varies_is_neither_disentangled_nor_complete():
    disentangled, complete, informative = scores.dci(np.ones((N, 2)), FACTOR)
    assert (disentangled, complete) == (0, 0)
    assert informative == pytest.approx(1 / STEPS, abs=0.04)


def test_above_chance():
    assert scores.above_chance(0.75, 2) == pytest.approx(0.5)
    assert scores.above_chance(0.25, 4) == 0
    assert scores.above_chance(1.0, 4) == 1
    assert scores.above_chance(0.625, 4) == pytest.approx(0.5)


# --- Bad input --------------------------------------------------------------------------------------------------------

ONCE = np.arange(N)[:, None]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scores.mig(COPY, FACTOR[:9]),
            r"factors have shape \(9, 4\).*for 1600 codes: expected \(1600, num_f",
        ),
        (
            lambda: scores.dci(COPY, FACTOR[:, 0]),
            r"factors have shape \(1600,\).*expected \(1600, num_factors\)",
        ),
        (lambda: scores.sap(COPY, FACTOR.astype(str)), "factors have shape .* and dtype <U"),
        (lambda: scores.mig(COPY[:, 0], FACTOR), r"codes have shape \(1600,\) .*expected \(n, 1\)"),
        (lambda: scores.mig(np.full((N, 2), np.nan), FACTOR), "codes .*hold NaN or infinity"),
        (
            lambda: scores.mig(COPY, FACTOR * 0),
            "factor 0 has 1 different values in 1600 images: expected at least 2",
        ),
        (
            lambda: scores.higgins_score(COPY, np.hstack([FACTOR, ONCE])),
            "factor 4 has 1600 different values.*digitize",
        ),
        (
            lambda: scores.mutual_information(COPY, FACTOR, bins=1),
            "bins=1: expected a whole number of at least 2",
        ),
        (
            lambda: scores.sap(COPY, FACTOR, categorical=(4,)),
            r"categorical=\(4,\): expected columns from 0 to 3",
        ),
        (
            lambda: scores.higgins_score(COPY, FACTOR, points=5),
            "points=5: expected a whole number of at least 20",
        ),
        (
            lambda: scores.higgins_score(COPY, FACTOR, pairs=0),
            "pairs=0: expected a whole number of at least 1",
        ),
        (
            lambda: scores.factor_vae_score(COPY, FACTOR, votes=2),
            "votes=2: expected a whole number of at least 20",
        ),
        (
            lambda: scores.factor_vae_score(COPY, FACTOR, group=1),
            "group=1: expected a whole number of at least 2",
        ),
        (lambda: scores.dci(COPY, FACTOR, seed=-1), "seed=-1: expected a whole number of at least 0"),
        (lambda: scores.sap(COPY, FACTOR, seed=-1), "seed=-1: expected a whole number of at least 0"),
        (lambda: scores.above_chance(0.5, 1), "num_factors=1: expected a whole number of at least 2"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(BadInput, match=message):
        call()
