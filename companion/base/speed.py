"""Fast training by default: several steps per call of the backend, and Adam in one operation per variable.

Neither changes what is computed: order of batches, noise, history and saved state stay the same.
"""

import math
from collections.abc import Sequence
from types import MethodType
from typing import Any

import keras

# One call of the backend should take about this long, so that a progress bar moves and Ctrl-C works.
SECONDS_PER_CALL = 0.05
OPERATIONS_PER_SECOND = 1e11  # of a laptop's two cores; only the order of magnitude matters
MOST_STEPS = 32
# Below this total number of steps, tracing the loop takes longer than it saves.
WORTH_A_LOOP = 100
PER_BATCH = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def steps_per_execution(
    model: keras.Model,
    steps: int | None,
    batch_size: int,
    epochs: int,
    callbacks: Any,
    asked: Sequence[int] = (),
) -> int:
    """How many training steps one call of the backend takes: 1 where a callback runs after every batch.

    ``steps`` is the number of batches per epoch (None: unknown). The work of a step is estimated at six operations per
    weight and image, which is exact for a dense network. ``asked`` holds numbers of steps that a user has asked for:
    Keras takes whole calls, so the result divides each of them.
    """
    if keras.backend.backend() == "torch" or model.run_eagerly or _sees_batches(callbacks):
        return 1
    if steps is None or steps * epochs < WORTH_A_LOOP:
        return 1
    operations = 6 * batch_size * sum(math.prod(weight.shape) for weight in model.trainable_weights)
    wanted = SECONDS_PER_CALL * OPERATIONS_PER_SECOND / max(operations, 1)
    most = max(1, min(int(wanted), steps, MOST_STEPS))
    return next(number for number in range(most, 0, -1) if all(n % number == 0 for n in asked))


def batches_per_epoch(x: Any, n: int | None, batch_size: int) -> int | None:
    """The number of batches per epoch: of ``n`` images, or of a stream that knows its length; else None."""
    if n is not None:
        return math.ceil(n / batch_size)
    if hasattr(x, "cardinality"):
        known = int(x.cardinality())
        return known if known > 0 else None
    return getattr(x, "num_batches", None)


def _sees_batches(callbacks: Any) -> bool:
    """Whether a callback asks to be called after each batch."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
    return any(_sees_every_batch(callback) for callback in given if callback is not None)


def _sees_every_batch(callback: Any) -> bool:
    """Whether it has a method per batch of its own, and does not say ``needs_every_batch = False``."""
    if isinstance(callback, (keras.callbacks.ModelCheckpoint, keras.callbacks.BackupAndRestore)):
        # With these frequencies their own methods do nothing per batch.
        return callback.save_freq not in ("epoch", False)
    if not getattr(callback, "needs_every_batch", True):
        return False
    base = keras.callbacks.Callback
    return any(getattr(type(callback), name, None) is not getattr(base, name) for name in PER_BATCH)


def fuse(optimizer: Any) -> None:
    """Let Keras's Adam update each variable in one operation of TensorFlow instead of ten, with the same result.

    Only for ``keras.optimizers.Adam`` and ``AdamW`` themselves, without ``amsgrad``; anything else stays as it is.
    The class, the settings and the saved state do not change.
    """
    plain = type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW)
    if plain and not optimizer.amsgrad and keras.backend.backend() == "tensorflow":
        optimizer.update_step = MethodType(_fused_update_step, optimizer)


def _fused_update_step(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """Kingma & Ba (2015), algorithm 1, with the two corrections of bias folded into the learning rate."""
    import tensorflow as tf

    if (
        isinstance(gradient, tf.IndexedSlices)
        or variable.dtype != tf.float32
        or not hasattr(variable, "handle")
    ):
        type(optimizer).update_step(optimizer, gradient, variable, learning_rate)
        return
    index = optimizer._get_variable_index(variable)
    step = tf.cast(optimizer.iterations.value + 1, "float32")
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[index].value.handle,
        v=optimizer._velocities[index].value.handle,
        beta1_power=tf.pow(tf.constant(optimizer.beta_1, "float32"), step),
        beta2_power=tf.pow(tf.constant(optimizer.beta_2, "float32"), step),
        lr=tf.cast(learning_rate, "float32"),
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
        grad=gradient,
    )
