"""Whole epochs in TensorFlow's graph give the training that one call of Python per batch gives."""

import keras
import numpy as np
import pytest

from companion.base import whole_epochs
from companion.conditional_vae import ConditionalVAE
from companion.data import Batches, binarize
from companion.networks import build_decoder, build_encoder
from companion.vae import VAE

IMAGES = np.random.default_rng(0).random((22, 4, 4, 1), dtype="float32")
LABELS = np.arange(22) % 3


def vae():
    model = VAE(
        build_encoder((4, 4, 1), 2, hidden=(8,), seed=1),
        build_decoder(2, (4, 4, 1), hidden=(8,), seed=2),
        seed=3,
    )
    model.compile("adam")
    return model


def cvae():
    model = ConditionalVAE(num_classes=3, input_shape=(4, 4, 1), seed=3)
    model.compile("adam")
    return model


class Seen(keras.callbacks.Callback):
    """Which epoch the batches are at when an epoch of training ends."""

    def __init__(self, batches):
        super().__init__()
        self.batches, self.epochs = batches, []

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append(self.batches.epoch)


def trained(build, how, labels, **more):
    model, batches = build(), Batches(IMAGES, 4, how, seed=5, labels=labels, epoch=2)
    seen = Seen(batches)
    history = model.fit(batches, epochs=5, initial_epoch=2, verbose=0, callbacks=[seen], **more).history
    return history, seen.epochs, [np.array(weight) for weight in model.get_weights()]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["none", "static", "dynamic"])
@pytest.mark.parametrize(("build", "labels"), [(vae, None), (cvae, LABELS)], ids=["images", "labels"])
def test_training_is_the_same_as_batch_by_batch(monkeypatch, build, labels, how):
    at_once = trained(build, how, labels)
    monkeypatch.setattr(whole_epochs, "suits", lambda *_: False)
    one_by_one = trained(build, how, labels)
    assert at_once[0] == one_by_one[0]
    assert at_once[1] == one_by_one[1] == [3, 4, 5]
    for expected, got in zip(one_by_one[2], at_once[2], strict=True):
        np.testing.assert_array_equal(got, expected)


def test_a_graph_walks_the_batches_that_python_walks():
    batches = Batches(IMAGES, 4, "dynamic", seed=5, labels=LABELS)
    for (expected, labels), ((got, same),) in zip(
        (item for (item,) in batches), whole_epochs.as_dataset(batches), strict=True
    ):
        np.testing.assert_array_equal(got, expected)
        np.testing.assert_array_equal(same, labels)


def test_the_next_draw_is_made_ahead_and_is_the_announced_one():
    batches = Batches(IMAGES, 4, "dynamic", seed=5)
    batches.next_epoch()
    drawn = batches._ahead.result()
    np.testing.assert_array_equal(drawn, binarize(IMAGES, "dynamic", seed=5, epoch=1))
    assert batches.whole_epoch()[0] is drawn
    assert drawn.dtype == np.uint8
    batches.next_epoch()
    batches.epoch = 7  # what was drawn ahead is dropped
    np.testing.assert_array_equal(batches.whole_epoch()[0], binarize(IMAGES, "dynamic", seed=5, epoch=7))


@pytest.mark.parametrize(
    "how",
    [{"steps_per_epoch": 2}, {"callbacks": keras.callbacks.CallbackList([])}],
    ids=["steps per epoch", "a list of callbacks"],
)
def test_what_counts_batches_gets_them_one_by_one(how):
    assert whole_epochs.suits(Batches(IMAGES, 4), vae(), {})
    assert not whole_epochs.suits(Batches(IMAGES, 4), vae(), how)
    assert not whole_epochs.suits(IMAGES, vae(), {})
