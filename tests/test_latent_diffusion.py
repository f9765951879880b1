"""Protects the diffusion of codes: on a normal distribution, whose score is known exactly, its bound is the entropy and
its sampler gives the distribution back; guidance, labels and frozen networks do what they say; models come back from
disk."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import expit
from scipy.stats import norm

from companion.errors import BadInput
from companion.evaluation import log_likelihood
from companion.latent_diffusion import (
    LatentDiffusion,
    alpha_sigma,
    build_denoiser,
    diffusion_bound,
    noised,
    reverse_path,
    reverse_step,
    time_features,
)
from companion.networks import build_decoder, build_encoder
from companion.priors import PriorVAE
from companion.vae import VAE

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(12, *SHAPE)).astype("float32")
LABELS = np.arange(12) % 3
MEAN, SPREAD = np.array([0.8, -0.5]), np.array([0.3, 1.4])


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def exact_noise(z, log_snr):
    """The expected noise in ``z`` where clean codes are normal with MEAN and SPREAD: minus sigma times the score."""
    alpha, sigma = np.sqrt(expit(log_snr)), np.sqrt(expit(-log_snr))
    return sigma * (z - alpha * MEAN) / (alpha**2 * SPREAD**2 + sigma**2)


def flow_from(start):
    """Where the exact flow takes points: each keeps its place in units of the spread at that time."""
    alpha, sigma = np.sqrt(expit(-6.0)), np.sqrt(expit(6.0))
    place = (start - alpha * MEAN) / np.sqrt(alpha**2 * SPREAD**2 + sigma**2)
    top = np.sqrt(expit(6.0))
    return (top * MEAN + place * np.sqrt(top**2 * SPREAD**2 + expit(-6.0))) / top


def mean_kl(model, code_noise=None, draws=2000):
    """The KL term, a mean over many draws; with ``code_noise`` ``(12, 2)`` the codes stay the same."""
    epsilon = model.noise(12 * draws, 1)
    if code_noise is not None:
        epsilon[:, :2] = np.tile(code_noise, (draws, 1))
    return np.mean(model.elbo_terms(np.tile(IMAGES, (draws, 1, 1, 1)), epsilon)["kl"])


def small(latent_dim=2, **how):
    encoder = build_encoder(SHAPE, latent_dim, hidden=(8,), seed=0)
    decoder = build_decoder(latent_dim, SHAPE, hidden=(8,), seed=1)
    return LatentDiffusion(encoder, decoder, **{"units": (16,), "seed": 0, **how})


def stirred(model, size=0.5):
    draws = np.random.default_rng(0)
    for weight in model.denoiser.weights:
        weight.assign(weight.numpy() + size * draws.normal(size=weight.shape))
    return model


def test_signal_and_noise_have_a_total_variance_of_one():
    log_snr = np.array([-6.0, 0.0, 2.0, 6.0])
    alpha, sigma = (as_numpy(part) for part in alpha_sigma(log_snr))
    np.testing.assert_allclose(alpha**2 + sigma**2, 1, rtol=1e-6)
    np.testing.assert_allclose(np.log(alpha**2 / sigma**2), log_snr, rtol=1e-4, atol=1e-6)
    z, epsilon = np.array([[2.0, 0.0]]), np.array([[0.0, 1.0]])
    np.testing.assert_allclose(noised(z, epsilon, 2.0), [[2 * alpha[2], sigma[2]]], rtol=1e-6)


def test_the_bound_of_the_exact_noise_is_the_entropy_of_the_codes():
    draws = np.random.default_rng(0)
    n = 200_000
    z = MEAN + SPREAD * draws.normal(size=(n, 2))
    epsilon, times = draws.normal(size=(n, 2)), (np.arange(n)[:, None] + 0.5) / n
    log_snr = -6 + 12 * times
    predicted = exact_noise(as_numpy(noised(z, epsilon, log_snr)), log_snr)
    error = np.square(epsilon - predicted).sum(axis=1)
    entropy = norm(MEAN, SPREAD).entropy().sum()
    bound = as_numpy(diffusion_bound(z.astype("float32"), error.astype("float32"))).mean()
    assert bound == pytest.approx(entropy, abs=0.04)
    # Any other prediction is worse by half the range times the mean squared difference.
    worse = np.square(epsilon - predicted - 0.2).sum(axis=1)
    bound_of_worse = as_numpy(diffusion_bound(z.astype("float32"), worse.astype("float32"))).mean()
    assert bound_of_worse - bound == pytest.approx(6 * 2 * 0.04, abs=0.05)


def test_the_parts_of_the_bound_that_need_no_network():
    z = np.array([[1.5, -0.5]], "float32")
    alpha, sigma = np.sqrt(expit(-6.0)), np.sqrt(expit(6.0))
    at_the_top = sum(0.5 * ((alpha * value) ** 2 + sigma**2 - 1 - 2 * np.log(sigma)) for value in (1.5, -0.5))
    # The expected log density of a code under a normal whose log variance is -6.
    at_the_bottom = 2 * 0.5 * (np.log(2 * np.pi) - 6 + 1)
    found = float(diffusion_bound(z, np.array([0.25], "float32"))[0])
    assert found == pytest.approx(at_the_top + 6 * 0.25 + at_the_bottom, rel=1e-4)


@pytest.mark.parametrize("stochastic", [False, True])
def test_the_sampler_gives_a_normal_distribution_back(stochastic):
    draws = np.random.default_rng(0)

    def draw():
        return draws.normal(size=(20_000, 2)).astype("float32")

    *_, last = reverse_path(exact_noise, draw(), 200, draw if stochastic else None)
    mean, spread = MEAN, np.hypot(SPREAD, np.exp(-3))
    if (
        not stochastic
    ):  # the flow remembers that its start was N(0, I), which the noisiest codes are not quite
        mean, spread = flow_from(np.zeros(2)), flow_from(np.ones(2)) - flow_from(np.zeros(2))
        np.testing.assert_allclose(mean, MEAN, atol=0.05)
    np.testing.assert_allclose(as_numpy(last).mean(axis=0), mean, atol=0.02)
    np.testing.assert_allclose(as_numpy(last).std(axis=0), spread, rtol=0.03)


def test_more_steps_come_closer_to_the_probability_flow():
    start = np.array([[1.0, -2.0], [0.0, 0.5]], "float32")
    expected = flow_from(start)
    errors = []
    for steps in (4, 16, 64, 256):
        *_, last = reverse_path(exact_noise, start, steps)
        errors.append(np.abs(as_numpy(last) - expected).max())
    assert all(after < before / 2 for before, after in itertools.pairwise(errors))
    assert errors[-1] < 0.02


def test_a_path_has_a_point_per_step_and_ends_on_the_scale_of_the_codes():
    start = np.ones((3, 2), "float32")
    path = [as_numpy(z) for z in reverse_path(exact_noise, start, 5)]
    assert len(path) == 6
    np.testing.assert_array_equal(path[0], start)
    still = [as_numpy(z) for z in reverse_path(lambda z, log_snr: 0.0 * z, start, 1)]
    np.testing.assert_allclose(still[1], start / np.sqrt(expit(-6.0)), rtol=1e-4)


def test_a_step_keeps_the_variance_of_the_forward_process():
    draws = np.random.default_rng(0)
    clean, epsilon, noise = draws.normal(size=(3, 100_000, 1))
    z = as_numpy(noised(clean, epsilon, -1.0))
    plain, stochastic = (as_numpy(reverse_step(z, epsilon, -1.0, 1.5, new)) for new in (None, noise))
    np.testing.assert_allclose(plain, as_numpy(noised(clean, epsilon, 1.5)), atol=1e-5)
    kept = np.exp(-1.25)
    sigma = np.sqrt(expit(-1.5))
    assert np.corrcoef(stochastic[:, 0], epsilon[:, 0])[0, 1] == pytest.approx(sigma * kept, abs=0.01)
    assert np.corrcoef(stochastic[:, 0], noise[:, 0])[0, 1] == pytest.approx(
        sigma * np.sqrt(1 - kept**2), abs=0.01
    )
    assert stochastic.var() == pytest.approx(1.0, abs=0.02)


def test_time_is_told_in_waves():
    told = as_numpy(time_features(np.array([[-6.0], [0.0], [6.0], [3.0]])))
    assert told.shape == (4, 7)
    np.testing.assert_allclose(told[:, 0], [0, 0.5, 1, 0.75], atol=1e-6)
    time = told[3, 0] * np.pi
    expected = [wave(often * time) for often in (1, 2, 4) for wave in (np.sin, np.cos)]
    np.testing.assert_allclose(told[3, 1:], expected, atol=1e-5)


@pytest.mark.slow
def test_a_new_network_makes_the_diffusion_a_standard_normal():
    model = small()
    z = np.random.default_rng(0).normal(size=(5, 2)).astype("float32")
    for log_snr in (-6.0, 0.5, 6.0):
        sigma = np.sqrt(expit(-log_snr))
        np.testing.assert_allclose(model.predict_noise(z, np.full((1, 1), log_snr)), sigma * z, rtol=1e-5)
    plain = VAE(model.encoder, model.decoder, seed=0)
    epsilon = plain.noise(12, 0)
    expected = PriorVAE(model.encoder, model.decoder, prior="flow").elbo_terms(IMAGES, epsilon)["kl"]
    assert mean_kl(model, epsilon) == pytest.approx(expected.mean(), abs=0.2)
    codes = model.draw_codes(4000, seed=0, steps=200)
    np.testing.assert_allclose(codes.std(axis=0), 1, atol=0.05)


def test_the_network_is_given_code_time_and_label_in_this_order():
    model = stirred(small(num_classes=3))
    z, level = np.array([[0.5, -1.0]], "float32"), np.array([[1.0]], "float32")
    label = np.eye(3, dtype="float32")[[2]]
    inputs = np.concatenate([z, as_numpy(time_features(level)), label], axis=1)
    alpha, sigma = (float(part[0, 0]) for part in alpha_sigma(level))
    expected = sigma * z + alpha * as_numpy(model.denoiser(inputs))
    np.testing.assert_allclose(model.predict_noise(z, level, label), expected, rtol=1e-4)
    inputs[:, -3:] = 0
    without = sigma * z + alpha * as_numpy(model.denoiser(inputs))
    np.testing.assert_allclose(model.predict_noise(z, level), without, rtol=1e-4)
    guided = as_numpy(model.guided(label, 2.0)(z, 1.0))
    np.testing.assert_allclose(guided, 3 * expected - 2 * without, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.guided(label)(z, 1.0), expected, rtol=1e-4)


def test_the_terms_are_those_of_noise_that_is_given():
    model = stirred(small())
    model.adapt(IMAGES)
    epsilon = model.noise(12, 4)
    assert epsilon.shape == (12, 5) == (12, model.noise_dim)
    z_mean, z_log_var, _ = model.encode(IMAGES)
    z = z_mean + np.exp(0.5 * z_log_var) * epsilon[:, :2]
    times = norm.cdf(epsilon[:, 4:])
    level = -6 + 12 * times
    scaled = (z - model.center.numpy()) / model.spread.numpy()
    predicted = model.predict_noise(as_numpy(noised(scaled, epsilon[:, 2:4], level)), level)
    error = np.square(epsilon[:, 2:4] - as_numpy(predicted)).sum(axis=1)
    bound = as_numpy(diffusion_bound(scaled, error.astype("float32"))) + np.log(model.spread.numpy()).sum()
    log_q = norm(z_mean, np.exp(0.5 * z_log_var)).logpdf(z).sum(axis=1)
    terms = model.elbo_terms(IMAGES, epsilon)
    np.testing.assert_allclose(terms["kl"], log_q + bound, rtol=1e-3, atol=1e-3)
    logits = as_numpy(model.decoder(z.astype("float32")))
    expected = (IMAGES * logits - np.logaddexp(0, logits)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(terms["log_likelihood"], expected, rtol=1e-4)
    np.testing.assert_allclose(terms["elbo"], terms["log_likelihood"] - terms["kl"], rtol=1e-5)


def test_codes_are_standardised_by_the_images_it_adapts_to():
    model = small()
    np.testing.assert_array_equal(model.standardized(np.ones((1, 2))), np.ones((1, 2)))
    model.adapt(IMAGES)
    scaled = as_numpy(model.standardized(np.concatenate([model.encode(IMAGES)[2] for _ in range(200)])))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=0.7)
    assert np.abs(model.center.numpy()).max() > 0
    codes = model.draw_codes(4000, seed=0, steps=20)
    np.testing.assert_allclose(codes.mean(axis=0), model.center.numpy(), atol=0.1)
    np.testing.assert_allclose(codes.std(axis=0), model.spread.numpy(), rtol=0.1)


def test_the_weights_of_all_draws_are_the_mean_of_their_bounds():
    model = stirred(small())
    weights = as_numpy(model.log_weights(IMAGES, 6, seed=2))
    assert weights.shape == (6, 12) and np.ptp(weights, axis=0).max() == 0
    noise = keras.random.normal((6, 12, 5), seed=2)
    elbos = [model.elbo_terms(IMAGES, as_numpy(each))["elbo"] for each in noise]
    np.testing.assert_allclose(weights[0], np.mean(elbos, axis=0), rtol=1e-4)
    np.testing.assert_allclose(log_likelihood(model, IMAGES, 6, seed=2).shape, (12,))
    with pytest.raises(NotImplementedError, match="terms uses a bound"):
        model.prior_of(None)


@pytest.mark.slow
def test_a_trained_network_samples_both_of_two_narrow_clusters():
    model = small(units=(64, 64))
    corners = np.where(np.arange(400)[:, None] % 2 == 0, 2.0, -2.0) * np.ones((400, 2))

    model.spread.assign([2.0, 2.0])
    noise = np.random.default_rng(0)
    z = (corners + 0.2 * noise.normal(size=corners.shape)).astype("float32")
    trainer = keras.Model(model.denoiser.inputs, model.denoiser.outputs)
    trainer.compile(keras.optimizers.Adam(3e-3), loss="mean_squared_error", jit_compile=False)
    rows, targets = pairs_of_noise(model, np.tile(z, (50, 1)), noise)
    trainer.fit(rows, targets, batch_size=500, epochs=15, verbose=0)
    codes = model.draw_codes(500, seed=0, steps=50)
    near = np.minimum(np.abs(codes - 2).max(axis=1), np.abs(codes + 2).max(axis=1)) < 1.0
    assert near.mean() > 0.9
    assert 0.3 < np.mean(codes[:, 0] > 0) < 0.7


def pairs_of_noise(model, z, noise):
    """Inputs of the network, and what it should give: v = alpha epsilon - sigma z."""
    epsilon, level = noise.normal(size=z.shape), noise.uniform(-6, 6, size=(len(z), 1))
    scaled = as_numpy(model.standardized(z))
    inputs = np.concatenate(
        [as_numpy(noised(scaled, epsilon, level)), as_numpy(time_features(level))], axis=1
    )
    alpha, sigma = (as_numpy(part) for part in alpha_sigma(level))
    return inputs.astype("float32"), (alpha * epsilon - sigma * scaled).astype("float32")


@pytest.mark.slow
def test_frozen_networks_stay_and_the_diffusion_learns(tmp_path):
    model = small()
    # Narrow posteriors: all codes together are twelve small clusters, far from a normal.
    model.encoder.get_layer("raw_log_var").bias.assign([-8.0, -8.0])
    model.adapt(IMAGES)
    kept = [weight.numpy().copy() for weight in model.encoder.variables]
    assert not model.encoder.trainable and len(model.trainable_weights) == 4
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    before = mean_kl(model)
    model.fit(np.tile(IMAGES, (20, 1, 1, 1)), batch_size=240, epochs=150, verbose=0)
    assert mean_kl(model) < before - 0.3
    for first, weight in zip(kept, model.encoder.variables, strict=True):
        if first.dtype.kind == "f":  # the state of the noise moves on
            np.testing.assert_array_equal(first, weight.numpy())
    model.save(tmp_path / "diffusion.keras")
    loaded = keras.models.load_model(tmp_path / "diffusion.keras")
    epsilon = model.noise(12, 0)
    np.testing.assert_allclose(
        loaded.elbo_terms(IMAGES, epsilon)["elbo"], model.elbo_terms(IMAGES, epsilon)["elbo"], rtol=1e-5
    )
    np.testing.assert_allclose(loaded.sample(3, seed=1), model.sample(3, seed=1), rtol=1e-4, atol=1e-6)
    free = small(frozen=False)
    assert len(free.trainable_weights) == 4 + 10


@pytest.mark.slow
def test_labels_are_part_of_the_input_and_some_are_hidden_in_training():
    model = stirred(small(num_classes=3, label_dropout=1.0))
    shown = stirred(small(num_classes=3, label_dropout=0.0))
    pair = (IMAGES, LABELS)
    assert model.takes_pairs and not small().takes_pairs
    np.testing.assert_array_equal(model.condition_of(pair), np.eye(3)[LABELS])
    np.testing.assert_array_equal(model.condition_of(model.checked(pair)), np.eye(3)[LABELS])
    seen = []
    for each in (model, shown):
        original = each.squared_error
        each.squared_error = lambda z, e, t, c, original=original: (
            seen.append(as_numpy(c)),
            original(z, e, t, c),
        )[1]
        each(pair, training=True)
        each(pair)
    hidden, in_use, all_shown, _ = seen
    assert hidden.sum() == 0 and in_use.sum() == 12 and all_shown.sum() == 12
    model = stirred(small(num_classes=3))
    model.compile("adam", jit_compile=False)
    history = model.fit([IMAGES, LABELS], validation_data=[IMAGES, LABELS], epochs=1, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    assert model.sample(4, seed=0, labels=[0, 1, 2, 2], guidance=1.5, steps=3).shape == (4, *SHAPE)
    first, second = (model.draw_codes(2, 0, labels=[label] * 2, steps=3) for label in (0, 1))
    assert np.abs(first - second).max() > 1e-3
    assert len(np.unique(model.draw_codes(50, 0, steps=2).round(6), axis=0)) == 50


def test_times_of_a_batch_are_spread_evenly():
    model = small()
    seen = []
    original = model.squared_error
    model.squared_error = lambda z, e, t, c: (seen.append(as_numpy(t)), original(z, e, t, c))[1]
    for _ in range(2):
        model(IMAGES)
    for times in seen:
        np.testing.assert_allclose(np.diff(times[:, 0]), 1 / 12, atol=1e-5)
        assert 0 <= times.min() < 1 / 12
    assert seen[0][0] != seen[1][0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: small(num_classes=1), "num_classes=1: expected a whole number of at least 2"),
        (lambda: small(label_dropout=1.5), "label_dropout=1.5: expected a share"),
        (lambda: small(label_dropout=-0.1), "label_dropout=-0.1"),
        (lambda: small(units=(0,)), "units=0"),
        (lambda: small(units=()), r"units=\(\)"),
        (lambda: small(frozen=1), "frozen must be True or False, got 1"),
        (lambda: small().sample(3, labels=[0, 1, 2]), "labels or guidance for a diffusion without classes"),
        (lambda: small().sample(3, guidance=1.0), "labels or guidance for a diffusion without classes"),
        (lambda: small(num_classes=3).sample(3, guidance=-1.0), "guidance=-1.0"),
        (lambda: small(num_classes=3).sample(3, labels=[0, 1]), "3 images to sample and 2 labels"),
        (lambda: small(num_classes=3).sample(1, labels=[7]), "labels run from 7 to 7"),
        (lambda: small().sample(3, steps=0), "steps=0: expected a whole number of at least 1"),
        (lambda: small().sample(0), "n=0"),
        (lambda: small(num_classes=3).fit(IMAGES), "expected images with their labels"),
        (lambda: small(num_classes=3).fit([IMAGES, LABELS], LABELS), r"call fit\(\[images, labels\]\)"),
        (lambda: small(num_classes=3).fit([IMAGES, LABELS[:5]]), "12 images and 5 labels"),
        (lambda: small().fit(IMAGES, LABELS), "learns from images alone"),
        (lambda: small().adapt(3 * IMAGES), "expected pixels in"),
        (lambda: small().elbo_terms(IMAGES, np.zeros((12, 2))), r"expected \(12, 5\)"),
        (lambda: next(reverse_path(exact_noise, np.ones((1, 2)), 0)), "steps=0"),
    ],
)
def test_bad_input_is_refused(make, words):
    with pytest.raises(BadInput, match=words):
        make()


def test_the_network_has_the_widths_that_were_asked_for():
    network = build_denoiser(3, 10, units=(20, 30), seed=0)
    assert network.input_shape == (None, 3 + 7 + 10) and network.output_shape == (None, 3)
    assert [layer.units for layer in network.layers[1:]] == [20, 30, 3]
    assert not np.any(network.layers[-1].get_weights()[0])
