"""Protects the tokens beside VQ: levels are whole numbers and all reached, codes and vectors belong to each other,
gradients go where they are meant to, stages quantise what is left, and the rotation is one; models come back."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from companion.errors import BadInput
from companion.fsq import (
    FSQVAE,
    FiniteScalarQuantizer,
    ResidualQuantizer,
    ResidualVQVAE,
    RotatingQuantizer,
    RotatingVQVAE,
    bounded,
    rotation_trick,
)
from companion.vq_vae import VectorQuantizer, build_vqvae_decoder, build_vqvae_encoder

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).uniform(size=(12, *SHAPE)).astype("float32")


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def gradient(function, x):
    """The gradient of the sum of ``function(x)``, by TensorFlow."""
    import tensorflow as tf

    watched = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(watched)
        total = tf.reduce_sum(function(watched))
    found = tape.gradient(total, watched)
    return np.zeros(np.shape(x)) if found is None else found.numpy()


def test_coordinates_are_rounded_to_their_levels_and_all_levels_are_reached():
    z = np.linspace(-8, 8, 2001, dtype="float32")[:, None] * np.ones(4, "float32")
    inside = as_numpy(bounded(z, (2, 3, 4, 5)))
    reached = [sorted(set(column)) for column in np.round(inside).T]
    assert reached == [[-1, 0], [-1, 0, 1], [-2, -1, 0, 1], [-2, -1, 0, 1, 2]]
    np.testing.assert_allclose(
        bounded(np.zeros((1, 4), "float32"), (2, 3, 4, 5)), np.zeros((1, 4)), atol=1e-5
    )
    assert np.diff(inside, axis=0).min() > -1e-6


def test_codes_and_vectors_belong_to_each_other():
    layer = FiniteScalarQuantizer((3, 4, 2))
    codes = np.arange(24)
    vectors = as_numpy(layer.look_up(codes))
    assert len({tuple(row) for row in vectors}) == 24
    assert vectors.min() == -1 and vectors.max() <= 1
    # Vectors far enough into their cells are given back.
    half = np.array([1.0, 2.0, 1.0])
    raw = np.random.default_rng(0).normal(0, 3, size=(500, 3)).astype("float32")
    found = layer(raw)
    np.testing.assert_array_equal(layer.look_up(found["codes"]), found["embedded"])
    np.testing.assert_allclose(found["z"], found["embedded"], atol=1e-6)
    np.testing.assert_allclose(
        as_numpy(found["embedded"]) * half, np.round(bounded(raw, (3, 4, 2))), atol=1e-6
    )
    assert set(as_numpy(found["codes"]).astype(int)) == set(range(24))
    digits = as_numpy(found["embedded"]) * half + half
    np.testing.assert_array_equal(as_numpy(found["codes"]), digits @ [1, 3, 12])


def test_the_gradient_passes_the_rounding():
    layer = FiniteScalarQuantizer((3, 5))
    raw = np.array([[0.3, -0.4], [2.0, 0.1]], "float32")
    through = gradient(lambda x: layer(x)["z"], raw)
    expected = gradient(lambda x: bounded(x, (3, 5)) / np.array([1.0, 2.0], "float32"), raw)
    np.testing.assert_allclose(through, expected, rtol=1e-5)
    assert through.min() > 0.01
    assert not gradient(lambda x: layer(x)["embedded"], raw).any()
    assert not layer.weights


def make(family=FSQVAE, **how):
    own = {"levels": (3, 2)} if family is FSQVAE else {"embedding_dim": 2}
    return family(input_shape=SHAPE, filters=(4,), seed=0, **{**own, **how})


def test_the_model_has_as_many_codes_as_its_levels_make_and_no_loss_but_the_bound():
    model = make(levels=(4, 3))
    assert (model.num_embeddings, model.latent_dim, model.commitment) == (12, 2, 0.0)
    terms = model.elbo_terms(IMAGES)
    assert not terms["codebook"].any() and terms["commitment"].all()
    objective = as_numpy(
        model.objective({name: ops.convert_to_tensor(value) for name, value in terms.items()})
    )
    np.testing.assert_allclose(objective, -terms["elbo"], rtol=1e-5)
    codes = model.encode(IMAGES)
    assert codes.shape == (12, 4, 4) and codes.min() >= 0 and codes.max() < 12
    np.testing.assert_allclose(model.decode(codes), model.reconstruct(IMAGES), rtol=1e-5)
    given = model.quantizer(model.encoder(IMAGES))
    np.testing.assert_allclose(model(IMAGES)["logits"], model.decoder(given["z"]), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "family, own", [(FSQVAE, {}), (ResidualVQVAE, {"stages": (4, 3)}), (RotatingVQVAE, {"num_embeddings": 8})]
)
def test_it_trains_saves_and_loads(family, own, tmp_path):
    model = make(family, **own)
    model.compile(keras.optimizers.Adam(0.01), jit_compile=False)
    history = model.fit(IMAGES, batch_size=6, epochs=25, verbose=0).history
    assert history["reconstruction_loss"][-1] < history["reconstruction_loss"][0]
    assert 1 <= history["perplexity"][-1] <= model.num_embeddings
    model.save(tmp_path / "tokens.keras")
    loaded = keras.models.load_model(tmp_path / "tokens.keras")
    assert loaded.get_config() == model.get_config() or loaded.num_embeddings == model.num_embeddings
    np.testing.assert_array_equal(loaded.encode(IMAGES), model.encode(IMAGES))
    np.testing.assert_allclose(loaded.elbo_terms(IMAGES)["elbo"], model.elbo_terms(IMAGES)["elbo"], rtol=1e-5)
    assert loaded.sample(2, seed=0).shape == (2, *SHAPE)


def test_each_stage_quantises_what_the_ones_before_have_left():
    layer = ResidualQuantizer((4, 3), 2, data_init=False, seed=0)
    first, second = layer.quantizers
    draws = np.random.default_rng(0)
    first.embeddings.assign(draws.normal(size=(4, 2)))
    second.embeddings.assign(0.3 * draws.normal(size=(3, 2)))
    x = draws.normal(size=(50, 2)).astype("float32")
    rows, more = first.embeddings.numpy(), second.embeddings.numpy()
    one = np.square(x[:, None] - rows).sum(axis=2).argmin(axis=1)
    two = np.square((x - rows[one])[:, None] - more).sum(axis=2).argmin(axis=1)
    found = layer(x)
    np.testing.assert_array_equal(found["codes"], one + 4 * two)
    np.testing.assert_allclose(found["embedded"], rows[one] + more[two], rtol=1e-5)
    np.testing.assert_allclose(layer.look_up(found["codes"]), found["embedded"], rtol=1e-5)
    np.testing.assert_allclose(found["z"], found["embedded"], atol=1e-5)
    np.testing.assert_allclose(gradient(lambda v: layer(v)["z"], x), np.ones_like(x))
    assert layer.num_embeddings == 12


def test_the_stages_learn_from_what_is_left():
    layer = ResidualQuantizer((4, 4), 2, decay=0.5, reset=0.0, seed=0)
    x = np.random.default_rng(0).normal(size=(200, 2)).astype("float32")
    errors = []
    for _ in range(20):
        found = layer(x, training=True)
        errors.append(np.square(as_numpy(found["embedded"]) - x).mean())
    assert errors[-1] < 0.8 * errors[0]
    single = VectorQuantizer(4, 2, decay=0.5, reset=0.0, seed=0)
    for _ in range(20):
        alone = single(x, training=True)
    assert errors[-1] < 0.7 * np.square(as_numpy(alone["embedded"]) - x).mean()


def test_the_rotation_takes_the_vector_to_its_code_and_turns_the_gradient_with_it():
    draws = np.random.default_rng(0)
    encoded, embedded, incoming = draws.normal(size=(3, 20, 4)).astype("float32")
    np.testing.assert_allclose(rotation_trick(encoded, embedded), embedded, rtol=1e-3, atol=1e-4)
    turned = gradient(lambda x: rotation_trick(x, embedded) * incoming, encoded)
    for e, q, g, found in zip(encoded, embedded, incoming, turned, strict=True):
        matrix = rotation_between(e, q) * np.linalg.norm(q) / np.linalg.norm(e)
        np.testing.assert_allclose(found, matrix.T @ g, rtol=1e-2, atol=1e-3)
    assert not gradient(lambda q: rotation_trick(encoded, q), embedded).any()


def rotation_between(e, q):
    """The rotation in the plane of both vectors, by its textbook formula."""
    a = e / np.linalg.norm(e)
    cosine = a @ q / np.linalg.norm(q)
    b = q / np.linalg.norm(q) - cosine * a
    b /= np.linalg.norm(b)
    sine = np.sqrt(1 - cosine**2)
    return (
        np.eye(len(e))
        + sine * (np.outer(b, a) - np.outer(a, b))
        + (cosine - 1) * (np.outer(a, a) + np.outer(b, b))
    )


def test_the_rotating_quantiser_differs_in_its_gradient_alone():
    plain, rotating = VectorQuantizer(8, 3, seed=0), RotatingQuantizer(8, 3, seed=0)
    for layer in (plain, rotating):
        layer.embeddings.assign(np.random.default_rng(1).normal(size=(8, 3)))
    x = np.random.default_rng(0).normal(size=(10, 3)).astype("float32")
    for name in ("codes", "embedded"):
        np.testing.assert_array_equal(plain(x)[name], rotating(x)[name])
    np.testing.assert_allclose(plain(x)["z"], rotating(x)["z"], atol=1e-3)
    passed = [gradient(lambda v, layer=layer: layer(v)["z"] ** 2, x) for layer in (plain, rotating)]
    assert np.abs(passed[0] - passed[1]).max() > 0.05


@pytest.mark.parametrize(
    "make_it, words",
    [
        (lambda: FiniteScalarQuantizer(()), r"levels=\(\): expected several whole numbers"),
        (lambda: FiniteScalarQuantizer((3, 1)), "levels=1: expected a whole number of at least 2"),
        (lambda: FiniteScalarQuantizer(4), "levels=4: expected several whole numbers"),
        (lambda: FiniteScalarQuantizer((3, 3))(np.zeros((2, 4))), "vectors have 4 coordinates: expected 2"),
        (lambda: make(levels=(2.5,)), "levels=2.5"),
        (
            lambda: FSQVAE(
                build_vqvae_encoder(SHAPE, 4, filters=(4,)),
                build_vqvae_decoder(4, SHAPE, filters=(4,)),
                levels=(3, 3),
            ),
            "the networks have vectors of 4 coordinates: expected 2",
        ),
        (lambda: make(ResidualVQVAE, stages=()), r"stages=\(\)"),
        (lambda: make(ResidualVQVAE, codebook="loss"), "codebook='loss': expected 'ema' with several stages"),
        (
            lambda: make(commitment=0.5),
            "commitment=0.5 with FSQ: expected levels alone; leave commitment out",
        ),
        (lambda: make().decode(np.full((1, 4, 4), 6)), "expected 0 to 5"),
        (lambda: make().fit(2 * IMAGES), "expected pixels in"),
    ],
)
def test_bad_input_is_refused(make_it, words):
    with pytest.raises(BadInput, match=words):
        make_it()


def test_the_networks_are_as_wide_as_the_levels():
    networks = FSQVAE.build_networks(SHAPE, levels=(3, 3, 5), filters=(4,), seed=0)
    assert networks["encoder"].output_shape == (None, 4, 4, 3)
    assert FSQVAE(**networks, levels=(3, 3, 5)).num_embeddings == 45
    seeds = [quantizer.seed for quantizer in ResidualQuantizer((4, 4, 4), 2, seed=1).quantizers]
    assert all(a != b for a, b in itertools.pairwise(seeds))
