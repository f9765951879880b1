"""Protects people whose data comes in streams, or a batch at a time: each route refuses what an array is refused for,
in the same words, and leaves the model as it was."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from families import ALONE, BUILD, IMAGES, LABELS, MISSING_IS_NAN, SHAPE, VECTORS, N, inputs, make

from companion.data import Batches
from companion.errors import BadInput
from companion.likelihoods import Likelihood
from companion.vae import VAE

pytestmark = pytest.mark.filterwarnings(
    "ignore:Your input ran out of data"
)  # generators are spent after an epoch


class Rows(keras.utils.PyDataset):
    """Batches of four of an item's arrays."""

    def __init__(self, item, **how):
        super().__init__(**how)
        self.item = item

    def __len__(self):
        return N // 4

    def __getitem__(self, i):
        return keras.tree.map_structure(lambda part: part[4 * i : 4 * i + 4], self.item)


def dataset(item):
    return tf.data.Dataset.from_tensor_slices(item).batch(4)


def without_shapes(item):
    """A tf.data set that does not know the shapes of what it gives."""
    spec = keras.tree.map_structure(lambda part: tf.TensorSpec(None, part.dtype), item)
    return tf.data.Dataset.from_generator(lambda: iter(Rows(item)), output_signature=spec)


STREAMS = {
    "dataset": dataset,
    "without_shapes": without_shapes,
    "pydataset": Rows,
    "workers": lambda item: Rows(item, workers=2),
    "generator": lambda item: (part for part in Rows(item)),
}


def with_one(value, at=N - 1):
    """Good images, one pixel of which, in the last batch, is bad."""
    images = IMAGES.copy()
    images[at, 1, 2, 0] = value
    return images


BAD_IMAGES = {
    "bytes": (IMAGES * 255).astype("uint8"),
    "to_255": IMAGES * 255,
    "negative": IMAGES - 0.5,
    "nan": with_one(np.nan, 1),
    "infinite": with_one(np.inf, 1),
    "without_channel": IMAGES[..., 0],
    "flat": IMAGES.reshape(N, 16),
    "colour": np.repeat(IMAGES, 3, -1),
}
ROUTES = {
    "fit": lambda m, s: m.fit(s, verbose=0),
    "evaluate": lambda m, s: m.evaluate(s, verbose=0),
    "predict": lambda m, s: m.predict(s, verbose=0),
    "validation": lambda m, s: m.fit(IMAGES, validation_data=s, verbose=0),
}


def state(model):
    return [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]


def refuses(model, said, act, *args, **how):
    model.optimizer.build(model.trainable_variables)
    before = state(model)
    with pytest.raises(BadInput) as error:
        act(*args, **how)
    assert said in str(error.value).replace("validation images", "images")
    assert "\n" not in str(error.value)
    for was, now in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(was, now)


def said_of(model, x):
    """What an array is refused with."""
    with pytest.raises(BadInput) as error:
        model.checked(x)
    return str(error.value)


@pytest.fixture(scope="module")
def vae():
    return make("vae")


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_is_refused_for_what_an_array_is_refused_for(vae, stream, route):
    for images in BAD_IMAGES.values():
        refuses(vae, said_of(vae, images[:4]), ROUTES[route], vae, STREAMS[stream](images))


@pytest.mark.slow
def test_after_all_of_it_the_model_takes_right_data(vae):
    for stream in STREAMS.values():
        history = vae.fit(stream(IMAGES), validation_data=stream(IMAGES), verbose=0).history
        assert np.isfinite(history["loss"] + history["val_loss"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILD)
def test_every_family_checks_streams_and_still_learns(name):
    model = make(name)
    item = (inputs(name),)
    bad_pixel = np.inf if name in MISSING_IS_NAN else np.nan
    for images in (IMAGES * 255, with_one(bad_pixel, 1), IMAGES[..., 0]):
        x = inputs(name, images)
        said = said_of(model, keras.tree.map_structure(lambda part: part[:4], x))
        for stream in (dataset, Rows, STREAMS["generator"]):
            refuses(model, said, model.fit, stream((x,)), verbose=0)
        said = said_of(model, x)
        for act in (model.train_on_batch, model.test_on_batch, model.predict, model.predict_on_batch, model):
            refuses(model, said, act, x)
    for stream in (dataset, Rows, STREAMS["generator"]):
        assert np.isfinite(model.fit(stream(item), verbose=0).history["loss"]).all()
    assert np.isfinite(model.train_on_batch(item[0], return_dict=True)["loss"])
    assert np.isfinite(model.test_on_batch(item[0], return_dict=True)["loss"])
    assert model(item[0])["logits"].shape[-3:] == SHAPE


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS)
def test_only_the_batch_that_is_bad_is_refused(vae, stream):
    model = make("vae")
    with pytest.raises(BadInput, match="NaN or infinite"):
        model.fit(STREAMS[stream](with_one(np.nan)), shuffle=False, verbose=0)
    assert int(model.optimizer.iterations) <= 2
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(
    ("name", "conditions", "said"),
    [
        ("labels", LABELS + 1, "labels run from"),
        ("labels", LABELS - 1, "labels run from"),
        ("labels", LABELS.astype("float32"), "labels have dtype float32"),
        ("labels", LABELS[:, None], "labels or conditions have shape (4, 1)"),
        ("labels", np.zeros((N, 4), "float32"), "labels or conditions have shape (4, 4)"),
        ("vectors", VECTORS[:, :4], "labels or conditions have shape (4, 4)"),
        ("vectors", LABELS, "labels or conditions have shape (4,)"),
        ("vectors", VECTORS * np.nan, "NaN or infinite"),
    ],
)
def test_the_conditions_of_a_stream_are_checked(stream, name, conditions, said):
    model = MODELS.setdefault(name, make(name))
    for act in (model.fit, model.evaluate, model.predict):
        refuses(model, said, act, STREAMS[stream](((IMAGES, conditions),)), verbose=0)


MODELS: dict = {}


@pytest.mark.slow
@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", [*ALONE, "labels"])
def test_labels_beside_images_are_refused(stream, name):
    model = MODELS.setdefault(name, make(name))
    said = "expected images with their labels" if name == "labels" else "learns from images alone; drop y"
    for act in (model.fit, model.evaluate, model.predict):
        refuses(model, said, act, STREAMS[stream]((IMAGES, LABELS)), verbose=0)


def test_a_pair_for_a_model_of_images_alone(vae):
    for stream in STREAMS.values():
        refuses(vae, "let each item be (images,)", vae.fit, stream(((IMAGES, LABELS),)), verbose=0)
    refuses(vae, "let each item be (images,)", vae.fit, Batches(IMAGES, 4, labels=LABELS), verbose=0)
    refuses(vae, "images have shape (4, 4, 4)", vae.fit, Batches(IMAGES[..., 0], 4), verbose=0)


@pytest.mark.parametrize("size", [1, 4])
def test_a_missing_channel_is_told_in_batches_of_every_size(vae, size):
    """Batches as large as an image is high, or of one image, broadcast against the decoder's channel axis."""
    flat = IMAGES[..., 0]
    for stream in (
        tf.data.Dataset.from_tensor_slices(flat).batch(size),
        (flat[i : i + size] for i in range(0, N, size)),
    ):
        refuses(vae, f"images have shape ({size}, 4, 4)", vae.fit, stream, verbose=0)
    assert np.isfinite(vae.fit(IMAGES, verbose=0).history["loss"]).all()


def test_single_images_dictionaries_and_nothing(vae):
    slices = tf.data.Dataset.from_tensor_slices
    refuses(vae, "single images of shape (4, 4, 1): expected batches", vae.fit, slices(IMAGES), verbose=0)
    refuses(vae, "item['image']", vae.fit, slices({"image": IMAGES, "label": LABELS}).batch(4))
    refuses(vae, "item['image']", vae.fit, ({"image": IMAGES} for _ in range(2)))
    refuses(vae, "gives no batches", vae.fit, slices(IMAGES).batch(4).take(0))
    refuses(vae, "gives no batches", vae.fit, (x for x in ()))
    refuses(
        vae, "no batches", vae.fit, IMAGES, validation_data=slices(IMAGES).batch(4).filter(lambda x: False)
    )


def test_the_advice_works(vae):
    for images, change in (
        ((IMAGES * 255).astype("uint8"), lambda x: tf.cast(x, tf.float32) / 255),
        (IMAGES[..., 0], lambda x: tf.reshape(x, (-1, 4, 4, 1))),
    ):
        vae.fit(dataset(images).map(change), verbose=0)
    vae.fit(dataset((IMAGES, LABELS)).map(lambda images, y: images), verbose=0)
    vae.fit(((images,) for images, _ in Rows((IMAGES, LABELS))), verbose=0)
    vae.fit(tf.data.Dataset.from_tensor_slices(IMAGES).batch(128), verbose=0)


@pytest.mark.slow
def test_every_route_computes_what_an_array_does(noiseless_vae):
    """The checks change no figure: whole numbers, half and double precision, weights and all streams."""
    model = noiseless_vae()
    model.compile("sgd")
    binary = np.round(IMAGES)
    for dtype in ("float32", "float64", "float16", "uint8", "bool"):
        expected = model.evaluate(binary.astype(dtype), batch_size=4, verbose=0, return_dict=True)
        for stream in STREAMS.values():
            found = model.evaluate(stream(binary.astype(dtype)), verbose=0, return_dict=True)
            assert found == pytest.approx(expected, rel=1e-6)
    weights = np.linspace(0, 2, N, dtype="float32")
    expected = model.evaluate(IMAGES, sample_weight=weights, batch_size=4, verbose=0, return_dict=True)
    for stream in STREAMS.values():
        for column in (weights, weights[:, None]):
            found = model.evaluate(stream((IMAGES, IMAGES, column)), verbose=0, return_dict=True)
            assert found == pytest.approx(expected, rel=1e-6)
        refuses(
            model, "sample_weight has shape (4,)", model.fit, stream((IMAGES, IMAGES, -weights)), verbose=0
        )
        refuses(model, "drop y", model.fit, stream((IMAGES, LABELS, weights)), verbose=0)


def test_data_outside_the_unit_interval_is_for_models_of_such_data():
    model = VAE(input_shape=SHAPE, likelihood=Likelihood("normal", link="identity"), seed=0)
    model.compile("sgd")
    for stream in STREAMS.values():
        model.evaluate(stream(10 * IMAGES - 5), verbose=0)
        refuses(model, "NaN or infinite", model.fit, stream(with_one(np.nan, 1)), verbose=0)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"steps_per_execution": 2}, {"run_eagerly": True}, {"jit_compile": True}])
def test_other_ways_to_run_are_checked_too(how):
    model = make("vae", **how)
    for stream in STREAMS.values():
        refuses(model, "expected pixels in [0, 1]", model.fit, stream(IMAGES * 255), verbose=0)
        assert np.isfinite(model.fit(stream(IMAGES), verbose=0).history["loss"]).all()


@pytest.mark.slow
def test_inside_a_traced_function_shapes_are_checked(vae):
    @tf.function
    def loss(x):
        return vae.compute_loss(x, y_pred=vae(x, training=True))

    # TensorFlow puts the lines of the traced function around it.
    with pytest.raises(Exception, match=r"BadInput: images have shape.*expected \(n, 4, 4, 1\)"):
        loss(IMAGES[..., 0])
    assert np.isfinite(loss(IMAGES))
    labels = make("labels")
    with pytest.raises(Exception, match=r"BadInput: labels.*expected \(n, 3\) or \(n, \)"):
        tf.function(lambda *pair: labels(pair)["z"])(IMAGES, VECTORS)
    assert tf.function(lambda *pair: labels(pair)["z"])(IMAGES, LABELS).shape == (N, 2)


def test_a_data_set_is_walked_through_once_in_its_own_order(vae):
    """A look ahead would move a shuffled set on, and the same seeds would give another training."""
    begun = []

    def numbers():
        begun.append(True)
        yield from (IMAGES[i : i + 4] for i in range(0, N, 4))

    vae.fit(
        tf.data.Dataset.from_generator(numbers, output_signature=tf.TensorSpec((None, *SHAPE))), verbose=0
    )
    assert len(begun) == 1
    counted = (IMAGES[i : i + 4] for i in range(0, N, 4))
    before = int(vae.optimizer.iterations)
    vae.fit(counted, verbose=0)
    assert int(vae.optimizer.iterations) - before == 3  # the first batch was looked at, and trained on
