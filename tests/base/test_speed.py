"""Protects the speed defaults: several steps per call and the fused Adam train exactly as plain Keras does, give way
where a user has asked for something else, and are saved and loaded without a trace."""

import keras
import numpy as np
import pytest

from companion.base import speed
from companion.vae import VAE

IMAGES = np.random.default_rng(3).uniform(size=(200, 4, 4, 1)).astype("float32")
HOW = {"batch_size": 4, "epochs": 3, "shuffle": False, "verbose": 0}  # 50 batches per epoch
BACKEND = keras.backend.backend()
TENSORFLOW = pytest.mark.skipif(BACKEND != "tensorflow", reason="one operation of TensorFlow")


def small(optimizer="adam", **how):
    model = VAE(input_shape=(4, 4, 1), seed=0)
    model.compile(optimizer, jit_compile=False, **how)
    return model


SEVERAL = pytest.mark.skipif(BACKEND == "torch", reason="Keras takes one step per call on PyTorch")


@pytest.mark.slow
@SEVERAL
def test_several_steps_per_call_train_as_one_step_does():
    several, one = small(), small(steps_per_execution=1)
    histories = [
        model.fit(IMAGES[:198], **HOW).history for model in (several, one)
    ]  # the last batch is ragged
    assert several.steps_per_execution > 1
    assert one.steps_per_execution == 1
    for name, values in histories[0].items():
        np.testing.assert_allclose(values, histories[1][name], rtol=1e-4)
    assert int(several.optimizer.iterations) == int(one.optimizer.iterations) == 150


@pytest.mark.slow
@TENSORFLOW
@pytest.mark.parametrize("make", [keras.optimizers.Adam, keras.optimizers.AdamW])
@pytest.mark.parametrize(
    "settings", [{}, {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}, {"clipnorm": 0.1}]
)
def test_the_fused_adam_gives_the_weights_of_keras(make, settings):
    fused, plain = small(make(3e-3, **settings)), small(make(3e-3, **settings))
    del plain.optimizer.update_step  # back to the method of the class
    for images, tolerance in ((IMAGES[:4], 1e-6), (IMAGES[4:24], 1e-3)):  # one step, then five more
        for model in (fused, plain):
            model.fit(images, **{**HOW, "epochs": 1})
        for a, b in zip(fused.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=tolerance)  # a step moves a weight by about 3e-3
        for a, b in zip(fused.optimizer.variables, plain.optimizer.variables, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-3, atol=tolerance)


@TENSORFLOW
def test_other_optimizers_stay_as_they_are():
    for optimizer in (keras.optimizers.SGD(), keras.optimizers.Adam(amsgrad=True)):
        assert "update_step" not in vars(small(optimizer).optimizer)
    assert "update_step" in vars(small().optimizer)


@pytest.mark.slow
@TENSORFLOW
def test_the_choice_survives_saving(tmp_path):
    model = small()
    model.fit(IMAGES, **HOW)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is keras.optimizers.Adam
    assert "update_step" in vars(again.optimizer)
    again.fit(IMAGES, **HOW)
    assert again.steps_per_execution == model.steps_per_execution > 1
    fixed = small(steps_per_execution=3)
    fixed.save(tmp_path / "fixed.keras")
    fixed = keras.models.load_model(tmp_path / "fixed.keras")
    fixed.fit(IMAGES, **HOW)
    assert fixed.steps_per_execution == 3


@pytest.mark.slow
@TENSORFLOW
def test_a_callback_that_counts_batches_sees_each():
    seen = []

    class Counts(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    model = small()
    model.fit(IMAGES, **HOW)
    assert model.steps_per_execution > 1
    model.fit(IMAGES, **{**HOW, "epochs": 1}, callbacks=[Counts()])
    assert seen == list(range(50))


@TENSORFLOW
@pytest.mark.parametrize(
    ("batch_size", "steps", "epochs", "callbacks", "expected"),
    [
        (4, 50, 1, None, 1),  # fifty steps are not worth a loop
        (4, 50, 3, None, 32),
        (4, 20, 30, None, 20),  # at most an epoch
        (4, None, 30, None, 1),
        (2**20, 50, 3, None, 1),  # large steps gain nothing
        (4, 50, 3, [keras.callbacks.EarlyStopping()], 32),
        (4, 50, 3, [keras.callbacks.ModelCheckpoint("x.keras")], 32),
        (4, 50, 3, [keras.callbacks.ModelCheckpoint("x.keras", save_freq=7)], 1),
        (4, 50, 3, keras.callbacks.TerminateOnNaN(), 1),
    ],
)
def test_how_many_steps_are_taken(batch_size, steps, epochs, callbacks, expected):
    assert speed.steps_per_execution(small(), steps, batch_size, epochs, callbacks) == expected


@SEVERAL
@pytest.mark.parametrize(("asked", "expected"), [((50,), 25), ((50, 20), 10), ((49, 50), 1), ((64,), 32)])
def test_steps_that_were_asked_for_are_taken_exactly(asked, expected):
    assert speed.steps_per_execution(small(), 60, 4, 30, None, asked) == expected


@pytest.mark.slow
@TENSORFLOW
def test_a_stream_that_never_ends_gives_as_many_batches_as_asked():
    import tensorflow as tf

    model = small()
    stream = tf.data.Dataset.from_tensor_slices(IMAGES).batch(4).repeat()
    model.fit(stream, epochs=4, steps_per_epoch=50, verbose=0)
    assert model.steps_per_execution == 25
    assert int(model.optimizer.iterations) == 200
    model.evaluate(stream, steps=3, verbose=0)
    assert model.steps_per_execution == 1


def test_batches_per_epoch():
    assert speed.batches_per_epoch(IMAGES, 198, 4) == 50
    assert speed.batches_per_epoch(iter([]), None, 4) is None
