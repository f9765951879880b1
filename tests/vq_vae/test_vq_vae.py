"""Protects the VQ-VAE: a bound on log p(x) that is one, gradients that go where they should, terms that no other image
influences, figures over an epoch, and a model that saves, resumes and generates."""

import itertools
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.special import logsumexp

from companion import evaluation, experiments
from companion.code_use import code_counts, inked_cells, perplexity, use_of_codes
from companion.errors import BadInput
from companion.networks import build_decoder, build_encoder
from companion.vq_vae import VQVAE, build_vqvae_decoder, build_vqvae_encoder, vqvae_loss
from companion.vq_vae.pixel_cnn import PixelCNN, UniformPrior

SIZES = {"input_shape": (4, 4, 1), "num_embeddings": 3, "embedding_dim": 2, "filters": (4,)}
HOW = {"batch_size": 8, "shuffle": False, "verbose": 0}
MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist.npz"


def as_numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def small(images=None, **kwargs):
    """A small model; with ``images``, its codebook is made of what its encoder gives for them."""
    model = VQVAE(**{**SIZES, "seed": 0, **kwargs})
    if images is not None:
        for _ in range(50):  # until the running means of the normalisation are there
            model.encoder(images, training=True)
        model.quantizer(model.encoder(images), training=True)
    return model


@pytest.fixture(scope="module")
def model(images):
    """It is never trained."""
    return small(images, reset=0)


# --- The bound -------------------------------------------------------------------------------------------------------


def test_terms_are_sums_over_an_images_pixels_vectors_and_codes(model, images):
    terms = model.elbo_terms(images)
    encoded = as_numpy(model.encoder(images))
    book = as_numpy(model.quantizer.embeddings)
    codes = ((encoded[..., None, :] - book) ** 2).sum(-1).argmin(-1)
    np.testing.assert_array_equal(model.encode(images), codes)
    assert len(np.unique(codes)) == 3
    logits = as_numpy(model.decoder(book[codes].astype("float32")))
    log_likelihood = (images * logits - np.logaddexp(0, logits)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, rtol=1e-4)
    np.testing.assert_allclose(terms["kl"], -as_numpy(model.prior.log_prob(codes)), rtol=1e-5)
    np.testing.assert_allclose(terms["elbo"], log_likelihood - terms["kl"], rtol=1e-5)
    np.testing.assert_allclose(
        terms["commitment"], ((encoded - book[codes]) ** 2).sum(axis=(1, 2, 3)), rtol=1e-3
    )
    np.testing.assert_array_equal(terms["codebook"], np.zeros(20))
    learned = small(codebook="loss").elbo_terms(images)
    np.testing.assert_array_equal(learned["codebook"], learned["commitment"])
    assert learned["codebook"].min() > 0


def test_a_uniform_prior_costs_log_k_a_cell(images):
    np.testing.assert_allclose(small(prior="uniform").elbo_terms(images)["kl"], 4 * np.log(3), rtol=1e-5)


@pytest.mark.parametrize("prior", ["uniform", "pixel_cnn"])
def test_the_bound_never_passes_log_p(images, prior):
    # Small enough to go through all 81 maps of codes.
    model, binary = small(images, prior=prior), (images > 0.5).astype("float32")
    maps = np.array(list(itertools.product(range(3), repeat=4)), "int32").reshape(-1, 2, 2)
    log_prior = as_numpy(model.prior.log_prob(maps))
    logits = as_numpy(model.decoder(model.quantizer.look_up(maps)))[:, None]
    log_likelihood = (binary * logits - np.logaddexp(0, logits)).sum(axis=(2, 3, 4))
    log_p = logsumexp(log_prior[:, None] + log_likelihood, axis=0)
    elbo = model.elbo_terms(binary)["elbo"]
    assert (elbo < log_p).all()
    assert elbo.mean() > log_p.mean() - 4 * np.log(3)
    np.testing.assert_allclose(model.log_weights(binary, 3), np.tile(elbo, (3, 1)), rtol=1e-5)


@pytest.mark.slow
def test_every_image_has_its_own_terms_in_any_batch(model, images):
    order = np.random.default_rng(2).permutation(20)
    together, shuffled = model.elbo_terms(images), model.elbo_terms(images[order])
    for name, values in together.items():
        assert values.shape == (20,)
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-4)
        for size in (1, 7):
            parts = [model.elbo_terms(images[i : i + size])[name] for i in range(0, 20, size)]
            np.testing.assert_allclose(np.concatenate(parts), values, rtol=1e-4)


def test_the_loss_is_the_bound_and_the_terms_that_tie_encoder_and_codebook():
    total = vqvae_loss(np.array([-7.0, -1.0]), np.array([4.0, 8.0]), np.array([3.0, 0.0]))
    np.testing.assert_allclose(total, [7 + 1 + 3, 1 + 2])
    np.testing.assert_allclose(vqvae_loss(-7.0, 4.0, 3.0, weight=1.0), 14.0)
    terms = {"log_likelihood": -7.0, "commitment": 4.0, "codebook": 3.0, "kl": 5.0}
    assert float(small(commitment=0.5).objective(terms)) == 7 + 2 + 3 + 5


# --- Gradients -------------------------------------------------------------------------------------------------------


def gradients(model, images, value_of):
    """Of the encoder's first kernel, the codebook, and the prior's first weight."""
    parts = (model.encoder, model.quantizer, model.prior)
    watched = [part.trainable_variables[0].value for part in parts]
    with tf.GradientTape() as tape:
        y_pred = model(images, training=True)
        value = ops.mean(value_of(model.terms(images, y_pred)))
    return [
        g if g is None else np.abs(as_numpy(tf.convert_to_tensor(g))).max()
        for g in tape.gradient(value, watched)
    ]


def test_each_part_learns_from_its_own_term(images):
    model = small(images, codebook="loss", reset=0)
    encoder, codebook, prior = gradients(model, images, lambda terms: -terms["log_likelihood"])
    assert encoder > 1e-4 and codebook is None and prior is None
    encoder, codebook, prior = gradients(model, images, lambda terms: terms["commitment"])
    assert encoder > 1e-4 and codebook is None and prior is None
    encoder, codebook, prior = gradients(model, images, lambda terms: terms["codebook"])
    assert encoder is None and codebook > 1e-4 and prior is None
    encoder, codebook, prior = gradients(model, images, lambda terms: terms["kl"])
    assert encoder is None and codebook is None and prior > 1e-4


# --- As a Keras model ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_history_and_evaluate_report_the_bound_and_the_perplexity_of_all_codes(images):
    model = small(images)
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(images, epochs=2, **HOW).history
    assert set(history) == {"loss", "neg_elbo", "reconstruction_loss", "kl_loss", "perplexity"}
    scores = model.evaluate(images, batch_size=8, verbose=0, return_dict=True)
    terms, counts = model.elbo_terms(images), code_counts(model.encode(images), 3)
    assert scores["perplexity"] == pytest.approx(perplexity(counts), rel=1e-4)
    assert scores["neg_elbo"] == pytest.approx(-terms["elbo"].mean(), rel=1e-4)
    assert scores["loss"] == pytest.approx((0.25 * terms["commitment"] - terms["elbo"]).mean(), rel=1e-4)
    assert scores["kl_loss"] + scores["reconstruction_loss"] == pytest.approx(scores["neg_elbo"], rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("codebook", ["ema", "loss"])
def test_training_improves_the_bound(images, codebook):
    model = small(codebook=codebook, num_embeddings=16, prior="uniform")
    model.compile(keras.optimizers.Adam(0.01))
    losses = model.fit(images, epochs=40, **HOW).history["neg_elbo"]
    assert losses[-1] < losses[0] - 1


@pytest.mark.slow
def test_saved_loaded_and_resumed_it_goes_on_where_it_stopped(images, tmp_path):
    model = small(commitment=0.5, reset=0.6, name="mine")
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    model.fit(images, **HOW)
    model.save(tmp_path / "vq.keras")
    loaded = keras.models.load_model(tmp_path / "vq.keras")
    np.testing.assert_array_equal(loaded.encode(images), model.encode(images))
    np.testing.assert_allclose(loaded.reconstruct(images), model.reconstruct(images), rtol=1e-5)
    assert (loaded.commitment, loaded.num_embeddings, loaded.name, loaded.seed) == (0.5, 3, "mine", 0)
    assert (loaded.quantizer.codebook, loaded.quantizer.reset) == ("ema", 0.6)
    assert float(loaded.quantizer.begun) == 1
    further, resumed = (m.fit(images, epochs=3, **HOW).history for m in (model, loaded))
    for name, values in further.items():
        np.testing.assert_allclose(resumed[name], values, rtol=1e-4)
    np.testing.assert_allclose(loaded.quantizer.counts, model.quantizer.counts, rtol=1e-4)
    np.testing.assert_array_equal(loaded.sample(3), model.sample(3))  # the stream of draws too
    other = VQVAE.from_config(small(prior="uniform", codebook="loss", data_init=False).get_config())
    assert type(other.prior) is UniformPrior
    assert (other.quantizer.codebook, other.quantizer.data_init) == ("loss", False)


def test_codes_can_be_edited_and_decoded(model, images):
    codes = model.encode(images)
    assert codes.shape == (20, 2, 2) and codes.dtype == "int32"
    np.testing.assert_allclose(model.reconstruct(images), model.decode(codes))
    other = codes.copy()
    other[:, 0, 0] = (codes[:, 0, 0] + 1) % 3
    changed = np.abs(model.decode(other) - model.decode(codes)).max(axis=0)
    assert changed[0, 0] > 1e-4
    assert 0 <= model.decode(codes).min() <= model.decode(codes).max() <= 1


def test_samples_are_decoded_maps_that_the_prior_draws(model):
    np.testing.assert_array_equal(model.sample(5, seed=3), model.decode(model.prior.sample(5, seed=3)))
    assert (model.sample(8) != model.sample(8)).any()  # its own stream moves on


@pytest.mark.slow
def test_a_prior_fitted_alone_leaves_the_rest_as_it_is(images):
    model = small(images)
    model.compile(keras.optimizers.Adam(0.01))
    before, weights = model.elbo_terms(images), [as_numpy(v) for v in model.encoder.variables]
    history = model.fit_prior(images, epochs=20, learning_rate=0.01, **HOW).history
    after = model.elbo_terms(images)
    assert after["kl"].mean() < before["kl"].mean() - 0.2
    assert history["loss"][-1] == pytest.approx(after["kl"].mean(), abs=0.3)
    np.testing.assert_array_equal(after["log_likelihood"], before["log_likelihood"])
    for was, variable in zip(weights, model.encoder.variables, strict=True):
        np.testing.assert_array_equal(as_numpy(variable), was)
    scores = model.evaluate(images, verbose=0, return_dict=True)
    assert scores["neg_elbo"] == pytest.approx(-after["elbo"].mean(), rel=1e-4)
    assert scores["loss"] > scores["neg_elbo"]  # its own loss, not the prior's
    with pytest.raises(BadInput, match="the prior is uniform and has nothing to learn: expected a PixelCNN"):
        small(prior="uniform").fit_prior(images)


def test_scores(model, images):
    scores = evaluation.score(model, images, k=4)
    terms, codes = model.elbo_terms(images), model.encode(images)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction"] + scores["kl"], rel=1e-6)
    assert scores["cross_entropy_bound"] == pytest.approx(terms["elbo"].mean(), rel=1e-5)
    assert (scores["active_units"], scores["units"]) == (None, 0)
    expected = use_of_codes(codes, inked_cells(images, (2, 2)), 3)
    assert {name: scores[name] for name in expected} == expected
    assert scores["bits_per_image"] == pytest.approx(terms["kl"].mean() / np.log(2), rel=1e-5)
    assert scores["bits_per_code"] == pytest.approx(scores["bits_per_image"] / 4, rel=1e-6)
    assert model.noise(3, seed=0).shape == (3, 0)
    assert json.loads(json.dumps(scores)) == scores


@pytest.mark.slow
def test_a_recorded_run_is_resumed_and_loaded(tmp_path):
    pixels = np.random.default_rng(0).uniform(size=(30, 6, 5, 1)).astype("float32")
    np.savez(tmp_path / "own.npz", images=pixels)
    options = {"num_embeddings": 4, "embedding_dim": 2, "filters": (3, 3)}
    settings = experiments.Settings(
        model="vq_vae", dataset=str(tmp_path / "own.npz"), epochs=1, k=2, batch_size=8, options=options
    )
    experiments.run(settings, tmp_path / "run", quiet=True)
    longer = experiments.Settings(**{**settings.recorded(), "dataset": settings.dataset, "epochs": 2})
    record = experiments.run(longer, tmp_path / "run", resume=True, quiet=True)
    assert record["epochs_done"] == 2
    assert record["settings"]["latent_dim"] is None
    assert 1 <= record["test"]["codes_used"] <= 4
    loaded, _ = experiments.load(tmp_path / "run")
    assert (type(loaded), loaded.num_embeddings, loaded.latent_dim) == (VQVAE, 4, 2)
    assert loaded.sample(2).shape == (2, 6, 5, 1)


def test_what_is_usual_and_the_seed_of_the_prior():
    usual = VQVAE(input_shape=(4, 4, 1), seed=3)
    assert (usual.num_embeddings, usual.latent_dim, usual.commitment, usual.grid_shape) == (
        64,
        16,
        0.25,
        (1, 1),
    )
    quantizer = usual.quantizer
    assert (quantizer.codebook, quantizer.reset, quantizer.data_init, quantizer.seed) == ("ema", 0.5, True, 3)
    assert type(usual.prior) is PixelCNN
    assert usual.prior.seed == 2 * 3 + 2
    networks = VQVAE.build_networks((8, 8, 1), embedding_dim=2, filters=(3, 5), seed=0)
    widths = {
        name: [layer.filters for layer in network.layers if hasattr(layer, "filters")]
        for name, network in networks.items()
    }
    assert widths == {"encoder": [3, 5, 2], "decoder": [5, 3, 1]}
    assert VQVAE.build_networks((8, 8, 1))["encoder"].output_shape == (None, 2, 2, 16)


# --- Sizes and seeds -------------------------------------------------------------------------------------------------


def test_the_sizes_of_the_source():
    model = VQVAE(num_embeddings=512, embedding_dim=64, filters=(32, 64, 128), prior="uniform", seed=0)
    assert tuple(model.quantizer.embeddings.shape) == (512, 64)
    assert model.grid_shape == (4, 4)
    convolutions = [layer for layer in model.encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [(c.filters, c.kernel_size, c.strides) for c in convolutions] == [
        *((f, (4, 4), (2, 2)) for f in (32, 64, 128)),
        (64, (1, 1), (1, 1)),
    ]
    assert model(np.zeros((1, 28, 28, 1), "float32"))["logits"].shape == (1, 28, 28, 1)


def test_the_seed_fixes_the_networks_and_the_encoder_normalises(images):
    first, same, other = (VQVAE(**SIZES, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.encoder(images), same.encoder(images))
    assert not np.allclose(first.encoder(images), other.encoder(images))
    np.testing.assert_array_equal(first.prior(first.encode(images)), same.prior(first.encode(images)))
    vectors = as_numpy(first.encoder(images, training=True)).reshape(-1, 2)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(
        vectors.std(axis=0), 1, atol=0.1
    )  # a little less: a constant keeps zero at bay


# --- Bad input -------------------------------------------------------------------------------------------------------


def conv_pair(embedding_dim=2, filters=(4,)):
    return {
        "encoder": build_vqvae_encoder((4, 4, 1), 2, filters=(4,)),
        "decoder": build_vqvae_decoder(embedding_dim, (4, 4, 1), filters=filters),
    }


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoder": build_vqvae_encoder((4, 4, 1), 2)}, "one network came without the other: expected both"),
        ({"encoder": 64, "decoder": 16}, "encoder has type int: expected a built keras.Model"),
        (
            {"encoder": build_encoder((4, 4, 1), 2), "decoder": build_decoder(2, (4, 4, 1))},
            r"VQVAE expects one map of vectors, .*build_vqvae_encoder",
        ),
        (
            {"encoder": build_encoder((4, 4, 1), 2, variational=False), "decoder": build_decoder(2, (4, 4, 1))},
            r"encoder gives \(None, 2\): VQVAE expects one map of vectors",
        ),
        (conv_pair(filters=(4, 4)), r"encoder gives maps \(2, 2, 2\) and the decoder takes \(1, 1, 2\)"),
        (conv_pair(embedding_dim=3), "decoder maps 3 numbers"),
        ({"commitment": -1}, "commitment=-1: expected a finite number of at least 0"),
        ({"num_embeddings": 0}, "num_embeddings=0: expected a whole number"),
        ({"embedding_dim": 0}, "embedding_dim=0: expected a whole number"),
        ({"filters": ()}, r"filters=\(\): expected one whole number per layer"),
        ({"codebook": "mean"}, "codebook='mean': expected one of ema, loss"),
        ({"prior": "normal"}, "prior='normal': expected one of uniform, pixel_cnn"),
        ({"prior": PixelCNN(3, (2, 3), filters=2)}, r"prior is for 3 codes on \(2, 3\) cells: expected 3 on \(2, 2\)"),
        ({"input_shape": (784,)}, r"shape \(784,\): expected \(height, width, channels\)"),
        ({"seed": "a"}, "seed='a': expected a whole number"),
    ],
)  # fmt: skip
def test_bad_settings(wrong, message):
    with pytest.raises(BadInput, match=message):
        VQVAE(**{**SIZES, **wrong})


def test_bad_images_and_codes(model, images):
    with pytest.raises(BadInput, match="images have shape"):
        model.encode(images[0])
    with pytest.raises(BadInput, match=r"expected \(n, 2, 2\) whole numbers"):
        model.decode(np.zeros((1, 2, 2)))
    with pytest.raises(BadInput, match="codes lie between 0 and 3: expected 0 to 2"):
        model.decode(np.array([[[0, 1], [2, 3]]]))
    with pytest.raises(BadInput, match="num_samples=0: expected a whole number"):
        model.log_weights(images, 0)


# --- On MNIST --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason="the full MNIST is not beside the project")
def test_on_mnist_the_codebook_lives():
    with np.load(MNIST) as arrays:
        train, test = (
            (arrays[name][:count, :, :, None] / 255).astype("float32")
            for name, count in (("x_train", 30_000), ("x_test", 5_000))
        )
    model = VQVAE(prior="uniform", seed=0)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.fit(train, batch_size=128, epochs=3, verbose=0)
    scores = evaluation.score(model, test, k=1, n_images=1)
    assert scores["codes_used"] >= 60
    assert scores["perplexity"] >= 35
    assert scores["reconstruction"] <= 65
