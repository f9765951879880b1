"""Protects people who give a semi-supervised VAE the wrong thing, on every route into it: one message, before any
training, and a model that is as it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from companion.conditional_vae import build_cvae_decoder, build_cvae_encoder
from companion.data import Batches
from companion.errors import BadInput
from companion.semi_supervised import SemiSupervisedVAE, build_classifier, fit_in_phases

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
LABELS = np.array([0, 1, 2, -1, -1, -1])


def make(**own):
    networks = build_cvae_encoder(SHAPE, 2, 3, hidden=(4,)), build_cvae_decoder(2, SHAPE, 3, hidden=(4,))
    model = SemiSupervisedVAE(*networks, num_classes=3, seed=0, **own)
    model.compile("adam")
    return model


@pytest.fixture(scope="module")
def model():
    return make()


def dataset(labels, images=IMAGES):
    return tf.data.Dataset.from_tensor_slices(((images, labels),)).batch(3)


# name: (what a person does, what the message says)
WRONG = {
    "no label at all": (lambda m: m.fit([IMAGES, np.full(6, -1)]), "all 6 labels are -1: .* train a VAE"),
    "no label in batches": (
        lambda m: m.fit(Batches(IMAGES, 3, labels=np.full(6, -1))),
        "all 6 labels are -1",
    ),
    "images alone": (lambda m: m.fit(IMAGES), r"expected images with their labels.* pass \[images, labels\]"),
    "targets": (lambda m: m.fit(IMAGES, LABELS), r"has no targets.* call fit\(\[images, labels\]\)"),
    "NaN": (lambda m: m.fit([IMAGES, np.where(LABELS < 0, np.nan, LABELS)]), "np.nan_to_num"),
    "from one": (lambda m: m.fit([IMAGES, [1, 2, 3, 1, 2, 3]]), "labels run from 1 to 3.*labels - 1"),
    "one-hot": (lambda m: m.fit([IMAGES, np.eye(3)[LABELS]]), "np.argmax"),
    "another number": (lambda m: m.fit([IMAGES, LABELS[:5]]), "6 images and 5 labels"),
    "evaluate": (lambda m: m.evaluate([IMAGES, LABELS + 2]), "labels run from 1 to 4"),
    "validation": (
        lambda m: m.fit([IMAGES, LABELS], validation_data=[IMAGES, LABELS - 1]),
        "labels run from -2",
    ),
    "one batch": (lambda m: m.train_on_batch([IMAGES, LABELS * 2]), "labels run from -2 to 4"),
    "call": (lambda m: m((IMAGES, LABELS + 3)), "labels run from 2 to 5"),
    "tf.data labels": (lambda m: m.fit(dataset(LABELS * 3)), "labels run from"),
    "tf.data vectors": (lambda m: m.fit(dataset(np.eye(3, dtype="float32")[LABELS])), "np.argmax"),
    "batches": (lambda m: m.fit(Batches(IMAGES, 3, labels=LABELS + 2)), "labels run from 1 to 4"),
    "generate without": (lambda m: m.generate([0, -1]), "labels run from -1 to 0"),
    "decode without": (lambda m: m.decode(np.zeros((2, 2)), [0, -1]), "labels run from -1 to 0"),
    "elbo": (lambda m: m.elbo_terms([IMAGES, LABELS - 5]), "labels run from -6"),
    "classify a pair": (lambda m: m.classify([IMAGES, LABELS]), "images are a list"),
    "classify flat": (lambda m: m.classify(IMAGES.reshape(6, -1)), r"images have shape \(6, 16\)"),
    "classify bytes": (lambda m: m.classify(255 * IMAGES), "expected pixels in"),
    "phases": (lambda m: fit_in_phases(m, [IMAGES, LABELS], guessed_epochs=-1, epochs=1), "epochs=-1"),
    "rate": (
        lambda m: fit_in_phases(m, [IMAGES, LABELS], guessed_epochs=1, epochs=1, learning_rate=0),
        "learning_rate=0: expected a finite number above 0",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WRONG)
def test_it_is_named_and_nothing_is_trained(name, model):
    act, said = WRONG[name]
    before = model.get_weights()
    with pytest.raises(BadInput, match=said):
        act(model)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_every_good_route_is_taken(model):
    model.classifier.trainable = True
    model.compile("adam")
    for x in ([IMAGES, LABELS], (IMAGES, LABELS), Batches(IMAGES, 3, labels=LABELS), dataset(LABELS)):
        history = model.fit(
            x, epochs=1, verbose=0, **({} if not isinstance(x, (list, tuple)) else {"batch_size": 3})
        )
        assert np.isfinite(history.history["loss"][0])
    scores = model.evaluate([IMAGES, LABELS], verbose=0, return_dict=True)
    assert scores["accuracy"] in (0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1)
    history = model.fit([IMAGES, LABELS], validation_data=[IMAGES, LABELS], verbose=0).history
    assert "val_accuracy" in history


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"alpha": -1}, "alpha=-1: expected a finite number of at least 0"),
        ({"labelled_weight": float("nan")}, "labelled_weight=nan"),
        (
            {"classifier": build_classifier(SHAPE, 4)},
            r"classifier maps .* expected .*\(None, 3\), one logit per class",
        ),
        ({"classifier": build_classifier((16,), 3)}, r"build_classifier\(\(4, 4, 1\), 3\)"),
        ({"classifier": "dense"}, "classifier has type str: expected a built keras.Model"),
        ({"classifier": keras.Sequential([keras.layers.Dense(3)])}, "classifier has type Sequential"),
    ],
)
def test_what_the_model_cannot_be_built_from_is_refused(own, said):
    with pytest.raises(BadInput, match=said):
        make(**own)


def test_a_condition_that_is_no_class_is_refused():
    with pytest.raises(
        BadInput, match=r"condition_shape=\(5,\): expected classes.* num_classes, or use a Cond"
    ):
        SemiSupervisedVAE(condition_shape=(5,))
    with pytest.raises(BadInput, match="network='big'"):
        build_classifier(SHAPE, 3, network="big")
