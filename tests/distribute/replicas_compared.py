"""Run by test_replicas.py in a process of its own, which has two logical devices; prints what it found as JSON."""

import json
from contextlib import nullcontext

import keras
import numpy as np
import tensorflow as tf

from companion import data
from companion.distribute import engines, plan
from companion.distribute.loop import own_noise
from companion.networks import build_decoder, build_encoder
from companion.vae import VAE

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((26, *SHAPE)).astype("float32")


def new_vae(noise=False):
    encoder = build_encoder(SHAPE, 2, hidden=(8,), seed=0)
    if not noise:
        z_mean, z_log_var, _ = encoder.outputs
        encoder = keras.Model(encoder.inputs, [z_mean, z_log_var, keras.layers.Identity()(z_mean)])
    model = VAE(encoder, build_decoder(2, SHAPE, hidden=(8,), seed=1), seed=0)
    # Plain gradient descent: Adam would hide a gradient that is twice as large.
    model.compile(keras.optimizers.SGD(0.01), jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def history(engine):
    with engine.scope() if engine else nullcontext():
        model = new_vae()
    seen = keras.callbacks.History()
    batches = data.Batches(IMAGES, 8, "none", 0)  # the last batch has two images, one for each replica
    if engine:
        engine.fit(model, batches, initial_epoch=0, epochs=3, callbacks=[seen])
    else:
        seen = model.fit(batches, epochs=3, shuffle=False, verbose=0)
    return {name: [float(value) for value in values] for name, values in seen.history.items()}


def noise_of(engine, shifted):
    """The noise that each replica draws for its first image."""
    with engine.scope():
        model = new_vae(noise=True)

    @tf.function
    def draws():
        def one():
            with own_noise(model) if shifted else nullcontext():
                return keras.random.normal((2,), seed=model.encoder.get_layer("z").seed_generator)

        return engine.strategy.run(one)

    return [value.numpy().tolist() for value in engine.strategy.experimental_local_results(draws())]


def epoch_means(engine):
    """A metric that each replica gives one value per image, with parts of three images and of one."""
    with engine.scope():
        metric = keras.metrics.Mean()
    parts = [np.array([1.0, 1.0, 1.0], "float32"), np.array([9.0], "float32")]
    given = engine.strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(parts[context.replica_id_in_sync_group])
    )
    engine.strategy.run(lambda values: metric.update_state(values), args=(given,))
    return float(metric.result())


with engines.started(plan("mirrored", replicas=2)) as engine:
    found = {
        "two": history(engine),
        "one": history(None),
        "same_noise": noise_of(engine, shifted=False),
        "own_noise": noise_of(engine, shifted=True),
        "mean": epoch_means(engine),
    }
print("FOUND " + json.dumps(found))
