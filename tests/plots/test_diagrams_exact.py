"""Protects the figures in the two exact pictures: the balance of the ELBO's terms, the best Gaussian posterior."""

from math import inf, log, pi

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from companion import plots
from companion.plots.balance import best_gaussian, cloud

IMAGE = np.array([1.3, -1.3])


@pytest.mark.parametrize("noise", [0.2, 0.6, 1.0])
def test_the_balance_is_the_lowest_sum_of_the_two_terms(noise):
    share, sigma = 1 / (1 + noise**2), noise / (1 + noise**2) ** 0.5
    best = cloud(IMAGE, share, sigma, noise)
    for other_share, other_sigma in (
        (0, 1),
        (1, 1e-3),
        (1.01 * share, sigma),
        (share, 0.98 * sigma),
        (0.99, 1.0),
    ):
        assert cloud(IMAGE, other_share, other_sigma, noise).total > best.total
    # The exact posterior leaves no gap: the sum is -log p(x), p(x) = N(0, (1 + noise^2) I), but for the constant.
    evidence = norm.logpdf(IMAGE, scale=(1 + noise**2) ** 0.5).sum()
    np.testing.assert_allclose(best.total - 2 * norm.logpdf(0, scale=noise), -evidence)


def test_each_term_alone_is_zero_where_it_wants_to_be():
    assert (cloud(IMAGE, 1, 0, 0.6).reconstruction, cloud(IMAGE, 1, 0, 0.6).kl) == (0, inf)
    together = cloud(IMAGE, 0, 1, 0.6)
    assert together.kl == 0
    np.testing.assert_allclose(together.reconstruction, (2 * 1.3**2 + 2) / (2 * 0.6**2))
    words = plots.tug_of_war(0.6).alt_text
    assert "reconstruction error 7.47 nats per image" in words
    assert "error is 1.06 and the KL 1.51, in all 2.57 nats per image" in words


@pytest.mark.parametrize(("x", "noise"), [(1.5, 0.5), (0.0, 1.0), (-1.0, 2.0), (4.0, 0.2)])
def test_the_evidence_and_the_posterior_are_exact(x, noise):
    fit = best_gaussian(x, noise)
    evidence, _ = quad(lambda z: norm.pdf(z) * norm.pdf(x, z**2, noise), -6, 6, points=[-2, 2, 0], limit=400)
    np.testing.assert_allclose(fit.log_evidence, log(evidence), atol=1e-6)
    np.testing.assert_allclose(np.trapezoid(fit.posterior, fit.z), 1, atol=1e-6)


def elbo(x, noise, mean, sigma):
    """E_q[log p(x, z)] by Gauss-Hermite quadrature, plus the entropy of q."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    z = np.asarray(mean)[..., None] + np.asarray(sigma)[..., None] * nodes
    joint = norm.logpdf(z) + norm.logpdf(x, z**2, noise)
    return joint @ weights / weights.sum() + 0.5 * log(2 * pi) + 0.5 + np.log(sigma)


@pytest.mark.parametrize(("x", "noise"), [(1.5, 0.5), (0.0, 1.0), (0.6, 0.5), (4.0, 0.2)])
def test_no_other_gaussian_has_a_higher_elbo(x, noise):
    fit = best_gaussian(x, noise)
    np.testing.assert_allclose(fit.elbo, elbo(x, noise, fit.mean, fit.sigma), atol=1e-6)
    assert fit.elbo <= fit.log_evidence
    others = elbo(x, noise, *np.meshgrid(np.linspace(0, 2.5, 51), np.geomspace(0.03, 1.5, 40)))
    assert others.max() <= fit.elbo + 1e-6


def test_two_modes_cost_about_one_bit_and_one_mode_little():
    two, one = plots.gaussian_approximation(1.5, 0.5), plots.gaussian_approximation(0.0, 1.0)
    assert "has 2 modes" in two.alt_text and "has 1 mode;" in one.alt_text
    fits = best_gaussian(4.0, 0.2), best_gaussian(0.0, 1.0)
    gaps = [fit.log_evidence - fit.elbo for fit in fits]
    assert abs(gaps[0] - log(2)) < 0.02 and 0 < gaps[1] < 0.05
    curves = [line.get_ydata() for line in two.axes[0].lines]
    assert len(curves) == 2 and np.trapezoid(curves[1], two.axes[0].lines[1].get_xdata()) == pytest.approx(1)
