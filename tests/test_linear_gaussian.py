"""Protects every bound in the book, against a VAE whose log p(x) is known: the ELBO never above it and equal to it at
the exact posterior, L_k rising to it with k, and the gap that theory gives. Also the linear model's closed forms."""

import math

import numpy as np
import pytest

from companion.errors import BadInput
from companion.evaluation import log_likelihood
from companion.linear_gaussian import LinearGaussian, kl_at_optimum
from companion.objectives import log_mean_exp

SHIFTS = {"mean_shift": 0.1, "log_var_shift": 0.7}


@pytest.fixture(scope="module")
def model():
    return LinearGaussian.random(pixels=16, latent_dim=2, scale=0.1, seed=0)


@pytest.fixture(scope="module")
def x(model):
    return model.sample(40, seed=1)


@pytest.fixture(scope="module")
def log_p(model, x):
    return model.log_prob(x)


@pytest.fixture(scope="module")
def off(model):
    """A VAE whose encoder is not the exact posterior."""
    return model.vae(**SHIFTS)


def test_at_the_exact_posterior_every_draw_gives_log_p(model, x, log_p):
    vae = model.vae()
    rng = np.random.default_rng(0)
    for _ in range(3):
        # The KL and log p(x|z) of one draw vary; their log weight does not.
        log_w = np.asarray(vae.log_weights(x, 4, seed=int(rng.integers(1000))))
        np.testing.assert_allclose(log_w, np.broadcast_to(log_p, (4, 40)), atol=2e-3)
    np.testing.assert_allclose(log_likelihood(vae, x, k=1), log_p, atol=2e-3)


def test_at_the_exact_posterior_the_elbo_is_log_p_on_average(model, x, log_p):
    draws = np.stack([model.vae(seed=seed).elbo_terms(x)["elbo"] for seed in range(3)]).mean(axis=0) - log_p
    assert abs(draws.mean()) < 5 * draws.std() / math.sqrt(len(draws)) + 1e-3


def test_the_elbo_stays_below_log_p_by_the_gap(model, off, x, log_p):
    repeats = np.repeat(x, 50, axis=0)
    epsilon = np.random.default_rng(2).standard_normal((len(repeats), 2))
    gap = np.repeat(log_p, 50) - off.elbo_terms(repeats, epsilon)["elbo"]
    error = gap.std() / math.sqrt(len(gap))
    assert abs(gap.mean() - model.gap(**SHIFTS)) < 5 * error
    assert gap.mean() > 5 * error


def test_the_gap_is_the_divergence_from_the_posterior(model, x):
    from companion.objectives import kl_between_normals

    mean, log_var = model.posterior(x)
    z_mean, z_log_var, _ = model.vae(**SHIFTS).encode(x)
    divergence = kl_between_normals(z_mean, z_log_var, mean, np.broadcast_to(log_var, mean.shape))
    np.testing.assert_allclose(divergence, model.gap(**SHIFTS), rtol=1e-3)
    assert model.gap() == 0.0


def test_the_encoder_holds_the_posterior(model, x):
    mean, log_var = model.posterior(x)
    z_mean, z_log_var, _ = model.vae().encode(x)
    np.testing.assert_allclose(z_mean, mean, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(z_log_var, np.broadcast_to(log_var, z_log_var.shape), rtol=1e-5)


def test_bounds_rise_with_k_and_do_not_pass_log_p(off, x, log_p):
    log_w = np.asarray(off.log_weights(x, 4096, seed=0), "float64")
    means, errors = [], []
    for k in (1, 4, 16, 64):
        bounds = np.asarray(log_mean_exp(log_w.reshape(-1, k, 40).swapaxes(0, 1)), "float64") - log_p
        means.append(bounds.mean())
        errors.append(bounds.mean(axis=1).std() / math.sqrt(len(bounds)) + 1e-4)
    for k in range(3):
        assert means[k + 1] > means[k]
    for mean, error in zip(means, errors, strict=True):
        assert mean <= 5 * error
    # The bound of one draw is the ELBO: more than a fifth of a nat below.
    assert means[0] < -0.2


def test_five_thousand_draws_are_within_a_hundredth(off, x, log_p):
    bound = log_likelihood(off, x[:10], k=5000, seed=0)
    assert abs((bound - log_p[:10]).mean()) < 0.01
    one = log_likelihood(off, x[:10], k=1, seed=0)
    assert abs((one - log_p[:10]).mean()) > 0.05


def test_groups_of_different_images_would_pass_above_the_truth(off, x, log_p):
    # The mistake that the sample axis rules out: eight images in one log-mean-exp, each with one draw.
    log_w = np.asarray(off.log_weights(x, 1, seed=0)).reshape(8, 5)
    assert float(np.mean(log_mean_exp(log_w))) > log_p.mean() + 0.2


def test_log_prob_is_the_integral_over_the_code():
    model = LinearGaussian([[0.3], [-0.2]], [0.5, 0.1], 0.2)
    x = np.array([[0.7, 0.1]])
    z = np.linspace(-8, 8, 4001)
    mean = z[:, None] * [0.3, -0.2] + [0.5, 0.1]
    log_joint = (
        -0.5 * (((x - mean) / 0.2) ** 2).sum(axis=1)
        - 2 * math.log(0.2)
        - 0.5 * z**2
        - 1.5 * math.log(2 * math.pi)
    )
    joint = np.exp(log_joint)
    total = joint.sum() * (z[1] - z[0])
    np.testing.assert_allclose(model.log_prob(x), [math.log(total)], rtol=1e-6)
    posterior_mean, posterior_log_var = model.posterior(x)
    first, second = (z * joint).sum() / joint.sum(), (z**2 * joint).sum() / joint.sum()
    np.testing.assert_allclose(posterior_mean[0], [first], rtol=1e-5)
    np.testing.assert_allclose(np.exp(posterior_log_var), [second - first**2], rtol=1e-5)


def test_observations_have_the_moments_of_the_model(model):
    n = 20_000
    x = model.sample(n, seed=3)
    assert x.dtype == "float32"
    covariance = model.weights @ model.weights.T + 0.01 * np.eye(16)
    assert np.abs(x.mean(axis=0) - 0.5).max() < 5 * math.sqrt(covariance.max() / n)
    assert np.abs(np.cov(x.T) - covariance).max() < 6 * 1.5 * covariance.max() / math.sqrt(n)
    np.testing.assert_array_equal(model.sample(3, seed=1), model.sample(3, seed=1))
    assert not np.allclose(model.sample(3, seed=1), model.sample(3, seed=2))


def test_random_models_have_orthogonal_columns_of_known_length(model):
    gram = model.weights.T @ model.weights
    np.testing.assert_allclose(gram, np.diag([0.4**2, 0.2**2]), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, 1.0], [0.0, 1.0]], [0.0, 0.0], 1.0), "expected .* orthogonal columns; pass np.linalg.qr"),
        (([[1.0], [0.0]], [0.0], 1.0), r"bias has shape \(1,\) .*expected \(2,\)"),
        (([[1.0], [0.0]], [0.0, 0.0], 0.0), "scale is 0.0: expected .*positive scale"),
        (([[1.0], [0.0]], [0.0, 0.0], float("nan")), "scale is nan: expected .*positive scale"),
        (([1.0, 0.0], [0.0, 0.0], 1.0), r"weights of shape \(2,\): expected .*orthogonal columns"),
    ],
)
def test_what_is_no_linear_gaussian_model_is_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        LinearGaussian(*arguments)


# --- The best linear VAE of given data -------------------------------------------------------------------------------


def correlated(n=3000, seed=0):
    """Data in six pixels whose principal directions have the variances 4, 2, 1, 0.5, 0.25 and 0.1, exactly."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 6))
    rows -= rows.mean(axis=0)
    white = rows @ np.linalg.inv(np.linalg.cholesky(np.cov(rows, rowvar=False, bias=True))).T
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    return (white * np.sqrt(VARIANCES)) @ turn.T + 3.0


VARIANCES = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.1])


def test_the_fitted_model_has_the_covariance_of_the_data_where_it_exceeds_the_noise():
    x, scale = correlated(), math.sqrt(0.4)
    fitted = LinearGaussian.fitted(x, 6, scale)
    covariance = fitted.weights @ fitted.weights.T + scale**2 * np.eye(6)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance)[::-1], np.maximum(VARIANCES, 0.4), rtol=1e-6)
    np.testing.assert_allclose(fitted.bias, x.mean(axis=0))
    np.testing.assert_allclose(np.sum(fitted.weights**2, axis=0), np.maximum(VARIANCES - 0.4, 0), atol=1e-9)


@pytest.mark.parametrize("scale", [0.2, 0.7, 1.2])
def test_no_other_model_of_that_noise_gives_the_data_a_higher_likelihood(scale):
    x, rng = correlated(), np.random.default_rng(1)
    best = LinearGaussian.fitted(x, 2, scale)
    value = best.log_prob(x).mean()
    for _ in range(20):
        turn = np.linalg.qr(np.eye(6) + 0.1 * rng.normal(size=(6, 6)))[0]
        lengths = 1 + 0.1 * rng.normal(size=2)
        other = LinearGaussian(turn @ best.weights * lengths, best.bias + 0.1 * rng.normal(size=6), scale)
        assert other.log_prob(x).mean() < value


def test_the_kl_of_its_units_is_half_the_log_of_the_ratio_and_nothing_below_the_threshold():
    x, scale = correlated(), math.sqrt(0.4)
    mean, log_var = LinearGaussian.fitted(x, 6, scale).posterior(x)
    per_unit = 0.5 * np.mean(mean**2 + np.exp(log_var) - log_var - 1.0, axis=0)
    expected = [0.5 * math.log(v / 0.4) if v > 0.4 else 0.0 for v in VARIANCES]
    np.testing.assert_allclose(per_unit, expected, atol=1e-9)
    np.testing.assert_allclose(kl_at_optimum(VARIANCES, scale), expected, rtol=1e-9)


def test_a_weight_of_the_kl_acts_as_more_noise():
    np.testing.assert_allclose(
        kl_at_optimum(VARIANCES, 0.5, beta=3.0), kl_at_optimum(VARIANCES, 0.5 * math.sqrt(3))
    )
    assert (kl_at_optimum(VARIANCES, 0.5, beta=3.0) > 0).tolist() == [True, True, True, False, False, False]


@pytest.mark.parametrize("latent_dim", [0, 7])
def test_the_fitted_model_has_at_most_as_many_coordinates_as_pixels(latent_dim):
    with pytest.raises(BadInput, match=f"latent_dim={latent_dim}: expected 1 to 6"):
        LinearGaussian.fitted(correlated(), latent_dim, 0.5)
