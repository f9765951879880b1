"""The checks of a stream for ``tf.data`` sets: in their graph, so that Python sees no batch that fits."""

from typing import Any

import numpy as np
from keras import tree

from companion.base.batch import Batch, no_batches

LARGEST = float(np.finfo("float32").max)


def of_tf_dataset(data: Any, batch: Batch, peek: bool) -> Any:
    """A quick test of every batch in TensorFlow; what fails that goes through the whole check."""
    import tensorflow as tf

    if int(data.cardinality()) == 0:
        raise no_batches(batch.kind)
    spec = data.element_spec
    x, y, weights = batch.parts(spec)
    known = y is None and _has_known_shapes(x, batch.model)
    if peek or not known:
        first = next(iter(data.take(1)), None)
        if first is None:
            raise no_batches(batch.kind)
        batch(first)

    def whole(*flat: Any) -> np.ndarray:
        parts = list(flat)
        last = (None, parts.pop()) if weights is not None else ()
        batch((tree.pack_sequence_as(x, parts), *last))
        return np.array(True)

    def walk(*item: Any) -> tuple[Any, ...]:
        given, _, weight = batch.parts(item if isinstance(spec, tuple) else item[0])
        flat = tree.flatten(given) + ([] if weight is None else [weight])
        fits = _surely_fits(tf, flat, batch.model, weight is not None) if known else tf.constant(False)
        passed = tf.cond(fits, lambda: True, lambda: tf.numpy_function(whole, flat, tf.bool))
        with tf.control_dependencies([passed]):
            parts = [tf.identity(part) for part in tree.flatten(given)]
        parts[0] = tf.ensure_shape(tf.cast(parts[0], tf.float32), (None, *batch.model.image_shape))
        checked = tree.pack_sequence_as(given, parts)
        if weight is None:
            return (checked,)
        return checked, parts[0], tf.reshape(tf.cast(weight, tf.float32), (-1,))

    return data.map(walk)


def _has_known_shapes(x: Any, model: Any) -> bool:
    """Whether the specs ``x`` say that images and labels or conditions have the shapes and types of the model's."""
    parts = list(x) if isinstance(x, (tuple, list)) else [x]
    if len(parts) != 1 + model.takes_pairs or not all(_is_plain(part) for part in parts):
        return False
    images, *conditions = (tuple(part.shape[1:]) for part in parts)
    return images == model.image_shape and all(
        (shape == model.condition_shape and model.takes_vectors)
        or (shape == () and part.dtype.is_integer and model.num_classes)
        for part, shape in zip(parts[1:], conditions, strict=True)
    )


def _is_plain(spec: Any) -> bool:
    numbers = hasattr(spec, "dtype") and (
        spec.dtype.is_floating or spec.dtype.is_integer or spec.dtype.is_bool
    )
    return type(spec).__name__ == "TensorSpec" and numbers and bool(spec.shape.rank)


def _surely_fits(tf: Any, flat: list[Any], model: Any, weighted: bool) -> Any:
    """A scalar: whether all parts have equally many rows and values within their limits, NaN being within none."""
    highest = [1.0 if model.in_unit_interval else LARGEST]
    if model.takes_pairs:
        highest.append(model.num_classes - 1 if len(flat[1].shape) == 1 else LARGEST)
    lowest = [0.0 if limit != LARGEST else -LARGEST for limit in highest]
    if weighted:
        highest, lowest = [*highest, LARGEST], [*lowest, 0.0]
    fits = [tf.equal(tf.shape(part)[0], tf.size(flat[-1])) for part in flat[:1] if weighted]
    for part, low, high in zip(flat, lowest, highest, strict=True):
        values = tf.cast(part, tf.float32)
        fits += [tf.reduce_min(values) >= low, tf.reduce_max(values) <= high]
        fits.append(tf.equal(tf.shape(part)[0], tf.shape(flat[0])[0]))
    fits.append(tf.shape(flat[0])[0] > 0)
    return tf.reduce_all(tf.stack(fits))
