"""A Keras model under examination: its encoder and decoder are listened to while its own loss is computed."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import keras
import numpy as np

from companion.diagnosis.patient import Draw, Observation, Patient
from companion.errors import BadInput

PARTS = ("encoder", "decoder")
FUNCTIONS = ("train_function", "test_function", "predict_function")


class KerasPatient(Patient):
    """Any Keras 3 model with an ``encoder`` of two or three outputs and a ``decoder``.

    ``loss(model, images)`` is the number that training minimises; without it the model's own test step, or where it has
    none its training step, is asked, after which every variable is put back.
    Raises :class:`~companion.errors.BadInput` for a model without these parts.
    """

    def __init__(self, model: keras.Model, loss: Callable[..., Any] | None = None):
        missing = [part for part in PARTS if not callable(getattr(model, part, None))]
        if missing:
            raise BadInput(
                f"model is a {type(model).__name__} without {' and '.join(missing)}: expected a model with an encoder "
                f"and a decoder; set model.encoder and model.decoder, or pass Patient(encode=..., decode=..., ...)."
            )
        super().__init__(encode=model.encoder, decode=model.decoder)
        self.model, self.own_loss, self.name = model, loss, type(model).__name__

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with untouched(self.model):  # an encoder that draws moves its noise on
            mean, spread, *_ = _arrays(self.model.encoder(_tensor(images)))
        return mean, spread

    def draws(self, images: np.ndarray, times: int = 1) -> list[Draw] | None:
        with untouched(self.model):
            found = []
            for _ in range(times):
                parts = _arrays(self.model.encoder(_tensor(images)))
                if len(parts) > 2:
                    found.append(Draw(*parts[:3]))
                elif (seen := self._listened(images)) is not None and len(seen.z) == len(images):
                    found.append(Draw(seen.mean, seen.spread, seen.z))
            return found or None

    def decode(self, z: np.ndarray) -> np.ndarray:
        with untouched(self.model):
            return _as_float(self.model.decoder(_tensor(z)))

    def observe(
        self, images: np.ndarray, mean_shift: float = 0.0, spread_shift: float = 0.0
    ) -> Observation | None:
        with untouched(self.model):
            return self._listened(images, mean_shift, spread_shift)

    def _listened(
        self, images: np.ndarray, mean_shift: float = 0.0, spread_shift: float = 0.0
    ) -> Observation | None:
        heard: dict[str, Any] = {}

        def encoder(outputs: Any) -> Any:
            moved = _moved(outputs, mean_shift, spread_shift)
            heard["mean"], heard["spread"] = _arrays(moved)[:2]
            return moved

        def decoder(outputs: Any) -> Any:
            heard["outputs"] = _as_float(outputs)
            return outputs

        def codes(z: Any) -> None:
            heard["z"] = _as_float(z)

        with _heard(self.model.encoder, encoder), _heard(self.model.decoder, decoder, codes):
            loss = self._loss(images)
        if loss is None or not {"mean", "outputs"} <= heard.keys():
            return None
        return Observation(images, heard["mean"], heard["spread"], heard["z"], heard["outputs"], loss)

    def unmoved_weights(self, images: np.ndarray) -> list[str] | None:
        """The trainable weights that one training step leaves as they are; None where no step can be taken."""
        with untouched(self.model, eagerly=False):
            if not getattr(self.model, "compiled", False):
                return None
            before = [_values(weight) for weight in self.model.trainable_weights]
            if _tried(lambda: _on_batch(self.model.train_on_batch, images)) is None:
                return None
            after = [_values(weight) for weight in self.model.trainable_weights]
            pairs = zip(self.model.trainable_weights, before, after, strict=True)
            return [weight.path for weight, old, new in pairs if np.array_equal(old, new)]

    def _loss(self, images: np.ndarray) -> float | None:
        """The loss of a batch, as the person's function or the model's own step computes it."""
        if self.own_loss is not None:
            try:
                return float(np.mean(_as_float(self.own_loss(self.model, _tensor(images)))))
            except Exception as error:
                raise BadInput(
                    f"loss raised {type(error).__name__}: {error}. Expected a function loss(model, images) that gives "
                    f"one number, or one per image; call it on {len(images)} images by hand first."
                ) from error
        if not getattr(self.model, "compiled", False):
            return None
        steps = [self.model.test_on_batch]
        if keras.backend.backend() == "tensorflow":  # elsewhere a training step sees no numbers, only traces
            steps.append(self.model.train_on_batch)
        for step in steps:
            found = _tried(partial(_on_batch, step, images))
            if found is not None:
                return float(found)
        return None


def _on_batch(step: Callable[..., Any], images: np.ndarray) -> float:
    """The loss that Keras's ``test_on_batch`` or ``train_on_batch`` gives for images alone, or as their own targets."""
    x = images.astype("float32")
    try:
        logs = step(x, return_dict=True)
    except Exception:
        logs = step(x, x, return_dict=True)
    name = next(name for name in ("loss", "total_loss") if name in logs)
    return float(logs[name])


def _tried(attempt: Callable[[], Any]) -> Any:
    """What ``attempt`` gives, or None where the model has no such step."""
    try:
        return attempt()
    except Exception:
        return None


@contextlib.contextmanager
def untouched(model: keras.Model, *, eagerly: bool = True) -> Iterator[None]:
    """Whatever happens inside, also Ctrl-C: weights, noise, metrics and optimizer are as before at the end."""
    optimizer = getattr(model, "optimizer", None)
    kept = [*model.variables, *(optimizer.variables if optimizer is not None else [])]
    kept += [variable for metric in getattr(model, "metrics", []) for variable in metric.variables]
    values = [_values(variable) for variable in kept]
    functions = {name: vars(model).get(name) for name in FUNCTIONS if name in vars(model)}
    was_eager = model.run_eagerly if getattr(model, "compiled", False) else None
    try:
        if was_eager is not None:
            model.run_eagerly = eagerly
        if optimizer is not None and not optimizer.built:  # a step would build it; a copy takes the step
            model.optimizer = type(optimizer).from_config(optimizer.get_config())
        for name in functions:
            setattr(model, name, None)
        model.reset_metrics()
        yield
    finally:
        for variable, value in zip(kept, values, strict=True):
            variable.assign(value)
        if was_eager is not None:
            model.run_eagerly = was_eager
            model.optimizer = optimizer
        for name, function in functions.items():
            setattr(model, name, function)


@contextlib.contextmanager
def _heard(
    part: Any, outputs: Callable[[Any], Any], inputs: Callable[[Any], None] = lambda x: None
) -> Iterator[None]:
    """``part`` with its first input and its outputs passed on; what ``outputs`` returns takes their place."""
    own = part.call

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        inputs(x[0] if isinstance(x, (list, tuple)) else x)
        return outputs(own(x, *args, **kwargs))

    object.__setattr__(part, "call", call)
    try:
        yield
    finally:
        object.__delattr__(part, "call")


def _moved(outputs: Any, mean_shift: float, spread_shift: float) -> Any:
    """The encoder's outputs with mean and spread moved; a draw among them moves with the mean."""
    if not mean_shift and not spread_shift:
        return outputs
    names = list(outputs) if isinstance(outputs, dict) else None
    parts = list(outputs.values()) if names else list(outputs)
    shifts = [mean_shift, spread_shift, mean_shift][: len(parts)]
    moved = [part + shift for part, shift in zip(parts, shifts, strict=False)]
    return dict(zip(names, moved, strict=True)) if names else type(outputs)(moved)


def _arrays(outputs: Any) -> list[np.ndarray]:
    parts = list(outputs.values()) if isinstance(outputs, dict) else outputs
    if not isinstance(parts, (list, tuple)) or len(parts) not in (2, 3):
        raise BadInput(
            f"encoder gives {type(outputs).__name__}: expected mean and log variance, with or without a draw; return "
            f"[z_mean, z_log_var] or [z_mean, z_log_var, z]."
        )
    return [_as_float(part).reshape(len(part), -1) for part in parts]


def _values(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable.value), copy=True)


def _as_float(tensor: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(tensor)).astype("float64")


def _tensor(array: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(np.asarray(array, "float32"))
