"""Protects people who give a conditional VAE the wrong thing: one message, before any training, that says what came,
what was expected and what to do."""

import keras
import numpy as np
import pytest

from companion.conditional_vae import ConditionalVAE
from companion.conditional_vae.networks import build_cvae_decoder, build_cvae_encoder, build_cvae_prior
from companion.data import Batches
from companion.errors import BadInput
from companion.networks import build_decoder, build_encoder

SHAPE = (4, 4, 1)
IMAGES = np.full((6, *SHAPE), 0.5, "float32")
LABELS = np.array([0, 1, 2, 0, 1, 2])
CODES = np.zeros((6, 2), "float32")


def make(**kwargs):
    given = {"num_classes": 3} | kwargs
    encoder = build_cvae_encoder(SHAPE, 2, **given, hidden=(4,))
    decoder = build_cvae_decoder(2, SHAPE, **given, hidden=(4,))
    model = ConditionalVAE(encoder, decoder, **given)
    model.compile("sgd")
    return model


@pytest.fixture(scope="module")
def of_labels():
    return make()


@pytest.fixture(scope="module")
def of_vectors():
    return make(num_classes=None, condition_shape=(5,))


# name: (what a person does with a model of three classes, what came, what was expected, what to do)
WITH_LABELS = {
    "labels_as_targets": (
        lambda m: m.fit(IMAGES, LABELS),
        "got a y of type ndarray",
        "ConditionalVAE has no targets, and its labels are part of the input",
        "call fit([images, labels])",
    ),
    "labels_as_targets_of_evaluate": (
        lambda m: m.evaluate(IMAGES, LABELS),
        "got a y",
        "has no targets",
        "call fit([images, labels])",
    ),
    "targets_of_validation": (
        lambda m: m.fit([IMAGES, LABELS], validation_data=([IMAGES, LABELS], LABELS)),
        "got a y",
        "has no targets",
        "call fit([images, labels])",
    ),
    "images_alone": (
        lambda m: m.fit(IMAGES),
        "got a ndarray",
        "expected images with their labels or conditions",
        "pass [images, labels]",
    ),
    "three_parts": (
        lambda m: m.elbo_terms((IMAGES, LABELS, LABELS)),
        "got a tuple of 3",
        "expected images with their labels",
        "pass [images, labels]",
    ),
    "one_part": (
        lambda m: m.encode([IMAGES]),
        "got a list of 1",
        "expected images with",
        "pass [images, labels]",
    ),
    "parts_the_wrong_way_round": (
        lambda m: m.fit([LABELS, IMAGES]),
        "images have shape (6,)",
        "expected (n, 4, 4, 1)",
        "pass an array of shape (n, 4, 4, 1)",
    ),
    "images_out_of_range": (
        lambda m: m.fit([IMAGES * 255, LABELS]),
        "images hold values from 127.5 to 127.5",
        "expected pixels in [0, 1]",
        "images / 255",
    ),
    "validation_images": (
        lambda m: m.fit([IMAGES, LABELS], validation_data=[IMAGES * 255, LABELS]),
        "validation images hold values",
        "expected pixels in [0, 1]",
        "images / 255",
    ),
    "too_few_labels": (
        lambda m: m.fit([IMAGES, LABELS[:4]]),
        "6 images and 4 labels",
        "expected one each",
        "pass the same number of both",
    ),
    "too_few_codes": (
        lambda m: m.decode(CODES[:2], LABELS),
        "2 codes and 6 labels",
        "expected one each",
        "pass the same number",
    ),
    "labels_from_one": (
        lambda m: m.fit([IMAGES, LABELS + 1]),
        "labels run from 1 to 3",
        "expected whole numbers from 0 to 2",
        "number the classes from 0: pass labels - 1",
    ),
    "negative_label": (
        lambda m: m.fit([IMAGES, LABELS - 1]),
        "labels run from -1 to 1",
        "expected whole numbers from 0 to 2",
        "number the classes from 0: pass labels + 1",
    ),
    "labels_of_a_stream": (
        lambda m: m.fit(Batches(IMAGES, 2, labels=LABELS + 1)),
        "labels run from 1 to 3",
        "expected whole numbers from 0 to 2",
        "number the classes from 0",
    ),
    "stream_without_labels": (
        lambda m: m.fit(Batches(IMAGES, 2)),
        "labels or conditions are missing",
        "expected (n,) whole numbers from 0 to 2, or (n, 3) real numbers",
        "pass one per image",
    ),
    "labels_with_fractions": (
        lambda m: m.fit([IMAGES, LABELS * 1.0]),
        "labels have dtype float64",
        "expected whole numbers from 0 to 2",
        "pass labels.astype('int64')",
    ),
    "labels_in_words": (
        lambda m: m.generate(["zero", "one"]),
        "labels have dtype <U4",
        "expected whole numbers from 0 to 2",
        "number the classes",
    ),
    "labels_in_a_column": (
        lambda m: m.fit([IMAGES, LABELS[:, None]]),
        "labels or conditions have shape (6, 1)",
        "expected (n,) whole numbers from 0 to 2, or (n, 3) real numbers",
        "pass np.ravel(labels)",
    ),
    "one_label": (
        lambda m: m.generate(2),
        "have shape ()",
        "expected (n,) whole numbers",
        "pass np.ravel(labels)",
    ),
    "no_labels": (
        lambda m: m.generate([]),
        "labels have shape (0,)",
        "expected whole numbers from 0 to 2, at least one",
        "pass one per image",
    ),
    "one_hot_twice": (
        lambda m: m.fit([IMAGES, np.eye(3)[np.eye(3, dtype=int)[LABELS]]]),
        "labels or conditions have shape (6, 3, 3)",
        "expected (n,) whole numbers from 0 to 2, or (n, 3) real numbers",
        "pass labels as they came",
    ),
    "ragged_labels": (
        lambda m: m.generate([[1], [1, 2]]),
        "a list whose items differ in size",
        "expected one array",
        "pass np.stack(items)",
    ),
    "decoding_without_labels": (
        lambda m: m.decode(CODES),
        "labels or conditions are missing",
        "expected (n,) whole numbers from 0 to 2",
        "pass one per image",
    ),
    "wrong_codes": (
        lambda m: m.decode(CODES[:, :1], LABELS),
        "codes have shape (6, 1)",
        "expected (n, 2)",
        "pass one row of 2 numbers per image",
    ),
    "labels_for_another_number_of_samples": (
        lambda m: m.sample(3, labels=LABELS),
        "3 images to sample and 6 labels",
        "expected one each",
        "pass the same number of both",
    ),
    "no_samples": (lambda m: m.sample(0), "n=0", "expected a whole number of at least 1", "pass n=1 or more"),
}
WITH_VECTORS = {
    "labels_for_vectors": (
        lambda m: m.fit([IMAGES, LABELS]),
        "labels or conditions have shape (6,)",
        "expected (n, 5) real numbers",
        "pass an array of shape (n, 5)",
    ),
    "vectors_of_another_size": (
        lambda m: m.generate(np.zeros((2, 4))),
        "labels or conditions have shape (2, 4)",
        "expected (n, 5) real numbers",
        "build the model with their shape, condition_shape=(4,)",
    ),
    "vectors_with_nan": (
        lambda m: m.generate(np.full((2, 5), np.nan)),
        "conditions hold 10 values that are NaN or infinite",
        "expected finite",
        "find out where they come from",
    ),
    "sampling_without_vectors": (
        lambda m: m.sample(4),
        "sample(4) without conditions",
        "expected 4 of them, of shape (5,)",
        "call generate(conditions)",
    ),
}
BUILDING = {
    "labels_and_vectors": (
        lambda: ConditionalVAE(num_classes=3, condition_shape=(5,)),
        "num_classes=3 and condition_shape=(5,)",
        "expected one of the two",
        "pass num_classes for labels, condition_shape for anything else",
    ),
    "no_classes": (
        lambda: ConditionalVAE(num_classes=0),
        "num_classes=0",
        "expected a whole number of at least 1",
        "pass num_classes=1 or more",
    ),
    "shape_that_is_a_number": (
        lambda: build_cvae_prior(2, condition_shape=5),
        "condition_shape=5",
        "expected the shape of one condition",
        "pass a tuple such as (40,)",
    ),
    "empty_shape": (
        lambda: build_cvae_prior(2, condition_shape=()),
        "condition_shape=()",
        "expected the shape of one condition",
        "pass a tuple",
    ),
    "size_that_is_none": (
        lambda: build_cvae_decoder(2, 784, condition_shape=(5, 0)),
        "condition_shape=0",
        "expected a whole number of at least 1",
        "pass condition_shape=1",
    ),
    "unknown_prior": (
        lambda: ConditionalVAE(prior="flat"),
        "prior='flat'",
        "expected one of standard, learned",
        "pass one of these names",
    ),
    "unknown_network": (
        lambda: build_cvae_encoder(network="deep"),
        "network='deep'",
        "expected one of dense, conv",
        "pass one of these names",
    ),
    "nothing_to_join": (
        lambda: build_cvae_encoder(hidden=()),
        "hidden=()",
        "expected one whole number per layer",
        "pass a tuple such as hidden=(32, 64)",
    ),
    "encoder_without_condition": (
        lambda: ConditionalVAE(build_encoder(SHAPE, 2, hidden=(4,)), num_classes=3),
        "encoder takes inputs of shapes [(4, 4, 1)]",
        "expected two, the second a condition of shape (3,)",
        "build it with build_cvae_encoder",
    ),
    "decoder_without_condition": (
        lambda: ConditionalVAE(decoder=build_decoder(2, SHAPE, hidden=(4,)), num_classes=3),
        "decoder takes inputs of shapes [(2,)]",
        "expected two, the second a condition of shape (3,)",
        "build it with build_cvae_decoder",
    ),
    "networks_of_other_classes": (
        lambda: ConditionalVAE(build_cvae_encoder(SHAPE, 2, 3, hidden=(4,))),
        "encoder takes inputs of shapes [(4, 4, 1), (3,)]",
        "a condition of shape (10,)",
        "give both the same num_classes or condition_shape",
    ),
    "codes_of_another_size": (
        lambda: ConditionalVAE(
            build_cvae_encoder(SHAPE, 2, hidden=(4,)), build_cvae_decoder(3, SHAPE, hidden=(4,))
        ),
        "decoder maps 3 numbers",
        "expected the same sizes",
        "pass for example build_decoder(2, (4, 4, 1))",
    ),
}


def check(excinfo, parts):
    message = str(excinfo.value)
    for part in parts:
        assert part in message, f"{part!r} is not in {message!r}"


@pytest.mark.parametrize("case", WITH_LABELS)
def test_a_model_of_labels(of_labels, case):
    do, *parts = WITH_LABELS[case]
    before = [np.array(weight) for weight in of_labels.get_weights()]
    with pytest.raises(BadInput) as excinfo:
        do(of_labels)
    check(excinfo, parts)
    for old, new in zip(before, of_labels.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("case", WITH_VECTORS)
def test_a_model_of_vectors(of_vectors, case):
    do, *parts = WITH_VECTORS[case]
    with pytest.raises(BadInput) as excinfo:
        do(of_vectors)
    check(excinfo, parts)


@pytest.mark.parametrize("case", BUILDING)
def test_building(case):
    do, *parts = BUILDING[case]
    with pytest.raises(BadInput) as excinfo:
        do()
    check(excinfo, parts)


def test_a_stream_of_targets_is_told_the_form_of_its_items(of_labels):
    class OfTargets(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return IMAGES, LABELS

    with pytest.raises(Exception, match=r"expected images with their labels.*items \(\(images, labels\),\)"):
        of_labels.fit(OfTargets(), verbose=0)


def test_what_fits_is_taken(of_labels, of_vectors):
    assert of_labels.generate([0, 2]).shape == (2, *SHAPE)
    assert of_labels.generate(np.full((2, 3), 1 / 3)).shape == (2, *SHAPE)  # between the classes
    assert of_vectors.generate(np.full((1, 5), -7)).shape == (1, *SHAPE)
