"""Protects the quantiser: the nearest code, a gradient that passes it by, a codebook moved by its own rule alone,
counts that smoothing never touches, dead codes brought back, and perplexity over an epoch."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy.spatial.distance import cdist

from companion.code_use import (
    Perplexity,
    check_choices,
    code_counts,
    inked_cells,
    perplexity,
    use_of_codes,
)
from companion.errors import BadInput
from companion.vq_vae.networks import build_vqvae_encoder
from companion.vq_vae.quantizer import (
    SMOOTHING,
    VectorQuantizer,
    codebook_loss,
    commitment_loss,
    smoothed,
    straight_through,
)

VECTORS = np.random.default_rng(0).normal(size=(5, 2, 3, 4)).astype("float32")
BOOK = np.random.default_rng(1).normal(size=(6, 4)).astype("float32")


def as_numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


def quantizer(**kwargs):
    """A quantiser with the codebook BOOK, which nothing but its own rule changes."""
    layer = VectorQuantizer(6, 4, **{"data_init": False, "reset": 0, "seed": 0, **kwargs})
    layer.embeddings.assign(BOOK)
    layer.sums.assign(BOOK)
    return layer


def nearest(vectors, book):
    return cdist(vectors.reshape(-1, 4), book).argmin(axis=1).reshape(vectors.shape[:-1])


# --- Values ----------------------------------------------------------------------------------------------------------


def test_each_vector_becomes_the_nearest_row():
    result = quantizer()(VECTORS)
    codes = nearest(VECTORS, BOOK)
    assert len(np.unique(codes)) >= 4
    np.testing.assert_array_equal(result["codes"], codes)
    np.testing.assert_allclose(result["embedded"], BOOK[codes], rtol=1e-6)
    np.testing.assert_allclose(result["z"], BOOK[codes], rtol=1e-5, atol=1e-6)


def test_a_first_codebook_is_small_and_the_seed_fixes_it():
    first, same, other = (VectorQuantizer(50, 4, seed=seed).embeddings for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)
    assert 0.9 / 50 < np.abs(first).max() <= 1 / 50


def test_losses_are_sums_over_an_image():
    embedded = BOOK[nearest(VECTORS, BOOK)]
    expected = ((VECTORS - embedded) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(as_numpy(commitment_loss(VECTORS, embedded)), expected, rtol=1e-5)
    np.testing.assert_allclose(as_numpy(codebook_loss(VECTORS, embedded)), expected, rtol=1e-5)


# --- Gradients -------------------------------------------------------------------------------------------------------


def gradients_of(loss):
    """The gradients of ``loss(encoded, what the layer gives)`` in the encoder's vectors and in the codebook."""
    layer, encoded = quantizer(codebook="loss"), tf.Variable(VECTORS)
    with tf.GradientTape() as tape:
        value = loss(encoded, layer(encoded))
    return tape.gradient(value, [encoded, layer.embeddings.value])


def test_the_reconstruction_reaches_the_encoder_unchanged_and_never_the_codebook():
    weights = np.random.default_rng(2).normal(size=VECTORS.shape).astype("float32")
    encoder, codebook = gradients_of(lambda _, result: ops.sum(weights * result["z"]))
    np.testing.assert_allclose(encoder, weights, rtol=1e-6)
    assert codebook is None


def test_without_straight_through_the_encoder_learns_nothing():
    encoder, codebook = gradients_of(lambda _, result: ops.sum(result["embedded"]))
    assert encoder is None
    assert codebook is not None


def test_the_commitment_moves_the_encoder_alone():
    encoder, codebook = gradients_of(lambda e, result: ops.sum(commitment_loss(e, result["embedded"])))
    np.testing.assert_allclose(encoder, 2 * (VECTORS - BOOK[nearest(VECTORS, BOOK)]), rtol=1e-4, atol=1e-5)
    assert codebook is None


def test_the_codebook_loss_moves_the_codebook_alone():
    encoder, codebook = gradients_of(lambda e, result: ops.sum(codebook_loss(e, result["embedded"])))
    assert encoder is None
    codes, expected = nearest(VECTORS, BOOK), np.zeros_like(BOOK)
    np.add.at(expected, codes, 2 * (BOOK[codes] - VECTORS))
    np.testing.assert_allclose(tf.convert_to_tensor(codebook), expected, rtol=1e-4, atol=1e-5)


def test_the_codebook_loss_on_what_came_straight_through_would_move_nothing():
    _, codebook = gradients_of(lambda e, result: ops.sum(codebook_loss(e, result["z"])))
    assert codebook is None


def test_straight_through_has_the_value_of_one_and_the_gradient_of_the_other():
    encoded, embedded = tf.Variable([1.0, 2.0]), tf.Variable([5.0, -3.0])
    with tf.GradientTape() as tape:
        z = straight_through(encoded, embedded)
        value = ops.sum(z * [10.0, 20.0])
    np.testing.assert_allclose(z, [5.0, -3.0])
    gradients = tape.gradient(value, [encoded, embedded])
    np.testing.assert_allclose(gradients[0], [10.0, 20.0])
    assert gradients[1] is None


# --- Running means ---------------------------------------------------------------------------------------------------


def test_rows_follow_running_means_and_smoothing_stays_out_of_the_counts():
    layer = quantizer(decay=0.8)
    book, counts, sums = BOOK.astype("float64"), np.ones(6), BOOK.astype("float64")
    for step in range(3):
        vectors = VECTORS + np.float32(0.1 * step)
        codes = nearest(vectors, book)
        result = layer(vectors, training=True)
        np.testing.assert_array_equal(result["codes"], codes)
        np.testing.assert_allclose(result["embedded"], book[codes], rtol=1e-4)  # of before the update
        counts = 0.8 * counts + 0.2 * np.bincount(codes.ravel(), minlength=6)
        batch_sums = np.zeros((6, 4))
        np.add.at(batch_sums, codes, vectors)
        sums = 0.8 * sums + 0.2 * batch_sums
        copy = (counts + SMOOTHING) / (counts.sum() + 6 * SMOOTHING) * counts.sum()
        book = sums / copy[:, None]
        np.testing.assert_allclose(layer.counts, counts, rtol=1e-6)
        np.testing.assert_allclose(layer.sums, sums, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(layer.embeddings, book, rtol=1e-4, atol=1e-6)


def test_smoothing_keeps_the_sum_and_leaves_no_zero():
    counts = np.array([0.0, 3.0, 1.0], "float32")
    result = as_numpy(smoothed(counts))
    np.testing.assert_allclose(result, (counts + SMOOTHING) / (4 + 3 * SMOOTHING) * 4, rtol=1e-6)
    np.testing.assert_allclose(result, counts, atol=1e-4)
    assert result.sum() == pytest.approx(4, rel=1e-6)
    assert result.min() > 0


def test_running_means_are_no_weights_to_train_and_a_learned_codebook_has_no_running_mean():
    running, learned = quantizer(), quantizer(codebook="loss")
    assert running.trainable_variables == []
    assert [v.name for v in learned.trainable_variables] == ["embeddings"]
    learned(VECTORS, training=True)
    np.testing.assert_array_equal(learned.embeddings, BOOK)
    np.testing.assert_array_equal(learned.sums, BOOK)


def test_nothing_moves_outside_of_training():
    layer = quantizer(data_init=True, reset=0.9)
    before = [as_numpy(v) for v in layer.variables]
    layer(VECTORS)
    for value, was in zip(layer.variables, before, strict=True):
        np.testing.assert_array_equal(as_numpy(value), was)


# --- Dead codes and the first batch ----------------------------------------------------------------------------------


def rows_in(rows, vectors):
    """Whether each row is one of the vectors."""
    return cdist(rows, vectors.reshape(-1, 4)).min(axis=1) < 1e-4


@pytest.mark.parametrize("codebook", ["ema", "loss"])
def test_a_dead_code_becomes_a_vector_of_the_batch_with_its_counts(codebook):
    layer = quantizer(reset=0.3, codebook=codebook)
    book = np.concatenate([BOOK[:4], [[50.0] * 4, [-50.0] * 4]]).astype("float32")  # two rows out of reach
    layer.embeddings.assign(book)
    layer.sums.assign(book)
    layer.counts.assign([4.0, 4.0, 4.0, 4.0, 0.1, 0.1])
    counts = np.array([4, 4, 4, 4, 0.1, 0.1]) * 0.99
    counts += 0.01 * np.bincount(nearest(VECTORS, book).ravel(), minlength=6)
    layer(VECTORS, training=True)
    np.testing.assert_allclose(layer.counts[:4], counts[:4], rtol=1e-5)
    np.testing.assert_allclose(layer.counts[4:], counts.mean(), rtol=1e-5)
    rows = as_numpy(layer.embeddings)
    assert rows_in(rows[4:], VECTORS).all()
    assert not rows_in(rows[:4], VECTORS).any()
    assert np.abs(rows[4] - rows[5]).max() > 1e-3  # two different vectors
    if codebook == "ema":
        np.testing.assert_allclose(layer.sums[4:], counts.mean() * rows[4:], rtol=1e-3)


def test_with_a_reset_of_nought_no_code_dies_even_without_a_count():
    layer = quantizer(reset=0)
    layer.embeddings.assign(np.concatenate([BOOK[:5], [[50.0] * 4]]))  # the last is out of reach
    layer.counts.assign([4.0] * 5 + [0.0])
    layer(VECTORS, training=True)
    assert float(layer.counts[5]) == 0


@pytest.mark.parametrize(("count", "dies"), [(0.29, True), (0.32, False)])
def test_dead_is_below_a_share_of_the_mean_count(count, dies):
    layer = quantizer(reset=0.3, decay=0.0)
    layer.decay = 1.0  # counts stay as they are put
    layer.counts.assign([count, *[(6 - count) / 5] * 5])
    layer(VECTORS, training=True)
    assert (float(layer.counts[0]) == pytest.approx(1.0, rel=1e-5)) == dies


def test_the_first_batch_gives_the_first_rows_and_no_later_one():
    layer = VectorQuantizer(6, 4, reset=0, codebook="loss", seed=0)
    result = layer(VECTORS, training=True)
    rows = as_numpy(layer.embeddings)
    assert rows_in(rows, VECTORS).all()
    assert len(np.unique(rows.round(4), axis=0)) == 6
    np.testing.assert_allclose(layer.sums, rows, rtol=1e-6)
    np.testing.assert_array_equal(result["codes"], nearest(VECTORS, rows))  # used at once
    layer(VECTORS + 1, training=True)
    np.testing.assert_allclose(layer.embeddings, rows)


def test_a_batch_smaller_than_the_codebook_gives_its_vectors_more_than_once():
    layer = VectorQuantizer(6, 4, reset=0, codebook="loss", seed=0)
    layer(VECTORS[:1, :, :2], training=True)
    rows = as_numpy(layer.embeddings)
    assert rows_in(rows, VECTORS[:1, :, :2]).all()
    assert len(np.unique(rows.round(4), axis=0)) == 4


# --- Use of the codes ------------------------------------------------------------------------------------------------


def test_perplexity_counts_codes_that_are_equally_frequent():
    assert perplexity([5, 5, 5, 0]) == pytest.approx(3)
    assert perplexity([9, 0]) == pytest.approx(1)
    assert perplexity([3, 1]) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))


def test_perplexity_is_that_of_an_epoch_and_no_mean_over_batches():
    metric = Perplexity(4)
    assert float(metric.result()) == pytest.approx(1.0)
    batches = [np.array([[0, 0], [0, 1]]), np.array([2, 2, 2, 3])]
    for codes in batches:
        metric.update_state(codes)
    together = perplexity([3, 1, 3, 1])
    assert float(metric.result()) == pytest.approx(together, rel=1e-5)
    assert np.mean([perplexity(code_counts(codes, 4)) for codes in batches]) < 0.6 * together
    metric.reset_state()
    metric.update_state([1])
    assert float(metric.result()) == pytest.approx(1.0)
    assert Perplexity.from_config(metric.get_config()).num_embeddings == 4


def test_use_of_codes():
    codes = np.array([[[0, 0], [0, 2]], [[0, 3], [3, 2]]])
    inked = np.array([[[0, 0], [0, 1]], [[0, 1], [1, 1]]], bool)
    use = use_of_codes(codes, inked, 5)
    assert use["perplexity"] == pytest.approx(perplexity([4, 2, 2]))
    assert use["perplexity_inked"] == pytest.approx(2.0)
    assert use["codes_used"] == 3
    assert use["bits_per_code_unigram"] == pytest.approx(1.5)
    assert use["bits_per_image_unigram"] == pytest.approx(6.0)
    assert use_of_codes(codes, np.zeros_like(inked), 5)["perplexity_inked"] is None
    one_map = use_of_codes(np.array([[[0, 1], [1, 2]]]), np.ones((1, 2, 2), bool), 5)
    assert (one_map["codes_used"], one_map["bits_per_image_unigram"]) == (3, pytest.approx(6.0))


def test_a_cell_is_inked_where_a_pixel_under_it_is_bright():
    images = np.zeros((2, 4, 6, 2), "float32")
    images[0, 1, 2, 1] = 0.6
    images[1, 3, 5, 0] = 0.5
    np.testing.assert_array_equal(inked_cells(images, (2, 3))[0], [[0, 1, 0], [0, 0, 0]])
    assert not inked_cells(images, (2, 3))[1].any()
    padded = np.zeros((1, 3, 3, 1), "float32")  # 3 pixels in 2 cells: a margin of one, behind
    padded[0, 2, 1] = 1
    np.testing.assert_array_equal(inked_cells(padded, (2, 2))[0], [[0, 0], [1, 0]])


@pytest.mark.parametrize(("size", "halvings"), [(28, 2), (28, 3), (10, 3), (6, 2), (4, 3)])
def test_cells_lie_over_the_image_with_the_margin_that_the_encoder_adds(size, halvings):
    # 28 pixels under 4 cells are 32 with their margin, 8 a cell; 28 / 4 would be 7.
    encoder = build_vqvae_encoder((size, size, 1), 2, filters=(2,) * halvings)
    images = np.random.default_rng(0).uniform(size=(5, size, size, 1)) ** 40
    padded, side = as_numpy(encoder.get_layer("pad")(images)), 2**halvings
    cells = padded.shape[1] // side
    expected = padded.reshape(5, cells, side, cells, side).max(axis=(2, 4)) > 0.5
    np.testing.assert_array_equal(inked_cells(images, encoder.output_shape[1:3]), expected)


def test_cells_of_another_encoder_are_of_equal_size():
    images = np.zeros((1, 10, 20, 1))  # in 4 cells: no power of two gives as many
    images[0, 2, 4] = 1  # 10 are 12 with their margin, 3 a cell; 20 are 5 a cell
    np.testing.assert_array_equal(np.argwhere(inked_cells(images, (4, 4))[0]), [[1, 0]])


# --- As a Keras layer ------------------------------------------------------------------------------------------------


def test_the_settings_and_the_state_come_back(tmp_path):
    layer = VectorQuantizer(6, 4, codebook="loss", decay=0.5, reset=0.2, data_init=False, seed=3)
    again = VectorQuantizer.from_config(layer.get_config())
    for name in ("num_embeddings", "embedding_dim", "codebook", "decay", "reset", "data_init", "seed"):
        assert getattr(again, name) == getattr(layer, name), name
    usual = VectorQuantizer()
    assert usual.built  # its weights are there before any call
    assert (usual.num_embeddings, usual.embedding_dim, usual.codebook) == (64, 16, "ema")
    assert (usual.decay, usual.reset, usual.data_init, usual.seed) == (0.99, 0.5, True, None)
    inputs = keras.Input((2, 3, 4))
    model = keras.Model(inputs, VectorQuantizer(6, 4, reset=0.9, seed=0)(inputs)["z"])
    model(VECTORS, training=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    states = [each.layers[-1].seed_generator.state.value.numpy().tolist() for each in (loaded, model)]
    assert states[0] == states[1] != VectorQuantizer(6, 4, seed=0).seed_generator.state.value.numpy().tolist()
    for _ in range(3):  # resets draw vectors of the batch, the same ones
        for each in (model, loaded):
            each(VECTORS, training=True)
        np.testing.assert_allclose(loaded(VECTORS), model(VECTORS), rtol=1e-5)
        np.testing.assert_allclose(loaded.layers[-1].counts, model.layers[-1].counts, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"num_embeddings": 0}, "num_embeddings=0: expected a whole number of at least 1"),
        ({"embedding_dim": 1.5}, r"embedding_dim=1\.5: expected a whole number"),
        ({"codebook": "mean"}, "codebook='mean': expected one of ema, loss"),
        ({"decay": 1.0}, r"decay=1\.0: expected a number from 0 to below 1"),
        ({"reset": -0.1}, r"reset=-0\.1: expected a finite number of at least 0"),
        ({"reset": 1}, "reset=1: expected a number from 0 to below 1"),
        ({"seed": -1}, "seed=-1: expected a whole number of at least 0"),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(BadInput, match=message):
        VectorQuantizer(**wrong)


def test_vectors_of_another_length():
    with pytest.raises(
        BadInput, match="vectors have 3 coordinates: expected 4, .*; build the encoder with embedding_dim=4"
    ):
        quantizer()(np.zeros((2, 3), "float32"))


def test_choices_are_whole_numbers_of_one_shape_that_exist():
    good = np.array([[[0, 4]], [[2, 1]]])
    assert check_choices(good, (1, 2), 5).dtype == "int32"
    np.testing.assert_array_equal(check_choices(good, (1, 2), 5), good)
    for wrong in (good.astype(float), good[0], good[:0], good[:, :, :1]):
        with pytest.raises(BadInput, match=r"expected \(n, 1, 2\) whole numbers, n >= 1"):
            check_choices(wrong, (1, 2), 5)
    for wrong in (good - 1, good + 1):
        with pytest.raises(BadInput, match="expected 0 to 4; pass codes that encode"):
            check_choices(wrong, (1, 2), 5)
