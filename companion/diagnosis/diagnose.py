"""What is wrong with my VAE? Measures instead of guessing."""

from collections.abc import Callable
from typing import Any

import numpy as np

from companion.diagnosis import on_codes, on_data, on_evaluation, on_learning, on_loss, on_sampling
from companion.diagnosis.examination import Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.patient import Patient
from companion.diagnosis.report import Finding, Missing, Report, ordered
from companion.errors import BadInput, is_real_dtype

FEWEST = 16


def diagnose(
    model: Any,
    images: Any,
    *,
    validation: Any = None,
    history: Any = None,
    loss: Callable[..., Any] | None = None,
) -> Report:
    """Examine ``model`` on ``images`` and report what is wrong, with figures and what mends it.

    ``model`` is any Keras 3 model with ``encoder`` and ``decoder``, of this package or not, or a
    :class:`~companion.diagnosis.Patient` of plain functions. ``images`` are training images ``(n, ...)`` as the model
    gets them, ``validation`` others; ``history`` what ``fit`` returned; ``loss(model, images)`` the loss where the
    model has none of its own. The model is as it was afterwards: weights, noise, metrics, optimizer.

    Raises :class:`~companion.errors.BadInput` for models without encoder and decoder, images that are no array of
    numbers with at least 16 rows, and a loss that raises.
    """
    patient = model if isinstance(model, Patient) else _keras_patient(model, loss)
    examined = Examination(
        patient,
        _checked("images", images),
        validation=None if validation is None else _checked("validation", validation),
        history=getattr(history, "history", history),
    )
    if not np.isfinite(examined.images).all():
        return Report(patient.name, tuple(on_data.values_are_finite(examined)), _after_the_data())
    _drop_what_cannot_be_read(examined)
    findings: list[Finding] = []
    for room in (on_data, on_loss, on_sampling, on_learning, on_codes, on_evaluation):
        for examine in room.EXAMINE:
            findings += examine(examined)
    return Report(patient.name, ordered(findings), tuple(_missing(examined)), _measured(examined))


def _keras_patient(model: Any, loss: Callable[..., Any] | None) -> KerasPatient:
    if loss is not None and not callable(loss):
        raise BadInput(f"loss={loss!r}: expected a function loss(model, images); pass the function's name.")
    return KerasPatient(model, loss)


def _drop_what_cannot_be_read(x: Examination) -> None:
    """An encoder of a Keras model that gives something else, as that of a VQ-VAE, is not examined."""
    if isinstance(x.patient, KerasPatient):
        try:
            x.patient.encode(x.some[:2])
        except Exception:
            x.patient.functions |= {"encode": None, "decode": None}


def _checked(name: str, images: Any) -> np.ndarray:
    array = np.asarray(images)
    if array.ndim < 2 or not is_real_dtype(array.dtype) or len(array) < FEWEST:
        raise BadInput(
            f"{name} have shape {array.shape} and type {array.dtype}: expected at least {FEWEST} images of numbers, "
            f"(n, ...); pass an array as the model gets it in fit."
        )
    return array


def _after_the_data() -> tuple[Missing, ...]:
    return (Missing("everything else", "mend the data first, and call diagnose again"),)


def _missing(x: Examination) -> list[Missing]:
    found = []
    if not x.patient.has("encode"):
        found.append(
            Missing(
                "the code", "an encoder that gives [z_mean, z_log_var] for images alone, or Patient(encode=)"
            )
        )
    if not x.observations:
        found.append(Missing("the loss", "compile the model, or pass loss=, a function loss(model, images)"))
    if x.spread_kind is None:
        found.append(
            Missing(
                "the width of the draws", "return z as the encoder's third output, or pass sample_latent="
            )
        )
    if x.validation is None:
        found.append(
            Missing(
                "overfitting, and images in both sets", "pass validation=, images that were not trained on"
            )
        )
    if x.history is None:
        found.append(Missing("the history", "pass history=, what fit returned"))
    if not isinstance(x.patient, KerasPatient):
        found.append(Missing("gradients", "pass the Keras model itself"))
    return found


def _measured(x: Examination) -> dict[str, Any]:
    fit, kl = x.fit, x.kl_per_unit
    return {
        "images": len(x.images),
        "loss": None if fit is None else {**vars(fit), "beta": fit.beta},
        "spread": None if x.spread_kind is None else x.spread_kind._asdict(),
        "kl_per_unit": None if kl is None else [round(float(value), 4) for value in kl],
    }
