"""Protects resumption: what a model sees in epoch k is a function of (seed, k), whatever Keras does around it.

Keras shuffles the batch numbers by a random state of its own, reads batches ahead, and signals an epoch's end once
before the first one. A run that is resumed must all the same see the epochs that an uninterrupted run would have seen.
"""

import gzip
import socket

import keras
import numpy as np
import pytest

from companion import data
from companion.errors import BadInput

N, BATCH_SIZE = 10, 4
# Image i is flat grey at level (i + 1) / 20, so that a pixel tells which image it was.
IMAGES = np.repeat(np.arange(1, N + 1, dtype="float32") / 20, 9).reshape(N, 3, 3, 1)
HALF = np.full((N, 8, 8, 1), 0.5, "float32")


class Recorder(keras.Model):
    """A model that learns nothing and writes down every batch that it is trained on."""

    def __init__(self):
        super().__init__()
        self.seen = []
        self.compile(run_eagerly=True)

    def train_step(self, batch):
        x = keras.utils.unpack_x_y_sample_weight(batch)[0]
        self.seen.append([np.array(part) for part in x] if isinstance(x, tuple | list) else np.array(x))
        return {"loss": 0.0}

    def test_step(self, batch):
        return {"loss": 0.0}


def seen_by_fit(batches, **arguments):
    recorder = Recorder()
    recorder.fit(batches, verbose=0, **arguments)
    return recorder.seen


def as_epochs(seen, per_epoch=3):
    return [np.concatenate(seen[start : start + per_epoch]) for start in range(0, len(seen), per_epoch)]


def test_an_epoch_shows_every_image_once_and_keeps_the_ragged_batch():
    batches = data.Batches(IMAGES, BATCH_SIZE)
    assert len(batches) == 3
    items = list(batches)
    assert [len(item[0]) for item in items] == [4, 4, 2]
    assert all(isinstance(item, tuple) and len(item) == 1 for item in items)
    shown = np.concatenate([item[0] for item in items])
    np.testing.assert_array_equal(np.sort(shown[:, 0, 0, 0]), IMAGES[:, 0, 0, 0])
    assert not np.array_equal(shown, IMAGES)


def test_labels_stay_with_their_images():
    batches = data.Batches(IMAGES, BATCH_SIZE, labels=np.arange(N), seed=5)
    for ((x, labels),) in batches:
        np.testing.assert_array_equal(x[:, 0, 0, 0], IMAGES[labels, 0, 0, 0])


def test_a_dynamic_epoch_is_binarize_of_that_epoch_in_another_order():
    batches = data.Batches(HALF, N, "dynamic", seed=2, epoch=7)
    (shown,) = batches[0]
    expected = data.binarize(HALF, "dynamic", seed=2, epoch=7)
    assert sorted(image.tobytes() for image in shown) == sorted(image.tobytes() for image in expected)
    assert shown.dtype == np.float32


def test_fit_advances_one_epoch_at_a_time_and_sees_each_as_announced():
    batches = data.Batches(HALF, BATCH_SIZE, "dynamic", seed=3)
    seen = as_epochs(seen_by_fit(batches, epochs=3))
    assert batches.epoch == 3
    for epoch, shown in enumerate(seen):
        announced = np.concatenate(
            [x for (x,) in data.Batches(HALF, BATCH_SIZE, "dynamic", seed=3, epoch=epoch)]
        )
        np.testing.assert_array_equal(shown, announced)
    assert not np.array_equal(np.sort(seen[0], axis=0), np.sort(seen[1], axis=0))


def test_static_batches_are_shuffled_but_not_drawn_again():
    first, second = as_epochs(seen_by_fit(data.Batches(HALF, BATCH_SIZE, "static"), epochs=2))
    assert not np.array_equal(first, second)
    assert sorted(x.tobytes() for x in first) == sorted(x.tobytes() for x in second)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["none", "dynamic"])
def test_a_resumed_fit_sees_the_epochs_that_an_uninterrupted_one_sees(how):
    images = IMAGES if how == "none" else HALF
    whole = seen_by_fit(data.Batches(images, BATCH_SIZE, how, seed=1), epochs=4)
    seen_by_fit(data.Batches(images, BATCH_SIZE, how, seed=1), epochs=2)
    rest = seen_by_fit(data.Batches(images, BATCH_SIZE, how, seed=1, epoch=2), epochs=4, initial_epoch=2)
    assert len(rest) == 6
    for expected, got in zip(whole[6:], rest, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_pythons_random_state_does_not_change_the_order():
    import random

    orders = []
    for state in (0, 1):
        random.seed(state)
        orders.append(seen_by_fit(data.Batches(IMAGES, BATCH_SIZE), epochs=2))
    for first, second in zip(*orders, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_second_fit_goes_on_where_the_first_stopped():
    batches = data.Batches(IMAGES, BATCH_SIZE)
    both = seen_by_fit(batches, epochs=1) + seen_by_fit(batches, epochs=1)
    for expected, got in zip(seen_by_fit(data.Batches(IMAGES, BATCH_SIZE), epochs=2), both, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_validation_on_batches_of_its_own_leaves_the_training_epochs_alone():
    training, validation = data.Batches(IMAGES, BATCH_SIZE), data.Batches(HALF, BATCH_SIZE, "static")
    plain = seen_by_fit(data.Batches(IMAGES, BATCH_SIZE), epochs=3)
    validated = seen_by_fit(training, epochs=3, validation_data=validation)
    assert (training.epoch, validation.epoch) == (3, 3)
    for expected, got in zip(plain, validated, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_evaluating_uses_up_one_epoch_and_setting_epoch_mends_it():
    batches = data.Batches(IMAGES, BATCH_SIZE)
    Recorder().evaluate(batches, verbose=0)
    assert batches.epoch == 1
    batches.epoch = 0
    np.testing.assert_array_equal(batches[0][0], data.Batches(IMAGES, BATCH_SIZE)[0][0])


class Squared(keras.Model):
    """A model of images and labels whose loss is the mean square of its output."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(y_pred**2)


@pytest.mark.parametrize("batch_size", [64, 16], ids=["one-batch", "ragged"])
def test_a_compiled_model_trains_on_digits_with_their_labels(batch_size):
    digits = data.load("digits").subset(40, 1)
    inputs = [keras.Input((28, 28, 1)), keras.Input((1,))]
    model = Squared(
        inputs,
        keras.layers.Dense(1)(keras.layers.Concatenate()([keras.layers.Flatten()(inputs[0]), inputs[1]])),
    )
    model.compile("sgd")
    labels = digits.y_train.astype("float32")[:, None]
    batches = data.Batches(digits.x_train, batch_size, "dynamic", labels=labels)
    history = model.fit(batches, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert batches.epoch == 2


BAD_CASES = {
    "no-batch-size": ({"batch_size": 0}, "batch_size=0"),
    "fractional-batch-size": ({"batch_size": 2.5}, "batch_size=2.5"),
    "unknown-binarisation": ({"how": "otsu"}, "how='otsu'"),
    "negative-epoch": ({"epoch": -1}, "epoch=-1"),
    "negative-seed": ({"seed": -1}, "seed=-1"),
    "labels-of-another-length": (
        {"labels": np.arange(3)},
        r"labels have shape \(3,\): expected one for each of 10",
    ),
    "one-label": ({"labels": 3}, r"labels have shape \(\)"),
    "bytes-up-to-255": ({"images": np.full((2, 3), 255, "uint8")}, "pass images / 255"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_CASES.values(), ids=BAD_CASES)
def test_what_cannot_be_batched_is_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        data.Batches(**{"images": IMAGES, **arguments})


def test_an_index_beyond_the_epoch_ends_a_loop():
    with pytest.raises(IndexError, match="batch 3 of 3"):
        data.Batches(IMAGES, BATCH_SIZE)[3]


# --- the real keras.datasets, without a network -----------------------------------------------------------------------


@pytest.fixture
def keras_home(monkeypatch, tmp_path):
    """Keras keeps its files in an empty folder, and every connection fails."""

    def unreachable(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.delenv("COMPANION_DATA_DIR", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setattr(socket, "create_connection", unreachable)
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_keras_without_a_network_is_told_from_other_failures(keras_home, name):
    with pytest.raises(
        BadInput, match=f"{name} could not be downloaded .*COMPANION_DATA_DIR .*DATASET=digits"
    ):
        data.load(name)


def test_a_half_finished_download_in_keras_cache_is_not_used(keras_home):
    cache = keras_home / "datasets" / "fashion-mnist"
    cache.mkdir(parents=True)
    idx = {"labels-idx1": bytes(8 + 100), "images-idx3": bytes(16 + 100 * 784)}
    for part in ("train", "t10k"):
        for name, content in idx.items():
            (cache / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
    whole = (cache / "train-images-idx3-ubyte.gz").read_bytes()
    with pytest.raises(BadInput, match=r"keras\.datasets: array x_train is uint8 of shape \(100, 28, 28\)"):
        data.load("fashion_mnist")
    (cache / "train-images-idx3-ubyte.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match=r"Keras's copy of fashion_mnist is damaged .*delete .*fashion-mnist"):
        data.load("fashion_mnist")
