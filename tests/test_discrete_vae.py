"""Protects the discrete VAE: an exact KL, relaxed draws that tend to exact ones, a bound on log p(x) from exact draws,
a gradient through the relaxation, and a temperature that falls."""

import itertools
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import log_softmax, logsumexp

from companion import evaluation, experiments
from companion.discrete_vae import DiscreteVAE, gumbel, gumbel_softmax, kl_to_uniform
from companion.errors import BadInput
from companion.networks import build_decoder, build_encoder
from companion.schedules import warm_up

HOW = {"batch_size": 8, "shuffle": False, "verbose": 0}
ALL_CODES = np.array(list(itertools.product(range(3), repeat=2)), "int32")


def as_numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def small(**kwargs):
    """Two latents of three categories on images of 4x4."""
    encoder = build_encoder((4, 4, 1), 6, hidden=(8,), variational=False, seed=0)
    decoder = build_decoder(6, (4, 4, 1), hidden=(8,), seed=1)
    encoder.layers[-1].kernel.assign(3 * encoder.layers[-1].kernel)  # away from the uniform
    decoder.layers[-2].kernel.assign(3 * decoder.layers[-2].kernel)
    return DiscreteVAE(encoder, decoder, **{"num_latents": 2, "num_categories": 3, "seed": 0, **kwargs})


@pytest.fixture(scope="module")
def model():
    """It is never trained."""
    return small()


@pytest.fixture(scope="module")
def binary(images):
    return (images > 0.5).astype("float32")


def exact(model, x):
    """By going through all nine codes: log q(z|x), log p(x|z), both ``(9, n)``, and log p(x)."""
    log_q = log_softmax(as_numpy(model.encoder(x)).reshape(-1, 2, 3), axis=-1)
    log_q = np.stack([log_q[:, 0, a] + log_q[:, 1, b] for a, b in ALL_CODES])
    one_hot = np.eye(3)[ALL_CODES].reshape(9, 6).astype("float32")
    logits = as_numpy(model.decoder(one_hot))[:, None]
    log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=(2, 3, 4))
    return log_q, log_likelihood, logsumexp(log_likelihood, axis=0) - np.log(9)


# --- The relaxation and the KL ---------------------------------------------------------------------------------------


def test_a_relaxed_draw_is_a_softmax_of_logits_and_noise():
    rng = np.random.default_rng(0)
    logits, noise = rng.normal(size=(5, 2, 3)), rng.gumbel(size=(5, 2, 3))
    for temperature in (0.1, 1.0, 5.0):
        scores = (logits + noise) / temperature
        expected = np.exp(scores - logsumexp(scores, axis=-1, keepdims=True))
        np.testing.assert_allclose(as_numpy(gumbel_softmax(logits, noise, temperature)), expected, rtol=1e-4)


def test_exact_draws_have_the_probabilities_of_q():
    log_q = np.log(np.array([0.5, 0.3, 0.15, 0.05], "float32"))
    noise = as_numpy(gumbel((40_000, 4), seed=0))
    assert noise.mean() == pytest.approx(0.5772, abs=0.02)  # Euler's constant
    assert noise.var() == pytest.approx(np.pi**2 / 6, rel=0.03)
    draws = np.bincount((log_q + noise).argmax(axis=1)) / 40_000
    np.testing.assert_allclose(draws, np.exp(log_q), atol=0.01)


def test_the_kl_is_log_c_less_the_entropy():
    logits = np.random.default_rng(0).normal(size=(6, 4, 5)) * 2
    log_q = log_softmax(logits, axis=-1)
    entropy = -(np.exp(log_q) * log_q).sum(axis=-1)
    expected = (np.log(5) - entropy).sum(axis=-1)
    np.testing.assert_allclose(as_numpy(kl_to_uniform(logits)), expected, rtol=1e-5)
    np.testing.assert_allclose(as_numpy(kl_to_uniform(np.zeros((1, 4, 5)))), 0, atol=1e-6)
    sure = np.tile([100.0, 0, 0, 0, 0], (1, 4, 1))
    np.testing.assert_allclose(as_numpy(kl_to_uniform(sure)), 4 * np.log(5), rtol=1e-5)


# --- The bound -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_bound_from_exact_draws_is_that_of_going_through_all_codes(model, binary):
    log_q, log_likelihood, log_p = exact(model, binary)
    q = np.exp(log_q)
    elbo = (q * (log_likelihood - np.log(9) - log_q)).sum(axis=0)
    assert (elbo < log_p).all()
    drawn = np.mean([model.elbo_terms(binary, model.noise(20, seed=s))["elbo"] for s in range(300)], axis=0)
    np.testing.assert_allclose(drawn, elbo, atol=0.5)
    assert drawn.mean() == pytest.approx(elbo.mean(), abs=0.05)
    terms = model.elbo_terms(binary)
    np.testing.assert_allclose(terms["kl"], (q * (log_q + np.log(9))).sum(axis=0), rtol=1e-4, atol=1e-6)
    bounds = evaluation.log_likelihood(model, binary, k=3000)
    np.testing.assert_allclose(bounds, log_p, atol=0.4)
    assert bounds.mean() == pytest.approx(log_p.mean(), abs=0.06)


def test_a_given_noise_gives_a_given_draw(model, binary):
    epsilon = model.noise(20, seed=1)
    assert epsilon.shape == (20, 2, 3)
    log_q = log_softmax(as_numpy(model.encoder(binary)).reshape(-1, 2, 3), axis=-1)
    codes = (log_q + epsilon).argmax(axis=-1)
    logits = as_numpy(model.decoder(np.eye(3)[codes].reshape(20, 6).astype("float32")))
    expected = (binary * logits - np.logaddexp(0, logits)).sum(axis=(1, 2, 3))
    terms = model.elbo_terms(binary, epsilon)
    np.testing.assert_allclose(terms["log_likelihood"], expected, rtol=1e-4)
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-5)
    order = np.random.default_rng(2).permutation(20)
    shuffled = model.elbo_terms(binary[order], epsilon[order])
    for name, values in terms.items():
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-4)
        for size in (1, 7):
            parts = [
                model.elbo_terms(binary[i : i + size], epsilon[i : i + size])[name]
                for i in range(0, 20, size)
            ]
            np.testing.assert_allclose(np.concatenate(parts), values, rtol=1e-4)


def test_weights_are_those_of_exact_draws(model, binary):
    weights = as_numpy(model.log_weights(binary, 50, seed=0))
    log_q, log_likelihood, _ = exact(model, binary)
    possible = log_likelihood - np.log(9) - log_q  # of each code, of each image
    distance = np.abs(weights[:, None] - possible[None]).min(axis=1)
    assert weights.shape == (50, 20) and distance.max() < 1e-3
    np.testing.assert_array_equal(model.log_weights(binary, 5, seed=0), model.log_weights(binary, 5, seed=0))


# --- Training --------------------------------------------------------------------------------------------------------


def test_training_decodes_relaxed_draws_and_everything_else_exact_ones(model, images):
    relaxed, sharp = as_numpy(model(images, training=True)["z"]), as_numpy(model(images)["z"])
    np.testing.assert_allclose(relaxed.sum(axis=-1), 1, rtol=1e-5)
    assert (relaxed.max(axis=-1) < 0.99).mean() > 0.5
    np.testing.assert_array_equal(np.sort(sharp, axis=-1), np.tile([0, 0, 1], (20, 2, 1)))
    hard = as_numpy(small(hard=True)(images, training=True)["z"])
    np.testing.assert_allclose(np.sort(hard, axis=-1), np.tile([0, 0, 1], (20, 2, 1)), atol=1e-6)
    cold = as_numpy(small(temperature=1e-3)(images, training=True)["z"])
    assert (cold.max(axis=-1) > 0.99).mean() > 0.9
    assert tuple(model(images)["logits"].shape) == (20, 4, 4, 1)


@pytest.mark.parametrize("hard", [False, True])
def test_the_reconstruction_reaches_the_encoder(images, hard):
    model = small(hard=hard)
    with tf.GradientTape() as tape:
        terms = model.terms(images, model(images, training=True))
        value = -ops.mean(terms["log_likelihood"])
    gradient = tape.gradient(value, model.encoder.trainable_variables[0].value)
    assert np.abs(as_numpy(gradient)).max() > 1e-3


def test_exact_draws_alone_would_teach_the_encoder_nothing(images):
    model = small()
    with tf.GradientTape() as tape:
        value = ops.mean(model.terms(images, model(images, training=False))["log_likelihood"])
    assert tape.gradient(value, model.encoder.trainable_variables[0].value) is None


def test_the_temperature_falls_with_the_steps_of_the_optimizer(images, monkeypatch):
    seen = []

    def watched(logits, noise, temperature):
        seen.append(temperature)
        return ops.softmax((logits + noise) / temperature, axis=-1)

    monkeypatch.setattr("companion.discrete_vae.gumbel_softmax", watched)
    model = small(temperature=1.0, last_temperature=0.4, cooling_steps=4)
    model.compile(keras.optimizers.SGD(0.01), run_eagerly=True)
    model.fit(images, epochs=2, **HOW)
    np.testing.assert_allclose([float(t) for t in seen], [1, 0.85, 0.7, 0.55, 0.4, 0.4], rtol=1e-5)
    by_schedule = small(temperature=warm_up(4, 0.4, first=1.0))
    assert float(by_schedule.temperature(2)) == pytest.approx(0.7)
    assert small(temperature=0.3).temperature == 0.3


@pytest.mark.slow
@pytest.mark.parametrize("hard", [False, True])
def test_training_improves_the_bound(binary, hard):
    model = small(hard=hard)
    model.compile(keras.optimizers.Adam(0.01))
    before = model.evaluate(binary, verbose=0, return_dict=True)["neg_elbo"]
    history = model.fit(binary, epochs=40, **HOW).history
    assert set(history) == {"loss", "neg_elbo", "reconstruction_loss", "kl_loss"}
    assert model.evaluate(binary, verbose=0, return_dict=True)["neg_elbo"] < before - 1


def test_saved_loaded_and_resumed_it_goes_on_with_the_same_noise(images, tmp_path):
    model = small(temperature=0.9, cooling_steps=9, hard=True)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(images, **HOW)
    model.save(tmp_path / "discrete.keras")
    loaded = keras.models.load_model(tmp_path / "discrete.keras")
    assert (loaded.num_latents, loaded.num_categories, loaded.hard) == (2, 3, True)
    assert float(loaded.temperature(9)) == pytest.approx(0.5)
    further, resumed = (m.fit(images, epochs=2, **HOW).history for m in (model, loaded))
    for name, values in further.items():
        np.testing.assert_allclose(resumed[name], values, rtol=1e-4)


# --- Codes -----------------------------------------------------------------------------------------------------------


def test_encode_gives_probabilities_and_the_likeliest_codes(model, images):
    probabilities, codes = model.encode(images)
    log_q = log_softmax(as_numpy(model.encoder(images)).reshape(-1, 2, 3), axis=-1)
    np.testing.assert_allclose(probabilities, np.exp(log_q), rtol=1e-4)
    np.testing.assert_array_equal(codes, log_q.argmax(axis=-1))
    np.testing.assert_allclose(model.reconstruct(images), model.decode(codes))
    expected = 1 / (1 + np.exp(-as_numpy(model.decoder(np.eye(3)[codes].reshape(20, 6).astype("float32")))))
    np.testing.assert_allclose(model.decode(codes), expected, rtol=1e-4)


def test_samples_come_from_the_uniform_prior(model):
    np.testing.assert_array_equal(model.sample(5, seed=1), model.sample(5, seed=1))
    drawn = model.sample(2000, seed=0).reshape(2000, -1)
    all_pictures = model.decode(ALL_CODES).reshape(9, -1)
    which = np.abs(drawn[:, None] - all_pictures).max(axis=-1).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(which, minlength=9) / 2000, 1 / 9, atol=0.03)


def test_scores(model, binary):
    scores = evaluation.score(model, binary, k=5)
    terms = model.elbo_terms(binary, model.noise(20, 0))
    assert scores["neg_elbo"] == pytest.approx(-terms["elbo"].mean(), rel=1e-5)
    assert scores["units"] == 6
    variances = model.encode(binary)[0].reshape(20, 6).var(axis=0)
    assert scores["active_units"] == (variances > 0.01).sum()


def test_a_recorded_run_keeps_its_options(tmp_path):
    pixels = np.random.default_rng(0).uniform(size=(30, 6, 5, 1)).astype("float32")
    np.savez(tmp_path / "own.npz", images=pixels)
    options = {"num_latents": 3, "num_categories": 2, "cooling_steps": 5}
    settings = experiments.Settings(
        model="discrete_vae", dataset=str(tmp_path / "own.npz"), epochs=1, k=2, hidden=(8,), options=options
    )
    experiments.run(settings, tmp_path / "run", quiet=True)
    loaded, record = experiments.load(tmp_path / "run")
    assert (type(loaded), loaded.num_latents, loaded.num_categories) == (DiscreteVAE, 3, 2)
    assert float(loaded.temperature(5)) == pytest.approx(0.5)
    assert record["test"]["units"] == 6
    built = DiscreteVAE.build_networks((8, 8, 1), None, network="conv", seed=1)
    assert built["decoder"].input_shape == (None, 16 * 8)


def test_its_own_networks_are_dense_and_as_large_as_its_codes():
    model = DiscreteVAE(num_latents=5, num_categories=4, input_shape=(4, 4, 1), seed=0)
    assert model.encoder.output_shape == (None, 20)
    assert model.decoder.input_shape == (None, 20)
    usual = DiscreteVAE(input_shape=(4, 4, 1), seed=0)
    assert (usual.num_latents, usual.num_categories, usual.temperature, usual.hard) == (16, 8, 1.0, False)
    cooling = DiscreteVAE(input_shape=(4, 4, 1), cooling_steps=4)
    assert [float(cooling.temperature(step)) for step in (0, 2, 4, 9)] == pytest.approx([1, 0.75, 0.5, 0.5])
    built = DiscreteVAE.build_networks((4, 4, 1), hidden=(6,))
    assert built["encoder"].output_shape == (None, 16 * 8)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_latents": 0}, "num_latents=0: expected a whole number of at least 1"),
        ({"num_categories": 1.5}, r"num_categories=1\.5: expected a whole number"),
        ({"latent_dim": 7}, "latent_dim=7 with 16 latents of 8 categories: expected their product, 128"),
        ({"temperature": 0}, "temperature=0: expected a finite number above 0"),
        ({"last_temperature": -1.0}, r"last_temperature=-1\.0: expected a finite number above 0"),
        ({"cooling_steps": -1}, "cooling_steps=-1: expected a whole number of at least 0"),
        (
            {"temperature": warm_up(3, 0.5), "cooling_steps": 2},
            "cooling_steps=2 with temperature a PolynomialDecay: expected one of the two",
        ),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(BadInput, match=message):
        DiscreteVAE(input_shape=(4, 4, 1), **wrong)


def test_bad_input(model, images):
    with pytest.raises(BadInput, match=r"epsilon has shape \(20, 6\): expected \(20, 2, 3\), Gumbel noise"):
        model.elbo_terms(images, np.zeros((20, 6)))
    with pytest.raises(BadInput, match=r"expected \(n, 2\) whole numbers"):
        model.decode(np.zeros((1, 2)))
    with pytest.raises(BadInput, match="expected 0 to 2"):
        model.decode(np.array([[0, 3]]))
    with pytest.raises(BadInput, match="n=0: expected a whole number"):
        model.sample(0)
    assert math.isfinite(model.elbo_terms(images)["elbo"].mean())
