"""A model under examination, as functions on NumPy arrays, whatever it was written with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from companion.errors import BadInput

Function = Callable[..., Any]


class Draw(NamedTuple):
    """Mean, spread and a draw of the codes of some images: ``(n, latent_dim)`` each."""

    mean: np.ndarray
    spread: np.ndarray
    z: np.ndarray


@dataclass(frozen=True)
class Observation:
    """All that entered one evaluation of a model's loss: arrays of one batch, and the loss."""

    images: np.ndarray  # (n, *image_shape)
    mean: np.ndarray  # (n, latent_dim)
    spread: np.ndarray  # (n, latent_dim): log variance, standard deviation, ...
    z: np.ndarray  # (n, latent_dim), as the decoder got it
    outputs: np.ndarray  # (n, *image_shape), as the decoder gave them
    loss: float


class Patient:
    """A model as plain functions on NumPy arrays, each optional; what is missing is *not examined*.

    ``encode(images)`` gives mean and spread ``(n, latent_dim)``, and a draw if it makes one; ``sample_latent(mean,
    spread)`` draws codes; ``decode(z)`` gives the decoder's raw outputs; ``loss(images)`` is the number that training
    minimises, ``kl(mean, spread)`` and ``reconstruction(images, outputs)`` its parts. ``spread`` may be a log variance,
    a log standard deviation, a standard deviation or a variance. With these six functions a model of PyTorch or JAX is
    examined like one of Keras. Raises :class:`~companion.errors.BadInput` for what is no function.
    """

    name = "the model"

    def __init__(
        self,
        *,
        encode: Function | None = None,
        sample_latent: Function | None = None,
        decode: Function | None = None,
        loss: Function | None = None,
        kl: Function | None = None,
        reconstruction: Function | None = None,
    ):
        given = {
            "encode": encode,
            "sample_latent": sample_latent,
            "decode": decode,
            "loss": loss,
            "kl": kl,
            "reconstruction": reconstruction,
        }
        for name, function in given.items():
            if function is not None and not callable(function):
                raise BadInput(
                    f"{name}={function!r}: expected a function on NumPy arrays; pass {name}=lambda ...: ..."
                )
        self.functions = given

    def has(self, *names: str) -> bool:
        """Whether all of these functions were given."""
        return all(self.functions[name] is not None for name in names)

    def encode(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and spread of ``images``: ``(n, latent_dim)`` each."""
        mean, spread, *_ = self._called("encode", images)
        return _rows(mean, images, "encode"), _rows(spread, images, "encode")

    def draws(self, images: np.ndarray, times: int = 1) -> list["Draw"] | None:
        """Draws of the codes of ``images``, one call after the other; None where nothing draws."""
        found = []
        for _ in range(times):
            mean, spread, *drawn = self._called("encode", images)
            if not drawn and not self.has("sample_latent"):
                return None
            z = drawn[0] if drawn else self._called("sample_latent", mean, spread)
            rows = zip((mean, spread, z), ("encode", "encode", "sample_latent"), strict=True)
            found.append(Draw(*(_rows(array, images, name) for array, name in rows)))
        return found

    def decode(self, z: np.ndarray) -> np.ndarray:
        """The decoder's raw outputs for codes ``z``."""
        return _as_array(self._called("decode", z))

    def kl(self, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """The patient's own KL of each code, ``(n,)``: codes are given one by one where it gives a single number."""
        given = _as_array(self._called("kl", mean, spread))
        if given.shape == (len(mean),):
            return given
        rows = [self._called("kl", mean[[i]], spread[[i]]) for i in range(len(mean))]
        return np.array([float(np.sum(_as_array(row))) for row in rows])

    def reconstruction(self, images: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """The patient's own reconstruction error, ``(n,)``: images one by one where it gives a single number."""
        given = _as_array(self._called("reconstruction", images, outputs))
        if given.shape == (len(images),):
            return given
        rows = [self._called("reconstruction", images[[i]], outputs[[i]]) for i in range(len(images))]
        return np.array([float(np.sum(_as_array(row))) for row in rows])

    def observe(
        self, images: np.ndarray, mean_shift: float = 0.0, spread_shift: float = 0.0
    ) -> Observation | None:
        """One evaluation of the loss with all that entered it; None where a function is missing.

        A patient of plain functions cannot move its own codes, so shifts are only for models whose encoder is known.
        """
        if mean_shift or spread_shift or not self.has("encode", "decode", "loss"):
            return None
        drawn = self.draws(images)
        if drawn is None:
            return None
        mean, spread, z = drawn[0]
        loss = float(np.mean(_as_array(self._called("loss", images))))
        return Observation(images, mean, spread, z, self.decode(z), loss)

    def _called(self, name: str, *arguments: np.ndarray) -> Any:
        try:
            return self.functions[name](*arguments)  # type: ignore[misc]
        except Exception as error:
            raise BadInput(
                f"{name} of the patient raised {type(error).__name__}: {error}. Expected a function that takes NumPy "
                f"arrays of shapes {', '.join(str(np.shape(each)) for each in arguments)}; call it so by hand first."
            ) from error


def _as_array(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):  # PyTorch
        value = value.detach().cpu()
    return np.asarray(value, dtype="float64")


def _rows(value: Any, images: np.ndarray, name: str) -> np.ndarray:
    array = _as_array(value)
    if array.ndim < 2 or len(array) != len(images):
        raise BadInput(
            f"{name} gave shape {array.shape} for {len(images)} images: expected one row of codes per image; return "
            f"arrays ({len(images)}, latent_dim)."
        )
    return array.reshape(len(array), -1)
