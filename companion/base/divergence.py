"""Diverged training is reported: by a warning when it happens, and by an error when the model is used afterwards."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops, tree

from companion.base.batch import values_of
from companion.errors import BadInput

# What gives codes, images or nats; others, such as reconstruct, go through one of these.
USES = (
    "encode",
    "decode",
    "sample",
    "encode_layers",
    "sample_layers",
    "elbo_terms",
    "log_weights",
    "predict",
    "classify",
)


class WarnOfDivergence(keras.callbacks.Callback):
    """Warns once in a training, at the end of the first epoch whose loss is NaN or infinite."""

    def __init__(self) -> None:
        super().__init__()
        self.warned = False

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.warned = False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        losses = {name: float(value) for name, value in (logs or {}).items() if name in ("loss", "val_loss")}
        bad = next((name for name, value in losses.items() if not np.isfinite(value)), None)
        if bad is None or self.warned:
            return
        self.warned = True
        warnings.warn(
            f"training has diverged: {bad} is {losses[bad]} after epoch {epoch + 1}. Build the model again and train "
            f"it with a smaller learning rate{_smaller(self.model.optimizer)}.",
            stacklevel=2,
        )


def _smaller(optimizer: Any) -> str:
    """The call that sets a tenth of the present learning rate, if there is one."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    rate, name = float(ops.convert_to_numpy(optimizer.learning_rate)), type(optimizer).__name__
    known = hasattr(keras.optimizers, name) and rate > 0
    return f", for example keras.optimizers.{name}({rate / 10:.1g})" if known else ""


def with_warning(callbacks: Any, model: keras.Model) -> Any:
    """``callbacks`` of ``fit``, and the warning of divergence after them."""
    watch = WarnOfDivergence()
    if isinstance(callbacks, keras.callbacks.CallbackList):
        if not any(isinstance(callback, WarnOfDivergence) for callback in callbacks.callbacks):
            watch.set_model(model)
            callbacks.callbacks.append(watch)
        return callbacks
    given = callbacks if isinstance(callbacks, (list, tuple)) else [] if callbacks is None else [callbacks]
    return [*given, watch]


def check_weights_are_finite(model: keras.Model) -> None:
    """Raise :class:`~companion.errors.BadInput` where a weight is NaN or infinite."""
    for weight in model.weights:
        values = ops.convert_to_numpy(weight.value)
        if values.dtype.kind not in "iub" and not np.isfinite(np.sum(values, dtype="float64")):
            raise BadInput(
                f"the model's weights hold NaN or infinity ({weight.path}): expected finite weights, but training has "
                f"diverged; build the model again and train it with a smaller learning rate."
            )


class RefusesAfterDivergence:
    """A model whose :data:`USES`, as each family defines them, refuse to work with weights that are NaN."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in USES:
            if name in vars(cls):
                setattr(cls, name, _refusing(vars(cls)[name]))


def _refusing(use: Callable[..., Any]) -> Callable[..., Any]:
    """``use``, with a check of the weights where it fails, or returns NaN or integers (which cannot be NaN)."""

    @functools.wraps(use)
    def refusing(model: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            given = use(model, *args, **kwargs)
        except Exception:  # NaN that are taken for numbers of categories or places end in all sorts of errors
            check_weights_are_finite(model)
            raise
        if not all(_is_sound(part) for part in tree.flatten(given)):
            check_weights_are_finite(model)
        return given

    return refusing


def _is_sound(part: Any) -> bool:
    """Whether all of an array is finite; what has no values yet, inside a traced function, is taken for sound."""
    values = values_of(part)
    return values is None or (values.dtype.kind not in "iu" and bool(np.isfinite(values).all()))
