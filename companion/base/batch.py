"""The check of one batch of a stream, with the same messages as for an array."""

from typing import Any

import keras
import numpy as np
from keras import ops, tree

from companion.batching import count
from companion.errors import BadInput


def surely_fits(model: Any, x: Any) -> bool:
    """A quick test whether the model takes all images of ``x``; input that fails it may still be valid."""
    plain = type(x) is np.ndarray and x.dtype == "float32" and x.size and not model.takes_pairs
    return bool(
        plain
        and x.shape[1:] == model.image_shape
        and model.in_unit_interval
        and x.min() >= 0  # False for NaN
        and x.max() <= 1
    )


def values_of(x: Any) -> Any:
    """``x`` as NumPy arrays; None inside a traced function, where tensors have shapes but no values yet."""
    if any(_is_symbolic(part) for part in tree.flatten(x)):
        return None
    try:
        return tree.map_structure(ops.convert_to_numpy, x)
    except Exception:  # of its own in every backend
        return None


def _is_symbolic(part: Any) -> bool:
    """Whether a tensor of Keras or TensorFlow is symbolic; those of JAX and PyTorch raise when read."""
    graph = keras.backend.backend() == "tensorflow" and ops.is_tensor(part) and not hasattr(part, "numpy")
    return isinstance(part, keras.KerasTensor) or graph


def check_call(model: Any, x: Any) -> None:
    """Raise :class:`~companion.errors.BadInput` for a batch that the model does not take.

    Inside a traced function only shapes can be checked.
    """
    values = values_of(x)
    if values is None:
        _check_shapes(model, x)
    elif not surely_fits(model, values):
        model.checked(values)


def _check_shapes(model: Any, x: Any) -> None:
    parts = list(x) if isinstance(x, (tuple, list)) else [x]
    if len(parts) != 1 + model.takes_pairs:
        model.checked(x)  # which says what is expected
    wanted = [[model.image_shape]]
    if model.takes_pairs:
        wanted.append([model.condition_shape, *([()] if model.num_classes else [])])
    for name, part, shapes in zip(("images", "labels or conditions"), parts, wanted, strict=False):
        shape = tuple(part.shape)
        if not any(_may_be(shape[1:], allowed) for allowed in shapes):
            expected = " or ".join(f"(n, {', '.join(map(str, allowed))})" for allowed in shapes)
            raise BadInput(
                f"{name} have shape {shape}: expected {expected}; pass keras.ops.reshape({name.split()[0]}, "
                f"(-1, {', '.join(map(str, shapes[0]))})) where they hold as many numbers."
            )


def _may_be(shape: tuple[int | None, ...], allowed: tuple[int, ...]) -> bool:
    return len(shape) == len(allowed) and all(
        a is None or a == b for a, b in zip(shape, allowed, strict=True)
    )


class Batch:
    """The check of one item of a stream."""

    def __init__(self, model: Any, what: str, kind: str) -> None:
        self.model, self.what, self.kind = model, what, kind

    def __call__(self, item: Any) -> tuple[Any, ...]:
        """``(x,)`` or ``(x, images, weights)``, float32, of an ``item``; raises ``BadInput`` for others."""
        x, y, weights = self.parts(item)
        self._check_nesting(x)
        try:
            x = x if surely_fits(self.model, x) else self.model.checked(x, self.what)
        except BadInput as error:
            raise BadInput(
                f"{error} (In a batch of the {self.kind}; do the same, with the same numbers, to all of them.)"
            ) from None
        # Beside weights, the images may come a second time: not every stream can hold a None.
        if y is not None and (weights is None or np.shape(y) != _images_of(x).shape):
            self._refuse_targets(y)
        return (x,) if weights is None else (x, _images_of(x), _checked_weights(weights, count(x)))

    def parts(self, item: Any) -> tuple[Any, Any, Any]:
        """Input, targets and weights of an item, by the rule of Keras."""
        if isinstance(item, dict):
            raise BadInput(
                f"the {self.kind} gives dictionaries with the keys {sorted(map(str, item))}: expected {self.what}; let "
                f"each item be the array of {self.what} alone, such as item[{_likely(item)!r}]."
            )
        if isinstance(item, (tuple, list)) and not 1 <= len(item) <= 3:
            raise BadInput(
                f"the {self.kind} gives items of {len(item)} parts: expected (x,); let each item be (x,)."
            )
        return keras.utils.unpack_x_y_sample_weight(item)

    def _check_nesting(self, x: Any) -> None:
        """An item is a batch, not one image, and a pair only where the model has conditions."""
        if isinstance(x, (tuple, list)) and not self.model.takes_pairs:
            raise BadInput(
                f"the {self.kind} gives {self.what} in a {type(x).__name__} of {len(x)}: "
                f"{type(self.model).__name__} learns from images alone; let each item be (images,)."
            )
        if not isinstance(x, (tuple, list)) and np.shape(x) == self.model.image_shape:
            raise BadInput(
                f"the {self.kind} gives single images of shape {self.model.image_shape}: expected batches "
                f"(n, {', '.join(map(str, self.model.image_shape))}); call dataset.batch(128), or give images[None]."
            )

    def _refuse_targets(self, y: Any) -> None:
        raise BadInput(
            f"the {self.kind} gives a y of shape {tuple(np.shape(y))} with the {self.what}: "
            f"{type(self.model).__name__} learns from images alone; drop y with "
            f"dataset.map(lambda images, y: images), or let each item be (images,)."
        )


def _likely(item: dict[Any, Any]) -> Any:
    """The key that most likely holds the images."""
    return next((key for key in item if "im" in str(key)), next(iter(item), "images"))


def _images_of(x: Any) -> Any:
    return x[0] if isinstance(x, tuple) else x


def _checked_weights(weights: Any, n: int) -> np.ndarray:
    array = np.asarray(weights)
    if array.shape not in ((n,), (n, 1)) or not (np.isfinite(array) & (array >= 0)).all():
        raise BadInput(
            f"sample_weight has shape {array.shape} in a batch of {n} images: expected ({n},) finite numbers >= 0, one "
            f"per image; give for example np.ones({n})."
        )
    return array.reshape(n).astype("float32")


def no_batches(kind: str) -> BadInput:
    """The error for a stream without any item."""
    return BadInput(
        f"the {kind} gives no batches: expected at least one; pass one that is not empty or used up."
    )
