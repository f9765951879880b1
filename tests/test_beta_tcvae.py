"""Protects the three parts of the KL and the weight on one of them: they add up to the KL, equal the exact values of a
Gaussian case, and are unbiased densities from a part of the data; a beta-TCVAE of beta 1 is the VAE."""

import keras
import numpy as np
import pytest
from keras import ops

from companion.beta_vae import BetaVAE, beta_tcvae_loss, kl_parts
from companion.errors import BadInput
from companion.objectives import kl_to_standard_normal

EPSILON = np.random.default_rng(5).standard_normal((20, 2)).astype("float32")


def as_arrays(parts):
    return {name: ops.convert_to_numpy(part).astype("float64") for name, part in parts.items()}


def log_normal(z, mean, log_var):
    return -0.5 * (np.log(2 * np.pi) + log_var + (z - mean) ** 2 * np.exp(-log_var))


@pytest.fixture
def posteriors():
    """Draw, mean and log variance of five posteriors in three dimensions."""
    rng = np.random.default_rng(1)
    mean, log_var = rng.normal(size=(2, 5, 3)).astype("float32")
    return (mean + np.exp(0.5 * log_var) * rng.normal(size=(5, 3))).astype("float32"), mean, log_var


# --- The parts --------------------------------------------------------------------------------------------------------


def test_the_parts_add_up_to_the_log_ratio_of_posterior_and_prior(posteriors):
    z, mean, log_var = posteriors
    total = (log_normal(z, mean, log_var) - log_normal(z, 0.0, np.zeros(3))).sum(axis=1)
    for num_images in (None, 5, 1000):
        parts = as_arrays(kl_parts(z, mean, log_var, num_images))
        assert list(parts) == ["mutual_information", "total_correlation", "dimension_wise"]
        np.testing.assert_allclose(sum(parts.values()), total, rtol=1e-5, atol=1e-5)


def test_each_part_is_that_of_its_definition(posteriors):
    z, mean, log_var = posteriors
    each = log_normal(z[:, None], mean[None], log_var[None])  # (draw, image, coordinate)
    log_q = np.log(np.mean(np.exp(each.sum(axis=2)), axis=1))
    log_q_each = np.log(np.mean(np.exp(each), axis=1))
    parts = as_arrays(kl_parts(z, mean, log_var))
    own = log_normal(z, mean, log_var).sum(axis=1)
    np.testing.assert_allclose(parts["mutual_information"], own - log_q, atol=1e-5)
    np.testing.assert_allclose(parts["total_correlation"], log_q - log_q_each.sum(axis=1), atol=1e-5)
    prior = log_normal(z, 0.0, np.zeros(3))
    np.testing.assert_allclose(parts["dimension_wise"], (log_q_each - prior).sum(axis=1), atol=1e-5)


def test_the_parts_of_a_gaussian_case_are_exact():
    """Means drawn from N(0, S) and one variance s: q(z) is N(0, S + s I), and each part has a closed form."""
    rng = np.random.default_rng(0)
    covariance, variance, n = np.array([[1.0, 0.6], [0.6, 0.8]]), 0.25, 2500
    mean = rng.multivariate_normal(np.zeros(2), covariance, n).astype("float32")
    log_var = np.full((n, 2), np.log(variance), "float32")
    z = (mean + np.sqrt(variance) * rng.normal(size=(n, 2))).astype("float32")
    of_all_images = variance * np.eye(2) + covariance
    spread, log_det = np.diag(of_all_images), np.linalg.slogdet(of_all_images)[1]
    exact = {
        "mutual_information": 0.5 * (log_det - 2 * np.log(variance)),
        "total_correlation": 0.5 * (np.log(spread).sum() - log_det),
        "dimension_wise": 0.5 * (spread - 1 - np.log(spread)).sum(),
    }
    found = {name: part.mean() for name, part in as_arrays(kl_parts(z, mean, log_var)).items()}
    assert found == pytest.approx(exact, abs=0.04)
    kl = float(np.mean(kl_to_standard_normal(mean, log_var)))
    assert sum(found.values()) == pytest.approx(kl, abs=0.06)
    assert sum(exact.values()) == pytest.approx(0.5 * (spread - 1 - np.log(variance)).sum())


def test_the_density_from_a_batch_is_that_of_all_data_on_average(posteriors):
    z, mean, log_var = posteriors
    own = log_normal(z, mean, log_var).sum(axis=1)
    exact = np.exp(own - as_arrays(kl_parts(z, mean, log_var))["mutual_information"])
    pairs = [[0, other] for other in range(1, 5)]
    found = []
    for rows in pairs:
        parts = as_arrays(kl_parts(z[rows], mean[rows], log_var[rows], num_images=5))
        found.append(np.exp(own[0] - parts["mutual_information"][0]))
    assert np.mean(found) == pytest.approx(exact[0], rel=1e-5)
    assert np.isfinite(as_arrays(kl_parts(z[:1], mean[:1], log_var[:1], num_images=5))["total_correlation"])
    alone = as_arrays(kl_parts(z[:1], mean[:1], log_var[:1]))
    assert alone["mutual_information"] == pytest.approx(0, abs=1e-6)


# --- The model --------------------------------------------------------------------------------------------------------


def test_only_the_total_correlation_is_weighted():
    loss = beta_tcvae_loss(np.float32([-100.0, -90.0]), np.float32([3.0, 5.0]), np.float32([1.0, -0.5]), 4.0)
    np.testing.assert_array_equal(loss, [106.0, 93.5])


@pytest.fixture
def new_model(new_vae):
    def make(seed=0, **kwargs):
        vae = new_vae(seed)
        return BetaVAE(vae.encoder, vae.decoder, seed=seed, penalty="total_correlation", **kwargs)

    return make


@pytest.mark.slow
def test_at_beta_one_it_is_the_vae(images, new_vae, new_model):
    histories = []
    for model in (new_vae(3), new_model(3, beta=1.0, num_images=20)):
        model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
        histories.append(model.fit(images, epochs=2, batch_size=8, shuffle=False, verbose=0).history)
    assert set(histories[1]) == {*histories[0], "total_correlation"}
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-5)


def test_the_loss_is_the_negative_elbo_and_the_extra_weight(images, new_model):
    model = new_model(beta=5.0, num_images=1000)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    history = model.fit(images, batch_size=20, verbose=0).history
    extra = 4.0 * history["total_correlation"][0]
    assert abs(extra) > 1e-3
    assert history["loss"][0] == pytest.approx(history["neg_elbo"][0] + extra, rel=1e-5)


def test_the_total_correlation_is_that_of_the_images_given_together(images, new_model):
    model = new_model(num_images=50)
    terms = model.elbo_terms(images, EPSILON)
    z_mean, z_log_var, _ = model.encode(images)
    z = z_mean + np.exp(0.5 * z_log_var) * EPSILON
    expected = as_arrays(kl_parts(z, z_mean, z_log_var, 50))["total_correlation"]
    np.testing.assert_allclose(terms["total_correlation"], expected, rtol=1e-3, atol=1e-4)
    assert terms["elbo"] == pytest.approx(terms["log_likelihood"] - terms["kl"], rel=1e-5)


@pytest.mark.slow
def test_a_larger_weight_gives_a_smaller_total_correlation(new_model):
    # The two halves of an image are mostly alike, so that a code of each would be correlated.
    rng = np.random.default_rng(0)
    left = rng.integers(0, 2, 1000)
    right = np.where(rng.random(1000) < 0.9, left, 1 - left)
    halves = np.stack([left, right], axis=1)[:, None, :, None].astype("float32")
    many, found = np.repeat(np.repeat(halves, 4, axis=1), 2, axis=2), []
    for beta in (1.0, 20.0):
        model = new_model(beta=beta, num_images=1000)
        model.compile(keras.optimizers.Adam(0.003), jit_compile=False)
        model.fit(many, batch_size=50, epochs=15, verbose=0)
        z_mean, z_log_var, z = model.encode(many)
        found.append(as_arrays(kl_parts(z, z_mean, z_log_var))["total_correlation"].mean())
    assert found[1] < found[0] - 0.1


def test_the_penalty_survives_saving(images, new_model, tmp_path):
    model = new_model(beta=3.0, num_images=20)
    model.compile("adam", jit_compile=False)
    model.fit(images, verbose=0)
    model.save(tmp_path / "tc.keras")
    loaded = keras.models.load_model(tmp_path / "tc.keras")
    assert (loaded.penalty, loaded.num_images, loaded.beta) == ("total_correlation", 20, 3.0)
    for name, values in model.elbo_terms(images, EPSILON).items():
        np.testing.assert_allclose(loaded.elbo_terms(images, EPSILON)[name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"penalty": "mi"}, "penalty='mi': expected .*kl, total_correlation"),
        (
            {"penalty": "total_correlation", "num_images": 0},
            "num_images=0: expected a whole number of at least 1",
        ),
        (
            {"penalty": "total_correlation", "gamma": 2.0},
            "gamma=2.0: expected one of the two; leave gamma out",
        ),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(BadInput, match=message):
        BetaVAE(input_shape=(4, 4, 1), **wrong)
