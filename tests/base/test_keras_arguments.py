"""Protects people who pass Keras arguments that a model with its own loss cannot use: each is named, with the way."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from families import ALONE, BUILD, IMAGES, LABELS, SHAPE, N, inputs, make

from companion.errors import BadInput
from companion.likelihoods import Likelihood
from companion.vae import VAE


def dataset(x=IMAGES):
    return tf.data.Dataset.from_tensor_slices(x).batch(4)


@pytest.fixture(scope="module")
def vae():
    return make("vae")


COMPILE = {
    "mse": ({"loss": "mse"}, 'VAE(likelihood=Likelihood("normal"))'),
    "mse_function": ({"loss": keras.losses.mean_squared_error}, 'VAE(likelihood=Likelihood("normal"))'),
    "mse_object": ({"loss": keras.losses.MeanSquaredError()}, 'VAE(likelihood=Likelihood("normal"))'),
    "bce": ({"loss": "binary_crossentropy"}, 'VAE(likelihood="bernoulli")'),
    "bce_object": ({"loss": keras.losses.BinaryCrossentropy()}, 'VAE(likelihood="bernoulli")'),
    "own_loss": ({"loss": lambda y, y_pred: 0.0}, "computes its own loss"),
    "losses": ({"loss": ["mse", "mse"]}, "leave loss out"),
    "loss_weights": ({"loss_weights": [1.0, 4.0]}, "leave loss_weights out"),
    "metrics": ({"metrics": ["mae"]}, "neg_elbo, reconstruction_loss, kl_loss"),
    "metric": ({"metrics": "accuracy"}, "leave metrics out"),
    "weighted_metrics": (
        {"weighted_metrics": [keras.metrics.MeanSquaredError()]},
        "leave weighted_metrics out",
    ),
    "no_steps": ({"steps_per_execution": 0}, "steps_per_execution=0: expected a whole number"),
    "half_steps": ({"steps_per_execution": 1.5}, "steps_per_execution=1.5: expected a whole number"),
    "jit": ({"jit_compile": "yes"}, "jit_compile='yes': expected one of True, False, 'auto'"),
    "eager": ({"run_eagerly": "no"}, "run_eagerly='no': expected one of True, False"),
}


@pytest.mark.parametrize("case", COMPILE)
def test_what_compile_cannot_use_is_named(case):
    arguments, said = COMPILE[case]
    model = BUILD["vae"]()
    with pytest.raises(BadInput) as error:
        model.compile("adam", **arguments)
    assert said in str(error.value)
    assert not model.compiled


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILD)
def test_every_family_says_so_and_names_itself(name):
    model = BUILD[name]()
    with pytest.raises(BadInput, match=rf'{type(model).__name__}\(likelihood=Likelihood\("normal"\)\)'):
        model.compile("adam", "mse")
    with pytest.raises(BadInput, match="reports .*loss.* by itself; leave metrics out"):
        model.compile("adam", metrics=["mae"])


@pytest.mark.slow
def test_the_way_that_is_named_works():
    model = VAE(input_shape=SHAPE, likelihood=Likelihood("normal"), seed=0)
    model.compile("adam")
    weights = np.array([1.0, 2.0, 0.5])
    model.fit(IMAGES, sample_weight=weights[LABELS], verbose=0)
    model.fit(IMAGES, epochs=3, initial_epoch=2, verbose=0)
    model.fit(dataset().take(2), validation_data=dataset().skip(2), verbose=0)
    model.fit(dataset().repeat(), steps_per_epoch=2, verbose=0)
    assert np.abs(model.reconstruct(IMAGES) - IMAGES).mean() > 0


class Endless(keras.utils.PyDataset):
    num_batches = None

    def __getitem__(self, index):
        return (IMAGES[:4],)


# name: (what fit is given beside images, what it says)
FIT = {
    "class_weight": ({"class_weight": {0: 1.0, 1: 2.0}}, "pass sample_weight=weights[labels]"),
    "no_steps": ({"steps_per_epoch": 0}, "steps_per_epoch=0: expected a whole number of at least 1"),
    "half_steps": ({"steps_per_epoch": 2.5}, "steps_per_epoch=2.5: expected a whole number"),
    "no_validation_steps": ({"validation_data": IMAGES, "validation_steps": 0}, "validation_steps=0"),
    "validation_steps_alone": ({"validation_steps": 2}, "without validation_data"),
    "validation_batch_size_alone": ({"validation_batch_size": 2}, "without validation_data"),
    "no_frequency": ({"validation_data": IMAGES, "validation_freq": 0}, "validation_freq=0"),
    "frequencies": ({"validation_data": IMAGES, "validation_freq": [1, "two"]}, "validation_freq='two'"),
    "split_of_all": ({"validation_split": 1.0}, "validation_split=1.0: expected a number from 0 to below 1"),
    "negative_split": ({"validation_split": -0.1}, "validation_split=-0.1: expected a number"),
    "split_in_percent": ({"validation_split": 20}, "validation_split=20: expected a number"),
    "split_nan": ({"validation_split": float("nan")}, "validation_split=nan: expected a number"),
    "split_text": ({"validation_split": "0.1"}, "validation_split='0.1': expected a number"),
    "split_that_leaves_none": ({"validation_split": 0.999}, "leaves one part empty"),
    "split_twice": ({"validation_split": 0.5, "validation_data": IMAGES}, "expected one of the two"),
    "no_batch": ({"batch_size": 0}, "batch_size=0: expected a whole number"),
    "half_batch": ({"batch_size": 2.5}, "batch_size=2.5: expected a whole number"),
    "no_validation_batch": (
        {"validation_data": IMAGES, "validation_batch_size": -1},
        "validation_batch_size=-1",
    ),
    "half_epoch": ({"epochs": 1.5}, "epochs=1.5: expected a whole number"),
    "negative_epochs": ({"epochs": -1}, "epochs=-1: expected a whole number"),
    "epochs_behind": ({"epochs": 5, "initial_epoch": 10}, "pass epochs=15 to train 5 more"),
    "shuffle_text": ({"shuffle": "batch"}, "shuffle='batch': expected True or False"),
    "targets_by_place": ({"y": IMAGES}, "learns from images alone"),
}
# name: (stream, what fit is given beside it, what it says)
WITH_STREAMS = {
    "batch_size": (dataset, {"batch_size": 4}, "dataset.batch(4)"),
    "validation_batch_size": (
        lambda: IMAGES,
        {"validation_data": dataset(), "validation_batch_size": 4},
        "leave validation_batch_size out",
    ),
    "split": (dataset, {"validation_split": 0.2}, "dataset.take(10), and train on dataset.skip(10)"),
    "weights": (dataset, {"sample_weight": np.ones(N)}, "let each item be (images, images, weights)"),
    "weights_of_a_generator": (
        lambda: (IMAGES for _ in range(1)),
        {"sample_weight": np.ones(N)},
        "let each item be (images, images, weights)",
    ),
    "endless": (lambda: dataset().repeat(), {}, "repeats forever"),
    "endless_pydataset": (Endless, {}, "repeats forever"),
    "endless_validation": (
        lambda: IMAGES,
        {"validation_data": dataset().repeat()},
        "pass for example validation_steps=100",
    ),
    "class_weight": (dataset, {"class_weight": {0: 1.0}}, "pass sample_weight=weights[labels]"),
    "no_steps": (dataset, {"steps_per_epoch": 0}, "steps_per_epoch=0"),
}


@pytest.mark.parametrize("case", FIT)
def test_what_fit_cannot_use_is_named(vae, case):
    arguments, said = FIT[case]
    before = vae.get_weights()
    with pytest.raises(BadInput) as error:
        vae.fit(IMAGES, verbose=0, **arguments)
    assert said in str(error.value)
    for was, now in zip(before, vae.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("case", WITH_STREAMS)
def test_what_fit_cannot_use_with_a_stream_is_named(vae, case):
    stream, arguments, said = WITH_STREAMS[case]
    with pytest.raises(BadInput) as error:
        vae.fit(stream(), verbose=0, **arguments)
    assert said in str(error.value)


def test_the_other_methods_check_theirs(vae):
    for act, name in ((vae.evaluate, "steps"), (vae.predict, "steps")):
        for arguments, said in (
            ({"steps": 0}, f"{name}=0"),
            ({"batch_size": 0}, "batch_size=0"),
        ):
            with pytest.raises(BadInput, match=said):
                act(IMAGES, verbose=0, **arguments)
        with pytest.raises(BadInput, match="leave batch_size out"):
            act(dataset(), batch_size=4, verbose=0)
        with pytest.raises(BadInput, match="repeats forever"):
            act(dataset().repeat(), verbose=0)
    with pytest.raises(BadInput, match="let each item be"):
        vae.evaluate(dataset(), sample_weight=np.ones(N), verbose=0)
    with pytest.raises(BadInput, match=r"sample_weight=weights\[labels\]"):
        vae.train_on_batch(IMAGES, class_weight={0: 1.0})
    with pytest.raises(BadInput, match="learns from images alone"):
        vae.train_on_batch(IMAGES, LABELS)
    with pytest.raises(BadInput, match="expected \\(12,\\) finite numbers"):
        vae.test_on_batch(IMAGES, sample_weight=np.ones(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    [
        {"run_eagerly": True},
        {"jit_compile": True},
        {"jit_compile": False, "steps_per_execution": 2},
        {"auto_scale_loss": False},
        {"loss": None, "metrics": [], "weighted_metrics": None, "loss_weights": None},
    ],
)
def test_what_compile_can_use_still_works(how):
    model = make("vae", **how)
    assert np.isfinite(model.fit(IMAGES, batch_size=4, verbose=0).history["loss"]).all()
    for name in ("run_eagerly", "jit_compile", "steps_per_execution"):
        assert getattr(model, name) == how.get(name, getattr(model, name))


def test_what_fit_can_use_still_works(vae):
    history = vae.fit(
        IMAGES,
        None,
        4,
        3,
        verbose=0,
        validation_split=0.25,
        shuffle=np.True_,
        validation_freq=[1, 3],
        validation_steps=1,
        validation_batch_size=3,
        steps_per_epoch=2,
        callbacks=keras.callbacks.TerminateOnNaN(),
    ).history
    assert len(history["loss"]) == 3
    assert len(history["val_loss"]) == 2
    assert len(vae.evaluate(IMAGES, None, 4, 0, return_dict=True)) == 4
    assert vae.predict(IMAGES, 4, 0)["z"].shape == (N, 2)
    assert vae.fit(IMAGES, epochs=0, verbose=0).history == {}
    with pytest.raises(TypeError, match="takes at most"):
        vae.predict(IMAGES, *range(9))
    with pytest.raises(ValueError, match="optimizer"):
        BUILD["vae"]().compile("adamant")


@pytest.mark.parametrize("name", ["labels", *ALONE[:1]])
def test_shares_of_validation_count_images(name):
    model = make(name)
    assert "val_loss" in model.fit(inputs(name), validation_split=0.25, verbose=0).history
    with pytest.raises(BadInput, match="of 12 images leaves one part empty"):
        model.fit(inputs(name), validation_split=0.999, verbose=0)


def test_a_model_that_is_loaded_is_compiled_with_its_optimizer(tmp_path):
    model = make("vae", keras.optimizers.Adam(0.01), steps_per_execution=3, jit_compile=False)
    model.fit(IMAGES, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.compiled
    assert loaded.steps_per_execution == 3
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations)
    for was, now in zip(model.optimizer.variables, loaded.optimizer.variables, strict=True):
        np.testing.assert_array_equal(was.numpy(), now.numpy())
