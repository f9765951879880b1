"""Protects the figures of a trained model: k-sample bounds whose memory does not grow, active units, and the scores of
a run, which say by their name whether they bound a likelihood."""

import json

import keras
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

from companion.errors import BadInput
from companion.evaluation import (
    active_units,
    class_separation,
    code_variances,
    distance_to_nearest,
    is_binary,
    log_likelihood,
    score,
    separation,
)
from companion.evaluation.likelihood import DECODED_AT_ONCE


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


class Spy:
    """A model that notes how many images it is asked to decode at once."""

    def __init__(self, model):
        self.model, self.decoded = model, []

    def log_weights(self, x, num_samples, seed=None):
        self.decoded.append(len(x) * num_samples)
        return self.model.log_weights(x, num_samples, seed)


@pytest.mark.parametrize(
    ("k", "at_once", "chunks"), [(10, 60, [3, 3, 3, 1]), (10, 5000, [10]), (5, 20, [1] * 5)]
)
def test_the_bound_is_the_log_mean_of_all_weights(vae, images, k, at_once, chunks):
    generator = keras.random.SeedGenerator(3)
    log_w = np.concatenate([as_numpy(vae.log_weights(images, n, generator)) for n in chunks])
    assert log_w.shape == (k, 20)
    bound = log_likelihood(vae, images, k, seed=3, decoded_at_once=at_once)
    assert bound.shape == (20,)
    np.testing.assert_allclose(bound, logsumexp(log_w, axis=0) - np.log(k), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "k", "at_once"), [(20, 1000, 100), (20, 7, 3), (230, 40, 500), (230, 2, 90)])
def test_what_is_decoded_at_once_depends_neither_on_k_nor_on_n(vae, n, k, at_once):
    spy = Spy(vae)
    x = np.full((n, 4, 4, 1), 0.5, "float32")
    assert log_likelihood(spy, x, k, decoded_at_once=at_once).shape == (n,)
    assert max(spy.decoded) <= at_once
    assert sum(spy.decoded) == n * k


def test_default_memory(vae, images):
    spy = Spy(vae)
    log_likelihood(spy, images)
    assert sum(spy.decoded) == 20 * 1000
    assert max(spy.decoded) <= DECODED_AT_ONCE


def test_decoder_never_sees_more_rows_than_allowed(new_vae, images, monkeypatch):
    model, rows = new_vae(), []
    plain = type(model.decoder).call

    def counted(self, inputs, *args, **kwargs):
        if self is model.decoder:
            rows.append(inputs.shape[0])
        return plain(self, inputs, *args, **kwargs)

    monkeypatch.setattr(type(model.decoder), "call", counted)
    log_likelihood(model, images, 33, decoded_at_once=50)
    assert max(rows) <= 50
    assert sum(rows) == 20 * 33


def test_bounds_repeat_by_seed(vae, images):
    np.testing.assert_array_equal(log_likelihood(vae, images, 5), log_likelihood(vae, images, 5, seed=0))
    assert not np.allclose(log_likelihood(vae, images, 5, seed=1), log_likelihood(vae, images, 5, seed=0))


def test_very_small_weights_do_not_vanish():
    class Faint:
        def log_weights(self, x, num_samples, seed=None):
            return np.full((num_samples, len(x)), -1000.0, "float32")

    np.testing.assert_allclose(log_likelihood(Faint(), np.zeros((3, 1)), 7, decoded_at_once=6), -1000.0)


class Coded:
    """A model whose posterior means are its images."""

    latent_dim = 3

    def encode(self, x):
        return np.asarray(x), np.zeros_like(x), np.asarray(x) + 100.0


def test_active_units_are_those_whose_mean_varies():
    codes = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 0.5, 0.01] + [0.0, 0.0, 50.0]
    np.testing.assert_allclose(code_variances(Coded(), codes), codes.var(axis=0))
    assert active_units(Coded(), codes) == 2
    assert active_units(Coded(), codes, threshold=0.5) == 1
    assert active_units(Coded(), codes, threshold=0) == 3
    assert active_units(Coded(), np.ones((10, 3))) == 0
    assert type(active_units(Coded(), codes)) is int


def test_the_threshold_of_burda_and_others():
    around = np.array([[0.0, 0.19, 0.21], [0.0, 0.0, 0.0]])  # variances 0, 0.0090 and 0.0110
    assert active_units(Coded(), around) == 1


def test_scores_add_up_and_repeat(new_vae, images):
    model = new_vae()
    first, again = score(model, images, k=7, seed=2), score(model, images, k=7, seed=2)
    assert first == again
    assert first["neg_elbo"] == pytest.approx(first["reconstruction"] + first["kl"], rel=1e-6)
    epsilon = np.asarray(keras.random.normal((20, 2), seed=2))
    terms = model.elbo_terms(images, epsilon)
    assert first["neg_elbo"] == pytest.approx(-terms["elbo"].mean(), rel=1e-6)
    assert first["kl"] == pytest.approx(terms["kl"].mean(), rel=1e-6)
    assert first["stderr"] == pytest.approx(terms["elbo"].std(ddof=1) / np.sqrt(20), rel=1e-5)
    assert (first["k"], first["n_images"]) == (7, 20)
    assert first["active_units"] == active_units(model, images)
    assert first["neg_elbo"] != score(model, images, k=7, seed=3)["neg_elbo"]


def test_a_score_does_not_depend_on_what_was_drawn_before(new_vae, images):
    model = new_vae()
    expected = score(model, images, k=3)
    model.encode(images)
    model.sample(3)
    assert score(model, images, k=3) == expected


def test_grey_pixels_bound_a_cross_entropy_and_binary_ones_a_likelihood(vae, new_vae, images):
    grey, binary = score(vae, images, k=3), score(vae, (images > 0.5).astype("float32"), k=3)
    assert grey["log_likelihood"] is None
    assert grey["cross_entropy_bound"] < 0
    assert binary["cross_entropy_bound"] is None
    assert binary["log_likelihood"] < 0
    density = score(new_vae(likelihood="continuous_bernoulli"), images, k=3)
    assert density["cross_entropy_bound"] is None
    assert density["log_likelihood"] is not None


def test_the_bound_of_the_first_images(vae, images):
    result = score(vae, images, k=4, n_images=6, seed=5)
    assert result["n_images"] == 6
    assert result["cross_entropy_bound"] == pytest.approx(
        log_likelihood(vae, images[:6], 4, seed=5).mean(), rel=1e-6
    )
    assert score(vae, images, k=4, n_images=500)["n_images"] == 20


def test_scores_are_plain_numbers_even_for_one_image(vae, images):
    result = score(vae, images[:1], k=2)
    assert result["stderr"] is None
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_is_binary(images):
    assert is_binary((images > 0.5).astype("float32"))
    assert not is_binary(images)
    assert is_binary(np.array([0, 1, 1], "uint8"))


@pytest.mark.parametrize("shape", [(2,), (4, 4, 1)], ids=["codes", "images"])
def test_distance_to_nearest_is_euclidean(shape):
    rng = np.random.default_rng(0)
    points, references = rng.normal(size=(7, *shape)), rng.normal(size=(11, *shape))
    expected = cdist(points.reshape(7, -1), references.reshape(11, -1)).min(axis=1)
    np.testing.assert_allclose(distance_to_nearest(points, references), expected, rtol=1e-5)
    assert distance_to_nearest(references[:3], references).max() < 1e-5


@pytest.mark.parametrize(
    "points, references",
    [
        (np.zeros((2, 3)), np.zeros((2, 4))),
        (np.zeros((0, 2)), np.zeros((5, 2))),
        (np.zeros((5, 2)), np.zeros((0, 2))),
    ],
    ids=["rows of different sizes", "no points", "no references"],
)
def test_distance_to_nearest_needs_rows_of_one_shape(points, references):
    with pytest.raises(
        BadInput, match="expected rows of the same shape and at least one row each; pass two arrays"
    ):
        distance_to_nearest(points, references)


def two_groups(apart, n=200):
    """Codes of two classes, each a normal cloud, whose centres lie ``apart`` from each other."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    return rng.normal(size=(n, 2)) + apart * labels[:, None] / np.sqrt(2), labels


@pytest.mark.parametrize(
    "apart, silhouette, accuracy",
    [(0.0, (-0.02, 0.02), (0.35, 0.65)), (2.0, (0.2, 0.5), (0.75, 0.92)), (50.0, (0.94, 1), (1, 1))],
    ids=["one cloud", "two that overlap", "two far apart"],
)
def test_classes_that_lie_apart_score_higher(apart, silhouette, accuracy):
    codes, labels = two_groups(apart)
    scores = class_separation(codes[:100], labels[:100], codes[100:], labels[100:])
    assert silhouette[0] <= scores["silhouette"] <= silhouette[1]
    assert accuracy[0] <= scores["knn_accuracy"] <= accuracy[1]


def test_accuracy_is_measured_on_the_new_codes_and_silhouette_on_the_others():
    codes, labels = two_groups(apart=50.0)
    wrong = class_separation(codes[:100], labels[:100], codes[100:], 1 - labels[100:])
    assert wrong["knn_accuracy"] == 0.0
    assert wrong["silhouette"] > 0.9


def test_silhouette_of_four_codes_by_hand():
    codes, labels = np.array([[0.0], [1.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    inner, outer = np.array([1, 1, 2, 2]), np.array([5, 4, 3.5, 5.5])
    expected = np.mean((outer - inner) / np.maximum(outer, inner))
    found = class_separation(codes, labels, codes, labels, neighbours=1)
    assert found["silhouette"] == pytest.approx(expected, rel=1e-5)
    assert found["knn_accuracy"] == 1.0


def test_silhouettes_stop_at_the_first_codes_whose_pairs_fit(monkeypatch):
    codes, labels = two_groups(apart=50.0)
    mixed = labels.copy()
    mixed[100:] = 0
    monkeypatch.setattr(separation, "MOST_PAIRED", 100)
    assert class_separation(codes, mixed, codes, labels)["silhouette"] > 0.9


CODES, LABELS = np.zeros((6, 2)), np.array([0, 0, 0, 1, 1, 1])


@pytest.mark.parametrize(
    "given, message",
    [
        ((CODES, LABELS[:5], CODES, LABELS), r"codes have shape \(6, 2\) and their labels \(5,\): expected"),
        ((CODES, LABELS, [CODES, CODES, CODES], LABELS), r"new_codes have shape \(3, 6, 2\).*z_mean"),
        ((CODES, LABELS, CODES[:0], LABELS[:0]), r"new_codes have shape \(0, 2\)"),
        (
            (CODES, LABELS, CODES[:, :1], LABELS),
            "codes have 2 coordinates and new_codes 1: expected codes of one",
        ),
        (
            (CODES, LABELS * 0, CODES, LABELS),
            "labels have 1 different values for 6 codes: expected at least 2 classes",
        ),
        ((CODES, np.arange(6), CODES, LABELS), "labels have 6 different values for 6 codes"),
        ((CODES, LABELS, CODES, LABELS), "neighbours=10 with 6 codes: expected at most 6; pass"),
        ((CODES * np.nan, LABELS, CODES, LABELS), "hold NaN or infinity: expected finite numbers"),
    ],
    ids=["labels", "all of encode", "none", "two models", "one class", "a class a code", "neighbours", "NaN"],
)
def test_separation_needs_codes_with_classes(given, message):
    with pytest.raises(BadInput, match=message):
        class_separation(*given)
