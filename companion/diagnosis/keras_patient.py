"""A Keras model under examination: its encoder and decoder are listened to while its own loss is computed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np

from companion.diagnosis.codebooks import nearest_codes, quantised, quantiser_of
from companion.diagnosis.listening import arrays, as_float, listened_to, moved, tensor, untouched, values_of
from companion.diagnosis.loss_fit import Fit
from companion.diagnosis.patient import Draw, Observation, Patient
from companion.diagnosis.refining import Codes, refined
from companion.errors import BadInput

PARTS = ("encoder", "decoder")
LOSSES = ("loss", "total_loss")  # the names by which models report what they minimise


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
            mean, spread, *_ = arrays(self.model.encoder(tensor(images)))
        return mean, spread

    def draws(self, images: np.ndarray, times: int = 1) -> list[Draw] | None:
        with untouched(self.model):
            found = []
            for _ in range(times):
                parts = arrays(self.model.encoder(tensor(images)))
                if len(parts) > 2:
                    found.append(Draw(*parts[:3]))
                elif (seen := self._listened(images)) is not None and len(seen.z) == len(images):
                    found.append(Draw(seen.mean, seen.spread, seen.z))
            return found or None

    def decode(self, z: np.ndarray) -> np.ndarray:
        with untouched(self.model):
            return as_float(self.model.decoder(tensor(z)))

    def encode_given(self, images: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """The means of ``images`` given conditions, ``(n, latent_dim)``, by an encoder that takes both."""
        with untouched(self.model):
            return arrays(self.model.encoder([tensor(images), tensor(condition)]))[0]

    def decode_given(self, z: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """The decoder's raw outputs for codes ``z`` given conditions, by a decoder that takes both."""
        with untouched(self.model):
            return as_float(self.model.decoder([tensor(z), tensor(condition)]))

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
            passed_on = moved(outputs, mean_shift, spread_shift)
            heard["mean"], heard["spread"] = arrays(passed_on)[:2]
            return passed_on

        def decoder(outputs: Any) -> Any:
            heard["outputs"] = as_float(outputs)
            return outputs

        def codes(z: Any) -> None:
            heard["z"] = as_float(z)

        with listened_to(self.model.encoder, encoder), listened_to(self.model.decoder, decoder, codes):
            loss = self._loss(images)
        if loss is None or not {"mean", "outputs"} <= heard.keys():
            return None
        return Observation(images, heard["mean"], heard["spread"], heard["z"], heard["outputs"], loss)

    def unmoved_weights(self, images: np.ndarray) -> list[str] | None:
        """The trainable weights that one training step leaves as they are; None where no step can be taken."""
        with untouched(self.model, eagerly=False):
            if not getattr(self.model, "compiled", False):
                return None
            before = [values_of(weight) for weight in self.model.trainable_weights]
            steps = [self.model.train_on_batch]
            if keras.backend.backend() == "tensorflow":
                steps.append(self._own_step)
            if all(_tried(partial(_on_batch, step, images)) is None for step in steps):
                return None
            after = [values_of(weight) for weight in self.model.trainable_weights]
            pairs = zip(self.model.trainable_weights, before, after, strict=True)
            return [weight.path for weight, old, new in pairs if np.array_equal(old, new)]

    def codes(self, images: np.ndarray) -> tuple[np.ndarray, int] | None:
        """The code of each vector of ``images``, ``(n, ...)``, and the size of the codebook; None without one."""
        layer = quantiser_of(self.model)
        if layer is None:
            return None
        heard: dict[str, Any] = {}

        def listen(outputs: Any) -> Any:
            heard["z"] = quantised(outputs, heard["shape"])
            return outputs

        def shape_of(vectors: Any) -> None:
            heard["shape"] = tuple(vectors.shape)

        with untouched(self.model), listened_to(layer, listen, shape_of):
            _tried(lambda: self.model(tensor(images)))
        return None if heard.get("z") is None else nearest_codes(heard["z"], layer)

    def evaluated(self, batches: list[np.ndarray]) -> dict[str, float] | None:
        """The means of what the model's metrics say after a test step on each batch; None where it has no such step."""
        seen: list[dict[str, float]] = []
        with untouched(self.model):
            for batch in batches if getattr(self.model, "compiled", False) else []:
                logs = _tried(partial(self.model.test_on_batch, batch.astype("float32"), return_dict=True))
                if logs is None:
                    return None
                seen.append({name: float(value) for name, value in logs.items()})
        return {name: float(np.mean([each[name] for each in seen])) for name in seen[0]} if seen else None

    def evaluated_whole(self, images: np.ndarray, batch_size: int) -> dict[str, float] | None:
        """What ``evaluate`` gives for all ``images`` in batches of a size; None where the model has no such step."""
        with untouched(self.model):
            if not getattr(self.model, "compiled", False):
                return None
            x = images.astype("float32")
            ask = partial(self.model.evaluate, batch_size=batch_size, verbose=0, return_dict=True)
            logs = _tried(partial(ask, x)) or _tried(partial(ask, x, x))
            return {name: float(np.mean(value)) for name, value in logs.items()} if logs else None

    def loss_of_all(self, images: np.ndarray, batch_size: int) -> float | None:
        """The loss that ``evaluate`` gives for all ``images``; None where it gives none, or no number."""
        logs = self.evaluated_whole(images, batch_size) or {}
        loss = next((logs[name] for name in LOSSES if name in logs), np.nan)
        return loss if np.isfinite(loss) else None

    @property
    def counts_perplexity(self) -> bool:
        """Whether the model quantises, or has a metric of that name."""
        names = [str(metric.name).lower() for metric in getattr(self.model, "metrics", [])]
        return quantiser_of(self.model) is not None or any("perplexity" in name for name in names)

    def refined_codes(
        self, images: np.ndarray, codes: Codes, fit: Fit, rng: np.random.Generator
    ) -> Codes | None:
        """``codes`` after gradient steps before the model's decoder; None where no gradient can be taken of it."""
        with untouched(self.model):
            better: Codes | None = _tried(partial(refined, self.model.decoder, images, codes, fit, rng))
        return better

    @property
    def steps_taken(self) -> int:
        """How many steps the model's optimizer has taken; 0 without one."""
        optimizer = getattr(self.model, "optimizer", None)
        return 0 if optimizer is None else int(keras.ops.convert_to_numpy(optimizer.iterations))

    def overflows(self, images: np.ndarray) -> str | None:
        """The half precision in which the loss is no number where a log variance is 12; None where it is one."""
        with untouched(self.model):
            spread = self.model.encoder(tensor(images))
            parts = list(spread.values()) if isinstance(spread, dict) else spread
            kind = keras.backend.standardize_dtype(parts[1].dtype)
            if kind != "float16":
                return None
            usual = self._listened(images)
            wider = self._listened(images, 0.0, 12.0 - float(as_float(parts[1]).max()))
        wrong = (
            usual is not None
            and wider is not None
            and np.isfinite(usual.loss)
            and not np.isfinite(wider.loss)
        )
        return kind if wrong else None

    def _own_step(self, images: np.ndarray, *, return_dict: bool) -> dict[str, Any]:
        """What a ``train_step`` gives that takes the images themselves, as ``fit`` hands them over, and no tuple."""
        return dict(self.model.train_step(tensor(images)))

    def _loss(self, images: np.ndarray) -> float | None:
        """The loss of a batch, as the person's function or the model's own step computes it."""
        if self.own_loss is not None:
            try:
                return float(np.mean(as_float(self.own_loss(self.model, tensor(images)))))
            except Exception as error:
                raise BadInput(
                    f"loss raised {type(error).__name__}: {error}. Expected a function loss(model, images) that gives "
                    f"one number, or one per image; call it on {len(images)} images by hand first."
                ) from error
        if not getattr(self.model, "compiled", False):
            return None
        steps = [self.model.test_on_batch]
        if keras.backend.backend() == "tensorflow":  # elsewhere a training step sees no numbers, only traces
            steps += [self.model.train_on_batch, self._own_step]
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
    return float(logs[next(name for name in LOSSES if name in logs)])


def _tried(attempt: Callable[[], Any]) -> Any:
    """What ``attempt`` gives, or None where the model has no such step."""
    try:
        return attempt()
    except Exception:
        return None
