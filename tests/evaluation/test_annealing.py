"""Protects annealed importance sampling: on the exact model it gives the exact log p(x), whatever the encoder, and it
is an unbiased estimate of p(x) even with few steps."""

import numpy as np
import pytest
from scipy.special import logsumexp

from companion.errors import BadInput
from companion.evaluation import annealed_log_likelihood
from companion.evaluation.annealing import temperatures
from companion.linear_gaussian import LinearGaussian, TwoLayerLinearGaussian


@pytest.fixture(scope="module")
def exact():
    return LinearGaussian.random(pixels=8, latent_dim=2, scale=0.2)


@pytest.fixture(scope="module")
def x(exact):
    return exact.sample(40)


@pytest.mark.slow
@pytest.mark.parametrize("shifts", [(0.0, 0.0), (0.3, 0.8), (-0.2, -1.0)])
def test_it_gives_the_exact_value_whatever_the_encoder(exact, x, shifts):
    model = exact.vae(mean_shift=shifts[0], log_var_shift=shifts[1])
    apart = annealed_log_likelihood(model, x, steps=300, chains=16) - exact.log_prob(x)
    # Each estimate has a standard deviation of about 0.1 nats, the mean of 40 images a sixth of that.
    assert abs(np.mean(apart)) < 0.06 and np.std(apart) < 0.3


def test_the_mean_weight_is_unbiased_with_few_steps(exact):
    x = np.repeat(exact.sample(1, seed=3), 100, axis=0)
    found = annealed_log_likelihood(exact.vae(), x, steps=5, chains=200)
    ratios = np.exp(found - exact.log_prob(x[:1]))  # estimates of 1
    standard_error = np.std(ratios, ddof=1) / 10
    assert standard_error < 0.1 and abs(np.mean(ratios) - 1) < 4 * standard_error


@pytest.mark.slow
def test_more_steps_come_closer(exact):
    x = exact.sample(400)
    apart = [
        annealed_log_likelihood(exact.vae(), x, steps=n, chains=1).mean() - exact.log_prob(x).mean()
        for n in (2, 100)
    ]
    assert apart[0] < -1.5 and -0.5 < apart[1] < 0.1


def test_one_step_is_a_mean_over_draws_from_the_prior(exact, x):
    model = exact.vae()
    found = annealed_log_likelihood(model, x, steps=1, chains=5, seed=7)
    z = np.random.default_rng(7).normal(size=(5, len(x), 2))
    apart = (x - (z @ exact.weights.T + exact.bias)) / exact.scale
    log_p = -0.5 * np.sum(apart**2, axis=-1) - 8 * np.log(exact.scale * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(found, logsumexp(log_p, axis=0) - np.log(5), rtol=1e-4)


def test_the_powers_rise_from_zero_to_one():
    powers = temperatures(50)
    assert powers[0] == 0 and powers[-1] == 1 and np.all(np.diff(powers) > 0)


def test_the_same_seed_gives_the_same_estimate(exact, x):
    first, again, other = (
        annealed_log_likelihood(exact.vae(), x[:3], steps=4, chains=2, seed=s) for s in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"chains": 0}, {"seed": -1}])
def test_what_cannot_be_is_refused(exact, x, wrong):
    with pytest.raises(BadInput, match=next(iter(wrong))):
        annealed_log_likelihood(exact.vae(), x, **wrong)


def test_a_model_with_several_layers_of_codes_is_refused():
    two = TwoLayerLinearGaussian.random(pixels=4)
    with pytest.raises(NotImplementedError, match="closed form"):
        annealed_log_likelihood(two.vae(), two.sample(2))
