"""What is wrong with my VAE? Measures instead of guessing."""

from collections.abc import Callable
from typing import Any

import numpy as np

from companion.diagnosis import (
    on_amortisation,
    on_bounds,
    on_codebook,
    on_codes,
    on_condition,
    on_data,
    on_evaluation,
    on_functions,
    on_learning,
    on_loss,
    on_sampling,
    on_saving,
)
from companion.diagnosis.examination import BEGUN, Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.patient import Patient
from companion.diagnosis.progress import progress
from companion.diagnosis.report import Finding, Missing, Report, ordered
from companion.diagnosis.spread import STANDARD_DEVIATIONS
from companion.errors import BadInput, is_real_dtype

FEWEST = 16
ROOMS = (  # what is examined, in turn
    on_data,
    on_functions,
    on_loss,
    on_bounds,
    on_sampling,
    on_learning,
    on_condition,
    on_codebook,
    on_codes,
    on_evaluation,
    on_amortisation,
    on_saving,
)


def diagnose(
    model: Any,
    images: Any,
    *,
    validation: Any = None,
    history: Any = None,
    labels: Any = None,
    loss: Callable[..., Any] | None = None,
    saving: bool = False,
    spread: str | None = None,
) -> Report:
    """Examine ``model`` on ``images`` and report what is wrong, with figures and what mends it.

    ``model`` is any Keras 3 model with ``encoder`` and ``decoder``, of this package or not, or a
    :class:`~companion.diagnosis.Patient` of plain functions. ``images`` are training images ``(n, ...)`` as the model
    gets them, ``validation`` others; ``history`` what ``fit`` returned; ``labels`` ``(n,)`` or ``(n, k)`` what a
    conditional model is given beside each image; ``loss(model, images)`` the loss where the model has none of its own.
    ``saving=True`` saves the model into a temporary folder and loads it in a new process, which takes some seconds.
    ``spread`` says what the encoder's second output is, ``"log variance"``, ``"log standard deviation"``, ``"standard
    deviation"`` or ``"variance"``; without it the draws tell.
    A line on a terminal or in a notebook says how far the examination is.
    The model is as it was afterwards: weights, noise, metrics, optimizer.

    Raises :class:`~companion.errors.BadInput` for models without encoder and decoder, images that are no array of
    numbers with at least 16 rows, labels of another number, a loss that raises, a ``saving`` other than True or
    False, and another ``spread``.
    """
    if not isinstance(saving, bool):
        raise BadInput(f"saving must be True or False, got {saving!r}.")
    if spread is not None and spread not in STANDARD_DEVIATIONS:
        raise BadInput(f"spread must be one of {', '.join(map(repr, STANDARD_DEVIATIONS))}, got {spread!r}.")
    patient = model if isinstance(model, Patient) else _keras_patient(model, loss)
    examined = Examination(
        patient,
        _checked("images", images),
        validation=None if validation is None else _checked("validation", validation),
        history=getattr(history, "history", history),
        labels=None if labels is None else _labels(labels, len(images)),
        saving=saving,
        told=spread,
    )
    if not np.isfinite(examined.images).all():
        return Report(patient.name, tuple(on_data.values_are_finite(examined)), _after_the_data())
    _drop_what_cannot_be_read(examined)
    findings: list[Finding] = []
    with progress(len(ROOMS)) as begin:
        for room in ROOMS:
            begin(room.__name__.rpartition("on_")[2])
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


def _labels(labels: Any, count: int) -> np.ndarray:
    array = np.asarray(labels)
    if array.ndim not in (1, 2) or not is_real_dtype(array.dtype) or len(array) != count:
        raise BadInput(
            f"labels have shape {array.shape} and type {array.dtype} for {count} images: expected one per image; pass "
            f"whole numbers ({count},), or vectors ({count}, k)."
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
    if x.labels is None:
        found.append(Missing("the condition", "pass labels=, where the model is given labels"))
    if x.history is None:
        found.append(Missing("the history", "pass history=, what fit returned"))
    if not isinstance(x.patient, KerasPatient):
        found.append(Missing("gradients", "pass the Keras model itself"))
        return found
    if x.patient.steps_taken < BEGUN:
        found.append(
            Missing("what the encoder leaves to gain", f"train the model for {BEGUN} steps or more first")
        )
    if not x.was_saved:
        needs = (
            "pass saving=True"
            if not x.saving
            else "write the model's classes in a module that can be imported"
        )
        found.append(Missing("saving and loading", needs))
    return found


def _measured(x: Examination) -> dict[str, Any]:
    fit, kl = x.fit, x.kl_per_unit
    return {
        "images": len(x.images),
        "loss": None if fit is None else {**vars(fit), "beta": fit.beta},
        "spread": None if x.spread_kind is None else x.spread_kind._asdict(),
        "kl_per_unit": None if kl is None else [round(float(value), 4) for value in kl],
    }
