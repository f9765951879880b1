"""A training loop on ``strategy.run``: the same global batch and the same gradient as on one device. Chapter 15."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from companion.distribute.cutting import part_of

# Far more than the draws of any training, so that the streams of two replicas do not meet.
BETWEEN_STREAMS = 1_000_003


def fit(
    strategy: Any, model: Any, batches: Any, *, initial_epoch: int, epochs: int, callbacks: list[Any]
) -> None:
    """Train ``model``, made in the scope of ``strategy``, on ``batches``, a sequence such as ``data.Batches``.

    Replica r of R takes the r-th of R equal parts of every batch. Logs are those of Keras's ``fit``: means over all
    images of the epoch, whatever replica saw them.
    """
    with strategy.scope():
        loss = keras.metrics.Mean(name="loss")
    step = tf.function(lambda batch, n: strategy.run(_step, args=(model, loss, batch, n)))
    calls = keras.callbacks.CallbackList(callbacks, model=model)
    calls.on_train_begin()
    trackers = [loss, *(each for each in model.metrics if each.name != "loss")]
    for epoch in range(initial_epoch, epochs):
        for tracker in trackers:
            tracker.reset_state()
        calls.on_epoch_begin(epoch)
        batches.on_epoch_begin()
        for index in range(len(batches)):
            calls.on_train_batch_begin(index)
            parts, n = _cut(strategy, batches[index])
            step(parts, tf.constant(n, "float32"))
            calls.on_train_batch_end(index, {})
        batches.on_epoch_end()
        calls.on_epoch_end(epoch, {each.name: float(each.result()) for each in trackers})
    calls.on_train_end()


def _cut(strategy: Any, batch: Any) -> tuple[Any, int]:
    """The parts of ``batch`` for the replicas of this process, and how many images all replicas get together."""
    replicas = strategy.num_replicas_in_sync
    n = len(keras.tree.flatten(batch)[0]) // replicas * replicas

    def part(context: Any) -> Any:
        return keras.tree.map_structure(
            tf.constant, part_of(batch, context.replica_id_in_sync_group, replicas)[0]
        )

    return strategy.experimental_distribute_values_from_function(part), n


def _step(model: Any, tracker: Any, x: Any, n: Any) -> None:
    """One replica's share of a step on a batch of ``n`` images, of which it has the ``x``.

    Its loss is a mean over its own images. Multiplied by their share of ``n``, the losses of all replicas add up to the
    mean over the batch, and so do their gradients, which Keras's optimizer adds up over the replicas.
    """
    own = tf.cast(tf.shape(keras.tree.flatten(x)[0])[0], "float32")
    with own_noise(model), tf.GradientTape() as tape:
        y_pred = model(x, training=True)
        mean = model.compute_loss(x, None, y_pred, None, training=True)
        loss = mean * own / n
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [each.value for each in variables])
    model.optimizer.apply(gradients, variables)
    tracker.update_state(mean, sample_weight=own)


@contextlib.contextmanager
def own_noise(model: Any) -> Iterator[None]:
    """Let every replica draw noise of its own while this lasts.

    A seed generator's state is copied to all replicas, so that without this image i of each part would get the same
    noise. Here replica r draws from the seed plus r times a constant; replica 0 draws what one device would.
    """
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    generators = _generators(model)

    def shifted(generator: Any) -> Any:
        def following(ordered: bool = True) -> Any:
            state = type(generator).next(generator, ordered)
            return state + tf.cast(tf.stack([replica * BETWEEN_STREAMS, 0]), state.dtype)

        return following

    for generator in generators:
        generator.next = shifted(generator)
    try:
        yield
    finally:
        for generator in generators:
            del generator.next


def _generators(model: Any) -> list[Any]:
    """Every seed generator of the model and its layers, once."""
    layers = [model, *model._flatten_layers(include_self=False)]
    found = [
        each
        for layer in layers
        for each in vars(layer).values()
        if isinstance(each, keras.random.SeedGenerator)
    ]
    return list({id(each): each for each in found}.values())
