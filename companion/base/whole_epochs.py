"""``Batches`` as a ``tf.data`` set: Python gives TensorFlow an epoch at once, instead of one batch at a time.

The batches are those of :class:`~companion.data.Batches`, in the same order. With one call of Python per batch a
training step of a small network waits for its images.
"""

from typing import Any

import keras

from companion.data.batches import Batches


class CountEpochs(keras.callbacks.Callback):
    """Lets ``batches`` go on to the next epoch, as Keras does where it calls them for each batch."""

    needs_every_batch = False

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.batches.next_epoch()


def suits(x: Any, model: Any, how: dict[str, Any]) -> bool:
    """Whether ``fit`` on ``x`` with the arguments ``how`` may take whole epochs: on TensorFlow and on one device."""
    if keras.backend.backend() != "tensorflow" or type(x) is not Batches or how.get("steps_per_epoch"):
        return False
    callbacks = how.get("callbacks")
    return not (
        isinstance(callbacks, keras.callbacks.CallbackList)
        or model.distribute_strategy.num_replicas_in_sync > 1
    )


def as_dataset(batches: Batches) -> Any:
    """The batches of the current epoch of ``batches`` as a ``tf.data.Dataset``; it asks for the epoch when walked."""
    import tensorflow as tf

    size, n, redrawn = batches.batch_size, len(batches.images), batches.how == "dynamic"
    pixels, _ = batches.whole_epoch()
    # What is the same in every epoch becomes a tensor once; given anew, each epoch would ask the system for its memory.
    lasting = () if redrawn else (tf.constant(pixels),)
    labels = () if batches.labels is None else (tf.constant(batches.labels),)

    def epoch() -> Any:
        now, order = batches.whole_epoch()
        yield (order, now) if redrawn else (order,)

    signature = [tf.TensorSpec((n,), tf.int64)]
    signature += [tf.TensorSpec(pixels.shape, pixels.dtype)] if redrawn else []

    def walk(order: Any, *drawn: Any) -> Any:
        (images,) = drawn or lasting

        def batch(index: Any) -> Any:
            rows = order[index * size : (index + 1) * size]
            x = tf.cast(tf.gather(images, rows), tf.float32)
            return ((x, *(tf.gather(part, rows) for part in labels)),) if labels else (x,)

        return tf.data.Dataset.range(len(batches)).map(batch)

    whole = tf.data.Dataset.from_generator(epoch, output_signature=tuple(signature))
    known = whole.flat_map(walk).apply(tf.data.experimental.assert_cardinality(len(batches)))
    return known.prefetch(tf.data.AUTOTUNE)
