"""Protects models on disk: a file loaded by a new process gives equal outputs, and training resumed from it goes on
where it stopped, with the optimizer's state, the same noise and the same losses as a run never interrupted."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from companion.autoencoder import Autoencoder
from companion.linear_gaussian import LinearGaussian
from companion.networks import build_conv_decoder, build_conv_encoder
from companion.vae import VAE

EPSILON = np.random.default_rng(5).standard_normal((20, 2)).astype("float32")
HOW = {"batch_size": 8, "shuffle": False, "verbose": 0}  # three batches an epoch

# What the new process does: it knows the package and the files, and nothing else.
STRANGER = """
import json, sys
import keras, numpy as np
import companion.vae

folder = sys.argv[1]
given = np.load(folder + "/given.npz")
load = lambda name: keras.models.load_model(folder + "/" + name + ".keras")
arrays, figures = {}, {}
for name in ("dense", "conv"):
    model = load(name)
    arrays[name + "_reconstruction"] = model.reconstruct(given["images"])
    arrays[name + "_elbo"] = model.elbo_terms(given["images"], given["epsilon"])["elbo"]
    figures[name] = [type(model).__name__, model.name, model.likelihood.family, model.seed, model.latent_dim]
arrays["plain_codes"] = load("plain").encode(given["images"])
arrays["linear_weights"] = load("linear").log_weights(given["x"], 4, seed=0)
resumed = load("interrupted")
figures["iterations"] = int(resumed.optimizer.iterations)
figures["history"] = resumed.fit(given["images"], epochs=2, **json.loads(sys.argv[2])).history
arrays["next_draws"] = resumed.encode(given["images"])[2]
np.savez(folder + "/answer.npz", **arrays)
json.dump(figures, open(folder + "/answer.json", "w"))
"""


@pytest.fixture(scope="module")
def trained(images, new_vae):
    """A function that makes a model of the given kind and trains it for one epoch."""
    shape = images.shape[1:]
    kinds = {
        "dense": lambda: new_vae(),
        "conv": lambda: VAE(
            build_conv_encoder(shape, 2, filters=(3,), seed=0),
            build_conv_decoder(2, shape, filters=(3,), seed=1),
            likelihood="normal",
            seed=3,
            name="convolutional",
        ),
        "plain": lambda: Autoencoder(input_shape=shape, likelihood="continuous_bernoulli", seed=2),
    }

    def make(kind):
        model = kinds[kind]()
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(images, **HOW)
        return model

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def here(trained, images, folder):
    """What this process gets from the models that it saves."""
    dense, conv, plain, interrupted = (trained(kind) for kind in ("dense", "conv", "plain", "dense"))
    linear, x = LinearGaussian.random(seed=0).vae(log_var_shift=0.3), LinearGaussian.random(seed=0).sample(6)
    models = {"dense": dense, "conv": conv, "plain": plain, "interrupted": interrupted, "linear": linear}
    for name, model in models.items():
        model.save(folder / f"{name}.keras")
    np.savez(folder / "given.npz", images=images, epsilon=EPSILON, x=x)
    history = interrupted.fit(images, epochs=2, **HOW).history  # goes on, as if never saved
    return {
        "dense_reconstruction": dense.reconstruct(images),
        "dense_elbo": dense.elbo_terms(images, EPSILON)["elbo"],
        "conv_reconstruction": conv.reconstruct(images),
        "conv_elbo": conv.elbo_terms(images, EPSILON)["elbo"],
        "plain_codes": plain.encode(images),
        "linear_weights": np.asarray(linear.log_weights(x, 4, seed=0)),
        "next_draws": interrupted.encode(images)[2],
        "history": history,
    }


@pytest.fixture(scope="module")
def there(here, folder):
    """What a new process gets from the files: arrays and figures."""
    command = [sys.executable, "-c", STRANGER, str(folder), json.dumps(HOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "answer.npz") as arrays:
        return dict(arrays), json.loads((folder / "answer.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "dense_reconstruction",
        "dense_elbo",
        "conv_reconstruction",
        "conv_elbo",
        "plain_codes",
        "linear_weights",
    ],
)
def test_a_new_process_gets_equal_outputs(here, there, name):
    np.testing.assert_allclose(there[0][name], here[name], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_settings_come_back(there):
    assert there[1]["conv"] == ["VAE", "convolutional", "normal", 3, 2]
    assert there[1]["dense"][2:] == ["bernoulli", 0, 2]


def test_training_goes_on_in_a_new_process(here, there):
    arrays, figures = there
    assert figures["iterations"] == 3
    assert set(figures["history"]) == {"loss", "neg_elbo", "reconstruction_loss", "kl_loss"}
    for name, losses in figures["history"].items():
        np.testing.assert_allclose(losses, here["history"][name], rtol=1e-3)
    np.testing.assert_allclose(arrays["next_draws"], here["next_draws"], rtol=1e-3, atol=1e-3)


def test_without_the_state_of_the_noise_the_losses_would_differ(images, folder, here):
    # The comparison above must be able to fail: the first epoch's noise, drawn again, gives other losses.
    forgetful = keras.models.load_model(folder / "interrupted.keras")
    noise = forgetful.encoder.get_layer("z").seed_generator.state
    noise.assign(keras.random.SeedGenerator(4).state.value)
    history = forgetful.fit(images, epochs=2, **HOW).history
    assert not np.allclose(history["loss"], here["history"]["loss"], rtol=1e-3)


def test_weights_alone_carry_the_noise_too(new_vae, images, tmp_path):
    model, loaded = new_vae(), new_vae()
    model.encode(images)
    model.save_weights(tmp_path / "model.weights.h5")
    loaded.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_allclose(loaded.encode(images)[2], model.encode(images)[2], rtol=1e-5)


def test_a_loaded_model_saves_again(folder, here, images, tmp_path):
    loaded = keras.models.load_model(folder / "conv.keras")
    loaded.save(tmp_path / "again.keras")
    again = keras.models.load_model(tmp_path / "again.keras")
    np.testing.assert_allclose(again.reconstruct(images), here["conv_reconstruction"], rtol=1e-4)
