"""Protects the truth of the trainer: from the same weights, images and noise the page's losses, gradients and steps of
Adam are those of Keras, and what it saves is a model that the package reads and scores as the page did."""

from base64 import b64encode

import numpy as np
import pytest

from companion import data
from companion.explorers.trained_here import NAMES, load_trained, variables_of
from companion.explorers.widget import front_end

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("book")]

STEPS, BATCH = 200, 50
RATE = 5e-3
LOSSES_AND_GRADIENTS = """([source, sizes, weights, images, noise, beta]) => {
    const core = new Function(source + '; return trainerCore();')();
    const model = core.makeModel({ ...sizes, weights: Object.fromEntries(
        Object.entries(weights).map(([name, array]) => [name, Float64Array.from(array)])) });
    const terms = model.gradients(images, noise, beta);
    return [terms, Object.fromEntries(Object.entries(model.slopes).map(([name, array]) => [name, Array.from(array)]))];
}"""
FIRST_STEPS = """([source, sizes, weights, images, noise, beta, rate]) => {
    const core = new Function(source + '; return trainerCore();')();
    const model = core.makeModel({ ...sizes, weights: Object.fromEntries(
        Object.entries(weights).map(([name, array]) => [name, Float64Array.from(array)])) });
    return noise.map((each, step) => {
        const start = (50 * step) % images.length;
        const [reconstruction, kl] = model.gradients(images.slice(start, start + 50), each, beta);
        model.adam(rate);
        return [reconstruction, kl];
    });
}"""


def keras_model(hidden: int, latent_dim: int):
    """A VAE as the page trains it; its biases are not all 0, or one in the wrong place would not be seen."""
    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    shape = (8, 8, 1)
    model = VAE(
        build_encoder(shape, latent_dim, hidden=(hidden,), seed=1),
        build_decoder(latent_dim, shape, hidden=(hidden,), seed=2),
    )
    draws = np.random.default_rng(0)
    for network in (model.encoder, model.decoder):
        network.set_weights([w + 0.1 * draws.normal(size=w.shape) for w in network.get_weights()])
    return model


def arrays_of(model) -> dict[str, np.ndarray]:
    found = {name: np.asarray(variable) for name, variable in variables_of(model).items()}
    assert set(found) == set(NAMES)
    return found


def for_the_page(arrays: dict[str, np.ndarray]) -> dict[str, list[float]]:
    return {name: array.ravel().astype(float).tolist() for name, array in arrays.items()}


def loss_of(model, images, noise, beta):
    """The two terms, means over the images, and reconstruction + beta KL, all as tensors of the backend."""
    from keras import ops

    z_mean, z_log_var, _ = model.encoder(images)
    z = z_mean + ops.exp(0.5 * z_log_var) * noise
    terms = model.terms(images, {"logits": model.decoder(z), "z_mean": z_mean, "z_log_var": z_log_var})
    reconstruction, kl = -ops.mean(terms["log_likelihood"]), ops.mean(terms["kl"])
    return reconstruction, kl, reconstruction + beta * kl


@pytest.mark.parametrize("hidden, latent_dim, beta", [(64, 2, 1.0), (32, 5, 0.0), (16, 2, 16.0)])
def test_loss_and_the_gradient_of_every_array_are_those_of_keras(tab, hidden, latent_dim, beta):
    import tensorflow as tf

    model = keras_model(hidden, latent_dim)
    images = data.load("digits_8x8").x_train[:BATCH]
    noise = np.random.default_rng(3).normal(size=(BATCH, latent_dim)).astype("float32")
    weights = variables_of(model)
    with tf.GradientTape() as tape:
        reconstruction, kl, loss = loss_of(model, images, noise, beta)
    expected = tape.gradient(loss, {name: variable.value for name, variable in weights.items()})
    terms, slopes = tab.evaluate(
        LOSSES_AND_GRADIENTS,
        [
            front_end(),
            {"hidden": hidden, "latent": latent_dim},
            for_the_page(arrays_of(model)),
            images.reshape(BATCH, -1).tolist(),
            noise.ravel().tolist(),
            beta,
        ],
    )
    assert terms == pytest.approx([float(reconstruction), float(kl)], rel=1e-5)
    assert set(slopes) == set(expected)
    for name, gradient in expected.items():
        gradient = np.asarray(gradient, "float64").ravel()
        assert np.linalg.norm(gradient) > 1e-3, f"{name} gets no gradient, so nothing was compared"
        away = np.linalg.norm(np.array(slopes[name]) - gradient) / np.linalg.norm(gradient)
        assert away <= 1e-4, f"{name}: {away:.1e} of its norm"


def test_the_first_two_hundred_steps_of_adam_are_those_of_keras(tab):
    import keras
    import tensorflow as tf

    model = keras_model(64, 2)
    images = data.load("digits_8x8").x_train
    noise = np.random.default_rng(4).normal(size=(STEPS, BATCH, 2)).astype("float32")
    start = for_the_page(arrays_of(model))
    weights = [*model.encoder.trainable_variables, *model.decoder.trainable_variables]
    optimizer = keras.optimizers.Adam(RATE)

    @tf.function
    def step(batch, epsilon):
        with tf.GradientTape() as tape:
            reconstruction, kl, loss = loss_of(model, batch, epsilon, 1.0)
        optimizer.apply(tape.gradient(loss, [each.value for each in weights]), weights)
        return reconstruction, kl

    optimizer.build(weights)
    expected = []
    for number, epsilon in enumerate(noise):
        at = (BATCH * number) % len(images)
        expected.append([float(term) for term in step(images[at : at + BATCH], epsilon)])
    flat = images.reshape(len(images), -1).tolist()
    given = [
        front_end(),
        {"hidden": 64, "latent": 2},
        start,
        flat,
        noise.reshape(STEPS, -1).tolist(),
        1.0,
        RATE,
    ]
    seen, expected = np.array(tab.evaluate(FIRST_STEPS, given)), np.array(expected)
    assert expected.sum(axis=1)[-20:].mean() < 0.7 * expected.sum(axis=1)[0], (
        "it did not learn, so nothing was compared"
    )
    np.testing.assert_allclose(seen.sum(axis=1), expected.sum(axis=1), rtol=1e-3)
    np.testing.assert_allclose(seen[:, 0], expected[:, 0], rtol=1e-3)


SAVED = """([source, arrays]) => {
    const write = new Function(source + '; return npzOf;')();
    return btoa(String.fromCharCode(...write(arrays)));
}"""


def test_a_saved_file_is_read_by_numpy_as_it_was(tab, tmp_path):
    from base64 import b64decode

    draws = np.random.default_rng(0)
    arrays = {
        "one": draws.normal(size=3),
        "matrix": draws.normal(size=(4, 7)),
        "alone": np.array(2.5),
        "a_name_of_more_letters": draws.normal(size=(2, 3, 4)),
    }
    given = {name: {"shape": list(a.shape), "values": a.ravel().tolist()} for name, a in arrays.items()}
    content = b64decode(tab.evaluate(SAVED, [front_end(), given]))
    (tmp_path / "saved.npz").write_bytes(content)
    with np.load(tmp_path / "saved.npz", allow_pickle=False) as saved:
        assert set(saved.files) == set(arrays)
        for name, array in arrays.items():
            assert saved[name].dtype == np.dtype("<f4") and saved[name].shape == array.shape
            np.testing.assert_array_equal(saved[name], array.astype("float32"))
    assert b64encode(content) == b64encode(b64decode(tab.evaluate(SAVED, [front_end(), given])))


NOISE_OF_EVALUATIONS = """source => {
    const { stream } = new Function(source + '; return trainerCore();')();
    return Array.from({ length: 594 }, stream(20140).normal);
}"""
PULLS = """([source, sizes, weights, image, noise, beta]) => {
    const core = new Function(source + '; return trainerCore();')();
    const model = core.makeModel({ ...sizes, weights: Object.fromEntries(
        Object.entries(weights).map(([name, array]) => [name, Float64Array.from(array)])) });
    const { reconstruction, prior } = model.pulls(image, noise, beta);
    return [reconstruction.mean, reconstruction.logVar, prior.mean, prior.logVar].map(each => Array.from(each));
}"""


def test_the_arrows_are_minus_the_gradients_of_the_two_terms(tab):
    import tensorflow as tf
    from keras import ops

    model, beta = keras_model(64, 2), 3.0
    image = data.load("digits_8x8").x_test[:1]
    noise = np.random.default_rng(5).normal(size=(32, 2)).astype("float32")
    z_mean, z_log_var = (tf.Variable(each) for each in model.encoder(image)[:2])
    with tf.GradientTape(persistent=True) as tape:
        logits = model.decoder(z_mean + ops.exp(0.5 * z_log_var) * noise)
        miss = -ops.mean(model.likelihood_of(logits).log_prob(np.repeat(image, 32, axis=0)))
        kl = beta * ops.sum(model.kl_of(z_mean, z_log_var, image))
    expected = [-np.asarray(tape.gradient(loss, of))[0] for loss in (miss, kl) for of in (z_mean, z_log_var)]
    given = [
        front_end(),
        {"hidden": 64, "latent": 2},
        for_the_page(arrays_of(model)),
        image.ravel().tolist(),
        noise.ravel().tolist(),
        beta,
    ]
    np.testing.assert_allclose(tab.evaluate(PULLS, given), expected, rtol=1e-3, atol=1e-5)


def test_a_downloaded_model_scores_as_the_page_said(opened, tmp_path):
    from tests.book.explorer_tools import numbers

    watched, live = opened("trainer")
    for beta_stop in (7, 11):
        live.locator(".trainer-beta input").fill(str(beta_stop))
        live.get_by_role("button", name="One epoch").click()
        words = live.locator(".explorer-readout")
        watched.tab.wait_for_function(
            "words => /After step \\\\d*[1-9]/.test(words.textContent)".replace("\\\\", "\\"),
            arg=words.element_handle(),
        )
        with watched.tab.expect_download() as saved:
            live.get_by_role("button", name="Download this model").click()
        saved.value.save_as(tmp_path / "model.npz")
        line = next(line for line in words.inner_text().splitlines() if line.startswith("After"))
        steps, miss, nats, total = numbers(line)[:4]
        model = load_trained(tmp_path / "model.npz")
        noise = watched.tab.evaluate(NOISE_OF_EVALUATIONS, front_end())
        images = data.load("digits_8x8").x_test
        terms = model.elbo_terms(images, np.reshape(noise, (-1, 2)).astype("float32"))
        assert [-terms["log_likelihood"].mean(), terms["kl"].mean(), -terms["elbo"].mean()] == pytest.approx(
            [miss, nats, total], abs=0.0051
        )
        with np.load(tmp_path / "model.npz") as kept:
            assert kept["steps"] == steps > 0
    assert watched.problems == []
