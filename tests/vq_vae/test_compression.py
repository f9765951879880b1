"""Protects the way from images to bytes and back: the same pictures, about as many bits as the prior is surprised, and
damage that is noticed."""

import numpy as np
import pytest

from companion.errors import BadInput
from companion.vq_vae import VQVAE, compression
from companion.vq_vae.compression import TOTAL, compress, decompress, frequencies
from companion.vq_vae.pixel_cnn import PixelCNN


def small(images=None, **kwargs):
    """A small model; with ``images``, its codebook is made of what its encoder gives for them."""
    sizes = {"input_shape": (4, 4, 1), "num_embeddings": 5, "embedding_dim": 3, "filters": (4,)}
    model = VQVAE(**{**sizes, "reset": 0, "seed": 0, **kwargs})
    if images is not None:
        for _ in range(50):  # until the running means of the normalisation are there
            model.encoder(images, training=True)
        model.quantizer(model.encoder(images), training=True)
    return model


@pytest.fixture(scope="module")
def model(images):
    """Its prior is far from uniform."""
    model = small(images)
    for weight in model.prior.trainable_variables:
        weight.assign(2 * weight)
    return model


def test_bytes_hold_the_reconstruction(model, images):
    data = compress(model, images)
    assert isinstance(data, bytes)
    np.testing.assert_array_equal(decompress(model, data), model.reconstruct(images))
    assert len(np.unique(model.encode(images))) > 2


def test_blocks_follow_each_other(model, images, monkeypatch):
    monkeypatch.setattr(compression, "IMAGES_A_BLOCK", 7)
    np.testing.assert_array_equal(decompress(model, compress(model, images)), model.reconstruct(images))
    one = compress(model, images[:1])
    np.testing.assert_array_equal(decompress(model, one), model.reconstruct(images[:1]))


def test_the_bytes_say_how_many_images_there_are_and_how_long_each_block_is(images):
    model = small(images, prior="uniform")
    many = np.tile(images, (26, 1, 1, 1))[:501]
    data = compress(model, many)
    numbers, rest = [], data[4:]
    while rest:
        numbers.append(int.from_bytes(rest[:4], "little"))
        rest = rest[4 + numbers[-1] :]
    assert int.from_bytes(data[:4], "little") == 501
    assert rest == b"" and len(numbers) == 2  # 500 images a block, then one
    assert numbers[0] == pytest.approx(500 * 4 * np.log2(5) / 8, rel=0.005)
    assert numbers[1] <= 4
    np.testing.assert_array_equal(decompress(model, data)[-1], model.reconstruct(many[-1:])[0])


@pytest.mark.parametrize("odds", [(1, 3), (200, 65336), (65336, 200)])
def test_one_code_is_the_place_of_its_share_in_the_table(odds):
    # From the state 1, any share above 1 is entered at its second place.
    class Sure:
        def in_reading_order(self, n, choose):
            return choose(0, 0, np.tile(np.log(odds), (n, 1)))[:, None, None]

    sizes = frequencies(np.log([odds]))[0]
    for code in (0, 1):
        data = compression._write(Sure(), np.array([[[code]]]))
        state = int(sizes[0]) * code + 1
        assert int.from_bytes(data, "little") == state
        assert len(data) == -(-state.bit_length() // 8)
        np.testing.assert_array_equal(compression._read(Sure(), data, 1), [[[code]]])


@pytest.mark.parametrize("prior", ["pixel_cnn", "uniform"])
def test_the_size_is_what_the_prior_says(images, prior):
    many = np.tile(images, (20, 1, 1, 1))
    model = small(images, prior=prior)
    expected = model.own_scores(many)["bits_per_image"] * len(many)
    paid = 8 * (len(compress(model, many)) - 2 * compression.HEADER)
    assert expected - 16 <= paid <= 1.005 * expected + 24


@pytest.mark.slow
def test_a_better_prior_makes_it_shorter(images):
    many = np.tile(images, (20, 1, 1, 1))
    uniform, learned = small(images, prior="uniform"), small(images)
    before = len(compress(learned, many))
    learned.fit_prior(many, epochs=8, batch_size=20, learning_rate=0.01, verbose=0)
    assert len(compress(learned, many)) < 0.8 * min(before, len(compress(uniform, many)))


def test_frequencies_are_whole_never_zero_and_fill_the_table():
    logits = np.array([[0.0, np.log(3.0)], [-400.0, 400.0], [4.0, 4.0]], "float32")
    table = frequencies(logits)
    assert (table.sum(axis=1) == TOTAL).all()
    assert table.min() == 1
    np.testing.assert_allclose(table[0], [TOTAL / 4, 3 * TOTAL / 4], atol=2)
    np.testing.assert_array_equal(table[1], [1, TOTAL - 1])
    # 1 and the part of all but two that a softmax of 1/4 gives, rounded down; the likelier code takes the rest.
    np.testing.assert_array_equal(table[0], [1 + 65534 // 4, 65536 - 1 - 65534 // 4])
    np.testing.assert_array_equal(table[2], [32768, 32768])
    np.testing.assert_allclose(table[2], TOTAL / 2, atol=2)
    many = frequencies(np.random.default_rng(0).normal(size=(50, 300)) * 5)
    assert many.min() >= 1 and (many.sum(axis=1) == TOTAL).all()


def damaged(data):
    middle = len(data) // 2
    return {
        "a bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "cut": data[:-1],
        "cut to the header": data[:6],
        "more": data + b"x",
        "nothing": b"",
        "no images": bytes(4),
    }


@pytest.mark.parametrize("how", ["a bit", "cut", "cut to the header", "more", "nothing", "no images"])
def test_damage_is_noticed(model, images, how):
    with pytest.raises(BadInput, match="these bytes do not hold codes of this model"):
        decompress(model, damaged(compress(model, images))[how])


def test_bytes_of_another_prior_are_refused(model, images):
    with pytest.raises(BadInput, match="another model or prior wrote them; pass what compress"):
        decompress(small(prior="uniform"), compress(model, images))


def test_bad_input(model, images):
    with pytest.raises(BadInput, match="images have shape"):
        compress(model, images[:, :2])
    large = small(num_embeddings=TOTAL // 2 + 1, prior="uniform")
    with pytest.raises(BadInput, match="num_embeddings=32769: expected at most 32768"):
        compress(large, images)
    assert (compression.PRECISION, TOTAL) == (16, 65536)
    largest = small(num_embeddings=TOTAL // 2, prior="uniform")
    np.testing.assert_array_equal(
        decompress(largest, compress(largest, images[:1])), largest.reconstruct(images[:1])
    )


def test_a_prior_of_ones_own_serves_as_well(images):
    model = small(images, prior=PixelCNN(5, (2, 2), filters=4, num_layers=1, seed=3))
    np.testing.assert_array_equal(decompress(model, compress(model, images)), model.reconstruct(images))
