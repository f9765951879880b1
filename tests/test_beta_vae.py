"""Protects the beta-VAE: at beta = 1 it is the VAE itself; what is reported stays the unweighted ELBO; warm-up
and capacity are worth at each step what their schedules say, across saving and resuming too. The parts of the KL, of
which the beta-TCVAE weighs one, are in test_beta_tcvae.py."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from companion import experiments, schedules
from companion.beta_vae import BetaVAE, beta_vae_loss, capacity_loss
from companion.distributions import DiagonalNormal
from companion.errors import BadInput
from companion.objectives import kl_per_unit

LOG_LIKELIHOOD, KL = np.float32([-100.0, -90.0]), np.float32([3.0, 5.0])
HOW = {"batch_size": 8, "shuffle": False, "verbose": 0}  # three batches an epoch
EPSILON = np.random.default_rng(5).standard_normal((20, 2)).astype("float32")

STRANGER = """
import json, sys
import keras, numpy as np
import companion.beta_vae

folder = sys.argv[1]
given = np.load(folder + "/given.npz")
model = keras.models.load_model(folder + "/beta.keras")
elbo = model.elbo_terms(given["images"], given["epsilon"])["elbo"]
resumed = keras.models.load_model(folder + "/beta.keras")
history = resumed.fit(given["images"], epochs=2, **json.loads(sys.argv[2])).history
pictures = model.reconstruct(given["images"])
print(json.dumps({"elbo": elbo.tolist(), "history": history, "reconstruction": pictures.tolist()}))
"""


@pytest.fixture
def new_beta_vae(new_vae):
    """A function that makes a small beta-VAE on the networks of a small VAE."""

    def make(seed=0, **kwargs):
        vae = new_vae(seed)
        return BetaVAE(vae.encoder, vae.decoder, seed=seed, **kwargs)

    return make


@pytest.fixture
def noiseless(noiseless_vae):
    """A function that makes a beta-VAE whose encoder gives z = z_mean, compiled so that it stands still."""

    def make(**kwargs):
        vae = noiseless_vae()
        model = BetaVAE(vae.encoder, vae.decoder, **kwargs)
        model.compile(keras.optimizers.SGD(0.0))
        return model

    return make


def losses_by_step(model, images, steps):
    """The loss that training had at each of its first ``steps`` steps."""
    return model.fit(images, batch_size=len(images), epochs=steps, verbose=0).history["loss"]


# --- The losses -------------------------------------------------------------------------------------------------------


def test_the_kl_is_weighted_image_by_image():
    np.testing.assert_array_equal(beta_vae_loss(LOG_LIKELIHOOD, KL, 4.0), [112, 110])
    np.testing.assert_array_equal(beta_vae_loss(LOG_LIKELIHOOD, KL, 1.0), [103, 95])
    np.testing.assert_array_equal(beta_vae_loss(LOG_LIKELIHOOD, KL, 0.0), [100, 90])


@pytest.mark.parametrize(("capacity", "expected"), [(4.0, [100, 90]), (1.0, [130, 120]), (6.0, [120, 110])])
def test_the_capacity_is_compared_with_the_mean_kl_from_both_sides(capacity, expected):
    # Taken image by image, |3 - 4| and |5 - 4| would not vanish at a capacity of 4.
    np.testing.assert_array_equal(capacity_loss(LOG_LIKELIHOOD, KL, capacity, 10.0), expected)


@pytest.mark.parametrize(
    "loss", [lambda a, b: beta_vae_loss(a, b, 4.0), lambda a, b: capacity_loss(a, b, 4.0, 1.0)]
)
def test_terms_of_two_shapes_are_refused(loss):
    with pytest.raises(BadInput, match="expected one value per image"):
        loss(np.zeros((2, 1), "float32"), KL)


# --- The model --------------------------------------------------------------------------------------------------------


def test_at_beta_one_it_is_the_vae(images, new_vae, new_beta_vae):
    vae, one = new_vae(3), new_beta_vae(3, beta=1.0)
    of_vae, of_one = (model.elbo_terms(images, EPSILON) for model in (vae, one))
    for name, values in of_vae.items():
        np.testing.assert_array_equal(of_one[name], values)
    histories = []
    for model in (vae, one):
        model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
        histories.append(model.fit(images, epochs=3, **HOW).history)
    assert (
        histories[0].keys() == histories[1].keys() == {"loss", "neg_elbo", "reconstruction_loss", "kl_loss"}
    )
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-6)
    assert histories[1]["loss"] == pytest.approx(histories[1]["neg_elbo"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.0, 0.5, 4.0, 784.0])
def test_the_loss_is_weighted_and_the_report_is_not(images, noiseless, beta):
    scores = noiseless(beta=beta).evaluate(images, batch_size=7, verbose=0, return_dict=True)
    terms = noiseless(beta=beta).elbo_terms(images)
    assert scores["kl_loss"] == pytest.approx(terms["kl"].mean(), rel=1e-5)
    assert scores["reconstruction_loss"] == pytest.approx(-terms["log_likelihood"].mean(), rel=1e-5)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction_loss"] + scores["kl_loss"], rel=1e-6)
    assert scores["loss"] == pytest.approx(scores["reconstruction_loss"] + beta * scores["kl_loss"], rel=1e-5)


def test_beta_is_four_unless_told_otherwise(images, noiseless):
    scores = noiseless().evaluate(images, verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(scores["neg_elbo"] + 3 * scores["kl_loss"], rel=1e-5)


@pytest.mark.slow
def test_beta_climbs_with_the_steps_of_the_optimizer(images, noiseless):
    terms = noiseless().elbo_terms(images)
    reconstruction, kl = -terms["log_likelihood"].mean(), terms["kl"].mean()
    expected = [reconstruction + beta * kl for beta in (0, 1, 2, 3, 3)]
    by_steps = noiseless(beta=3.0, warm_up_steps=3)
    assert losses_by_step(by_steps, images, 5) == pytest.approx(expected, rel=1e-5)
    by_schedule = noiseless(beta=schedules.warm_up(3, 3.0))
    assert losses_by_step(by_schedule, images, 5) == pytest.approx(expected, rel=1e-5)
    uncompiled = BetaVAE(by_steps.encoder, by_steps.decoder, beta=3.0, warm_up_steps=3)
    np.testing.assert_allclose(uncompiled.objective(terms), -terms["log_likelihood"])


@pytest.mark.slow
def test_capacity_climbs_and_takes_the_place_of_beta(images, noiseless):
    terms = noiseless().elbo_terms(images)
    reconstruction, kl = -terms["log_likelihood"].mean(), terms["kl"].mean()
    model = noiseless(beta=1000.0, gamma=7.0, capacity=4 * kl, capacity_steps=2)
    expected = [reconstruction + 7 * abs(kl - c) for c in (0, 2 * kl, 4 * kl, 4 * kl)]
    assert losses_by_step(model, images, 4) == pytest.approx(expected, rel=1e-5)
    fixed = noiseless(gamma=7.0, capacity=2 * kl)
    assert losses_by_step(fixed, images, 1) == pytest.approx([reconstruction + 7 * kl], rel=1e-5)
    none = noiseless(gamma=7.0)
    assert losses_by_step(none, images, 1) == pytest.approx([reconstruction + 7 * kl], rel=1e-5)


@pytest.mark.slow
def test_a_larger_beta_buys_a_smaller_kl_and_a_capacity_is_reached(new_beta_vae):
    # Two bits an image: what colour its left half has, and its right half.
    halves = np.random.default_rng(0).integers(0, 2, (1000, 1, 2, 1)).astype("float32")
    reached, many = {}, np.repeat(np.repeat(halves, 4, axis=1), 2, axis=2)
    for name, kwargs in {
        "beta 1": {"beta": 1.0},
        "beta 50": {"beta": 50.0},
        "capacity": {"gamma": 50.0, "capacity": 1.0},
    }.items():
        model = new_beta_vae(**kwargs)
        model.compile(keras.optimizers.Adam(0.003), jit_compile=False)
        reached[name] = model.fit(many, batch_size=20, epochs=15, verbose=0).history
    last = {name: (h["kl_loss"][-1], h["reconstruction_loss"][-1]) for name, h in reached.items()}
    assert last["beta 50"][0] < 0.05 < 1.3 < last["beta 1"][0]
    assert last["beta 50"][1] > 10 > 6 > last["beta 1"][1]
    assert last["capacity"][0] == pytest.approx(1.0, abs=0.2)


def test_every_image_has_its_own_term_in_any_batch(images, new_beta_vae):
    model, order = new_beta_vae(), np.random.default_rng(2).permutation(20)
    together = model.elbo_terms(images, EPSILON)
    shuffled = model.elbo_terms(images[order], EPSILON[order])
    for name, values in together.items():
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-5)
        for size in (1, 7):
            slices = [slice(i, i + size) for i in range(0, 20, size)]
            parts = [model.elbo_terms(images[rows], EPSILON[rows])[name] for rows in slices]
            np.testing.assert_allclose(np.concatenate(parts), values, rtol=1e-5)


# --- Saved, resumed, recorded -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_new_process_goes_on_in_the_middle_of_both_climbs(images, new_beta_vae, tmp_path):
    model = new_beta_vae(gamma=5.0, capacity=2.0, capacity_steps=9, beta=3.0, warm_up_steps=4)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(images, **HOW)
    elbo, reconstruction = (
        model.elbo_terms(images, EPSILON)["elbo"],
        model.reconstruct(images),
    )  # moves the noise on
    model.save(tmp_path / "beta.keras")
    np.savez(tmp_path / "given.npz", images=images, epsilon=EPSILON)
    command = [sys.executable, "-c", STRANGER, str(tmp_path), json.dumps(HOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(answer["elbo"], elbo, rtol=1e-5)
    np.testing.assert_allclose(answer["reconstruction"], reconstruction, rtol=1e-4, atol=1e-5)
    for name, values in model.fit(images, epochs=2, **HOW).history.items():
        np.testing.assert_allclose(answer["history"][name], values, rtol=1e-5)


def test_free_bits_are_per_unit_on_the_batch_mean_and_what_is_reported_has_none(new_beta_vae, images):
    plain, free = new_beta_vae(beta=2.0), new_beta_vae(beta=2.0, free_bits=0.3)
    per_unit = np.asarray(kl_per_unit(*free.encode(images)[:2]))
    charged = np.sum(np.maximum(0.3, per_unit.mean(axis=0)))
    assert charged > per_unit.sum(axis=1).mean()  # or the test would show nothing
    terms = free.elbo_terms(images, EPSILON[: len(images)])
    np.testing.assert_allclose(terms["kl_with_free_bits"], np.full(len(images), charged), rtol=1e-4)
    assert "kl_with_free_bits" not in plain.elbo_terms(images)
    for name in ("kl", "elbo"):
        expected = plain.elbo_terms(images, EPSILON[: len(images)])[name]
        np.testing.assert_allclose(terms[name], expected, rtol=1e-5)
    free.compile("adam")
    scores = free.evaluate(images, batch_size=len(images), verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(scores["reconstruction_loss"] + 2.0 * charged, rel=1e-4)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction_loss"] + scores["kl_loss"], rel=1e-4)


def test_a_unit_below_its_free_bits_is_not_pushed_to_the_prior(new_beta_vae, images):
    """Both units of the first weights lie below 5 nats, so the encoder's log variances get no gradient from the KL."""
    import tensorflow as tf

    found = {}
    for name, bits in (("none", 0.0), ("five nats", 5.0)):
        model = new_beta_vae(free_bits=bits)
        with tf.GradientTape() as tape:
            y_pred = model(images)
            terms = model.terms(images, y_pred)
            charged = tf.reduce_mean(model.objective({**terms, "log_likelihood": tf.zeros(len(images))}))
        found[name] = tape.gradient(charged, y_pred["z_mean"])
    assert np.abs(found["none"]).max() > 0
    assert found["five nats"] is None or np.abs(found["five nats"]).max() == 0


def test_free_bits_are_measured_against_the_models_own_prior(new_vae, images):
    class Shifted(BetaVAE):
        def prior_of(self, x):
            return DiagonalNormal(3.0 * np.ones(2, "float32"), np.zeros(2, "float32"))

    vae = new_vae(0)
    model = Shifted(vae.encoder, vae.decoder, free_bits=1e-6, seed=0)
    terms = model.elbo_terms(images)
    np.testing.assert_allclose(
        terms["kl_with_free_bits"], np.full(len(images), terms["kl"].mean()), rtol=1e-4
    )


def test_the_configuration_keeps_numbers_and_schedules(new_beta_vae):
    plain = BetaVAE.from_config(new_beta_vae(beta=2.5, gamma=3.0, capacity=1.0).get_config())
    assert (plain.beta, plain.gamma, plain.capacity) == (2.5, 3.0, 1.0)
    assert BetaVAE.from_config(new_beta_vae(free_bits=0.5).get_config()).free_bits == 0.5
    climbing = BetaVAE.from_config(new_beta_vae(gamma=1.0, capacity=4.0, capacity_steps=8).get_config())
    assert [float(climbing.capacity(step)) for step in (0, 2, 8, 50)] == [0, 1, 4, 4]


@pytest.mark.slow
def test_a_recorded_run_keeps_its_options_and_resumes(tmp_path):
    own = {"beta": 2.0, "warm_up_steps": 5}
    settings = experiments.Settings(model="beta_vae", epochs=1, k=2, images=5, hidden=(16,), options=own)
    experiments.run(settings, tmp_path / "run", quiet=True)
    settings = experiments.Settings(model="beta_vae", epochs=2, k=2, images=5, hidden=(16,), options=own)
    record = experiments.run(settings, tmp_path / "run", True, quiet=True)
    assert record["settings"]["options"] == {
        **own,
        "gamma": 0.0,
        "capacity": 0.0,
        "capacity_steps": 0,
        "free_bits": 0.0,
    }
    assert record["epochs_done"] == 2
    assert record["test"]["neg_elbo"] == pytest.approx(
        record["test"]["reconstruction"] + record["test"]["kl"]
    )
    model, _ = experiments.load(tmp_path / "run")
    assert type(model) is BetaVAE
    assert [float(model.beta(step)) for step in (0, 5, 9)] == [0, 2, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"beta": -1}, "beta=-1: expected a finite number of at least 0; pass for example beta=1.0"),
        ({"beta": "four"}, "beta='four': expected a finite number"),
        ({"gamma": float("nan")}, "gamma=nan: expected a finite number"),
        ({"warm_up_steps": -3}, "warm_up_steps=-3: expected a whole number of at least 0"),
        ({"capacity_steps": 2.5, "gamma": 1.0}, r"capacity_steps=2\.5: expected a whole number"),
        ({"free_bits": -1}, "free_bits=-1: expected a finite number of at least 0"),
        (
            {"free_bits": 0.5, "gamma": 1.0},
            "free_bits=0.5 with gamma=1.0 and penalty='kl': expected free bits alone",
        ),
        (
            {"free_bits": 0.5, "penalty": "total_correlation"},
            "penalty='total_correlation': expected free bits alone",
        ),
        ({"capacity": 25.0}, r"capacity=25\.0 with gamma=0: expected a weight.*gamma=100\.0"),
        (
            {"beta": schedules.warm_up(5), "warm_up_steps": 5},
            "warm_up_steps=5 with beta a PolynomialDecay: expected one of the two; leave warm_up_steps out",
        ),
    ],
)
def test_bad_input(wrong, message):
    with pytest.raises(BadInput, match=message):
        BetaVAE(input_shape=(4, 4, 1), **wrong)
