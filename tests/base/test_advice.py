"""Protects whoever follows an error message: each call that a message about data names is run on the very input that
brought the message, must succeed, and must not damage the data."""

import re

import keras
import ml_dtypes
import numpy as np
import pytest
from keras import layers

from companion import data, plots
from companion.autoencoder import Autoencoder
from companion.code_use import check_choices
from companion.conditional_vae import ConditionalVAE
from companion.errors import BadInput, check_codes, check_images
from companion.evaluation.judge import agreement
from companion.likelihoods import Likelihood
from companion.vae import VAE

SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
FLOATS = RNG.random((6, *SHAPE)).astype("float32")
COLOUR = RNG.random((6, 4, 4, 3)).astype("float32")
TALL = RNG.random((6, 5, 4, 1)).astype("float32")
TWELVE_BITS = RNG.integers(0, 4096, (6, 4, 4)).astype("uint16")
TWELVE_BITS[0, 0, 0] = 4095
WORDS = np.array(["cat", "dog", "ant", "cat", "dog", "ant"])
NUMBERED = np.array([1, 2, 0, 1, 2, 0])
YEARS = np.array([1999, 2004, 1999, 2020, 2004, 2020])


def with_one(array, value):
    array = np.array(array, "float32")
    array[(2, *(0 for _ in array.shape[1:]))] = value
    return array


def advised(error):
    """The call in a message: what stands between ``pass`` and the end of the sentence, or an explanation."""
    return re.search(
        r"pass (.+?)(?:, since| for grey| to leave|, and build|\.? \(In|\.?$|\. )", str(error)
    ).group(1)


def follow(call, came, name, **more):
    """Call with ``came``, read the advice of the error, apply it, call again: what was passed, what came back."""
    with pytest.raises(BadInput) as caught:
        call(came)
    namespace = {"np": np, "VAE": VAE, "data": data, name: came, **more}
    expression = advised(caught.value)
    mended = eval(expression, namespace)  # what a reader would type
    return mended, call(mended)


def in_a_model(shape=SHAPE):
    return lambda images: check_images(images, shape)


# name: (what came, the shape of the model's images, what the mended images must be)
IMAGES = {
    "no channels": (FLOATS[..., 0], SHAPE, FLOATS),
    "flat": (FLOATS.reshape(6, 16), SHAPE, FLOATS),
    "one image": (FLOATS[0], SHAPE, FLOATS[:1]),
    "one image without channels": (FLOATS[0, ..., 0], SHAPE, FLOATS[:1]),
    "channels first, grey": (np.moveaxis(FLOATS, -1, 1), SHAPE, FLOATS),
    "channels first, colour": (np.moveaxis(COLOUR, -1, 1), (4, 4, 3), COLOUR),
    "rows joined": (COLOUR.reshape(6, 16, 3), (4, 4, 3), COLOUR),
    "width before height": (np.swapaxes(TALL, 1, 2), (5, 4, 1), TALL),
    "colour for grey": (COLOUR, SHAPE, COLOUR.mean(-1, keepdims=True)),
    "grey for colour": (FLOATS, (4, 4, 3), np.repeat(FLOATS, 3, -1)),
    "with transparency": (np.concatenate([COLOUR, FLOATS], -1), (4, 4, 3), COLOUR),
    "bytes": (np.round(255 * FLOATS).astype("uint8"), SHAPE, np.round(255 * FLOATS) / 255),
    "bytes as floats": (np.round(255 * FLOATS), SHAPE, np.round(255 * FLOATS) / 255),
    "12 bits": (TWELVE_BITS[..., None], SHAPE, TWELVE_BITS[..., None] / 4095),
    "16 bits": (np.full((2, *SHAPE), 65535, "uint16"), SHAPE, np.ones((2, *SHAPE))),
    "10 bits": (np.full((2, *SHAPE), 1023, "int64"), SHAPE, np.ones((2, *SHAPE))),
    "rounding": (with_one(FLOATS, 1.0000002), SHAPE, with_one(FLOATS, 1)),
    "overshoot": (with_one(FLOATS, -0.02), SHAPE, with_one(FLOATS, 0)),
    "from -1 to 1": (2 * FLOATS - 1, SHAPE, FLOATS),
    "standardised": (4 * FLOATS - 2, SHAPE, None),
    "int8": ((255 * FLOATS - 128).astype("int8"), SHAPE, None),
    "percent with fractions": (99.5 * FLOATS, SHAPE, FLOATS / FLOATS.max()),
    "NaN": (with_one(FLOATS, np.nan), SHAPE, np.delete(FLOATS, 2, 0)),
    "infinity": (with_one(FLOATS, -np.inf), SHAPE, np.delete(FLOATS, 2, 0)),
    "objects": (FLOATS.astype(object), SHAPE, FLOATS),
    "numbers as text": (np.array([["0.5"] * 16]).reshape(1, *SHAPE), SHAPE, np.full((1, *SHAPE), 0.5)),
    "complex": (FLOATS.astype(complex), SHAPE, FLOATS),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_that_follow_the_advice_are_taken(name):
    came, shape, wanted = IMAGES[name]
    mended, taken = follow(in_a_model(shape), came, "images")
    if wanted is not None:
        np.testing.assert_allclose(taken, wanted, atol=1e-5)
    else:  # on another scale, but in the same order
        orders = [np.argsort(np.ravel(images), kind="stable") for images in (mended, came)]
        np.testing.assert_array_equal(*orders)
        assert (taken.min(), taken.max()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.02))


def test_a_model_gives_the_same_advice_wherever_images_enter():
    model = VAE(input_shape=SHAPE, seed=0)
    model.compile("adam")
    came = TWELVE_BITS[..., None]
    for call in (
        model.encode,
        model.reconstruct,
        model.elbo_terms,
        lambda x: model.log_weights(x, 2),
        lambda x: model.fit(x, verbose=0),
        lambda x: model.evaluate(x, verbose=0),
    ):
        mended, _ = follow(call, came, "images")
        np.testing.assert_allclose(mended, came / 4095)
    mended, _ = follow(lambda v: model.fit(FLOATS, validation_data=v, verbose=0), came, "images")
    np.testing.assert_allclose(mended, came / 4095)


def test_a_model_of_the_shape_that_came_takes_it():
    came = RNG.random((3, 6, 5, 1)).astype("float32")
    with pytest.raises(
        BadInput, match=r"build the model with their shape, input_shape=\(6, 5, 1\)"
    ) as caught:
        VAE(input_shape=SHAPE).encode(came)
    shape = eval(re.search(r"input_shape=(\(.*?\))", str(caught.value)).group(1))
    assert VAE(input_shape=shape).encode(came)[0].shape == (3, 2)


def test_images_of_which_all_are_bad_are_not_to_be_left_out():
    with pytest.raises(BadInput, match="find out where they come from, since every row holds some"):
        check_images(np.full((2, *SHAPE), np.nan), SHAPE)


def own(**arrays):
    return lambda came: data.from_arrays({**arrays, "images": came})


# What came as images of a file, and what they must be in the set.
FILES = {
    "12 bits": (TWELVE_BITS, TWELVE_BITS / 4095),
    "bytes as int64": (np.round(255 * FLOATS[..., 0]).astype("int64"), np.round(255 * FLOATS[..., 0]) / 255),
    "ones as int64": ((FLOATS[..., 0] > 0.5).astype("int64"), (FLOATS[..., 0] > 0.5)),
    "ones as bytes": ((FLOATS[..., 0] > 0.5).astype("uint8"), (FLOATS[..., 0] > 0.5)),
    "from -1 to 1": (2 * FLOATS[..., 0] - 1, FLOATS[..., 0]),
    "flat": (FLOATS.reshape(6, 16), FLOATS[..., 0]),
    "an axis too many": (FLOATS[..., None], FLOATS[..., 0]),
    "objects": (FLOATS[..., 0].astype(object), FLOATS[..., 0]),
    "complex": (FLOATS[..., 0].astype(complex), FLOATS[..., 0]),
    "bytes as floats": (np.round(255 * FLOATS[..., 0]), np.round(255 * FLOATS[..., 0]) / 255),
}


@pytest.mark.parametrize("name", FILES)
def test_images_of_a_file_that_follow_the_advice_are_taken(name):
    came, wanted = FILES[name]
    _, found = follow(own(), came, "images")
    seen = np.concatenate([found.x_test, found.x_train])[..., 0]
    order = np.random.default_rng(0).permutation(6)
    np.testing.assert_allclose(seen, np.asarray(wanted, "float32")[order], atol=1e-5)


def test_the_names_of_a_files_arrays_stand_in_the_advice():
    with pytest.raises(BadInput, match=r"array x_test has dtype uint16.*pass x_test / 4095"):
        data.from_arrays({"x_train": FLOATS, "x_test": TWELVE_BITS})


# What came as labels of a file, and the classes that they must keep apart.
LABELS = {
    "words": (WORDS, WORDS),
    "words as objects": (WORDS.astype(object), WORDS),
    "floats": (NUMBERED.astype("float64"), NUMBERED),
    "fractions": (NUMBERED / 2, NUMBERED),
    "below zero": (NUMBERED - 1, NUMBERED),
    "one-hot": (np.eye(3)[NUMBERED], NUMBERED),
    "one-hot, whole": (np.eye(3, dtype=int)[NUMBERED], NUMBERED),
    "a column": (NUMBERED[:, None], NUMBERED),
    "booleans": (NUMBERED > 0, NUMBERED > 0),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_a_file_that_follow_the_advice_are_taken(name):
    came, classes = LABELS[name]
    _, found = follow(lambda labels: data.from_arrays({"images": FLOATS, "labels": labels}), came, "labels")
    order = np.random.default_rng(0).permutation(6)
    kept = np.concatenate([found.y_test, found.y_train])
    expected = np.unique(classes, return_inverse=True)[1][order]
    np.testing.assert_array_equal(kept, expected)


def test_words_in_two_parts_are_numbered_together():
    y_train, y_test = WORDS[:4], np.array(["dog", "dog"])  # apart, the test set would begin with number 0
    arrays = {"x_train": FLOATS[:4], "x_test": FLOATS[4:]}
    with pytest.raises(BadInput, match="number the classes of both parts together") as caught:
        data.from_arrays({**arrays, "y_train": y_train, "y_test": y_test})
    said = str(caught.value)
    namespace = {"np": np, "y_train": y_train, "y_test": y_test}
    exec(re.search(r"(numbers = .*?);", said).group(1), namespace)
    mended = {
        "y_train": eval(re.search(r"pass (\S+) as y_train", said).group(1), namespace),
        "y_test": eval(re.search(r"(\S+) as y_test", said).group(1), namespace),
    }
    found = data.from_arrays({**arrays, **mended})
    np.testing.assert_array_equal(found.y_train, [1, 2, 0, 1])
    np.testing.assert_array_equal(found.y_test, [2, 2])


def test_words_saved_as_objects_are_told_how_to_become_numbers(tmp_path):
    path = tmp_path / "my.npz"
    np.savez(path, images=FLOATS, labels=WORDS.astype(object))
    with pytest.raises(BadInput, match="pickled") as caught:
        data.load(path)
    expression = re.search(r"classes with (.*) and save", str(caught.value)).group(1)
    np.savez(path, images=FLOATS, labels=eval(expression, {"np": np, "labels": WORDS.astype(object)}))
    assert data.load(path).num_classes == 3


@pytest.fixture(scope="module")
def of_labels():
    return ConditionalVAE(input_shape=SHAPE, num_classes=3, seed=0)


# What came as labels of a conditional model, and the numbers that they must be.
CLASSES = {
    "words": (WORDS, NUMBERED),
    "whole floats": (NUMBERED.astype("float64"), NUMBERED),
    "from one": (NUMBERED + 1, NUMBERED),
    "below zero": (NUMBERED - 1, NUMBERED),
    "a column": (NUMBERED[:, None], NUMBERED),
    "booleans": (NUMBERED > 0, NUMBERED > 0),
    "years": (YEARS, [0, 1, 0, 2, 1, 2]),
    "fractions": (NUMBERED / 2, NUMBERED),
    "objects": (WORDS.astype(object), NUMBERED),
}


@pytest.mark.parametrize("name", CLASSES)
def test_labels_of_a_model_that_follow_the_advice_are_taken(of_labels, name):
    came, wanted = CLASSES[name]
    mended, _ = follow(of_labels.generate, came, "labels")
    np.testing.assert_array_equal(mended, wanted)


def test_a_model_of_as_many_classes_takes_the_labels():
    came = np.array([0, 5, 25, 3])
    with pytest.raises(BadInput, match="build the model with num_classes=26"):
        ConditionalVAE(input_shape=SHAPE, num_classes=3).generate(came)
    assert ConditionalVAE(input_shape=SHAPE, num_classes=26).generate(came).shape == (4, *SHAPE)
    with pytest.raises(BadInput, match="build the model with num_classes=5"):
        ConditionalVAE(input_shape=SHAPE, num_classes=3).generate(np.eye(5))


# What came as conditions of shape (2, 3), and what they must be.
VECTORS = RNG.normal(size=(6, 2, 3)).astype("float32")
CONDITIONS = {
    "flat": (VECTORS.reshape(6, 6), VECTORS),
    "one alone": (VECTORS[0], VECTORS[:1]),
    "turned": (np.swapaxes(VECTORS, 1, 2), VECTORS),
    "NaN": (with_one(VECTORS, np.nan), np.delete(VECTORS, 2, 0)),
    "infinity": (with_one(VECTORS, np.inf), np.delete(VECTORS, 2, 0)),
    "objects": (VECTORS.astype(object), VECTORS),
    "text": (VECTORS.astype(str), VECTORS),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_that_follow_the_advice_are_taken(name):
    came, wanted = CONDITIONS[name]
    model = ConditionalVAE(input_shape=SHAPE, condition_shape=(2, 3), seed=0)
    mended, _ = follow(model.generate, came, "conditions")
    np.testing.assert_allclose(np.asarray(mended, "float32"), wanted, rtol=1e-5)


def test_the_message_on_conditions_names_them():
    model = ConditionalVAE(input_shape=SHAPE, condition_shape=(2,), seed=0)
    with pytest.raises(
        BadInput, match="conditions hold 1 values that are NaN or infinite: expected finite numbers"
    ):
        model.encode([FLOATS, with_one(np.zeros((6, 2)), np.nan)])
    with pytest.raises(
        BadInput, match="conditions have dtype <U3: expected real numbers; pass a float32 array"
    ):
        model.encode([FLOATS, np.array([["cat", "dog"]] * 6)])


CODES = RNG.normal(size=(6, 2)).astype("float32")
OF_CODES = {
    "NaN": (with_one(CODES, np.nan), np.delete(CODES, 2, 0)),
    "one alone": (CODES[0], CODES[:1]),
    "booleans": (CODES > 0, CODES > 0),
    "objects": (CODES.astype(object), CODES),
    "complex": (np.abs(CODES).astype(complex), np.abs(CODES)),
}


@pytest.mark.parametrize("name", OF_CODES)
def test_codes_that_follow_the_advice_are_taken(name):
    came, wanted = OF_CODES[name]
    _, taken = follow(lambda codes: check_codes(codes, 2), came, "codes")
    np.testing.assert_allclose(taken, wanted, rtol=1e-6)


def test_codes_of_another_size_are_never_to_be_reshaped():
    model = VAE(input_shape=SHAPE, seed=0)
    with pytest.raises(BadInput, match=r"pass codes\[0\], z_mean, of the three parts"):
        model.decode(model.encode(FLOATS))
    assert model.decode(model.encode(FLOATS)[0]).shape == FLOATS.shape
    with pytest.raises(BadInput, match="one row of 2 numbers per image, as encode"):
        model.decode(np.zeros((4, 3)))
    with pytest.raises(
        BadInput, match="the training has diverged: train the model again with a smaller learning rate"
    ):
        check_codes(np.full((3, 2), np.nan), 2)


def test_whole_codes_that_follow_the_advice_are_taken():
    codes = np.array([[0, 2], [1, 1]])
    for came in (codes.astype("float32"), codes[0]):
        mended, _ = follow(lambda c: check_choices(c, (2,), 3), came, "codes")
        np.testing.assert_array_equal(mended, codes if came.ndim == 2 else codes[:1])


def test_labels_for_a_judge_that_follow_the_advice_are_taken():
    judge = keras.Sequential([keras.Input(SHAPE), layers.Flatten(), layers.Dense(3)])
    for came in (WORDS, NUMBERED[:, None], NUMBERED - 1, np.eye(3)[NUMBERED]):
        mended, share = follow(lambda labels: agreement(judge, FLOATS, labels), came, "labels")
        np.testing.assert_array_equal(mended, NUMBERED)
        assert 0 <= share <= 1


PICTURES = {
    "one alone": FLOATS[0, ..., 0],
    "flat": FLOATS.reshape(6, 16),
    "channels first": np.moveaxis(COLOUR, -1, 1),
    "with transparency": np.concatenate([COLOUR, FLOATS], -1),
    "bytes": np.round(255 * FLOATS).astype("uint8"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_that_follow_the_advice_are_drawn(name):
    _, figure = follow(
        lambda images: plots.samples(images, 6 if name != "one alone" else 1),
        PICTURES[name],
        "images",
        samples=PICTURES[name],
    )
    assert figure.alt_text


def test_a_decoder_that_follows_the_advice_is_taken():
    def build(activation):
        z = keras.Input((2,))
        return keras.Model(z, layers.Reshape(SHAPE)(layers.Dense(16, activation=activation)(z)))

    with pytest.raises(
        BadInput, match=r"activation=None, or pass likelihood=Likelihood\('normal', link='identity'\)"
    ):
        VAE(decoder=build("sigmoid"))
    VAE(decoder=build(None))
    VAE(decoder=build("sigmoid"), likelihood=Likelihood("normal", link="identity"))
    names = {"z_mean": layers.Dense(2), "z_log_var": layers.Dense(2), "w": layers.Dense(2)}
    x = keras.Input(SHAPE)
    heads = {name: head(layers.Flatten()(x)) for name, head in names.items()}
    with pytest.raises(BadInput, match=r"keras.Model\(images, \[z_mean, z_log_var, z\]\)"):
        VAE(keras.Model(x, heads))
    VAE(keras.Model(x, list(heads.values())))
    with pytest.raises(BadInput, match=r"build it as keras.Model\(images, code\)"):
        Autoencoder(keras.Model(x, heads))
    Autoencoder(keras.Model(x, heads["z_mean"]))


def test_bfloat16_is_a_type_of_real_numbers():
    half = FLOATS.astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(check_images(half, SHAPE), half.astype("float32"))
    np.testing.assert_allclose(follow(in_a_model(), 255 * half, "images")[1], FLOATS, atol=0.01)
