"""Protects the hierarchical VAE as a Keras model: what history and recorded runs report of every layer, the free bits
and the warm-up, generation with a layer held, and models on disk that go on where they stopped."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import ops

from companion import evaluation, experiments
from companion.errors import BadInput
from companion.hierarchical_vae import HierarchicalVAE, hierarchical_vae_loss
from companion.hierarchical_vae.networks import build_hierarchical_decoder, build_hierarchical_encoder

BOTH = pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
SHAPE = (4, 4, 1)
REPORTED = {"loss", "neg_elbo", "reconstruction_loss", "kl_loss", "kl_1", "kl_2"}


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


def small(inference="bottom_up", latent_dims=(3, 2), seed=0, **kwargs):
    encoder = build_hierarchical_encoder(
        SHAPE, latent_dims, inference=inference, hidden=(8,), upper_hidden=(6,), seed=2 * seed
    )
    decoder = build_hierarchical_decoder(
        latent_dims, SHAPE, hidden=(8,), upper_hidden=(6,), seed=2 * seed + 1
    )
    return HierarchicalVAE(encoder, decoder, inference=inference, seed=seed, **kwargs)


def compiled(model, learning_rate=0.01):
    model.compile(keras.optimizers.Adam(learning_rate), run_eagerly=True)
    return model


def as_terms(**values):
    return {name: ops.convert_to_tensor(value, "float32") for name, value in values.items()}


def test_networks_are_built_for_the_images_and_codes_that_are_named():
    assert HierarchicalVAE().image_shape == (28, 28, 1)
    built = HierarchicalVAE.build_networks(SHAPE, hidden=(9, 7), latent_dims=(3, 2), seed=0)
    assert list(built) == ["encoder", "decoder"]
    model = HierarchicalVAE(**built)
    assert (model.image_shape, model.latent_dims) == (SHAPE, (3, 2))
    kernels = [weight.shape for weight in model.pixels_part.weights if len(weight.shape) == 2]
    assert kernels == [(3, 7), (7, 9), (9, 16)]  # the encoder's widths, from the code outwards


# --- The loss --------------------------------------------------------------------------------------------------------


def test_the_loss_adds_the_layers_and_leaves_the_likelihood():
    loss = hierarchical_vae_loss(
        ops.convert_to_tensor([-10.0, -20.0]),
        [ops.convert_to_tensor(kl) for kl in ([1.0, -2.0], [0.5, 0.25], [4.0, 0.0])],
    )
    np.testing.assert_allclose(as_numpy(loss), [15.5, 18.25])


def test_the_weight_is_that_of_every_layer():
    loss = hierarchical_vae_loss(
        ops.convert_to_tensor([-10.0]),
        [ops.convert_to_tensor([kl]) for kl in (1.0, 4.0, 8.0)],
        weight=0.25,
    )
    np.testing.assert_allclose(as_numpy(loss), [10 + 0.25 * 13])


def test_free_bits_are_given_to_each_upper_layer_after_the_mean_over_the_batch():
    # Means 1.0 and 5.0: the first costs what is free, the second what it is.
    loss = hierarchical_vae_loss(
        ops.convert_to_tensor([-10.0, -20.0]),
        [ops.convert_to_tensor(kl) for kl in ([0.5, 0.5], [2.0, 0.0], [6.0, 4.0])],
        least=2.0,
    )
    np.testing.assert_allclose(as_numpy(loss), [10.5 + 2 + 5, 20.5 + 2 + 5])


def test_terms_of_different_shapes_are_refused():
    with pytest.raises(BadInput, match=r"log_likelihood has shape \(2,\) and kl \(3,\)"):
        hierarchical_vae_loss(ops.zeros(2), [ops.zeros(3)])


def test_the_objective_is_the_loss_with_what_was_asked_for():
    terms = as_terms(log_likelihood=[-10.0, -20.0], kl_1=[0.5, 0.5], kl_2=[2.0, 0.0])
    np.testing.assert_allclose(as_numpy(small().objective(terms)), [12.5, 20.5])
    np.testing.assert_allclose(as_numpy(small(free_bits=3).objective(terms)), [13.5, 23.5])
    np.testing.assert_allclose(as_numpy(small(warm_up_steps=10).objective(terms)), [10.0, 20.0])


def test_the_warm_up_follows_the_steps_of_the_optimizer(images):
    model = compiled(small(warm_up_steps=4))
    terms = as_terms(log_likelihood=[-10.0], kl_1=[0.5], kl_2=[2.0])
    values = []
    for _ in range(6):
        values.append(float(model.objective(terms)[0]))
        model.fit(images, batch_size=20, verbose=0)
    np.testing.assert_allclose(values, [10.0, 10.625, 11.25, 11.875, 12.5, 12.5])


@BOTH
def test_what_is_free_is_optimised_and_not_reported(inference, images):
    model = compiled(small(inference, free_bits=3))
    reported = model.evaluate(images, batch_size=20, verbose=0, return_dict=True)
    assert 0 < reported["kl_2"] < 3
    assert reported["loss"] - reported["neg_elbo"] == pytest.approx(3 - reported["kl_2"], rel=1e-3)
    assert reported["kl_loss"] == pytest.approx(reported["kl_1"] + reported["kl_2"], rel=1e-3)


@BOTH
def test_below_the_free_bits_the_upper_layer_feels_no_gradient(inference, images):
    import tensorflow as tf

    gradients = []
    for least in (0.0, 1.5):
        model = small(inference, free_bits=least)
        terms = {
            name: tf.Variable(value) for name, value in as_terms(kl_1=[1.0, 2.0], kl_2=[0.5, 1.5]).items()
        }
        with tf.GradientTape() as tape:
            loss = ops.mean(model.objective({**terms, "log_likelihood": ops.zeros(2)}))
        gradients.append(tape.gradient(loss, [terms["kl_1"], terms["kl_2"]]))
    for of_bottom, of_top, expected in zip(*zip(*gradients, strict=True), (0.5, 0.0), strict=True):
        np.testing.assert_allclose(of_bottom, [0.5, 0.5])
        np.testing.assert_allclose(np.zeros(2) if of_top is None else of_top, [expected, expected])


# --- fit and evaluate ------------------------------------------------------------------------------------------------


@pytest.mark.slow
@BOTH
def test_history_reports_the_kl_of_every_layer(inference, images):
    model = small(inference)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(images, batch_size=8, epochs=2, validation_data=images[:5], verbose=0).history
    assert set(history) == REPORTED | {f"val_{name}" for name in REPORTED}
    for prefix in ("", "val_"):
        value = {name: np.array(history[prefix + name]) for name in REPORTED}
        np.testing.assert_allclose(value["kl_loss"], value["kl_1"] + value["kl_2"], rtol=1e-4)
        np.testing.assert_allclose(
            value["neg_elbo"], value["reconstruction_loss"] + value["kl_loss"], rtol=1e-5
        )
        np.testing.assert_allclose(value["loss"], value["neg_elbo"], rtol=1e-5)
    assert set(model.evaluate(images, verbose=0, return_dict=True)) == REPORTED


def test_a_layer_is_reported_with_the_weights_of_the_images(images):
    # Only the first image counts, so that two very different weights would show.
    model = compiled(small("top_down"), 0.0)
    weights = np.zeros(20)
    weights[0] = 1.0
    terms = model.elbo_terms(np.repeat(images[:1], 4000, axis=0))
    reported = model.evaluate(images, sample_weight=weights, verbose=0, return_dict=True)
    assert reported["kl_2"] == pytest.approx(terms["kl_2"].mean(), rel=1e-4)


@pytest.mark.slow
def test_training_lowers_the_loss(images):
    model = compiled(small("top_down"))
    losses = model.fit(images, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.5


# --- Codes and images ------------------------------------------------------------------------------------------------


@BOTH
def test_codes_of_the_layers(inference, images):
    model = small(inference, (4, 3, 2))
    layers = model.encode_layers(images)
    assert [array.shape for array in layers[1]] == [(20, 3)] * 3
    quiet = model.layers_of(images, np.zeros((20, 9), "float32"))
    for (z_mean, z_log_var, z), layer in zip(layers, quiet, strict=True):
        np.testing.assert_allclose(z_mean, layer.z_mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(z_log_var, layer.z_log_var, rtol=1e-5, atol=1e-6)
        assert not np.allclose(z, z_mean, atol=0.01)
    assert not np.allclose(layers[0][2], model.encode_layers(images)[0][2])


@BOTH
def test_the_contract_speaks_of_the_bottom_layer(inference, images):
    model, twin = small(inference), small(inference)
    for ours, bottom in zip(model.encode(images), twin.encode_layers(images)[0], strict=True):
        np.testing.assert_array_equal(ours, bottom)
    z_mean = model.encode(images)[0]
    assert model.latent_dim == 3
    expected = sigmoid(model.decoder.get_layer("p_x")(z_mean))
    np.testing.assert_allclose(model.decode(z_mean), expected, rtol=1e-5)
    np.testing.assert_allclose(model.reconstruct(images), expected, rtol=1e-5)
    outputs = model(images)
    for name in ("z", "z_mean", "z_log_var"):
        np.testing.assert_array_equal(outputs[name], getattr(outputs["layers"][0], name))
    assert tuple(outputs["logits"].shape) == (20, *SHAPE)


def sigmoid(logits):
    return 1 / (1 + np.exp(-as_numpy(logits)))


def test_samples_come_from_the_top_down():
    model = small(latent_dims=(4, 3, 2))
    layers = model.sample_layers(6, seed=5)
    noise = keras.random.SeedGenerator(5)
    z_3 = as_numpy(keras.random.normal((6, 2), seed=noise))
    np.testing.assert_allclose(layers[2], z_3, rtol=1e-5)
    for level, size in ((2, 3), (1, 4)):
        mean, log_var, _ = model.decoder.get_layer(f"p_z{level}")(layers[level])
        epsilon = as_numpy(keras.random.normal((6, size), seed=noise))
        np.testing.assert_allclose(
            layers[level - 1], as_numpy(mean) + np.exp(as_numpy(log_var) / 2) * epsilon, rtol=1e-4, atol=1e-5
        )
    np.testing.assert_allclose(model.sample(6, seed=5), model.decode(layers[0]), rtol=1e-5)


def test_a_layer_that_is_held_stays_and_the_others_are_drawn():
    model = small()
    held = np.array([[0.5, -1.0], [2.0, 0.0]], "float32")
    z_1, z_2 = model.sample_layers(2, seed=0, held={2: held})
    np.testing.assert_array_equal(z_2, held)
    assert not np.allclose(z_1, model.sample_layers(2, seed=1, held={2: held})[0])
    z_1, z_2 = model.sample_layers(500, seed=0, held={2: held[0]})
    np.testing.assert_array_equal(z_2, np.repeat(held[:1], 500, axis=0))
    mean, log_var, _ = model.decoder.get_layer("p_z1")(held[:1])
    np.testing.assert_allclose(z_1.mean(axis=0), mean[0], atol=0.2)
    np.testing.assert_allclose(z_1.std(axis=0), np.exp(as_numpy(log_var)[0] / 2), rtol=0.15)
    np.testing.assert_array_equal(model.sample_layers(3, held={1: np.ones(3)})[0], np.ones((3, 3)))


def test_draws_repeat_by_seed_and_move_on_without_one():
    model = small()
    np.testing.assert_array_equal(model.sample(4, seed=2), model.sample(4, seed=2))
    assert not np.allclose(model.sample(4, seed=2), model.sample(4, seed=3))
    assert not np.allclose(model.sample(4), model.sample(4))
    generator = keras.random.SeedGenerator(2)
    first = model.sample(4, seed=generator)
    np.testing.assert_array_equal(first, model.sample(4, seed=2))
    assert not np.allclose(first, model.sample(4, seed=generator))


def test_the_prior_of_z1_is_no_normal(images):
    model = small()
    z_mean, z_log_var, _ = model.encode(images)
    with pytest.raises(NotImplementedError, match="no density in closed form; layers_of gives"):
        model.log_weights_from(images, z_mean, z_log_var, 2, 0)


@BOTH
def test_scores_tell_the_layers_apart(inference, images):
    model = small(inference, seed=3)
    scores = evaluation.score(model, images, k=3, seed=3)
    assert scores["kl"] == pytest.approx(sum(scores["kl_per_layer"]), rel=1e-5)
    terms = model.elbo_terms(images, model.noise(20, 3))
    np.testing.assert_allclose(
        scores["kl_per_layer"], [terms["kl_1"].mean(), terms["kl_2"].mean()], rtol=1e-5
    )
    zero = small(inference)  # whose seed is 0
    terms = zero.elbo_terms(images, zero.noise(20, 0))
    np.testing.assert_allclose(zero.own_scores(images)["kl_per_layer"][1], terms["kl_2"].mean(), rtol=1e-5)
    variances = [z_mean.var(axis=0) for z_mean, _, _ in model.encode_layers(images)]
    assert scores["active_units_per_layer"] == [int((v > 0.01).sum()) for v in variances]
    middle = float(np.sort(variances[0])[1])
    assert evaluation.active_units_per_layer(model, images, middle)[0] == 1
    with pytest.raises(BadInput, match="threshold=-1: expected a variance"):
        evaluation.active_units_per_layer(model, images, -1)


# --- On disk ---------------------------------------------------------------------------------------------------------

STRANGER = """
import sys, keras, numpy as np
import companion.hierarchical_vae

images, epsilon = (np.load(sys.argv[1] + "/given.npz")[name] for name in ("images", "epsilon"))
answer = {}
for inference in ("bottom_up", "top_down"):
    model = keras.models.load_model(f"{sys.argv[1]}/{inference}.keras")
    answer[inference + "_elbo"] = model.elbo_terms(images, epsilon)["elbo"]
    answer[inference + "_settings"] = [model.inference, model.free_bits, model.warm_up_steps, *model.latent_dims]
    answer[inference + "_weight"] = float(model.weight(model.optimizer.iterations))
    history = model.fit(images, batch_size=8, epochs=2, shuffle=False, verbose=0).history
    answer.update({inference + "_" + name: values for name, values in history.items()})
np.savez(sys.argv[1] + "/answer.npz", **answer)
"""


@pytest.mark.slow
def test_a_new_process_loads_it_and_trains_on(images, tmp_path):
    models = {
        name: compiled(small(name, free_bits=0.5, warm_up_steps=7)) for name in ("bottom_up", "top_down")
    }
    how = {"batch_size": 8, "shuffle": False, "verbose": 0}
    epsilon, expected = models["top_down"].noise(20, 0), {}
    np.savez(tmp_path / "given.npz", images=images, epsilon=epsilon)
    for name, model in models.items():
        model.fit(images, **how)
        model.save(tmp_path / f"{name}.keras")
        expected[name + "_elbo"] = model.elbo_terms(images, epsilon)["elbo"]
        history = model.fit(images, epochs=2, **how).history
        expected.update({f"{name}_{key}": values for key, values in history.items()})
    command = [sys.executable, "-c", STRANGER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(tmp_path / "answer.npz") as answer:
        for name, values in expected.items():
            np.testing.assert_allclose(answer[name], values, rtol=1e-3, atol=1e-4)
        for name in models:
            assert answer[name + "_settings"].tolist() == [name, "0.5", "7", "3", "2"]
            assert answer[name + "_weight"] == pytest.approx(3 / 7)


@pytest.mark.slow
@BOTH
def test_a_recorded_run_keeps_its_layers_and_goes_on(inference, tmp_path):
    options = {"latent_dims": (4, 2), "inference": inference, "free_bits": 0.5, "warm_up_steps": 20}
    settings = experiments.Settings(
        model="hierarchical_vae", epochs=1, k=2, images=5, hidden=(16,), binarize="threshold", options=options
    )
    experiments.run(settings, tmp_path / "run", quiet=True)
    further = experiments.Settings(**{**settings.recorded(), "epochs": 2})
    experiments.run(further, tmp_path / "run", resume=True, quiet=True)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["epochs_done"], len(record["history"]["kl_2"])) == (2, 2)
    test = record["test"]
    assert test["neg_elbo"] == pytest.approx(test["reconstruction"] + test["kl"])
    assert test["kl"] == pytest.approx(sum(test["kl_per_layer"]), rel=1e-4)
    assert (len(test["active_units_per_layer"]), test["units"]) == (2, 4)
    model, _ = experiments.load(tmp_path / "run")
    assert (model.latent_dims, model.inference, model.warm_up_steps) == ((4, 2), inference, 20)


# --- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda m: small(free_bits=-1), "free_bits=-1: expected a finite number of at least 0"),
        (lambda m: small(warm_up_steps=2.5), r"warm_up_steps=2\.5: expected a whole number of at least 0"),
        (
            lambda m: small(latent_dims=(3,), free_bits=1),
            r"free_bits=1 .*latent_dims=\(3,\): expected at least two layers",
        ),
        (
            lambda m: small(merge="sum"),
            "merge='sum': expected one of precision, mean, residual, concatenation",
        ),
        (lambda m: m.sample_layers(0), "n=0: expected a whole number of at least 1"),
        (lambda m: m.sample_layers(2, held={3: [0.0]}), "held has layer 3: expected a number from 1.* to 2"),
        (lambda m: m.sample_layers(2, held={0: [0.0]}), "held has layer 0"),
        (lambda m: m.sample_layers(2, held={2: [0.0]}), r"codes have shape \(1, 1\).*expected \(n, 2\)"),
        (lambda m: m.sample_layers(2, held={2: np.zeros((3, 2))}), "held has 3 codes of layer 2 for 2 draws"),
        (lambda m: m.decode(np.zeros((2, 2))), r"codes have shape \(2, 2\).*expected \(n, 3\)"),
        (
            lambda m: m.elbo_terms(np.zeros((2, *SHAPE)), np.zeros((2, 3))),
            r"epsilon has shape .*expected \(2, 5\)",
        ),
        (
            lambda m: m.encode(np.zeros((2, 3, 3, 1))),
            r"images have shape \(2, 3, 3, 1\): expected \(n, 4, 4, 1\)",
        ),
        (lambda m: m.log_weights(np.zeros((2, *SHAPE)), 0), "num_samples=0: expected a whole number"),
    ],
)
def test_bad_input(use, message):
    with pytest.raises(BadInput, match=message):
        use(small())
