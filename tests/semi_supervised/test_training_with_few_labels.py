"""Protects the trainings of chapter 12: what learns from labels sees labelled images alone, self-training keeps the
labels that it was given, the phases freeze what they say, and on the digits the model learns."""

import keras
import numpy as np
import pytest

from companion import data
from companion.conditional_vae import ConditionalVAE
from companion.errors import BadInput
from companion.semi_supervised import (
    NO_LABEL,
    SemiSupervisedVAE,
    build_classifier,
    fit_in_phases,
    keep_labels,
    repeat_labelled,
    self_train,
    train_classifier,
)

SHAPE = (2,)
RNG = np.random.default_rng(0)
# Two clouds of points, and a label for two points of each.
TRUE = np.arange(60) % 2
POINTS = (RNG.normal(scale=0.08, size=(60, 2)) + np.where(TRUE, 0.7, 0.3)[:, None]).astype("float32")
LABELS = np.where(np.arange(60) < 4, TRUE, NO_LABEL)


def classifier(seed=0):
    return build_classifier(SHAPE, 2, hidden=(8,), seed=seed)


def accuracy(model):
    return float(np.mean(model.predict(POINTS, verbose=0).argmax(axis=1) == TRUE))


def test_images_without_labels_change_nothing():
    one = train_classifier(classifier(), POINTS, LABELS, steps=20)
    known = LABELS != NO_LABEL
    alone = train_classifier(classifier(), POINTS[known], LABELS[known], steps=20)
    for a, b in zip(one.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.slow
def test_it_learns_and_the_order_has_a_seed():
    trained = [
        train_classifier(classifier(), POINTS, TRUE, steps=60, batch_size=7, learning_rate=0.05, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert accuracy(trained[0]) > 0.9
    first, same, other = (each.get_weights()[0] for each in trained)
    np.testing.assert_allclose(first, same, rtol=1e-5)
    assert not np.allclose(first, other)
    still = train_classifier(classifier(), POINTS, TRUE, steps=1, learning_rate=1e-9)
    np.testing.assert_allclose(still.get_weights()[0], classifier().get_weights()[0], atol=1e-7)


def test_as_many_steps_are_made_as_asked_for():
    # Adam's first steps have the length of the learning rate, whatever the gradient is.
    before = classifier().get_weights()[-1]
    for steps in (1, 2):
        after = train_classifier(classifier(), POINTS, TRUE, steps=steps, learning_rate=1e-4).get_weights()[
            -1
        ]
        np.testing.assert_allclose(np.abs(after - before), steps * 1e-4, rtol=0.1)


def test_self_training_uses_confident_answers_and_keeps_given_labels(monkeypatch):
    from companion.semi_supervised import training

    seen = []
    monkeypatch.setattr(training, "train_classifier", lambda c, x, labels, **how: seen.append((labels, how)))
    sure = classifier()
    sure.set_weights([8 * weight for weight in sure.get_weights()])
    logits = sure.predict(POINTS, verbose=0)
    q = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    self_train(sure, POINTS, LABELS, threshold=0.9, rounds=3, steps=5)
    assert len(seen) == 3
    labels, how = seen[0]
    assert how == {"steps": 5}
    expected = np.where(q.max(axis=1) >= 0.9, q.argmax(axis=1), NO_LABEL)
    assert 0 < np.sum(expected == NO_LABEL) < 60
    np.testing.assert_array_equal(labels, np.where(LABELS == NO_LABEL, expected, LABELS))


@pytest.mark.slow
def test_self_training_trains():
    first = train_classifier(classifier(), POINTS, LABELS, steps=50, learning_rate=0.05)
    weights = first.get_weights()[0]
    again = self_train(first, POINTS, LABELS, threshold=0.6, rounds=2, steps=20)
    assert again is first
    assert not np.allclose(weights, again.get_weights()[0])
    assert accuracy(again) > 0.9


def small(**own):
    networks = SemiSupervisedVAE.build_networks(SHAPE, 1, hidden=(8,), num_classes=2, seed=0)
    return SemiSupervisedVAE(**networks, num_classes=2, seed=0, **own)


def test_the_first_phase_is_a_conditional_vae_of_the_guesses():
    model, other = small(), small()
    before = model.classifier.get_weights()
    how = {"batch_size": 20, "shuffle": False, "verbose": 0}
    histories = fit_in_phases(model, [POINTS, LABELS], guessed_epochs=2, epochs=0, learning_rate=0.01, **how)
    for one, same in zip(before, model.classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
    named = np.where(LABELS == NO_LABEL, other.classify(POINTS).argmax(axis=1), LABELS)
    conditional = ConditionalVAE(other.encoder, other.decoder, num_classes=2, seed=0)
    conditional.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    expected = conditional.fit([POINTS, named], epochs=2, **how).history
    assert histories["guessed"].history["loss"] == pytest.approx(expected["loss"], rel=1e-4)
    for one, same in zip(model.decoder.get_weights(), other.decoder.get_weights(), strict=True):
        np.testing.assert_allclose(one, same, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_the_second_phase_trains_all_three_networks():
    model = small(prior="learned")
    before = [
        part.get_weights()[0]
        for part in (model.encoder, model.decoder, model.classifier, model.prior_network)
    ]
    histories = fit_in_phases(
        model, [POINTS, LABELS], guessed_epochs=1, epochs=3, batch_size=20, learning_rate=0.01, verbose=0
    )
    assert {name: len(each.history["loss"]) for name, each in histories.items()} == {"guessed": 1, "joint": 3}
    assert "accuracy" in histories["joint"].history
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    parts = (model.encoder, model.decoder, model.classifier, model.prior_network)
    for first, part in zip(before, parts, strict=True):
        assert not np.allclose(first, part.get_weights()[0])


@pytest.mark.slow
def test_the_prior_of_classes_is_trained_in_the_first_phase_too():
    model = small(prior="learned")
    before = model.prior_network.get_weights()[-1]
    fit_in_phases(model, [POINTS, LABELS], guessed_epochs=3, epochs=0, learning_rate=0.05, verbose=0)
    assert not np.allclose(before, model.prior_network.get_weights()[-1])


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda: train_classifier(classifier(), POINTS, np.full(60, -1)), "all 60 labels are -1"),
        (lambda: train_classifier(classifier(), POINTS[:5], LABELS), "5 images and 60 labels"),
        (lambda: train_classifier(classifier(), POINTS[:, :1], LABELS), r"images have shape \(60, 1\)"),
        (lambda: train_classifier(classifier(), POINTS, LABELS + 2), "labels run from 1 to 3"),
        (lambda: train_classifier(classifier(), POINTS, LABELS, steps=0), "steps=0"),
        (lambda: train_classifier(classifier(), POINTS, LABELS, batch_size=0), "batch_size=0"),
        (lambda: train_classifier(classifier(), POINTS, LABELS, seed=-1), "seed=-1"),
        (lambda: train_classifier(classifier(), POINTS, LABELS, learning_rate=0), "learning_rate=0"),
        (
            lambda: self_train(classifier(), POINTS, LABELS, threshold=1.5),
            "threshold=1.5: expected a probability",
        ),
        (lambda: self_train(classifier(), POINTS, LABELS, threshold=-1), "threshold=-1"),
        (lambda: self_train(classifier(), POINTS, LABELS, rounds=0), "rounds=0"),
    ],
)
def test_bad_input_is_named(act, said):
    with pytest.raises(BadInput, match=said):
        act()


@pytest.mark.slow
def test_it_learns_the_digits_from_ten_labels_of_each():
    digits = data.load("digits")
    labels = keep_labels(digits.y_train, 10)
    networks = SemiSupervisedVAE.build_networks(digits.image_shape, 2, hidden=(64,), seed=0)
    model = SemiSupervisedVAE(**networks, labelled_weight=0.1, seed=0)
    train_classifier(model.classifier, digits.x_train, labels, steps=100)
    histories = fit_in_phases(
        model,
        repeat_labelled(digits.x_train, labels, 5),
        guessed_epochs=5,
        epochs=4,
        batch_size=100,
        verbose=0,
    )
    history = histories["joint"].history
    assert history["neg_elbo"][-1] < histories["guessed"].history["neg_elbo"][0] - 40
    named = model.classify(digits.x_test).argmax(axis=1)
    assert np.mean(named == digits.y_test) > 0.8
