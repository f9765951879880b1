"""Protects learned priors: densities are those of SciPy, draws follow them, every bound and sample uses them, networks
that are frozen stay as they are, the KL splits as Hoffman and Johnson say, and models come back from disk."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp
from scipy.stats import norm

from companion.errors import BadInput
from companion.evaluation import log_likelihood
from companion.linear_gaussian import LinearGaussian
from companion.networks import build_decoder, build_encoder
from companion.priors import (
    MixturePrior,
    NormalMixture,
    PriorVAE,
    VampPrior,
    aggregated_posterior,
    split_kl,
)
from companion.vae import VAE

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(12, *SHAPE)).astype("float32")
LEARNED = ("mixture", "vamp", "flow")


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def small(prior="vamp", seed=0, **how):
    encoder = build_encoder(SHAPE, 2, hidden=(8,), seed=0)
    decoder = build_decoder(2, SHAPE, hidden=(8,), seed=1)
    return PriorVAE(encoder, decoder, prior=prior, **{"components": 4, **how}, seed=seed)


def test_a_mixture_has_the_density_of_its_parts_and_draws_from_it():
    mean, log_var = np.array([[0.0, 0.0], [4.0, -2.0]]), np.log([[1.0, 1.0], [0.25, 4.0]])
    mixture = NormalMixture(mean, log_var, np.log([0.3, 0.7]))
    z = np.random.default_rng(0).normal(1.0, 2.0, size=(3, 5, 2))
    of_each = norm(mean, np.exp(0.5 * log_var)).logpdf(z[..., None, :]).sum(axis=-1)
    expected = logsumexp(of_each + np.log([0.3, 0.7]), axis=-1)
    np.testing.assert_allclose(mixture.log_prob(z), expected, rtol=1e-5)
    drawn = mixture.draw(20_000, seed=0)
    assert np.mean(drawn[:, 0] > 2) == pytest.approx(0.7 + 0.3 * norm.sf(2), abs=0.02)
    np.testing.assert_allclose(drawn.mean(axis=0), [2.8, -1.4], atol=0.06)
    far = drawn[drawn[:, 0] > 3]
    np.testing.assert_allclose(far.std(axis=0)[1], 2.0, atol=0.1)
    equal = NormalMixture(mean, log_var)
    np.testing.assert_allclose(equal.log_prob(z), logsumexp(of_each, axis=-1) - np.log(2), rtol=1e-5)


def test_a_mixture_prior_is_the_mixture_of_its_weights():
    prior = MixturePrior(3, 2, seed=0)
    prior.logits.assign([0.0, 1.0, 2.0])
    prior.raw_log_var.assign(np.full((3, 2), 100.0))
    given = prior.given(None)
    np.testing.assert_allclose(given.components.parameters[0], prior.mean.numpy())
    np.testing.assert_allclose(given.components.parameters[1], np.full((3, 2), 10.0), rtol=1e-3)
    np.testing.assert_allclose(
        np.exp(given.log_shares), np.exp([0, 1, 2]) / np.exp([0, 1, 2]).sum(), rtol=1e-5
    )


def test_a_vamp_prior_is_the_mean_of_the_posteriors_of_its_pseudo_inputs():
    model = small("vamp")
    pseudo = as_numpy(model.prior_layer.pseudo_inputs())
    assert pseudo.shape == (4, *SHAPE) and pseudo.min() > 0 and pseudo.max() < 1
    z_mean, z_log_var, _ = (as_numpy(part) for part in model.encoder(pseudo.astype("float32")))
    z = np.random.default_rng(0).normal(size=(7, 2))
    of_each = norm(z_mean, np.exp(0.5 * z_log_var)).logpdf(z[:, None]).sum(axis=-1)
    np.testing.assert_allclose(
        model.prior_of(None).log_prob(z), logsumexp(of_each, axis=1) - np.log(4), rtol=1e-4
    )
    free = VampPrior(4, SHAPE, unit_interval=False, seed=0)
    np.testing.assert_array_equal(free.pseudo_inputs(), free.raw_inputs.numpy())
    assert as_numpy(free.pseudo_inputs()).min() < 0


def test_priors_begin_at_the_codes_they_adapt_to():
    vamp, mixture, flow, standard = (small(name) for name in ("vamp", "mixture", "flow", "standard"))
    vamp.adapt(IMAGES)
    pseudo = as_numpy(vamp.prior_layer.pseudo_inputs())
    nearest = np.abs(pseudo[:, None] - np.clip(IMAGES, 0.02, 0.98)[None]).max(axis=(2, 3, 4))
    assert nearest.min(axis=1).max() < 1e-4
    assert len(set(nearest.argmin(axis=1))) == 4, "no image twice"
    codes = mixture.encode(IMAGES)[2]
    mixture.prior_layer.adapt(IMAGES, codes, np.random.default_rng(0))
    own, log_var = (as_numpy(part) for part in mixture.prior_of(None).components.parameters)
    assert np.abs(own[:, None] - codes[None]).max(axis=2).min(axis=1).max() < 1e-5
    np.testing.assert_allclose(np.exp(log_var), np.tile(codes.var(axis=0) / 4, (4, 1)), rtol=0.05)
    flow.adapt(IMAGES)
    assert np.abs(flow.prior_layer.log_spread.numpy()).min() > 0.01
    standard.adapt(IMAGES)
    few = small("vamp", components=30)
    few.adapt(IMAGES)
    other = small("vamp")
    other.adapt(IMAGES, seed=1)
    assert not np.allclose(other.prior_layer.raw_inputs.numpy(), vamp.prior_layer.raw_inputs.numpy())


@pytest.mark.parametrize("prior", LEARNED)
def test_terms_weights_and_samples_use_the_prior(prior):
    model = small(prior)
    model.adapt(IMAGES)
    epsilon = model.noise(12, 1)
    z_mean, z_log_var, _ = model.encode(IMAGES)
    z = z_mean + np.exp(0.5 * z_log_var) * epsilon
    log_q = norm(z_mean, np.exp(0.5 * z_log_var)).logpdf(z).sum(axis=1)
    log_p = as_numpy(model.prior_of(None).log_prob(z))
    np.testing.assert_allclose(model.elbo_terms(IMAGES, epsilon)["kl"], log_q - log_p, rtol=1e-3, atol=1e-3)
    plain = VAE(model.encoder, model.decoder, seed=0)
    difference = as_numpy(model.log_weights(IMAGES, 1, 3)) - as_numpy(plain.log_weights(IMAGES, 1, 3))
    assert np.abs(difference).max() > 0.01
    drawn = model.draw_from_prior(2000, seed=0)
    np.testing.assert_allclose(drawn.mean(axis=0), model.prior_of(None).draw(2000, 1).mean(axis=0), atol=0.2)
    np.testing.assert_allclose(
        model.sample(3, seed=5), model.decode(model.draw_from_prior(3, seed=5)), rtol=1e-5
    )


def test_the_standard_prior_is_that_of_a_vae():
    model, epsilon = small("standard"), small("standard").noise(12, 0)
    plain = VAE(model.encoder, model.decoder)
    np.testing.assert_allclose(
        model.elbo_terms(IMAGES, epsilon)["kl"], plain.elbo_terms(IMAGES, epsilon)["kl"]
    )
    np.testing.assert_allclose(model.draw_from_prior(3, 1), plain.draw_from_prior(3, 1))


def test_with_the_exact_posterior_and_the_exact_prior_one_draw_gives_log_p():
    exact = LinearGaussian.random(pixels=12, latent_dim=3, scale=0.3)
    vae, x = exact.vae(), exact.sample(50)
    model = PriorVAE(vae.encoder, vae.decoder, likelihood=vae.likelihood, prior="flow", seed=0)
    np.testing.assert_allclose(log_likelihood(model, x, 1), exact.log_prob(x), atol=0.01)
    other = PriorVAE(
        vae.encoder, vae.decoder, likelihood=vae.likelihood, prior="mixture", components=3, seed=0
    )
    assert np.mean(log_likelihood(other, x, 200)) < exact.log_prob(x).mean() + 1.0
    assert not np.allclose(log_likelihood(other, x, 200), exact.log_prob(x), atol=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("prior", LEARNED)
def test_frozen_networks_stay_and_the_prior_learns(prior, tmp_path):
    model = small(prior, frozen=True)
    model.adapt(IMAGES)
    networks = [weight.numpy().copy() for part in (model.encoder, model.decoder) for weight in part.weights]
    first = [weight.numpy().copy() for weight in model.prior_layer.trainable_weights]
    assert model.trainable_weights and len(model.trainable_weights) == len(first)
    model.compile(keras.optimizers.Adam(0.03), jit_compile=False)
    losses = model.fit(IMAGES, epochs=40, verbose=0).history["kl_loss"]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    after = [weight.numpy() for part in (model.encoder, model.decoder) for weight in part.weights]
    for before, now in zip(networks, after, strict=True):
        if before.dtype.kind == "f":
            np.testing.assert_array_equal(before, now)
    learned = [weight.numpy() for weight in model.prior_layer.trainable_weights]
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(first, learned, strict=True))
    model.save(tmp_path / "prior.keras")
    loaded = keras.models.load_model(tmp_path / "prior.keras")
    assert loaded.frozen and len(loaded.trainable_weights) == len(first)
    epsilon = model.noise(12, 0)
    np.testing.assert_allclose(
        loaded.elbo_terms(IMAGES, epsilon)["elbo"], model.elbo_terms(IMAGES, epsilon)["elbo"], rtol=1e-5
    )


def test_without_freezing_all_parts_learn():
    model = small("vamp")
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    before = [weight.numpy().copy() for weight in model.trainable_weights]
    model.fit(IMAGES, epochs=2, verbose=0)
    after = [weight.numpy() for weight in model.trainable_weights]
    assert len(after) == 5 * 2 + 1
    assert all(np.abs(a - b).max() > 0 for a, b in zip(after, before, strict=True))


def test_the_aggregated_posterior_is_the_mean_of_all_posteriors():
    model = small("standard")
    z_mean, z_log_var, _ = model.encode(IMAGES)
    z = np.random.default_rng(0).normal(size=(5, 2))
    of_each = norm(z_mean, np.exp(0.5 * z_log_var)).logpdf(z[:, None]).sum(axis=-1)
    expected = logsumexp(of_each, axis=1) - np.log(12)
    np.testing.assert_allclose(aggregated_posterior(model, IMAGES).log_prob(z), expected, rtol=1e-4)


def test_the_kl_splits_into_information_and_distance():
    exact = LinearGaussian.random(pixels=16, latent_dim=2, scale=0.2)
    x = exact.sample(400)
    vae = exact.vae()
    split = split_kl(vae, x, draws=20)
    assert split.kl == pytest.approx(split.information + split.to_prior, abs=1e-4)
    assert split.kl == pytest.approx(np.mean(vae.elbo_terms(x)["kl"]), abs=0.1)
    assert 0 < split.information <= np.log(400)
    # The codes of data drawn from the model itself are distributed as the prior, up to the finite number of images.
    assert -0.05 < split.to_prior < 0.5
    moved = exact.vae(mean_shift=3.0)
    assert split_kl(moved, x).to_prior > 5
    assert split_kl(vae, x, seed=1) != split_kl(vae, x, seed=2)


def test_the_information_of_codes_far_apart_is_the_log_of_their_number():
    exact = LinearGaussian.random(pixels=16, latent_dim=2, scale=0.001)
    assert split_kl(exact.vae(), exact.sample(20)).information == pytest.approx(np.log(20), abs=0.01)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: small("normal"), "prior='normal': expected one of standard, mixture, vamp, flow"),
        (lambda: small(components=0), "components=0"),
        (lambda: small(frozen="yes"), "frozen must be True or False, got 'yes'"),
        (lambda: PriorVAE(input_shape=SHAPE, latent_dim=1, prior="flow"), "latent_dim=1"),
        (lambda: small().adapt(IMAGES[:, :3]), "images have shape"),
        (lambda: small().adapt(IMAGES, seed=-1), "seed=-1"),
        (lambda: split_kl(small("standard"), IMAGES, draws=0), "draws=0"),
        (lambda: NormalMixture(np.zeros((2, 2)), np.zeros((2, 2))).draw(0), "n=0"),
        (lambda: MixturePrior(2, 0), "latent_dim=0"),
        (lambda: small().fit(2 * IMAGES), "expected pixels in"),
    ],
)
def test_bad_input_is_refused(make, words):
    with pytest.raises(BadInput, match=words):
        make()
