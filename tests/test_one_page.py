"""Protects the listing of chapter 00: it is short, stands alone, runs where it is pasted, and is the package's VAE.

That it is the package's VAE is proved by numbers: from the same weights, images and noise come the same loss and the
same gradients. A gradient is read off one step of plain gradient descent, which works on every backend of Keras.
"""

import ast
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from companion import one_page
from companion.layers import Sampling
from companion.listing import show_module
from companion.one_page import OnePageVAE
from companion.vae import VAE

LISTING = Path(one_page.__file__).read_text(encoding="utf-8")


def test_it_fits_on_one_screen():
    assert len(LISTING.splitlines()) <= 70
    assert max(map(len, LISTING.splitlines())) <= 96


def test_it_imports_keras_and_the_data_and_nothing_else():
    imported = set()
    for node in ast.walk(ast.parse(LISTING)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert imported == {"keras", "keras.layers", "keras.ops", "companion.data"}


def test_the_chapter_shows_this_very_file():
    assert show_module(one_page).source == "# companion/one_page.py\n" + LISTING.rstrip("\n")


@pytest.mark.slow
def test_pasted_into_an_empty_notebook_it_trains(tmp_path):
    nbformat = pytest.importorskip("nbformat")  # the environments of other backends have no notebooks
    from tools import execute

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(LISTING)])
    with execute.chapter_environment():
        execute.run(notebook, tmp_path, 600)
    printed = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
    found = dict(re.findall(r"'(\w+)': ([\d.]+)", printed))
    loss, reconstruction, kl = (float(found[name]) for name in ("loss", "reconstruction_loss", "kl_loss"))
    assert loss == pytest.approx(reconstruction + kl, rel=1e-4)
    assert loss < 230, "the mean image alone scores 261 nats per image"
    assert kl > 2, "the code says nothing about the image"


@pytest.fixture
def pair():
    """The model of the page and the package's VAE, with equal networks and equal streams of noise."""
    keras.utils.set_random_seed(0)
    page = OnePageVAE(latent_dim=3)
    page(np.zeros((1, 28, 28, 1), "float32"))
    images, codes = keras.Input((28, 28, 1)), keras.Input((3,))
    encoder, decoder = keras.models.clone_model(page.encoder), keras.models.clone_model(page.decoder)
    sampling = Sampling(seed=0)
    z_mean, z_log_var = ops.split(encoder(images), 2, axis=-1)
    outputs = [z_mean, z_log_var, sampling([z_mean, z_log_var])]
    vae = VAE(keras.Model(images, outputs), keras.Model(codes, decoder(codes)), seed=0)
    rng = np.random.default_rng(0)
    for ours, theirs in ((page.encoder, encoder), (page.decoder, decoder)):
        theirs.set_weights([rng.normal(0, 0.1, weight.shape) for weight in ours.get_weights()])
        ours.set_weights(theirs.get_weights())
    sampling.seed_generator.state.assign(page.noise.state)
    return page, vae


@pytest.fixture
def images():
    return np.random.default_rng(1).uniform(size=(16, 28, 28, 1)).astype("float32")


def test_loss_and_both_terms_are_those_of_the_package(pair, images):
    page, vae = pair
    ours, theirs = page(images), vae(images)
    reconstruction, kl = page.terms(images, ours)
    terms = vae.terms(images, theirs)
    np.testing.assert_allclose(reconstruction, -np.array(terms["log_likelihood"]), rtol=1e-5)
    np.testing.assert_allclose(kl, terms["kl"], rtol=1e-5)
    np.testing.assert_allclose(
        page.compute_loss(images, y_pred=ours), vae.compute_loss(images, y_pred=theirs), rtol=1e-5
    )


def test_gradients_are_those_of_the_package(pair, images):
    gradients = []
    for model in pair:
        before = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
        model.compile(keras.optimizers.SGD(1.0), jit_compile=False)
        model.train_on_batch(images)
        after = [ops.convert_to_numpy(weight) for weight in model.trainable_weights]
        gradients.append([old - new for old, new in zip(before, after, strict=True)])
    assert len(gradients[0]) == len(gradients[1]) == 12
    for ours, theirs in zip(*gradients, strict=True):
        assert ours.shape == theirs.shape and np.abs(theirs).max() > 1e-3
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


def test_another_noise_would_be_noticed(pair, images):
    page, vae = pair
    page.noise.state.assign(page.noise.state + 1)
    ours, theirs = page(images)[0], vae(images)["logits"]
    assert np.abs(np.array(ours) - np.array(theirs)).max() > 1e-3


def test_it_draws_and_decodes_images(pair):
    page, _ = pair
    drawn = np.array(page.sample(4))
    assert drawn.shape == (4, 28, 28, 1) and drawn.min() >= 0 and drawn.max() <= 1
    z_mean, z_log_var = page.encode(drawn)
    assert tuple(z_mean.shape) == tuple(z_log_var.shape) == (4, 3)
    np.testing.assert_allclose(page.decode(z_mean), ops.sigmoid(page.decoder(z_mean)), rtol=1e-6)
