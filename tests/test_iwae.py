"""Protects the IWAE: a bound that rises with k and never passes the exact log p(x), where the grouped form passes it;
gradients that agree with their definitions; terms that no other image influences."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import logsumexp

from companion import evaluation, experiments
from companion.errors import BadInput
from companion.iwae import (
    IWAE,
    effective_sample_size,
    implied_posterior,
    iwae_loss,
    log_joint,
    normalized_weights,
)
from companion.linear_gaussian import LinearGaussian
from companion.networks import build_decoder, build_encoder

EXACT = LinearGaussian.random(pixels=8, latent_dim=2, scale=0.1)
SHIFTS = {"mean_shift": 0.1, "log_var_shift": 0.5}


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


def log_weights_of_toy(n=400, k=64, seed=0):
    x = EXACT.sample(n, seed=seed)
    return x, as_numpy(EXACT.vae(**SHIFTS).log_weights(x, k, seed=seed))


def small_iwae(seed=0, **kwargs):
    shape = (4, 4, 1)
    encoder = build_encoder(shape, 2, hidden=(8,), seed=2 * seed)
    decoder = build_decoder(2, shape, hidden=(8,), seed=2 * seed + 1)
    return IWAE(encoder, decoder, seed=seed, **kwargs)


def toy_iwae(num_samples, *, doubly_reparameterized=False, seed=0):
    """The linear-Gaussian model, its encoder off the exact posterior, as an IWAE."""
    vae = EXACT.vae(**SHIFTS)
    return IWAE(
        vae.encoder,
        vae.decoder,
        num_samples=num_samples,
        doubly_reparameterized=doubly_reparameterized,
        likelihood=vae.likelihood,
        seed=seed,
    )


# --- The bound -------------------------------------------------------------------------------------------------------


def test_the_loss_is_minus_the_log_mean_weight_of_each_image():
    log_weights = np.random.default_rng(0).normal(-700, 30, size=(6, 5))
    expected = -(logsumexp(log_weights, axis=0) - np.log(6))
    np.testing.assert_allclose(as_numpy(iwae_loss(log_weights)), expected, rtol=1e-6)


def test_the_bound_rises_with_k_and_never_passes_log_p():
    x, log_weights = log_weights_of_toy()
    exact = EXACT.log_prob(x).mean()
    bounds, errors = [], []
    for k in (1, 4, 16, 64):
        per_image = -as_numpy(iwae_loss(log_weights.reshape(64 // k, k, -1).transpose(1, 0, 2)))
        bounds.append(per_image.mean())
        errors.append(per_image.mean(axis=0).std() / np.sqrt(per_image.shape[1]))
    assert bounds == sorted(bounds)
    assert exact - bounds[0] == pytest.approx(EXACT.gap(**SHIFTS), rel=0.1)
    assert all(bound <= exact + 3 * error for bound, error in zip(bounds, errors, strict=True))
    assert exact - bounds[-1] < 0.1 * EXACT.gap(**SHIFTS)


def test_groups_of_different_images_pass_log_p():
    # The sources' form: one draw per image, every k neighbours in the batch folded into one mean.
    x, log_weights = log_weights_of_toy(n=400, k=1)
    grouped = -as_numpy(iwae_loss(log_weights.reshape(-1, 8).T)).mean()
    assert grouped > EXACT.log_prob(x).mean() + 0.5


def test_fit_reports_the_bound_and_the_elbo_of_the_same_posterior():
    x = EXACT.sample(2000)
    model = toy_iwae(16)
    model.compile(keras.optimizers.SGD(0.0))
    scores = model.evaluate(x, batch_size=300, verbose=0, return_dict=True)
    log_p = EXACT.log_prob(x).mean()
    assert -scores["neg_elbo"] == pytest.approx(log_p - EXACT.gap(**SHIFTS), abs=0.05)
    assert -scores["neg_elbo"] + 0.5 * EXACT.gap(**SHIFTS) < -scores["loss"] < log_p + 0.02
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction_loss"] + scores["kl_loss"], rel=1e-6)


def test_one_sample_is_the_elbo_in_expectation():
    x = np.repeat(EXACT.sample(1), 20_000, axis=0)
    one = toy_iwae(1)
    one.compile(keras.optimizers.SGD(0.0))
    scores = one.evaluate(x, batch_size=20_000, verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(scores["neg_elbo"], abs=0.03)


def test_terms_are_those_of_a_vae_with_the_same_noise_and_k_draws_average(images):
    model, epsilon = (
        small_iwae(num_samples=3),
        np.random.default_rng(1).normal(size=(20, 2)).astype("float32"),
    )
    terms = model.elbo_terms(images, epsilon)
    expected = super(IWAE, model).terms(
        images,
        {
            "logits": model.decoder(z := model.encode(images)[0] + _sigma(model, images) * epsilon),
            "z_mean": model.encode(images)[0],
            "z_log_var": model.encode(images)[1],
            "z": z,
        },
    )
    for name in ("log_likelihood", "kl", "elbo"):
        assert terms[name].shape == (20,)
        np.testing.assert_allclose(terms[name], as_numpy(expected[name]), rtol=1e-5)
    log_q = -0.5 * (epsilon**2 + np.log(2 * np.pi)).sum(1) - np.log(_sigma(model, images)).sum(1)
    log_prior = -0.5 * (z**2 + np.log(2 * np.pi)).sum(1)
    np.testing.assert_allclose(terms["bound"], terms["log_likelihood"] + log_prior - log_q, rtol=1e-5)
    drawn = model.elbo_terms(images)
    assert {drawn[name].shape for name in drawn} == {(20,)}
    assert (drawn["bound"] > drawn["elbo"] - 3).all()


def _sigma(model, images):
    return np.exp(0.5 * model.encode(images)[1])


def test_call_returns_k_draws_an_image(images):
    y_pred = small_iwae(num_samples=7)(images)
    assert tuple(y_pred["z"].shape) == (7, 20, 2)
    assert tuple(y_pred["logits"].shape) == (7, 20, 4, 4, 1)
    assert tuple(y_pred["z_mean"].shape) == (20, 2)
    assert float(ops.max(ops.abs(y_pred["z"][0] - y_pred["z"][1]))) > 1e-3
    noise = as_numpy((y_pred["z"] - y_pred["z_mean"]) / ops.exp(0.5 * y_pred["z_log_var"]))
    assert abs(noise.mean()) < 0.25
    assert noise.std() == pytest.approx(1, abs=0.15)
    drawn = as_numpy(keras.random.normal((7, 20, 2), seed=keras.random.SeedGenerator(0)))
    np.testing.assert_allclose(noise, drawn, rtol=1e-3, atol=1e-4)  # the stream of the model, whose seed is 0


def test_the_reported_terms_of_k_draws_against_numpy(images):
    model = small_iwae(num_samples=4)
    y_pred = {name: as_numpy(value) for name, value in model(images).items()}
    logits, z, mean, log_var = (y_pred[name] for name in ("logits", "z", "z_mean", "z_log_var"))
    log_likelihood = (images * logits - np.logaddexp(0, logits)).sum(axis=(2, 3, 4))
    kl = 0.5 * (np.exp(log_var) + mean**2 - 1 - log_var).sum(axis=1)
    log_q = -0.5 * ((z - mean) ** 2 / np.exp(log_var) + log_var + np.log(2 * np.pi)).sum(axis=2)
    log_weights = log_likelihood - 0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=2) - log_q
    terms = model.terms(images, y_pred)
    np.testing.assert_allclose(as_numpy(terms["log_likelihood"]), log_likelihood.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(as_numpy(terms["kl"]), kl, rtol=1e-4, atol=1e-6)
    bound = logsumexp(log_weights, axis=0) - np.log(4)
    np.testing.assert_allclose(as_numpy(terms["bound"]), bound, rtol=1e-5)
    np.testing.assert_allclose(as_numpy(model.objective(terms)), -bound, rtol=1e-5)
    usual = IWAE(input_shape=(4, 4, 1))
    assert (usual.num_samples, usual.doubly_reparameterized) == (5, False)


def test_every_image_has_its_own_term_in_any_batch(images):
    model, epsilon = (
        small_iwae(num_samples=3),
        np.random.default_rng(1).normal(size=(20, 2)).astype("float32"),
    )
    order = np.random.default_rng(2).permutation(20)
    together, shuffled = model.elbo_terms(images, epsilon), model.elbo_terms(images[order], epsilon[order])
    for name, values in together.items():
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-5)
        for size in (1, 7):
            parts = [
                model.elbo_terms(images[i : i + size], epsilon[i : i + size])[name]
                for i in range(0, 20, size)
            ]
            np.testing.assert_allclose(np.concatenate(parts), values, rtol=1e-5)


def test_weights_are_shared_out_among_the_draws_of_one_image():
    log_weights = np.log([[1.0, 5.0], [3.0, 5.0]])
    np.testing.assert_allclose(
        as_numpy(normalized_weights(log_weights)), [[0.25, 0.5], [0.75, 0.5]], rtol=1e-6
    )
    np.testing.assert_allclose(
        as_numpy(effective_sample_size(log_weights)), [1 / (1 / 16 + 9 / 16), 2], rtol=1e-6
    )


# --- The posterior that the bound implies ----------------------------------------------------------------------------


GRID = np.stack(np.meshgrid(np.linspace(-4, 4, 81), np.linspace(-4, 4, 81)), axis=-1).reshape(-1, 2)


def test_the_joint_density_integrates_to_p_of_x():
    x = EXACT.sample(3)
    total = logsumexp(log_joint(EXACT.vae(), x[0], GRID)) + 2 * np.log(0.1)
    assert total == pytest.approx(EXACT.log_prob(x[:1])[0], abs=1e-3)


def test_the_implied_posterior_goes_from_q_to_the_exact_posterior():
    x, vae = EXACT.sample(1), EXACT.vae(mean_shift=0.5, log_var_shift=1.0)
    log_p = log_joint(vae, x[0], GRID)
    exact = np.exp(log_p - logsumexp(log_p)) / 0.01
    z_mean, z_log_var, _ = vae.encode(x)
    q = np.exp(-0.5 * ((GRID - z_mean) ** 2 / np.exp(z_log_var) + z_log_var + np.log(2 * np.pi)).sum(axis=1))
    np.testing.assert_allclose(implied_posterior(vae, x[0], GRID, 1), q, rtol=1e-4, atol=1e-7)
    distance = {
        k: np.abs(implied_posterior(vae, x[0], GRID, k) - exact).sum() * 0.01 for k in (1, 5, 50, 2000)
    }
    assert distance[1] > distance[5] > distance[50] > distance[2000]
    assert distance[2000] < 0.05 < 0.5 < distance[1]
    for k in (5, 50):
        assert implied_posterior(vae, x[0], GRID, k).sum() * 0.01 == pytest.approx(1, abs=0.03)


def test_the_implied_posterior_against_numpy():
    image, vae = EXACT.sample(1)[0], EXACT.vae(**SHIFTS)
    points = np.array([[0.3, -0.2], [1.1, 0.4], [-2.0, 0.0]])
    z_mean, z_log_var, _ = vae.encode(image[None])
    log_q = -0.5 * ((points - z_mean) ** 2 / np.exp(z_log_var) + z_log_var + np.log(2 * np.pi)).sum(axis=1)
    p = np.exp(log_joint(vae, image, points).astype("float64"))
    others = np.exp(as_numpy(vae.log_weights(image[None], 8, seed=2))).reshape(4, 2)
    mean_weight = ((p / np.exp(log_q))[:, None] + others.sum(axis=1)) / 3
    expected = (p[:, None] / mean_weight).mean(axis=1)
    np.testing.assert_allclose(
        implied_posterior(vae, image, points, 3, repeats=4, seed=2), expected, rtol=1e-4
    )
    usual = implied_posterior(vae, image, points, 3, repeats=200, seed=0)
    np.testing.assert_array_equal(implied_posterior(vae, image, points, 3), usual)


# --- Gradients -------------------------------------------------------------------------------------------------------


def gradients(model, x, variables, *, seed=None):
    """The gradient of the loss, flattened, for one draw of the noise."""
    if seed is not None:
        model.seed_generator.state.assign([seed, 0])
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y_pred=model(x, training=True), training=True)
    return np.concatenate([as_numpy(g).ravel() for g in tape.gradient(loss, variables)])


def test_both_estimators_have_one_value_and_one_decoder_gradient():
    x = EXACT.sample(30)
    plain, double = toy_iwae(6), toy_iwae(6, doubly_reparameterized=True)
    losses = []
    for model in (plain, double):
        model.seed_generator.state.assign([5, 0])
        losses.append(float(model.compute_loss(x, y_pred=model(x, training=True))))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    of_plain = gradients(plain, x, plain.decoder.trainable_variables, seed=5)
    of_double = gradients(double, x, double.decoder.trainable_variables, seed=5)
    np.testing.assert_allclose(of_double, of_plain, rtol=1e-3, atol=1e-4 * np.abs(of_plain).max())


def test_the_bound_has_the_gradient_of_the_log_weights_each_times_its_share():
    log_weights = tf.Variable(np.random.default_rng(0).normal(-50, 3, size=(4, 5)).astype("float32"))
    with tf.GradientTape() as tape:
        bound = -ops.sum(iwae_loss(log_weights))
    np.testing.assert_allclose(
        tape.gradient(bound, log_weights), normalized_weights(log_weights), rtol=1e-4, atol=1e-7
    )


def encoder_gradients(model, x, repeats):
    return np.stack(
        [gradients(model, x, model.encoder.trainable_variables, seed=s) for s in range(1, repeats + 1)]
    )


@pytest.mark.slow
def test_the_two_estimators_agree_in_expectation_and_the_doubly_reparameterized_one_is_quieter():
    x = np.repeat(EXACT.sample(1, seed=3), 500, axis=0)
    plain = encoder_gradients(toy_iwae(8), x, 60)
    double = encoder_gradients(toy_iwae(8, doubly_reparameterized=True), x, 60)
    error = np.sqrt((plain.var(0) + double.var(0)) / 60)
    assert (np.abs(plain.mean(0) - double.mean(0)) <= 4 * error + 1e-6).all()
    assert double.var(0).sum() < 0.5 * plain.var(0).sum()
    signal = np.abs(double.mean(0)).max()
    assert signal > 5 * np.sqrt(double.var(0).max() / 60)  # there is a gradient to agree on


@pytest.mark.slow
def test_one_sample_has_the_gradient_of_the_elbo_in_expectation():
    x = np.repeat(EXACT.sample(1, seed=3), 500, axis=0)
    vae, one = EXACT.vae(**SHIFTS), toy_iwae(1)
    sampling = next(layer for layer in vae.encoder.layers if hasattr(layer, "seed_generator"))
    of_elbo = []
    for repeat in range(60):
        sampling.seed_generator.state.assign([repeat + 1, 0])
        of_elbo.append(gradients(vae, x, vae.encoder.trainable_variables))
    of_elbo, of_one = np.stack(of_elbo), encoder_gradients(one, x, 60)
    error = np.sqrt((of_elbo.var(0) + of_one.var(0)) / 60)
    assert (np.abs(of_elbo.mean(0) - of_one.mean(0)) <= 4 * error + 1e-6).all()
    assert np.abs(of_elbo.mean(0)).max() > 5 * error.max()


# --- As a Keras model ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("doubly_reparameterized", [False, True])
def test_training_closes_the_gap(doubly_reparameterized):
    x = EXACT.sample(1000)
    model = toy_iwae(5, doubly_reparameterized=doubly_reparameterized)
    model.decoder.trainable = False
    model.compile(keras.optimizers.Adam(0.01))
    before = (
        EXACT.log_prob(x).mean() + model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)["loss"]
    )
    model.fit(x, batch_size=100, epochs=5, verbose=0)
    after = EXACT.log_prob(x).mean() + model.evaluate(x, batch_size=1000, verbose=0, return_dict=True)["loss"]
    assert after < 0.3 * before


@pytest.mark.slow
def test_saved_loaded_and_resumed_it_goes_on_with_the_same_noise(images, tmp_path):
    model = small_iwae(num_samples=4, doubly_reparameterized=True)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    how = {"batch_size": 8, "shuffle": False, "verbose": 0}
    model.fit(images, **how)
    model.save(tmp_path / "iwae.keras")
    loaded = keras.models.load_model(tmp_path / "iwae.keras")
    assert (loaded.num_samples, loaded.doubly_reparameterized) == (4, True)
    further, resumed = (m.fit(images, epochs=2, **how).history for m in (model, loaded))
    for name, values in further.items():
        np.testing.assert_allclose(resumed[name], values, rtol=1e-5)


def test_the_estimator_is_shared_with_the_evaluation(images):
    model = small_iwae(num_samples=4)
    bound = evaluation.log_likelihood(model, images, k=6, seed=2)
    again = -as_numpy(iwae_loss(model.log_weights(images, 6, keras.random.SeedGenerator(2))))
    np.testing.assert_allclose(bound, again, rtol=1e-5)


@pytest.mark.slow
def test_a_recorded_run_keeps_its_options(tmp_path):
    settings = experiments.Settings(model="iwae", epochs=1, k=2, images=5, options={"num_samples": 2})
    record = experiments.run(settings, tmp_path / "run", quiet=True)
    assert record["settings"]["options"] == {"num_samples": 2, "doubly_reparameterized": False}
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    assert stored["test"]["neg_elbo"] == pytest.approx(
        stored["test"]["reconstruction"] + stored["test"]["kl"]
    )
    model, _ = experiments.load(tmp_path / "run")
    assert (type(model), model.num_samples) == (IWAE, 2)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_samples": 0}, "num_samples=0: expected a whole number of at least 1"),
        ({"num_samples": 2.5}, r"num_samples=2\.5: expected a whole number"),
        ({"doubly_reparameterized": 1}, "doubly_reparameterized must be True or False, got 1"),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(BadInput, match=message):
        IWAE(input_shape=(4, 4, 1), **wrong)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, "k=0: expected a whole number of at least 1"),
        ({"repeats": 0}, "repeats=0: expected a whole number of at least 1"),
        ({"points": np.zeros((5, 3))}, r"codes have shape \(5, 3\) and dtype float64: expected \(n, 2\)"),
    ],
)
def test_bad_input_to_the_implied_posterior(wrong, message):
    arguments = {"points": np.zeros((5, 2)), "k": 2, **wrong}
    with pytest.raises(BadInput, match=message):
        implied_posterior(EXACT.vae(), EXACT.sample(1)[0], **arguments)
