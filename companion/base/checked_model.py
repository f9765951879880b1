"""A Keras model whose input is checked where it enters, before any training."""

from typing import Any

import keras
import numpy as np

from companion.batching import count
from companion.errors import BadInput
from companion.tensors import Tensor


class CheckedModel(keras.Model):
    """Keras's ``fit`` and ``evaluate`` for a model that learns from images alone.

    A subclass says in :meth:`checked` what its input is; everything here calls that before Keras sees the data.
    """

    def checked(self, x: Any, what: str = "images") -> Any:
        """Input ``x`` as this model takes it, float32; raises :class:`~companion.errors.BadInput` for others."""
        raise NotImplementedError

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> keras.callbacks.History:
        """Keras's ``fit`` on images alone, checked first: arrays ``(n, *image_shape)`` with values in [0, 1].

        ``sample_weight`` of shape ``(n,)`` multiplies the loss of each image. ``validation_data`` (images, or a tuple
        that begins with them) is checked in the same way, before any training. A ``tf.data.Dataset``, ``PyDataset`` or
        generator goes to Keras as it is.
        """
        validation = kwargs.get("validation_data")
        if validation is not None and not is_stream(validation):
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(validation)
            images, labels = self._training_input(images, labels, weights, "validation images")
            # A tuple of its own, lest Keras take the second part of an input that is a pair for targets.
            kwargs["validation_data"] = (images,) if weights is None else (images, labels, weights)
        x, y = self._training_input(x, y, kwargs.get("sample_weight"))
        self._build_optimizer()
        return super().fit(x, y, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's ``evaluate`` on images alone, checked as in :meth:`fit`."""
        if not kwargs.get("_use_cached_eval_dataset"):  # with it fit calls, on data that it has checked
            x, y = self._training_input(x, y, kwargs.get("sample_weight"))
        return super().evaluate(x, y, **kwargs)

    def _build_optimizer(self) -> None:
        """Make the optimizer's variables now; inside the traced step, where Keras makes them, it takes longer."""
        if self.compiled and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _training_input(
        self, x: Any, y: Any, weights: Any = None, what: str = "images"
    ) -> tuple[Any, Tensor | None]:
        """Checked images, and the targets to give to Keras: none, or the images again where there are weights."""
        if y is not None:
            raise BadInput(
                f"y came to fit or evaluate, of type {type(y).__name__}: {type(self).__name__} learns from images "
                f"alone; call fit(images)."
            )
        if is_stream(x):
            return x, None
        images = self.checked(x, what)
        if weights is None:
            return images, None
        check_weights(weights, count(images))
        # Keras drops the weights, in silence, of data without targets, and doubles them where these are a pair.
        return images, images[0] if isinstance(images, tuple) else images


def is_stream(x: Any) -> bool:
    """Whether Keras walks through ``x`` batch by batch: a PyDataset, a generator, a tf.data or a torch data set."""
    return isinstance(x, keras.utils.PyDataset) or any(
        hasattr(x, name) for name in ("__next__", "element_spec", "collate_fn")
    )


def check_weights(weights: Any, n: int) -> None:
    """Raise :class:`~companion.errors.BadInput` unless there is one finite weight >= 0 for each of ``n`` images."""
    array = np.asarray(weights)
    if array.shape != (n,) or array.dtype.kind not in "fiub" or not (np.isfinite(array) & (array >= 0)).all():
        raise BadInput(
            f"sample_weight has shape {array.shape} and dtype {array.dtype}: expected ({n},) finite numbers >= 0, "
            f"one per image; pass for example np.ones({n})."
        )
