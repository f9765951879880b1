"""Protects images in shards: what is written comes back, once per epoch, in an order that can be taken up anywhere."""

import json

import numpy as np
import pytest

from companion.distribute import Shards, write_shards
from companion.errors import BadInput

IMAGES = np.random.default_rng(0).integers(0, 256, (53, 4, 3, 1), dtype=np.uint8)


@pytest.fixture
def shards(tmp_path):
    return write_shards(IMAGES, tmp_path / "shards", shard_size=10)


def pixels(batches):
    return np.round(np.concatenate([batch.numpy() for batch in batches]) * 255).astype(np.uint8)


def in_rows(images):
    return sorted(map(tuple, images.reshape(len(images), -1).tolist()))


def test_every_image_comes_once_per_epoch_as_floats_in_the_unit_interval(shards):
    batches = list(shards.dataset(8, seed=3))
    assert [len(batch) for batch in batches] == [8, 8, 8, 8, 8, 8, 5]
    assert batches[0].dtype == "float32" and float(np.max(batches[0])) <= 1
    assert in_rows(pixels(batches)) == in_rows(IMAGES)
    assert len(shards) == 53 and shards.sizes == (10, 10, 10, 10, 10, 3)


def test_the_order_follows_from_seed_and_epoch(shards):
    orders = [
        pixels(shards.dataset(8, seed=seed, epoch=epoch)) for seed, epoch in [(0, 0), (0, 0), (0, 1), (1, 0)]
    ]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2]) and not np.array_equal(orders[0], orders[3])
    assert not np.array_equal(orders[0], IMAGES)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(7))
def test_an_epoch_is_taken_up_at_any_batch(shards, start):
    whole = list(shards.dataset(8, seed=1, epoch=2))
    rest = shards.dataset(8, seed=1, epoch=2, start=start)
    assert int(rest.cardinality()) == len(whole) - start
    for a, b in zip(whole[start:], rest, strict=True):
        np.testing.assert_array_equal(a, b)


def test_shards_before_the_start_are_not_read(shards):
    order = shards.order(1, 2)
    (shards.folder / f"shard-{order[0][0]:05d}.raw").unlink()  # after the check
    rest = list(shards.dataset(5, seed=1, epoch=2, start=2))
    assert sum(map(len, rest)) == 53 - 10


def test_arrays_that_come_one_after_another_make_the_same_files(tmp_path):
    whole = write_shards(IMAGES, tmp_path / "whole", shard_size=20)
    parts = write_shards((IMAGES[a : a + 7] for a in range(0, 53, 7)), tmp_path / "parts", shard_size=20)
    assert parts.sizes == whole.sizes == (20, 20, 13)
    for path in whole.folder.glob("*.raw"):
        assert path.read_bytes() == (parts.folder / path.name).read_bytes()


def test_floats_in_the_unit_interval_become_bytes(tmp_path):
    floats = IMAGES.astype("float32") / 255
    shards = write_shards(floats, tmp_path / "shards")
    assert in_rows(pixels(shards.dataset(8))) == in_rows(IMAGES)


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (np.zeros((3, 4, 4)), "add the channel"),
        (np.full((3, 4, 4, 1), 7.0), "divide by the largest"),
        (np.full((3, 4, 4, 1), np.nan), "divide by the largest"),
        (np.zeros((3, 4, 4, 1), "int64"), "expected bytes, or floats"),
        ([np.zeros((3, 4, 4, 1)), np.zeros((3, 5, 4, 1))], "expected one; resize"),
        ([], "at least one array"),
    ],
)
def test_other_images_are_refused(images, says, tmp_path):
    with pytest.raises(BadInput, match=says):
        write_shards(images, tmp_path / "shards")


def test_a_folder_with_something_in_it_is_refused(shards):
    with pytest.raises(BadInput, match="expected a new one"):
        write_shards(IMAGES, shards.folder)


def test_a_folder_that_is_not_whole_is_refused(shards, tmp_path):
    with pytest.raises(BadInput, match="no readable shards.json"):
        Shards(tmp_path / "nowhere")
    path = shards.folder / "shard-00001.raw"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match="has 119 bytes: expected 120 bytes, 10 images"):
        Shards(shards.folder)
    path.unlink()
    with pytest.raises(BadInput, match="is missing"):
        Shards(shards.folder)


def test_an_interrupted_writing_leaves_no_index(tmp_path):
    def broken():
        yield IMAGES
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_shards(broken(), tmp_path / "shards", shard_size=10)
    with pytest.raises(BadInput, match="no readable"):
        Shards(tmp_path / "shards")


def test_a_start_beyond_the_epoch_names_the_next_one(shards):
    with pytest.raises(BadInput, match="pass epoch=3, start=0"):
        shards.dataset(8, epoch=2, start=7)


@pytest.mark.slow
def test_a_training_stopped_in_the_middle_of_an_epoch_ends_with_the_weights_of_one_that_was_not(
    shards, tmp_path
):
    import keras

    from companion import load
    from companion.vae import VAE

    def new():
        model = VAE(**VAE.build_networks((4, 3, 1), 2, hidden=(8,), seed=0), seed=0)
        model.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
        return model

    whole, half = new(), new()
    whole.fit(shards.dataset(8, seed=5), verbose=0)
    half.fit(shards.dataset(8, seed=5).take(4), verbose=0)
    half.save(tmp_path / "half.keras")
    place = {"epoch": 0, "start": 4}
    (tmp_path / "place.json").write_text(json.dumps(place))
    resumed = load(tmp_path / "half.keras")
    resumed.fit(shards.dataset(8, seed=5, **json.loads((tmp_path / "place.json").read_text())), verbose=0)
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
