"""Protects the table of chapter 12: each variant of M2 leaves out the term that it names and nothing else, and a drawn
class gives the sum over classes and its gradient on average."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.linear_classes import LinearClasses
from companion.semi_supervised import NO_LABEL, SemiSupervisedVAE
from tools.experiments.terms_left_out import LEFT_OUT

TOY = LinearClasses.random()
X, Y = TOY.sample(30)
LABELS = np.where(np.arange(30) % 3, NO_LABEL, Y)
EPSILON = np.zeros((30, 2), "float32")


def variant(name, **own):
    toy = TOY.model(tilt=0.4)
    parts = toy.encoder, toy.decoder, toy.classifier
    return LEFT_OUT[name](*parts, num_classes=3, likelihood=toy.likelihood, seed=0, **own)


def test_one_leaves_out_the_entropy():
    whole, without = (variant(name).elbo_terms([X, LABELS], EPSILON) for name in ("nothing", "entropy"))
    q = TOY.model(tilt=0.4).classify(X)
    entropy = np.where(LABELS == NO_LABEL, -np.sum(q * np.log(q), axis=1), 0.0)
    assert entropy.max() > 0.3
    np.testing.assert_allclose(whole["elbo"] - without["elbo"], entropy, rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(whole["log_likelihood"], without["log_likelihood"])


def test_two_set_a_weight_to_zero():
    model = variant("classifier_loss", alpha=3.0, labelled_weight=0.5)
    assert (model.alpha, model.labelled_weight) == (0.0, 0.5)
    model = variant("labelled_bound", alpha=3.0, labelled_weight=0.5)
    assert (model.alpha, model.labelled_weight) == (3.0, 0.0)
    assert LEFT_OUT["nothing"] is SemiSupervisedVAE


@pytest.mark.slow
def test_a_drawn_class_gives_the_sum_on_average():
    row, label = X[:1], np.array([NO_LABEL])
    many = np.repeat(row, 20_000, axis=0), np.repeat(label, 20_000)
    drawn = variant("sum").elbo_terms(many, np.zeros((20_000, 2), "float32"))
    summed = variant("nothing").elbo_terms((row, label), EPSILON[:1])
    assert drawn["elbo"].std() > 0.05
    for name in ("log_likelihood", "kl", "elbo"):
        error = drawn[name].std() / np.sqrt(20_000)
        assert drawn[name].mean() == pytest.approx(summed[name][0], abs=5 * error + 1e-4)
    labelled = [variant(name).elbo_terms([X, Y], EPSILON) for name in ("sum", "nothing")]
    np.testing.assert_allclose(labelled[0]["elbo"], labelled[1]["elbo"], rtol=1e-5)


def gradient_for_the_classifier(model, x):
    """The gradient of the mean loss for the bias of the classifier, with the noise of z held at zero."""
    bias = model.classifier.trainable_weights[-1]
    with tf.GradientTape() as tape:
        terms = model._terms_with_noise(x, np.zeros((len(x[0]), 2), "float32"))
        loss = keras.ops.mean(model.objective(terms))
    return np.array(tape.gradient(loss, bias.value))


def test_the_score_function_has_the_gradient_of_the_sum_on_average():
    many = np.repeat(X[:1], 40_000, axis=0), np.full(40_000, NO_LABEL)
    exact = gradient_for_the_classifier(variant("nothing"), many)
    assert np.abs(exact).max() > 0.05
    np.testing.assert_allclose(gradient_for_the_classifier(variant("sum"), many), exact, atol=0.03)
