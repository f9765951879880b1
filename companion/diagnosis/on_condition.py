"""Condition: whether the label that a conditional model is given reaches its networks and changes what they give."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from companion.diagnosis.examination import BATCH, Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.report import NOTE, Finding

IGNORED = 0.01  # of what another code changes

Form = Callable[[np.ndarray], np.ndarray]


def the_condition_is_used(x: Examination) -> Iterator[Finding]:
    """How much another label changes the outputs, beside how much another code does."""
    if x.labels is None or not isinstance(x.patient, KerasPatient):
        return
    chosen = x.rng.permutation(len(x.images))[:BATCH]
    images, labels = x.images[chosen].astype("float64"), x.labels[chosen]
    other = x.labels[x.rng.permutation(len(x.labels))[:BATCH]]
    patient = x.patient
    forms = _forms(x.labels, patient.model)
    encoded = _taken(lambda given: patient.encode_given(images, given), forms, labels, other)
    if encoded is None:
        yield _ignoring("encoder", "it takes images alone, or fails for images with labels", NOTE)
        codes = x.encoded[0][: len(chosen)] if x.encoded is not None else None
    else:
        codes = encoded[0]
        moved = _share(encoded[1] - codes, codes - codes[::-1])
        if moved < IGNORED:
            yield _ignoring(
                "encoder", f"another label moves the mean {moved:.1%} as far as another image does", NOTE
            )
    if codes is None:
        return
    decoded = _taken(lambda given: patient.decode_given(codes, given), forms, labels, other)
    swapped = _taken(lambda given: patient.decode_given(codes[::-1], given), forms, labels)
    if decoded is None or swapped is None:
        yield _ignoring("decoder", "it takes codes alone, or fails for codes with labels")
        return
    moved = _share(decoded[1] - decoded[0], swapped[0] - decoded[0])
    if moved < IGNORED:
        yield _ignoring(
            "decoder", f"another label changes the outputs {moved:.1%} as much as another code does"
        )


def _share(change: np.ndarray, reference: np.ndarray) -> float:
    size = float(np.sqrt(np.mean(reference**2)))
    return float(np.sqrt(np.mean(change**2))) / size if size else 0.0


def _taken(
    call: Callable[[Any], np.ndarray], forms: list[Form], *given: np.ndarray
) -> tuple[np.ndarray, ...] | None:
    """What ``call`` gives for each of ``given``, in the first of ``forms`` that it takes; None where it takes none."""
    for form in forms:
        try:
            return tuple(call(form(labels)) for labels in given)
        except Exception:
            continue
    return None


def _forms(known: np.ndarray, model: Any) -> list[Form]:
    """How labels may be given: vectors as they are; whole numbers one-hot, with as many classes as a network takes."""
    if known.ndim > 1 or known.dtype.kind == "f":
        return [np.asarray]
    least = int(known.max()) + 1
    inputs = [
        each for part in (model.encoder, model.decoder) for each in (getattr(part, "inputs", None) or [])[1:]
    ]
    sizes = {least, *(int(each.shape[-1]) for each in inputs if (each.shape[-1] or 0) >= least)}
    one_hot = [partial(_one_hot, classes=classes) for classes in sorted(sizes)]
    return [*one_hot, np.asarray, lambda labels: labels[:, None]]


def _one_hot(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.eye(classes, dtype="float32")[labels]


def _ignoring(network: str, figure: str, level: str = "fault") -> Finding:
    meaning = {
        "encoder": "The code then has to carry what the label says already. It is a choice that some models make.",
        "decoder": "Whatever label is asked for, the code alone decides what comes out.",
    }
    return Finding(
        name=f"a condition that the {network} ignores",
        stage="learning",
        figure=figure,
        healthy="about as much, where the label says much about the image",
        meaning=meaning[network],
        mend=f"give it to both networks: {network}(ops.concatenate([{'z' if network == 'decoder' else 'x'}, "
        "ops.one_hot(y, classes)], axis=-1))",
        chapter="07",
        level=level,
    )


EXAMINE = (the_condition_is_used,)
