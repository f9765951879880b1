"""Protects the exact toy of chapter 12: its densities against SciPy's, its samples against its densities."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from companion.errors import BadInput
from companion.linear_classes import LinearClasses
from companion.linear_gaussian import LinearGaussian

TOY = LinearClasses.random(pixels=5, latent_dim=2, num_classes=4, seed=3)


def test_densities_are_those_of_a_mixture_of_normals():
    x, _ = TOY.sample(30)
    shared = TOY.shared
    covariance = shared.weights @ shared.weights.T + shared.scale**2 * np.eye(5)
    each = np.stack([multivariate_normal(mean, covariance).pdf(x) / 4 for mean in TOY.means], axis=1)
    np.testing.assert_allclose(TOY.log_joint(x), np.log(each), rtol=1e-6)
    np.testing.assert_allclose(TOY.log_prob(x), np.log(each.sum(axis=1)), rtol=1e-6)
    np.testing.assert_allclose(TOY.class_posterior(x), each / each.sum(axis=1, keepdims=True), rtol=1e-6)


def test_samples_lie_about_the_mean_of_their_class():
    x, labels = TOY.sample(20_000, seed=1)
    assert x.dtype == "float32"
    assert np.bincount(labels) / len(labels) == pytest.approx(np.full(4, 0.25), abs=0.02)
    for label in range(4):
        np.testing.assert_allclose(x[labels == label].mean(axis=0), TOY.means[label], atol=0.02)
    covariance = np.cov((x - TOY.means[labels]).T)
    exact = TOY.shared.weights @ TOY.shared.weights.T + TOY.shared.scale**2 * np.eye(5)
    np.testing.assert_allclose(covariance, exact, atol=0.01)


def test_the_networks_are_the_exact_posteriors():
    model = TOY.model()
    x, labels = TOY.sample(10)
    np.testing.assert_allclose(model.classify(x), TOY.class_posterior(x), rtol=1e-3, atol=1e-5)
    z_mean, z_log_var, _ = model.encode([x, labels])
    for row, label in enumerate(labels):
        mean, log_var = TOY.per_class[label].posterior(x[row : row + 1])
        np.testing.assert_allclose(z_mean[row], mean[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(z_log_var[row], log_var, rtol=1e-5)
    np.testing.assert_allclose(model.decode(np.zeros((4, 2)), np.arange(4)), TOY.means, rtol=1e-5)


def test_the_tilt_multiplies_the_logits():
    x, _ = TOY.sample(10)
    np.testing.assert_allclose(TOY.model(tilt=0.0).classify(x), np.full((10, 4), 0.25), rtol=1e-6)
    exact = TOY.class_posterior(x) ** 2
    expected = exact / exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(TOY.model(tilt=2.0).classify(x), expected, rtol=5e-3, atol=1e-5)


def test_means_of_another_size_are_refused():
    with pytest.raises(BadInput, match=r"means have shape \(3, 4\): expected \(classes, 16\)"):
        LinearClasses(LinearGaussian.random(), np.zeros((3, 4)))
    with pytest.raises(BadInput, match="means have shape"):
        LinearClasses(LinearGaussian.random(), np.zeros(16))
