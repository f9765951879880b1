"""Protects the VAE: its terms against plain numpy, the loss that fit minimises against the ELBO that it reports, images
that do not influence each other, noise that repeats by seed, and the contract of its methods."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import companion.autoencoder
import companion.batching
import companion.vae
from companion.distributions import Bernoulli
from companion.errors import BadInput
from companion.networks import build_conv_decoder, build_conv_encoder, build_decoder, build_encoder
from companion.vae import VAE

REPORTED = {"loss", "neg_elbo", "reconstruction_loss", "kl_loss"}
TERMS = ("log_likelihood", "kl", "elbo")


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


def noise(n, latent_dim=2, seed=0):
    return np.random.default_rng(seed).standard_normal((n, latent_dim)).astype("float32")


def compiled(model, learning_rate=1e-3, *, run_eagerly=True):
    """``model`` compiled; tiny models are quicker without a graph, and some tests ask for one."""
    model.compile(keras.optimizers.Adam(learning_rate), run_eagerly=run_eagerly)
    return model


def exact_means(model, images, weights=None):
    """What evaluate must report for a model without noise."""
    terms = model.elbo_terms(images)
    mean = {name: np.average(as_numpy(terms[name]), weights=weights) for name in TERMS}
    return {"neg_elbo": -mean["elbo"], "reconstruction_loss": -mean["log_likelihood"], "kl_loss": mean["kl"]}


# --- The terms of the ELBO -------------------------------------------------------------------------------------------


def test_terms_against_numpy(vae, images):
    epsilon = noise(20)
    z_mean, z_log_var, _ = (as_numpy(part) for part in vae.encode(images))
    z = z_mean + np.exp(z_log_var / 2) * epsilon
    logits = as_numpy(vae.decoder(z.astype("float32")))
    x = as_numpy(images)
    log_likelihood = (x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)).sum(
        axis=(1, 2, 3)
    )
    kl = 0.5 * (z_mean**2 + np.exp(z_log_var) - z_log_var - 1).sum(axis=1)
    terms = vae.elbo_terms(images, epsilon)
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, rtol=1e-5)
    np.testing.assert_allclose(terms["kl"], kl, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(terms["elbo"], log_likelihood - kl, rtol=1e-5)


@pytest.fixture(scope="module")
def conv_vae():
    """A convolutional VAE for colour images of 6x5 pixels."""
    shape = (6, 5, 3)
    encoder, decoder = (
        build_conv_encoder(shape, 3, filters=(4,), seed=0),
        build_conv_decoder(3, shape, filters=(4,), seed=1),
    )
    return VAE(encoder, decoder, seed=0)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["vae", "conv_vae"])
def test_an_image_does_not_feel_its_batch(network, request):
    model = request.getfixturevalue(network)
    x = np.random.default_rng(3).uniform(size=(20, *model.image_shape)).astype("float32")
    epsilon, order = noise(20, model.latent_dim), np.random.default_rng(4).permutation(20)
    together = model.elbo_terms(x, epsilon)
    shuffled = model.elbo_terms(x[order], epsilon[order])
    for name in TERMS:
        assert together[name].shape == (20,)
        np.testing.assert_allclose(shuffled[name], together[name][order], rtol=1e-5)
        for size in (1, 7):
            parts = [
                model.elbo_terms(x[i : i + size], epsilon[i : i + size])[name] for i in range(0, 20, size)
            ]
            np.testing.assert_allclose(np.concatenate(parts), together[name], rtol=1e-5)


def test_as_many_images_as_rows_would_broadcast_and_do_not():
    # With 28 images of 28 rows, losses summed over too few axes add up in silence to shape (28, 28).
    model = VAE(seed=0)
    terms = model.elbo_terms(np.full((28, 28, 28, 1), 0.3, "float32"))
    assert {terms[name].shape for name in TERMS} == {(28,)}
    # An untrained decoder is near one half everywhere: log 2 a pixel, not log 2 a row.
    assert -terms["log_likelihood"].mean() == pytest.approx(784 * math.log(2), rel=0.1)


def test_walking_in_small_steps_changes_no_term(vae, images, monkeypatch):
    whole = vae.elbo_terms(images, noise(20))
    monkeypatch.setattr(companion.batching.map_batches, "__kwdefaults__", {"batch_size": 7})
    steps = vae.elbo_terms(images, noise(20))
    for name in TERMS:
        np.testing.assert_allclose(steps[name], whole[name], rtol=1e-5)


def test_colour_channels_count_as_pixels():
    grey, colour = (VAE(input_shape=(4, 4, channels), latent_dim=2, seed=0) for channels in (1, 3))
    for model in (grey, colour):
        model.decoder.set_weights([np.zeros_like(w) for w in model.decoder.get_weights()])
    per_image = [
        -m.elbo_terms(np.zeros((2, *m.image_shape), "float32"))["log_likelihood"] for m in (grey, colour)
    ]
    np.testing.assert_allclose(per_image[0], 16 * math.log(2), rtol=1e-6)
    np.testing.assert_allclose(per_image[1], 48 * math.log(2), rtol=1e-6)


def test_without_epsilon_the_encoder_draws(new_vae, images):
    model, twin = new_vae(), new_vae()
    first, second = (model.elbo_terms(images)["log_likelihood"] for _ in range(2))
    assert not np.allclose(first, second)
    np.testing.assert_allclose(twin.elbo_terms(images)["log_likelihood"], first, rtol=1e-6)
    np.testing.assert_array_equal(model.elbo_terms(images)["kl"], twin.elbo_terms(images)["kl"])


@pytest.mark.parametrize("shape", [(20, 3), (19, 2), (2,)])
def test_epsilon_has_one_row_an_image(vae, images, shape):
    with pytest.raises(BadInput, match=r"epsilon has shape .*expected \(20, 2\).*np.random.default_rng"):
        vae.elbo_terms(images, np.zeros(shape))


def test_call_gives_everything_that_the_loss_needs(vae, images):
    outputs = vae(images)
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "logits": (20, 4, 4, 1),
        "z_mean": (20, 2),
        "z_log_var": (20, 2),
        "z": (20, 2),
    }
    np.testing.assert_allclose(outputs["logits"], vae.decoder(outputs["z"]), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outputs["z_mean"], vae.encode(images)[0], rtol=1e-5, atol=1e-6)
    terms = vae.terms(images, outputs)
    expected = Bernoulli(outputs["logits"], event_ndims=3).log_prob(images)
    np.testing.assert_allclose(terms["log_likelihood"], expected, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_call_tells_both_networks_whether_they_train(training):
    dropout = keras.layers.Dropout(0.5, seed=0)
    x = keras.Input((4,))
    h = dropout(x)
    encoder = keras.Model(x, [h, h, h])
    z = keras.Input((4,))
    decoder = keras.Model(z, keras.layers.Dropout(0.5, seed=1)(z))
    outputs = VAE(encoder, decoder)(np.ones((50, 4), "float32"), training=training)
    z, logits = (as_numpy(outputs[name]) for name in ("z", "logits"))
    assert (z == 0).any() == training
    assert np.array_equal(logits, z) != training


# --- fit and evaluate ------------------------------------------------------------------------------------------------


def test_history_reports_four_figures_and_their_validation(new_vae, images):
    model = compiled(new_vae(), run_eagerly=False)
    history = model.fit(images, batch_size=8, epochs=2, validation_data=images[:5], verbose=0).history
    assert set(history) == REPORTED | {f"val_{name}" for name in REPORTED}
    for prefix in ("", "val_"):
        loss, neg_elbo, reconstruction, kl = (
            np.array(history[prefix + name])
            for name in ("loss", "neg_elbo", "reconstruction_loss", "kl_loss")
        )
        assert loss.shape == (2,)
        np.testing.assert_allclose(loss, neg_elbo, rtol=1e-5)
        np.testing.assert_allclose(neg_elbo, reconstruction + kl, rtol=1e-5)
        assert (kl > 0).all()
    assert set(model.evaluate(images, verbose=0, return_dict=True)) == REPORTED


def test_compile_by_name(new_vae, images):
    model = new_vae()
    model.compile("adam")
    assert set(model.fit(images, verbose=0).history) == REPORTED


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [7, 20, 1])
def test_a_smaller_last_batch_counts_by_its_images(noiseless_vae, images, batch_size):
    model = compiled(noiseless_vae(), learning_rate=0.0, run_eagerly=batch_size != 7)
    expected = exact_means(model, images)
    reported = model.evaluate(images, batch_size=batch_size, verbose=0, return_dict=True)
    assert reported == pytest.approx({**expected, "loss": expected["neg_elbo"]}, rel=1e-5)
    history = model.fit(images, batch_size=batch_size, verbose=0).history
    assert {name: values[0] for name, values in history.items()} == pytest.approx(reported, rel=1e-5)


def test_each_epoch_reports_itself_alone(noiseless_vae, images):
    model = compiled(noiseless_vae(), learning_rate=0.0)
    history = model.fit(images, batch_size=7, epochs=2, verbose=0).history
    assert history["neg_elbo"][0] == pytest.approx(history["neg_elbo"][1], rel=1e-5)
    other = model.evaluate(np.zeros_like(images), verbose=0, return_dict=True)
    assert other["neg_elbo"] == pytest.approx(exact_means(model, np.zeros_like(images))["neg_elbo"], rel=1e-5)


def test_fit_lowers_the_loss_that_it_names(noiseless_vae, images):
    model = compiled(noiseless_vae(), learning_rate=0.02)
    before = exact_means(model, images)["neg_elbo"]
    model.fit(images, epochs=10, verbose=0)
    assert exact_means(model, images)["neg_elbo"] < before - 0.3


def test_training_on_digits_lowers_the_negative_elbo():
    from companion import data

    x = data.load("digits").x_train
    model = VAE(seed=0)
    model.compile("adam")
    before = -model.elbo_terms(x[:200])["elbo"].mean()
    model.fit(x, batch_size=64, epochs=2, verbose=0)
    after = -model.elbo_terms(x[:200])["elbo"].mean()
    assert before == pytest.approx(784 * math.log(2), rel=0.1)
    assert after < 0.55 * before


def test_two_runs_with_one_seed_agree(new_vae, images):
    runs = [compiled(new_vae(seed=4)) for _ in range(2)]
    histories = [run.fit(images, epochs=2, batch_size=8, shuffle=False, verbose=0).history for run in runs]
    for name in REPORTED:
        np.testing.assert_allclose(histories[0][name], histories[1][name], rtol=1e-4)


def test_the_model_itself_calls_vae_loss(noiseless_vae, images, monkeypatch):
    model = compiled(noiseless_vae())
    expected = exact_means(model, images)
    monkeypatch.setattr(companion.vae, "vae_loss", lambda log_likelihood, kl: 7.0 + 0.0 * kl)
    reported = model.evaluate(images, verbose=0, return_dict=True)
    assert reported["loss"] == pytest.approx(7.0)
    assert reported["neg_elbo"] == pytest.approx(expected["neg_elbo"], rel=1e-5)


def test_another_objective_changes_the_loss_and_not_the_report(images):
    class Doubled(VAE):
        def objective(self, terms):
            return 2.0 * terms["kl"] - terms["log_likelihood"]

    model = compiled(Doubled(input_shape=(4, 4, 1), seed=0))
    reported = model.evaluate(images, verbose=0, return_dict=True)
    assert reported["neg_elbo"] == pytest.approx(
        reported["reconstruction_loss"] + reported["kl_loss"], rel=1e-5
    )
    assert reported["loss"] == pytest.approx(
        reported["reconstruction_loss"] + 2 * reported["kl_loss"], rel=1e-5
    )


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_one_forward_pass_a_batch(new_vae, images, monkeypatch, method):
    model = compiled(new_vae())
    calls = {"encoder": 0, "decoder": 0}
    functional = type(model.encoder)
    plain = functional.call

    def counted(self, *args, **kwargs):
        calls[self.name] += 1
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(functional, "call", counted)
    getattr(model, method)(images, batch_size=7, verbose=0)
    assert calls == {"encoder": 3, "decoder": 3}


def test_penalties_of_layers_are_optimised_and_not_reported(images):
    plain = build_encoder((4, 4, 1), 2, hidden=(8,), seed=0)
    x = keras.Input((4, 4, 1))
    h = keras.layers.Dense(8, kernel_regularizer=keras.regularizers.L2(0.5))(keras.layers.Flatten()(x))
    encoder = keras.Model(x, [keras.layers.Dense(2)(h) for _ in range(3)])
    model = compiled(VAE(encoder, seed=0))
    penalty = 0.5 * float((encoder.layers[2].get_weights()[0] ** 2).sum())
    assert penalty > 0.1
    for reported in (
        model.evaluate(images, batch_size=7, verbose=0, return_dict=True),
        {
            name: values[0]
            for name, values in compiled(model, 0.0).fit(images, batch_size=7, verbose=0).history.items()
        },
    ):
        assert reported["loss"] - reported["neg_elbo"] == pytest.approx(penalty, rel=1e-4)
    assert compiled(VAE(plain)).losses == []


def test_images_with_weight_zero_drop_out(noiseless_vae, images):
    model = compiled(noiseless_vae(), run_eagerly=False)
    weights = np.r_[np.ones(8), np.zeros(12)]
    reported = model.evaluate(images, sample_weight=weights, verbose=0, return_dict=True)
    expected = exact_means(model, images[:8])
    assert {name: reported[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    # As everywhere in Keras, the loss is divided by the number of images, not by the sum of their weights.
    assert reported["loss"] == pytest.approx(8 / 20 * expected["neg_elbo"], rel=1e-5)


def test_weights_reach_training_and_both_kinds_of_validation(noiseless_vae, images):
    model = compiled(noiseless_vae(), learning_rate=0.0)
    weights = np.linspace(0, 2, 20)
    history = model.fit(
        images, sample_weight=weights, batch_size=20, validation_split=0.25, verbose=0
    ).history
    train, validation = (
        exact_means(model, images[:15], weights[:15]),
        exact_means(model, images[15:], weights[15:]),
    )
    for name in train:
        assert history[name][0] == pytest.approx(train[name], rel=1e-5)
        assert history[f"val_{name}"][0] == pytest.approx(validation[name], rel=1e-5)
    given = (images[:5], None, weights[:5])
    history = model.fit(images, validation_data=given, verbose=0).history
    assert history["val_kl_loss"][0] == pytest.approx(
        exact_means(model, images[:5], weights[:5])["kl_loss"], rel=1e-5
    )


def test_weights_of_shape_n_by_one_do_not_broadcast(vae):
    per_image, weights = tf.constant([1.0, 2.0, 3.0]), tf.constant([[1.0], [0.0], [2.0]])
    assert float(vae.mean_loss(per_image, weights)) == pytest.approx(7 / 3)


class Rows(keras.utils.PyDataset):
    """Batches of eight images; the last holds four."""

    def __init__(self, images):
        super().__init__()
        self.images = images

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return (self.images[8 * i : 8 * i + 8],)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Your input ran out of data")  # the generator is spent after its one epoch
@pytest.mark.parametrize(
    "stream",
    [
        lambda x: tf.data.Dataset.from_tensor_slices(x).batch(8),
        lambda x: tf.data.Dataset.from_tensor_slices((x,)).batch(8),
        Rows,
        lambda x: ((x[i : i + 8],) for i in range(0, 20, 8)),
        tf.constant,
        lambda x: x.tolist(),
    ],
    ids=["dataset", "dataset_of_tuples", "pydataset", "generator", "tensor", "list"],
)
def test_every_kind_of_input_gives_the_same_figures(noiseless_vae, images, stream):
    model = compiled(noiseless_vae(), learning_rate=0.0)
    expected = exact_means(model, images)
    reported = model.evaluate(stream(images), verbose=0, return_dict=True)
    assert {name: reported[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    history = model.fit(stream(images), validation_data=Rows(images), shuffle=False, verbose=0).history
    assert history["neg_elbo"][0] == pytest.approx(expected["neg_elbo"], rel=1e-5)
    assert history["val_neg_elbo"][0] == pytest.approx(expected["neg_elbo"], rel=1e-5)


def test_half_precision_gives_finite_terms(images):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = VAE(input_shape=(4, 4, 1), likelihood="normal", seed=0)
        assert model.encoder(images)[0].dtype == "float16"
    finally:
        keras.mixed_precision.set_global_policy("float32")
    model.compile("adam")
    assert np.isfinite(model.fit(images, verbose=0).history["loss"]).all()  # in a graph, as people train
    for terms in (model.elbo_terms(images), model.elbo_terms(images, noise(20))):
        assert all(np.isfinite(terms[name]).all() and terms[name].dtype == "float32" for name in TERMS)
    assert np.isfinite(model.log_weights(images, 3)).all()


def test_extreme_codes_stay_finite_in_half_precision():
    # A log variance of 12 would overflow: exp(12) is infinite in half precision.
    x = keras.Input((1,))
    raw = keras.layers.Dense(2, kernel_initializer="ones", dtype="float16")
    h = raw(x)
    model = VAE(
        keras.Model(x, [h, h, h]),
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]),
        likelihood="normal",
    )
    terms = model.terms(
        np.ones((1, 1), "float32"),
        {**model(np.ones((1, 1), "float32")), "z_log_var": np.full((1, 2), 12, "float16")},
    )
    assert np.isfinite(terms["kl"]).all()


# --- Codes, images, samples ------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_encode_gives_three_arrays_and_a_fresh_draw(new_vae, images):
    model = new_vae()
    (z_mean, z_log_var, z), (mean_again, log_var_again, z_again) = model.encode(images), model.encode(images)
    assert {(type(part), part.shape) for part in (z_mean, z_log_var, z)} == {(np.ndarray, (20, 2))}
    np.testing.assert_array_equal(z_mean, mean_again)
    np.testing.assert_array_equal(z_log_var, log_var_again)
    assert not np.allclose(z, z_again)
    assert (np.abs(z - z_mean) < 6 * np.exp(z_log_var / 2)).all()


def test_decode_is_the_sigmoid_of_the_logits(vae):
    codes = noise(30)
    decoded = vae.decode(codes)
    assert decoded.shape == (30, 4, 4, 1)
    np.testing.assert_allclose(decoded, special.expit(as_numpy(vae.decoder(codes))), rtol=1e-5)


def test_reconstruct_decodes_the_mean_without_noise(vae, images):
    np.testing.assert_array_equal(vae.reconstruct(images), vae.decode(vae.encode(images)[0]))


def test_sample_gives_pixels_from_prior_codes(new_vae):
    model = new_vae()
    drawn = model.sample(300)
    assert drawn.shape == (300, 4, 4, 1)
    assert (drawn >= 0).all()
    assert (drawn <= 1).all()
    assert not np.allclose(drawn, model.sample(300))
    np.testing.assert_array_equal(new_vae().sample(300), drawn)
    np.testing.assert_array_equal(model.sample(5, seed=3), model.sample(5, seed=3))
    assert not np.allclose(model.sample(5, seed=3), model.sample(5, seed=4))
    codes = keras.random.normal((5, 2), seed=3)
    np.testing.assert_allclose(model.sample(5, seed=3), model.decode(np.asarray(codes)), rtol=1e-6)


# --- Importance weights ----------------------------------------------------------------------------------------------


def test_log_weights_against_scipy(vae, images):
    k, seed = 6, 9
    z_mean, z_log_var, _ = (as_numpy(part) for part in vae.encode(images))
    sigma = np.exp(z_log_var / 2)
    epsilon = as_numpy(keras.random.normal((k, 20, 2), seed=seed))
    z = z_mean + sigma * epsilon
    log_w = as_numpy(vae.log_weights(images, k, seed=seed))
    assert log_w.shape == (k, 20)
    for i in range(k):
        logits = as_numpy(vae.decoder(z[i].astype("float32")))
        log_likelihood = (images * logits - np.logaddexp(0, logits)).sum(axis=(1, 2, 3))
        log_prior, log_posterior = (
            stats.norm.logpdf(z[i]).sum(1),
            stats.norm(z_mean, sigma).logpdf(z[i]).sum(1),
        )
        np.testing.assert_allclose(log_w[i], log_likelihood + log_prior - log_posterior, rtol=1e-4)


def test_the_mean_log_weight_is_the_elbo(vae, images):
    n = 4000
    log_w = as_numpy(vae.log_weights(images[:2], n, seed=0))
    elbo = np.mean([vae.elbo_terms(np.repeat(images[:2], n, 0), noise(2 * n))["elbo"]], axis=0).reshape(2, n)
    allowance = 5 * np.sqrt((log_w.var(axis=0) + elbo.var(axis=1)) / n)
    assert (np.abs(log_w.mean(axis=0) - elbo.mean(axis=1)) < allowance).all()


def test_log_weights_of_colour_images_and_three_latent_dimensions(conv_vae):
    x = np.random.default_rng(6).uniform(size=(4, *conv_vae.image_shape)).astype("float32")
    z_mean, z_log_var, _ = (as_numpy(part) for part in conv_vae.encode(x))
    epsilon = as_numpy(keras.random.normal((2, 4, 3), seed=1))
    z = z_mean + np.exp(z_log_var / 2) * epsilon
    logits = as_numpy(conv_vae.decoder(z.reshape(8, 3).astype("float32"))).reshape(2, *x.shape)
    log_likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=(2, 3, 4))
    log_ratio = (stats.norm.logpdf(z) - stats.norm(z_mean, np.exp(z_log_var / 2)).logpdf(z)).sum(axis=2)
    np.testing.assert_allclose(conv_vae.log_weights(x, 2, seed=1), log_likelihood + log_ratio, rtol=1e-4)


def test_log_weights_draw_by_seed_or_from_the_models_own_stream(new_vae, images):
    model, twin = new_vae(), new_vae()
    np.testing.assert_array_equal(model.log_weights(images, 2, seed=1), model.log_weights(images, 2, seed=1))
    generator = keras.random.SeedGenerator(1)
    assert not np.allclose(model.log_weights(images, 2, generator), model.log_weights(images, 2, generator))
    first = model.log_weights(images, 2)
    np.testing.assert_array_equal(twin.log_weights(images, 2), first)
    assert not np.allclose(model.log_weights(images, 2), first)


# --- The contract ----------------------------------------------------------------------------------------------------


def signature(function):
    return {
        name: p.default
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is not p.VAR_KEYWORD
    }


def test_signatures_of_the_contract():
    assert signature(VAE) == {
        "encoder": None,
        "decoder": None,
        "input_shape": (28, 28, 1),
        "latent_dim": 2,
        "likelihood": "bernoulli",
        "seed": None,
    }
    kinds = {p.name: p.kind for p in inspect.signature(VAE).parameters.values()}
    assert all(
        kinds[name].name == "KEYWORD_ONLY" for name in ("input_shape", "latent_dim", "likelihood", "seed")
    )
    assert signature(build_encoder)["input_shape"] == (784,)
    assert list(signature(build_encoder))[:2] == ["input_shape", "latent_dim"]
    assert list(signature(build_decoder))[:2] == ["latent_dim", "output_shape"]


def test_none_builds_the_dense_pair():
    model = VAE()
    assert (model.encoder.count_params(), model.decoder.count_params()) == (534_276, 534_544)
    assert (model.image_shape, model.latent_dim, model.likelihood.family, model.seed) == (
        (28, 28, 1),
        2,
        "bernoulli",
        None,
    )


def test_what_is_left_out_is_built_to_fit(new_vae):
    model = VAE(input_shape=(4, 5, 3), latent_dim=7, likelihood="normal", seed=3)
    assert (model.image_shape, model.latent_dim, model.seed) == ((4, 5, 3), 7, 3)
    assert model.encoder.output_shape == [(None, 7)] * 3
    assert model.decoder.output_shape == (None, 4, 5, 3)
    assert VAE(decoder=build_decoder(3, (4, 4, 1))).encoder.output_shape == [(None, 3)] * 3
    assert VAE(encoder=build_encoder((4, 4, 1), 3)).decoder.input_shape == (None, 3)


def test_seed_fixes_every_weight():
    first, same, other = (VAE(input_shape=(4, 4, 1), seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    kernels = [i for i, w in enumerate(first.get_weights()) if w.ndim == 2]
    assert not any(np.allclose(first.get_weights()[i], other.get_weights()[i]) for i in kernels)
    z_mean, z_log_var = (first.encoder.get_layer(name).get_weights()[0] for name in ("z_mean", "raw_log_var"))
    assert not np.allclose(z_mean, z_log_var)


def test_without_a_seed_two_models_differ():
    first, second = VAE(input_shape=(4, 4, 1)), VAE(input_shape=(4, 4, 1))
    assert not np.allclose(first.get_weights()[0], second.get_weights()[0])
    assert not np.allclose(first.sample(2), second.sample(2))


def test_extra_arguments_reach_keras():
    assert VAE(input_shape=(4, 4, 1), name="mine").name == "mine"


def test_registered_for_loading():
    assert keras.saving.get_registered_object("companion>VAE") is VAE


def test_config_rebuilds_the_model(new_vae, images):
    model = new_vae(likelihood="continuous_bernoulli")
    copy = VAE.from_config(model.get_config())
    copy.set_weights(model.get_weights())
    assert (copy.name, copy.seed, copy.likelihood.family) == (model.name, 0, "continuous_bernoulli")
    terms = model.elbo_terms(images, noise(20))
    np.testing.assert_allclose(copy.elbo_terms(images, noise(20))["elbo"], terms["elbo"], rtol=1e-6)
