"""Protects model M2: on an exact toy its bounds are log p(x) and log p(x, y), a one-hot q(y|x) gives the labelled
bound, and a wrong q(y|x) costs its KL; what is optimised and reported, and which class an image is encoded with."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from companion.conditional_vae import ConditionalVAE, build_cvae_decoder, build_cvae_encoder
from companion.distributions import DiagonalNormal
from companion.evaluation import log_likelihood, score
from companion.likelihoods import Likelihood
from companion.linear_classes import LinearClasses
from companion.semi_supervised import NO_LABEL, SemiSupervisedVAE, build_classifier

TOY = LinearClasses.random()
X, Y = TOY.sample(40)
HIDDEN = np.full(len(X), NO_LABEL)
SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((12, *SHAPE)).astype("float32")
LABELS = np.where(np.arange(12) % 2, np.arange(12) % 3, NO_LABEL)


def small(seed=0, **own):
    networks = [
        build_cvae_encoder(SHAPE, 2, 3, hidden=(8,), seed=2 * seed),
        build_cvae_decoder(2, SHAPE, 3, hidden=(8,), seed=2 * seed + 1),
        build_classifier(SHAPE, 3, hidden=(8,), seed=2 * seed + 3),
    ]
    return SemiSupervisedVAE(*networks, num_classes=3, seed=seed, **own)


def mean_bound(model, labels):
    """The bound averaged over noise, exactly: log p(x|y, z) is quadratic in it, so these few points are enough."""
    size = model.latent_dim
    points = math.sqrt(size) * np.concatenate([np.eye(size), -np.eye(size)])
    each = [model.elbo_terms([X, labels], np.tile(point, (len(X), 1)))["elbo"] for point in points]
    return np.mean(each, axis=0)


# --- The bounds, on the toy ------------------------------------------------------------------------------------------


def test_with_the_exact_posterior_the_unlabelled_bound_is_log_p_of_x():
    np.testing.assert_allclose(mean_bound(TOY.model(), HIDDEN), TOY.log_prob(X), rtol=1e-4, atol=1e-3)


def test_the_labelled_bound_is_log_p_of_x_and_y():
    exact = TOY.log_joint(X)[np.arange(len(X)), Y]
    np.testing.assert_allclose(mean_bound(TOY.model(), Y), exact, rtol=1e-4, atol=1e-3)


def test_a_one_hot_posterior_gives_the_labelled_bound():
    sure = TOY.model(tilt=1e5)
    named = sure.classify(X).argmax(axis=1)
    np.testing.assert_array_equal(sure.classify(X), np.eye(3)[named])
    np.testing.assert_allclose(mean_bound(sure, HIDDEN), mean_bound(sure, named), rtol=1e-5)


@pytest.mark.parametrize("tilt", [0.0, 0.4, 3.0])
def test_a_wrong_class_posterior_costs_its_kl(tilt):
    model = TOY.model(tilt=tilt)
    q, exact = model.classify(X).astype("float64"), TOY.class_posterior(X)
    lost = np.sum(q * (np.log(q) - np.log(exact)), axis=1)
    assert lost.mean() > 0.01
    np.testing.assert_allclose(TOY.log_prob(X) - mean_bound(model, HIDDEN), lost, rtol=0.01, atol=2e-3)


def test_log_weights_sum_the_class_out_and_need_no_classifier():
    for tilt in (1.0, 0.0, 50.0):
        weights = np.array(TOY.model(tilt=tilt).log_weights([X, HIDDEN], 2, seed=0))
        np.testing.assert_allclose(weights, np.tile(TOY.log_prob(X), (2, 1)), rtol=1e-4, atol=2e-3)


def test_log_weights_of_a_known_label_are_of_image_and_label():
    labels = np.where(np.arange(len(X)) % 2, Y, NO_LABEL)
    exact = np.where(labels == NO_LABEL, TOY.log_prob(X), TOY.log_joint(X)[np.arange(len(X)), Y])
    np.testing.assert_allclose(
        np.array(TOY.model().log_weights([X, labels], 1, seed=0))[0], exact, rtol=1e-4, atol=2e-3
    )
    np.testing.assert_allclose(log_likelihood(TOY.model(), (X, labels), 3), exact, rtol=1e-4, atol=2e-3)


# --- Terms and the objective -----------------------------------------------------------------------------------------


def test_terms_are_those_of_the_conditional_model_averaged_over_classes():
    model, epsilon = small(), RNG.normal(size=(12, 2)).astype("float32")
    conditional = ConditionalVAE(model.encoder, model.decoder, num_classes=3)
    each = [conditional.elbo_terms([IMAGES, np.full(12, c)], epsilon) for c in range(3)]
    by_class = {name: np.stack([terms[name] for terms in each], axis=1) for name in each[0]}
    q = model.classify(IMAGES)
    terms = model.elbo_terms([IMAGES, np.full(12, NO_LABEL)], epsilon)
    entropy = -np.sum(q * np.log(q), axis=1)
    np.testing.assert_allclose(
        terms["log_likelihood"], np.sum(q * by_class["log_likelihood"], axis=1), rtol=1e-5
    )
    expected = np.sum(q * by_class["kl"], axis=1) + math.log(3) - entropy
    np.testing.assert_allclose(terms["kl"], expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-6)
    labels = np.arange(12) % 3
    terms, rows = model.elbo_terms([IMAGES, labels], epsilon), np.arange(12)
    np.testing.assert_allclose(terms["log_likelihood"], by_class["log_likelihood"][rows, labels], rtol=1e-5)
    np.testing.assert_allclose(terms["kl"], by_class["kl"][rows, labels] + math.log(3), rtol=1e-5)


def test_the_terms_of_the_label_are_zero_without_one():
    model = small()
    terms, q = model.elbo_terms([IMAGES, LABELS]), model.classify(IMAGES)
    known = LABELS != NO_LABEL
    np.testing.assert_array_equal(terms["labelled"], known)
    right = np.where(known, -np.log(q[np.arange(12), LABELS]), 0.0)
    np.testing.assert_allclose(terms["cross_entropy"], right, rtol=1e-5)
    np.testing.assert_array_equal(terms["correct"], known & (q.argmax(axis=1) == LABELS))


def test_each_image_has_its_own_terms_whatever_else_is_in_the_batch():
    model, epsilon = small(), RNG.normal(size=(12, 2)).astype("float32")
    together = model.elbo_terms([IMAGES, LABELS], epsilon)
    for row in (0, 1, 7):
        alone = model.elbo_terms([IMAGES[row : row + 1], LABELS[row : row + 1]], epsilon[row : row + 1])
        for name, value in alone.items():
            np.testing.assert_allclose(value[0], together[name][row], rtol=1e-5, atol=1e-6, err_msg=name)


def test_the_objective_weighs_the_bound_of_a_label_and_adds_its_cross_entropy():
    model = small(alpha=7.0, labelled_weight=0.25)
    terms = model.elbo_terms([IMAGES, LABELS])
    expected = np.where(
        LABELS == NO_LABEL, -terms["elbo"], -0.25 * terms["elbo"] + 7.0 * terms["cross_entropy"]
    )
    np.testing.assert_allclose(np.array(model.objective(terms)), expected, rtol=1e-6)


def test_reports_are_means_over_the_images_that_they_concern():
    model = small(alpha=3.0, labelled_weight=0.5)
    model.compile(keras.optimizers.SGD(0.0))
    scores = model.evaluate([IMAGES, LABELS], batch_size=5, verbose=0, return_dict=True)
    q, known = model.classify(IMAGES), LABELS != NO_LABEL
    assert scores["accuracy"] == pytest.approx(np.mean(q[known].argmax(axis=1) == LABELS[known]))
    cross_entropy = -np.log(q[known, LABELS[known]]).mean()
    assert scores["classifier_loss"] == pytest.approx(cross_entropy, rel=1e-5)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction_loss"] + scores["kl_loss"], rel=1e-5)
    weights = np.where(np.arange(12) < 6, 2.0, 0.0)
    scores = model.evaluate([IMAGES, LABELS], sample_weight=weights, verbose=0, return_dict=True)
    first = known & (weights > 0)
    assert scores["classifier_loss"] == pytest.approx(-np.log(q[first, LABELS[first]]).mean(), rel=1e-5)
    scores = model.evaluate([IMAGES, np.full(12, NO_LABEL)], verbose=0, return_dict=True)
    assert scores["accuracy"] == scores["classifier_loss"] == 0


@pytest.mark.slow
def test_images_without_labels_train_the_classifier_and_a_frozen_one_stays():
    model = small(alpha=0.0)
    labels = np.where(np.arange(12) == 0, 0, NO_LABEL)
    weights = [1e-9, *[1.0] * 11]
    before = model.classifier.get_weights()
    model.compile(keras.optimizers.SGD(0.1))
    model.fit([IMAGES, labels], sample_weight=np.array(weights), batch_size=12, epochs=1, verbose=0)
    assert not np.allclose(before[0], model.classifier.get_weights()[0])
    frozen = small()
    frozen.classifier.trainable = False
    frozen.compile("adam")
    frozen.fit([IMAGES, LABELS], epochs=2, verbose=0)
    for one, other in zip(small().classifier.get_weights(), frozen.classifier.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.allclose(small().decoder.get_weights()[0], frozen.decoder.get_weights()[0])


def test_a_prior_of_the_class_is_used_for_every_class():
    class ByClass(SemiSupervisedVAE):
        def prior_of(self, x):
            return DiagonalNormal(5.0 * self.condition_of(x)[:, :2], ops.zeros((1, 2)))

    plain = small()
    shifted = ByClass(plain.encoder, plain.decoder, plain.classifier, num_classes=3, seed=0)
    epsilon = np.zeros((12, 2), "float32")
    for label, moved in ((0, 5.0), (1, 5.0), (2, 0.0)):
        labels = np.full(12, label)
        z_mean = plain.encode([IMAGES, labels])[0]
        difference = (
            shifted.elbo_terms([IMAGES, labels], epsilon)["kl"]
            - plain.elbo_terms([IMAGES, labels], epsilon)["kl"]
        )
        expected = 0.5 * (moved**2 - 2 * moved * z_mean[:, min(label, 1)])
        np.testing.assert_allclose(difference, expected, rtol=1e-3, atol=1e-4)
    assert small(prior="learned").elbo_terms([IMAGES, LABELS])["kl"].shape == (12,)


# --- Use -------------------------------------------------------------------------------------------------------------


def test_call_gives_every_class_its_own_code_and_picture():
    y_pred = small().predict([IMAGES, LABELS], batch_size=5, verbose=0)
    assert y_pred["logits"].shape == (12, 3, *SHAPE)
    assert y_pred["z"].shape == y_pred["z_mean"].shape == (12, 3, 2)
    np.testing.assert_allclose(np.exp(y_pred["log_q"]), small().classify(IMAGES), rtol=1e-5)
    for label in range(3):
        expected = small().encode([IMAGES, np.full(12, label)])[0]
        np.testing.assert_allclose(y_pred["z_mean"][:, label], expected, rtol=1e-4, atol=1e-6)


def test_an_image_without_a_label_is_encoded_with_its_most_probable_class():
    model = small(seed=4)
    named = model.classify(IMAGES).argmax(axis=1)
    completed = np.where(LABELS == NO_LABEL, named, LABELS)
    np.testing.assert_array_equal(model.completed([IMAGES, LABELS])[1], completed)
    for ours, given in zip(
        model.encode([IMAGES, LABELS])[:2], model.encode([IMAGES, completed])[:2], strict=True
    ):
        np.testing.assert_allclose(ours, given)
    expected = ConditionalVAE(model.encoder, model.decoder, num_classes=3).reconstruct([IMAGES, completed])
    np.testing.assert_allclose(model.reconstruct([IMAGES, LABELS]), expected, rtol=1e-5)


def test_probabilities_add_up_to_one_and_images_are_generated_by_class():
    model = small()
    np.testing.assert_allclose(model.classify(IMAGES).sum(axis=1), 1.0, rtol=1e-5)
    expected = ConditionalVAE(model.encoder, model.decoder, num_classes=3).generate([0, 1, 2], seed=3)
    np.testing.assert_allclose(model.generate([0, 1, 2], seed=3), expected, rtol=1e-6)
    np.testing.assert_allclose(model.sample(3, seed=3, labels=[0, 1, 2]), expected, rtol=1e-6)


def test_scores_of_a_run_hold_the_accuracy_where_labels_are_known():
    model = small()
    scores = score(model, (IMAGES, LABELS), k=2)
    known = LABELS != NO_LABEL
    assert scores["accuracy"] == np.mean(model.classify(IMAGES)[known].argmax(axis=1) == LABELS[known])
    assert "accuracy" not in score(model, (IMAGES, np.full(12, NO_LABEL)), k=2)


@pytest.mark.slow
def test_saved_and_loaded_it_is_the_same_model(tmp_path):
    model = small(alpha=2.0, labelled_weight=0.5)
    model.compile("adam")
    model.fit([IMAGES, LABELS], epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (loaded.alpha, loaded.labelled_weight, loaded.num_classes) == (2.0, 0.5, 3)
    np.testing.assert_allclose(loaded.classify(IMAGES), model.classify(IMAGES), rtol=1e-6)
    epsilon = np.zeros((12, 2), "float32")
    before, after = (each.elbo_terms([IMAGES, LABELS], epsilon) for each in (model, loaded))
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, rtol=1e-5, err_msg=name)
    one, other = (
        each.fit([IMAGES, LABELS], epochs=1, shuffle=False, verbose=0).history for each in (model, loaded)
    )
    assert one["loss"] == pytest.approx(other["loss"], rel=1e-5)


def test_networks_by_name_are_those_that_the_constructor_builds():
    built = SemiSupervisedVAE(input_shape=SHAPE, seed=3)
    named = SemiSupervisedVAE(**SemiSupervisedVAE.build_networks(SHAPE, 2, seed=3), seed=3)
    for part in ("encoder", "decoder"):
        for one, other in zip(
            getattr(built, part).get_weights(), getattr(named, part).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    narrow = SemiSupervisedVAE.build_networks(SHAPE, 2, hidden=(6, 5), num_classes=4, seed=0)["classifier"]
    assert [layer.units for layer in narrow.layers if hasattr(layer, "units")] == [6, 5, 4]
    conv = SemiSupervisedVAE.build_networks((8, 8, 1), 2, network="conv", num_classes=4)
    assert any("conv" in layer.name for layer in conv["classifier"].layers)
    assert conv["classifier"].output_shape == (None, 4)
    assert build_classifier((784,)).count_params() == 203_530
    first, same, others = (build_classifier(SHAPE, 3, seed=seed).get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, others)


def test_it_models_the_codes_of_another_vae():
    codes = (5 * RNG.normal(size=(12, 6))).astype("float32")
    networks = SemiSupervisedVAE.build_networks((6,), 2, hidden=(8,), num_classes=3, seed=0)
    normal = Likelihood("normal", link="identity")
    model = SemiSupervisedVAE(**networks, num_classes=3, likelihood=normal, seed=0)
    model.compile("adam")
    assert np.isfinite(model.fit([codes, LABELS], epochs=1, verbose=0).history["loss"][0])
    assert model.classify(codes).shape == (12, 3)
    assert model.generate([0, 1], seed=0).shape == (2, 6)
