"""Protects anomaly scores: each is what its name says, exactly so on models whose likelihood is known; AUROC, average
precision and their errors agree with counts by hand; a threshold keeps its promise over many draws."""

import math
import zlib

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from companion.conditional_vae import ConditionalVAE
from companion.errors import BadInput
from companion.evaluation import anomaly, log_likelihood
from companion.hierarchical_vae import HierarchicalVAE
from companion.linear_gaussian import LinearGaussian, TwoLayerLinearGaussian
from companion.scoring import SCORES as NAMED_BY_THE_COMMAND

EXACT = LinearGaussian.random(pixels=6, latent_dim=2, scale=0.2)
LAYERED = TwoLayerLinearGaussian.random(pixels=5, latent_dims=(2, 1))


@pytest.mark.slow
def test_scores_of_a_model_whose_likelihood_is_known():
    x = EXACT.sample(20, seed=1)
    shifts = {"mean_shift": 0.1, "log_var_shift": 0.5}
    vae, truth = EXACT.vae(**shifts), -EXACT.log_prob(x)
    elbo = np.mean([anomaly.anomaly_scores(vae, x, "neg_elbo", seed=seed) for seed in range(40)], axis=0)
    np.testing.assert_allclose(elbo, truth + EXACT.gap(**shifts), atol=0.15)
    np.testing.assert_allclose(anomaly.anomaly_scores(vae, x, "likelihood", k=3000), truth, atol=0.1)
    np.testing.assert_array_equal(
        anomaly.anomaly_scores(vae, x, "likelihood", k=7, seed=3), -log_likelihood(vae, x, 7, seed=3)
    )
    mean = vae.encode(x)[0] @ EXACT.weights.T + EXACT.bias
    error = 0.5 * np.sum(((x - mean) / 0.2) ** 2 + math.log(2 * math.pi * 0.04), axis=1)
    np.testing.assert_allclose(anomaly.anomaly_scores(vae, x, "reconstruction"), error, rtol=1e-4)


def test_the_elbo_is_averaged_over_ten_draws_and_the_seed_fixes_them():
    x, vae = EXACT.sample(8), EXACT.vae(log_var_shift=1.0)
    found = anomaly.anomaly_scores(vae, x, "neg_elbo", seed=2)
    by_hand = -np.mean([vae.elbo_terms(x, vae.noise(8, 20 + each))["elbo"] for each in range(10)], axis=0)
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)


def test_the_ratio_is_the_information_that_lies_in_the_lower_layer():
    """With exact posteriors, ELBO - ELBO^{>1} = E_{q(z2|x)} KL(p(z1|z2) || q(z1|z2, x)), here for one number each."""
    pixels = LinearGaussian(np.array([[0.8], [0.3]]), np.array([0.5, 0.5]), 0.4)
    model = TwoLayerLinearGaussian(pixels, [0.9], 0.6)
    x = model.sample(6, seed=2)
    precision = float(np.sum(pixels.weights**2) / 0.4**2)  # of x as a normal in z1
    centre = (x - 0.5) @ pixels.weights[:, 0] / np.sum(pixels.weights**2)
    of_top = 1 + 0.9**2 / (0.6**2 + 1 / precision)
    top_mean, top_var = 0.9 * centre / (0.6**2 + 1 / precision) / of_top, 1 / of_top
    q_var = 1 / (1 / 0.6**2 + precision)
    # q's mean minus p's mean is gain * (centre - 0.9 z2), whose second moment over q(z2|x) is exact.
    gain = q_var * precision
    second = gain**2 * ((centre - 0.9 * top_mean) ** 2 + 0.9**2 * top_var)
    expected = 0.5 * (0.6**2 / q_var + second / q_var - 1 - math.log(0.6**2 / q_var))
    for inference in ("bottom_up", "top_down"):
        vae = model.vae(inference)
        found = np.mean([anomaly.likelihood_ratio(vae, x, k=4000, seed=seed) for seed in (0, 1)], axis=0)
        # Bottom-up, q(z1|x) is not told z2: the difference is their mutual information given x.
        given_x = 1 / (1 / (0.9**2 + 0.6**2) + precision)
        shared = 0.5 * math.log(given_x / q_var) if inference == "bottom_up" else 0.0
        np.testing.assert_allclose(found, expected + shared, rtol=0.05, atol=0.03)
    np.testing.assert_array_equal(
        anomaly.anomaly_scores(vae, x, "ratio", k=9, seed=4), anomaly.likelihood_ratio(vae, x, k=9, seed=4)
    )


def test_more_replaced_layers_lose_more_on_average():
    model = HierarchicalVAE(
        **HierarchicalVAE.build_networks((4, 4, 1), hidden=(8,), latent_dims=(4, 3, 2), seed=1),
        latent_dims=(4, 3, 2),
        seed=0,
    )
    x = np.random.default_rng(0).uniform(size=(9, 4, 4, 1)).astype("float32")
    one, two = (anomaly.likelihood_ratio(model, x, replaced=each, k=400) for each in (1, 2))
    assert one.shape == two.shape == (9,)
    # The two differ by what the middle layer's own term and its inferred draw are worth.
    assert not np.allclose(one, two, atol=1e-3)
    np.testing.assert_array_equal(one, anomaly.anomaly_scores(model, x, "ratio", k=400))


def test_batches_of_draws_do_not_change_what_is_estimated(monkeypatch):
    vae, x = LAYERED.vae(log_var_shift=0.3), LAYERED.sample(5)
    whole = anomaly.likelihood_ratio(vae, x, k=3000)
    monkeypatch.setattr(anomaly, "DECODED_AT_ONCE", 10)
    np.testing.assert_allclose(anomaly.likelihood_ratio(vae, x, k=3000, seed=1), whole, rtol=0.2, atol=0.3)


def test_complexity_is_the_shortest_compressed_length_in_nats():
    rng = np.random.default_rng(0)
    plain, ramp = (
        np.full((16, 16, 1), 0.4),
        np.broadcast_to(np.linspace(0, 1, 16)[:, None, None], (16, 16, 1)),
    )
    noise = rng.uniform(size=(16, 16, 1))
    found = anomaly.complexity(np.stack([plain, ramp, ramp.transpose(1, 0, 2), noise]))
    assert found[0] < found[1] < found[3]
    raw = np.round(255 * noise).astype("uint8").tobytes()
    assert found[3] <= len(zlib.compress(raw, 9)) * 8 * math.log(2)
    assert found[3] > 16 * 16 * 8 * math.log(2)  # noise cannot be compressed
    # A ramp is short because its differences are equal, along rows as along columns.
    assert max(found[1], found[2]) < 0.3 * found[3]
    assert anomaly.complexity(np.repeat(noise[None], 3, axis=-1))[0] < 3 * found[3]


def test_the_complexity_is_subtracted(new_vae):
    model = new_vae(likelihood="discretized_logistic")
    x = np.round(np.random.default_rng(0).uniform(size=(5, 4, 4, 1)) * 255) / 255
    likelihood = anomaly.anomaly_scores(model, x, "likelihood", k=5)
    expected = likelihood - anomaly.complexity(x)
    np.testing.assert_allclose(anomaly.anomaly_scores(model, x, "complexity", k=5), expected, rtol=1e-6)
    black_and_white = np.round(x)
    assert np.isfinite(anomaly.anomaly_scores(new_vae(), black_and_white, "complexity", k=2)).all()
    with pytest.raises(BadInput, match="grey images under a Bernoulli decoder"):
        anomaly.anomaly_scores(new_vae(), x, "complexity", k=2)


def test_the_names_are_those_of_the_command():
    assert anomaly.SCORES == NAMED_BY_THE_COMMAND


# --- What scores are worth -------------------------------------------------------------------------------------------


def test_auroc_counts_pairs_and_ties_count_half():
    normal, anomalous = [1.0, 2.0, 3.0], [2.0, 4.0]
    # 2 beats 1 and ties with 2, 4 beats all: (1 + 0.5 + 3) / 6
    assert anomaly.detection(normal, anomalous).auroc == pytest.approx(4.5 / 6)
    assert anomaly.detection(anomalous, normal).auroc == pytest.approx(1.5 / 6)
    # From the largest: 4 (precision 1), then 3, then both 2s: recall 1 at precision 2/4.
    assert anomaly.detection(normal, anomalous).average_precision == pytest.approx(0.5 * 1 + 0.5 * 2 / 4)
    perfect = anomaly.detection([0.0, 1.0], [2.0, 3.0, 4.0])
    assert perfect == (1.0, 1.0, 0.0)


@pytest.mark.slow
def test_the_standard_error_is_that_over_draws_of_both_sets():
    rng = np.random.default_rng(0)
    draws = [anomaly.detection(rng.normal(size=40), rng.normal(0.8, 1.5, size=25)) for _ in range(1500)]
    aurocs = np.array([draw.auroc for draw in draws])
    assert np.mean([draw.stderr for draw in draws]) == pytest.approx(aurocs.std(), rel=0.07)
    scores = rng.normal(size=30).round(1), rng.normal(0.5, 1, size=30).round(1)
    labels = np.repeat([0, 1], 30)
    assert anomaly.detection(*scores).auroc == pytest.approx(roc_auc_score(labels, np.concatenate(scores)))


def test_the_interval_over_seeds_includes_the_sampling_of_images():
    found = anomaly.interval_with_images([0.7, 0.8, 0.9], [0.04, 0.04, 0.04])
    half = 4.302653 * math.sqrt(0.1**2 / 3 + 0.04**2)
    assert found == pytest.approx((0.8, 0.8 - half, 0.8 + half), rel=1e-6)
    mixed = anomaly.interval_with_images([0.7, 0.7], [0.03, 0.05], level=0.9)
    half = 6.313752 * math.sqrt((0.03**2 + 0.05**2) / 2)
    assert mixed == pytest.approx((0.7, 0.7 - half, 0.7 + half), rel=1e-6)


# --- Thresholds ------------------------------------------------------------------------------------------------------


def test_the_threshold_is_the_mth_largest_normal_score():
    scores = np.random.default_rng(0).permutation(19).astype(float)  # 0 to 18
    assert anomaly.threshold(scores, 0.05) == 18.0
    assert anomaly.threshold(scores, 0.1) == 17.0
    assert anomaly.threshold(scores, 0.149) == 17.0
    assert anomaly.threshold(scores, 0.15) == 16.0
    assert (
        anomaly.threshold(np.arange(99.0), 0.05) == 94.0
    )  # (99 + 1) * 0.05 is 5, whatever floating point says
    assert anomaly.threshold(np.arange(199.0)) == 189.0
    assert anomaly.threshold([3.0], 0.5) == 3.0


def test_the_promise_is_kept_on_average_and_its_spread_is_a_beta_distribution():
    rng = np.random.default_rng(0)
    n, rate = 60, 0.1  # m = 6
    met = [1 - np.exp(-anomaly.threshold(rng.exponential(size=n), rate)) for _ in range(4000)]
    met = 1 - np.array(met)  # the share of an exponential above the threshold
    found = anomaly.rate_interval(n, rate)
    assert found.mean == pytest.approx(6 / 61) and found.mean <= rate
    assert met.mean() == pytest.approx(found.mean, rel=0.03)
    assert np.mean(met < found.low) == pytest.approx(0.025, abs=0.008)
    assert np.mean(met > found.high) == pytest.approx(0.025, abs=0.008)
    wide, narrow = anomaly.rate_interval(60, 0.1), anomaly.rate_interval(6000, 0.1)
    assert narrow.high - narrow.low < 0.2 * (wide.high - wide.low)
    tighter = anomaly.rate_interval(60, 0.1, level=0.5)
    assert wide.low < tighter.low < tighter.high < wide.high


X = EXACT.sample(3)
BAD = {
    "score='entropy': expected one of": lambda: anomaly.anomaly_scores(EXACT.vae(), X, "entropy"),
    "k=0: expected a whole number": lambda: anomaly.anomaly_scores(EXACT.vae(), X, k=0),
    "seed=-2": lambda: anomaly.anomaly_scores(EXACT.vae(), X, seed=-2),
    "have shape (3, 5)": lambda: anomaly.anomaly_scores(EXACT.vae(), X[:, :5]),
    "model is a ConditionalVAE": lambda: anomaly.anomaly_scores(
        ConditionalVAE(input_shape=(4, 4, 1), num_classes=3), X
    ),
    "model is a str": lambda: anomaly.anomaly_scores("model.keras", X),
    "score='ratio' of a VAE with one layer": lambda: anomaly.anomaly_scores(EXACT.vae(), X, "ratio"),
    "of a HierarchicalVAE with one layer": lambda: anomaly.anomaly_scores(
        HierarchicalVAE(input_shape=(4, 4, 1), latent_dims=(2,)), X, "ratio"
    ),
    "replaced=2 of 2 layers": lambda: anomaly.likelihood_ratio(LAYERED.vae(), LAYERED.sample(2), replaced=2),
    "replaced=0": lambda: anomaly.likelihood_ratio(LAYERED.vae(), LAYERED.sample(2), replaced=0),
    "anomalous has shape (1,)": lambda: anomaly.detection([1.0, 2.0], [1.0]),
    "normal has shape (2, 1)": lambda: anomaly.detection([[1.0], [2.0]], [1.0, 2.0]),
    "normal has shape (2,)": lambda: anomaly.detection([1.0, np.nan], [1.0, 2.0]),
    "figures have shape (1,)": lambda: anomaly.interval_with_images([0.5], [0.1]),
    "figures have shape (2,) and stderrs (3,)": lambda: anomaly.interval_with_images([0.5, 0.6], [0.1] * 3),
    "false_positive_rate=0:": lambda: anomaly.threshold([1.0, 2.0], 0),
    "false_positive_rate=1:": lambda: anomaly.threshold([1.0, 2.0], 1),
    "false_positive_rate='few'": lambda: anomaly.threshold([1.0, 2.0], "few"),
    "false_positive_rate=True": lambda: anomaly.threshold([1.0, 2.0], True),
    "normal has 18 images, too few for false_positive_rate=0.05: expected at least 19": lambda: (
        anomaly.threshold(np.arange(18.0), 0.05)
    ),
    "normal has shape (0,)": lambda: anomaly.threshold([], 0.5),
    "n=0": lambda: anomaly.rate_interval(0),
    "images hold values": lambda: anomaly.complexity(np.full((2, 4, 4, 1), 7.0)),
}


@pytest.mark.parametrize("message", BAD)
def test_what_is_bad_is_named(message):
    with pytest.raises(BadInput) as error:
        BAD[message]()
    assert message in str(error.value)
