"""Protects the two numbers of sample quality: precision and recall are those of their definition, and on real images no
control matches real ones on both: neither blurred images, nor class means, nor thresholded digits."""

import numpy as np
import pytest

from companion import data
from companion.errors import BadInput
from companion.evaluation import (
    blurred,
    class_means,
    diversity_within,
    judge_features,
    mean_confidence,
    precision_recall,
    thresholded,
)
from companion.evaluation.judge import train_judge

N = 400


def test_precision_and_recall_are_those_of_their_definition():
    draws = np.random.default_rng(0)
    real, generated = draws.normal(size=(30, 4)), draws.normal(0.5, 1.0, size=(30, 4))

    def covered(point, by, k):
        for centre in by:
            others = np.sort([np.linalg.norm(centre - other) for other in by])
            if np.linalg.norm(point - centre) <= others[k]:  # others[0] is the centre itself
                return True
        return False

    for k in (1, 3):
        found = precision_recall(real, generated, neighbours=k)
        assert found.fidelity == np.mean([covered(point, real, k) for point in generated])
        assert found.coverage == np.mean([covered(point, generated, k) for point in real])


def test_a_set_matches_itself_and_not_one_far_away():
    points = np.random.default_rng(1).normal(size=(50, 3))
    assert precision_recall(points, points) == (1.0, 1.0)
    assert precision_recall(points, points + 100.0) == (0.0, 0.0)


def test_one_image_repeated_has_fidelity_and_no_coverage():
    points = np.random.default_rng(2).normal(size=(50, 3))
    fidelity, coverage = precision_recall(points, np.repeat(points[:1], 50, axis=0))
    assert fidelity == 1.0 and coverage <= 2 / 50


def test_diversity_is_the_mean_distance_within_a_class():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [1.0, 1.0], [1.0, 1.0], [9.0, 9.0]])
    assert diversity_within(points, [0, 0, 1, 1, 2]) == pytest.approx((5.0 + 0.0) / 2)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: precision_recall(np.ones((9, 2)), np.ones((8, 2))), r"pass for example real\[:8\]"),
        (lambda: precision_recall(np.ones((3, 2)), np.ones((3, 2))), "neighbours=3 with 3 points"),
        (
            lambda: precision_recall(np.ones((9, 2)), np.full((9, 2), np.nan)),
            "generated has shape .* finite rows",
        ),
        (lambda: diversity_within(np.ones((3, 2)), [0, 1]), "classes have shape .* for 3 images"),
        (lambda: diversity_within(np.ones((2, 2)), [0, 1]), "no class has two images"),
    ],
)
def test_what_cannot_be_compared_is_refused(call, message):
    with pytest.raises(BadInput, match=message):
        call()


# --- The controls ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def controls():
    """Digits that no judge has seen, and what should not pass for them; each ``N`` images."""
    digits = data.digits()
    order = np.random.default_rng(0).permutation(len(digits.x_train))
    images, labels = digits.x_train[order], digits.y_train[order]
    judge = train_judge(images[2 * N :], labels[2 * N :], epochs=20, seed=0)
    reference, unseen = images[:N], images[N : 2 * N]
    sets = {
        "real": unseen,
        "blurred": blurred(unseen),
        "class means": class_means(images[2 * N :], labels[2 * N :], N),
        "thresholded": thresholded(unseen),
    }
    return judge, reference, sets


@pytest.mark.slow
def test_no_control_matches_real_images_on_both_in_pixels(controls):
    _, reference, sets = controls
    found = {name: precision_recall(reference, images) for name, images in sets.items()}
    real = found.pop("real")
    for name, quality in found.items():
        assert min(np.subtract(quality, real)) < -0.05, (name, quality, real)
    assert found["class means"].coverage < 0.1
    assert found["thresholded"].fidelity < real.fidelity - 0.2


@pytest.mark.slow
def test_no_control_matches_real_images_on_both_in_the_eyes_of_the_judge(controls):
    """Fidelity by the judge's confidence: by precision blurred images would win, in its features as in pixels."""
    judge, reference, sets = controls
    features = judge_features(judge, reference)
    found = {
        name: (
            mean_confidence(judge, images),
            precision_recall(features, judge_features(judge, images)).coverage,
        )
        for name, images in sets.items()
    }
    real = found["real"]
    assert found["blurred"][0] < real[0] - 0.01 and found["blurred"][1] < real[1] - 0.3, found
    assert found["class means"][0] > real[0] and found["class means"][1] == 0.0, found


def test_precision_alone_would_prefer_blurred_images_and_class_means(controls):
    _, reference, sets = controls
    found = {name: precision_recall(reference, images).fidelity for name, images in sets.items()}
    assert min(found["blurred"], found["class means"]) > found["real"], found


def test_the_mean_confidence_is_that_of_the_class_named(controls):
    judge, reference, _ = controls
    logits = judge.predict(reference, verbose=0).astype("float64")
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert mean_confidence(judge, reference) == pytest.approx(shares.max(axis=1).mean(), rel=1e-5)
