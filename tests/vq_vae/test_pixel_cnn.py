"""Protects the prior over maps of codes: no logit knows its own code or a later one, none is blind to an earlier one,
and probabilities are probabilities."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from companion.errors import BadInput
from companion.vq_vae.pixel_cnn import (
    MaskedConv2D,
    PixelCNN,
    UniformPrior,
    as_prior,
    build_pixel_cnn,
    causal_mask,
    cross_entropy,
)

GRID = (4, 5)
CELLS = list(np.ndindex(*GRID))
ALL_SMALL_MAPS = np.array(list(itertools.product((0, 1), repeat=4)), "int32").reshape(-1, 2, 2)


def as_numpy(tensor):
    return np.asarray(ops.convert_to_numpy(tensor), "float64")


@pytest.fixture(scope="module")
def prior():
    return PixelCNN(6, GRID, filters=8, seed=0)


def changed_cells(network):
    """For each cell, where the logits change when its code does: ``(cells, height, width)``."""
    codes = np.random.default_rng(0).integers(0, 6, (1, *GRID))
    altered = np.repeat(codes, len(CELLS), axis=0)
    for position, cell in enumerate(CELLS):
        altered[position][cell] = (codes[0][cell] + 3) % 6
    before, after = as_numpy(network(codes)), as_numpy(network(altered))
    return np.abs(after - before).max(axis=-1) > 1e-6


def test_a_code_changes_all_later_logits_and_none_before_or_at_its_cell(prior):
    changed = changed_cells(prior).reshape(len(CELLS), -1)
    later = np.triu(np.ones((len(CELLS), len(CELLS)), bool), k=1)  # row by row, as one reads
    np.testing.assert_array_equal(changed, later)


@pytest.mark.parametrize("stack", ["vertical", "horizontal"])
def test_type_b_in_the_first_layer_would_give_the_code_away(stack, monkeypatch):
    network = build_pixel_cnn(6, GRID, filters=8, seed=0)
    first = network.get_layer("above_1" if stack == "vertical" else "left_1")
    first.causal_mask = causal_mask(5, stack, "B")
    changed = changed_cells(network).reshape(len(CELLS), -1)
    assert np.tril(changed).any()


def test_masks():
    np.testing.assert_array_equal(causal_mask(3, "vertical", "A"), [[1, 1, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(causal_mask(3, "vertical", "B"), [[1, 1, 1], [1, 1, 1], [0, 0, 0]])
    np.testing.assert_array_equal(causal_mask(5, "horizontal", "A"), [[1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(causal_mask(5, "horizontal", "B"), [[1, 1, 1, 0, 0]])
    layers = build_pixel_cnn(6, GRID, filters=8, num_layers=3).layers
    masked = {layer.name: layer.mask_type for layer in layers if isinstance(layer, MaskedConv2D)}
    assert masked == {f"{s}_{n}": "A" if n == 1 else "B" for n in (1, 2, 3) for s in ("above", "left")}


def test_a_masked_convolution_is_one_with_zeros_in_its_kernel():
    layer = MaskedConv2D(2, 3, "vertical", "A")
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 3)).astype("float32")
    result = as_numpy(layer(x))
    kernel = as_numpy(layer.kernel)
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    for i, j in np.ndindex(4, 4):  # the kernel's first row lies on the row above
        expected = sum(padded[0, i, j + k] @ kernel[0, k] for k in range(3))
        np.testing.assert_allclose(result[0, i, j], expected, rtol=1e-4, atol=1e-5)
    again = MaskedConv2D.from_config(layer.get_config())
    assert (again.stack, again.mask_type, again.kernel_size, again.filters) == ("vertical", "A", (3, 3), 2)
    flat = MaskedConv2D.from_config(MaskedConv2D(2, 5, "horizontal", "B").get_config())
    np.testing.assert_array_equal(flat.causal_mask, [[1, 1, 1, 0, 0]])


def convolved(layer, x):
    """What a masked convolution makes of ``x`` ``(n, height, width, channels)``, with zeros around it."""
    kernel = as_numpy(layer.kernel) * layer.causal_mask[:, :, None, None]
    (rows, columns), (height, width) = kernel.shape[:2], x.shape[1:3]
    padded = np.pad(x, [(0, 0), (rows // 2, rows // 2), (columns // 2, columns // 2), (0, 0)])
    parts = [padded[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in np.ndindex(rows, columns)]
    return sum(parts) + as_numpy(layer.bias)


def test_the_network_is_two_stacks_of_which_the_first_feeds_the_second():
    network = build_pixel_cnn(4, GRID, filters=3, num_layers=3, seed=2)
    for weight in network.trainable_variables:  # biases too
        weight.assign(np.random.default_rng(len(weight.shape)).normal(scale=0.5, size=weight.shape))
    dense = [layer for layer in network.layers if isinstance(layer, keras.layers.Dense)]

    def pointwise(x, layer):
        return x @ as_numpy(layer.kernel) + as_numpy(layer.bias)

    (hidden,), (last,) = ([layer for layer in dense if layer.units == units] for units in (6, 4))
    between = sorted(
        (layer for layer in dense if layer.units == 3), key=lambda layer: (len(layer.name), layer.name)
    )
    codes = np.random.default_rng(0).integers(0, 4, (2, *GRID))
    embedding = next(layer for layer in network.layers if isinstance(layer, keras.layers.Embedding))
    h = as_numpy(embedding.embeddings)[codes]
    above = np.maximum(convolved(network.get_layer("above_1"), h), 0)
    left = np.maximum(convolved(network.get_layer("left_1"), h) + pointwise(above, between[0]), 0)
    for n in (2, 3):
        above = above + np.maximum(convolved(network.get_layer(f"above_{n}"), above), 0)
        left = left + np.maximum(
            convolved(network.get_layer(f"left_{n}"), left) + pointwise(above, between[n - 1]), 0
        )
    expected = pointwise(np.maximum(pointwise(left, hidden), 0), last)
    np.testing.assert_allclose(as_numpy(network(codes)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_usual_size():
    prior = PixelCNN(5, GRID, seed=0)
    first = (5 * 5 + 1 * 5) * 32 * 32
    later = 3 * (3 * 3 + 3) * 32 * 32
    pointwise = 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 5 + 5)
    assert prior.count_params() == 5 * 32 + first + later + 8 * 32 + pointwise
    names = {layer.name for layer in prior.network.layers if isinstance(layer, MaskedConv2D)}
    assert names == {f"{stack}_{n}" for stack in ("above", "left") for n in (1, 2, 3, 4)}
    many = build_pixel_cnn(500, GRID, seed=0).layers
    embedding = next(layer for layer in many if isinstance(layer, keras.layers.Embedding))
    assert np.std(embedding.embeddings) == pytest.approx(0.3, rel=0.05)
    trained = prior.fit(np.zeros((2, *GRID), int), verbose=0)
    assert float(trained.model.optimizer.learning_rate) == pytest.approx(2e-3)
    assert not prior.losses and UniformPrior(5, GRID).built


def test_the_cross_entropy_is_a_sum_over_cells():
    logits = np.random.default_rng(0).normal(size=(3, 2, 2, 5))
    codes = np.random.default_rng(1).integers(0, 5, (3, 2, 2))
    log_probs = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    expected = [-sum(log_probs[n, i, j, codes[n, i, j]] for i, j in np.ndindex(2, 2)) for n in range(3)]
    np.testing.assert_allclose(as_numpy(cross_entropy(codes, logits)), expected, rtol=1e-5)


def sharpened():
    """A prior over maps of 2x2 with two codes, far from uniform."""
    prior = PixelCNN(2, (2, 2), filters=4, num_layers=1, seed=1)
    for weight in prior.trainable_variables:
        weight.assign(3 * weight)
    return prior


def test_the_probabilities_of_all_maps_sum_to_one():
    log_probs = as_numpy(sharpened().log_prob(ALL_SMALL_MAPS))
    assert np.exp(log_probs).sum() == pytest.approx(1, rel=1e-4)
    assert np.ptp(log_probs) > 1


def test_drawn_maps_are_as_frequent_as_they_are_probable():
    prior = sharpened()
    maps = prior.sample(8000, seed=0)
    assert maps.shape == (8000, 2, 2)
    frequencies = np.bincount(maps.reshape(-1, 4) @ [8, 4, 2, 1], minlength=16) / 8000
    np.testing.assert_allclose(frequencies, np.exp(as_numpy(prior.log_prob(ALL_SMALL_MAPS))), atol=0.02)
    np.testing.assert_array_equal(prior.sample(5, seed=1), prior.sample(5, seed=1))
    generator = keras.random.SeedGenerator(0)
    assert (prior.sample(50, generator) != prior.sample(50, generator)).any()


def test_the_uniform_prior_is_uniform():
    uniform = UniformPrior(7, GRID)
    codes = np.random.default_rng(0).integers(0, 7, (3, *GRID))
    np.testing.assert_allclose(as_numpy(uniform.log_prob(codes)), -20 * np.log(7), rtol=1e-5)
    counts = np.bincount(uniform.sample(300, seed=0).ravel(), minlength=7)
    assert counts.min() > 0.8 * counts.mean()


def test_cells_are_filled_in_reading_order_with_what_is_known_so_far(prior):
    seen = []

    def choose(row, column, logits):
        seen.append((row, column))
        assert logits.shape == (3, 6)
        return logits.argmax(axis=1)

    codes = prior.in_reading_order(3, choose)
    assert seen == CELLS
    np.testing.assert_array_equal(as_numpy(prior(codes)).argmax(axis=-1), codes)


@pytest.mark.slow
def test_fit_learns_a_pattern_that_no_table_of_frequencies_can():
    start = np.random.default_rng(0).integers(0, 4, (200, 1, 1))
    codes = (start + np.add.outer(np.arange(4), np.arange(5))) % 4  # every cell follows from the first
    prior = PixelCNN(4, GRID, filters=16, num_layers=2, seed=0)
    first = -as_numpy(prior.log_prob(codes)).mean()
    history = prior.fit(codes, epochs=15, batch_size=20, learning_rate=0.01, verbose=0).history
    assert first > 0.8 * 20 * np.log(4)
    assert -as_numpy(prior.log_prob(codes)).mean() == pytest.approx(np.log(4), abs=0.5)
    assert history["loss"][-1] == pytest.approx(np.log(4), abs=0.5)


def test_a_prior_is_made_by_name_or_taken_as_it_is(prior):
    assert type(as_prior("uniform", 6, GRID, 0)) is UniformPrior
    made, same, other = (as_prior("pixel_cnn", 6, GRID, seed) for seed in (1, 1, 2))
    codes = np.zeros((1, *GRID), int)
    np.testing.assert_array_equal(made(codes), same(codes))
    assert not np.allclose(made(codes), other(codes))
    assert as_prior(prior, 6, list(GRID), 0) is prior
    with pytest.raises(BadInput, match="prior='pixel': expected one of uniform, pixel_cnn"):
        as_prior("pixel", 6, GRID, 0)
    with pytest.raises(
        BadInput, match=r"prior is for 6 codes on \(4, 5\) cells: expected 7 on \(4, 5\); pass PixelCNN\(7"
    ):
        as_prior(prior, 7, GRID, 0)


def test_settings_come_back(prior):
    again = PixelCNN.from_config(PixelCNN(6, GRID, filters=4, num_layers=2, seed=5).get_config())
    assert (again.num_embeddings, again.grid_shape, again.filters) == (6, GRID, 4)
    assert (again.num_layers, again.seed) == (2, 5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformPrior(0, GRID), "num_embeddings=0: expected a whole number of at least 1"),
        (lambda: UniformPrior(3, (0, 2)), "height=0: expected a whole number"),
        (lambda: UniformPrior(3, (2, -1)), "width=-1: expected a whole number"),
        (lambda: PixelCNN(3, GRID, filters=0), "filters=0: expected a whole number"),
        (lambda: PixelCNN(3, GRID, num_layers=0), "num_layers=0: expected a whole number"),
        (lambda: causal_mask(3, "vertical", "C"), "mask_type='C': expected one of A, B"),
        (lambda: causal_mask(3, "left", "A"), "stack='left': expected one of vertical, horizontal"),
        (lambda: UniformPrior(3, GRID).sample(0), "n=0: expected a whole number of at least 1"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(BadInput, match=message):
        make()
