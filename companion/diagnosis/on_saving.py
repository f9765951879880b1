"""Saving: whether the model can be loaded from its file in a new process, and gives the same outputs there."""

import re
from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.reloading import Reloaded, reloaded
from companion.diagnosis.report import Finding

ASKED = 32  # images, and codes
DIFFERENT = 1e-3  # relative to the largest output: more than the rounding of two processes
HEALTHY = "the same outputs, up to 1e-5, in a new process"

#: What stands in Keras's error, what it means, and what mends it.
CAUSES = (
    (
        "deserialization of a `Lambda`",
        "A Lambda layer is stored as code of Python. Keras's safe mode refuses to run code from a file, and so should "
        "whoever loads it.",
        "write it as a layer: class Mine(keras.layers.Layer) with call and get_config, registered like the model",
    ),
    (
        "Could not locate",
        "The file names a class or a function that Keras does not know in a new process.",
        '@keras.saving.register_keras_serializable(package="mine") above the class, and import it before load_model',
    ),
    (
        r"get_config|from_config|__init__\(\)|argument",
        "The file does not say how to build the model again: arguments of __init__ are missing from get_config, or "
        "cannot be written down.",
        "def get_config(self): return {**super().get_config(), ...}, a value for each argument of __init__",
    ),
    (
        "",
        "The file holds the weights, but they do not fit the model that is built from its config.",
        "make every layer in __init__ and every weight in build, and save the model after its first call",
    ),
)


def the_model_can_be_loaded(x: Examination) -> Iterator[Finding]:
    """The outputs of a copy that was saved, and loaded in a new process by Keras's safe mode."""
    if not x.saving or not isinstance(x.patient, KerasPatient):
        return
    images = x.some[:ASKED]
    codes = x.encoded[0][:ASKED] if x.encoded is not None else x.rng.normal(size=(ASKED, 2))
    found = reloaded(x.patient.model, images, codes)
    if found is None:
        return
    x.was_saved = True
    if found.error:
        yield _refused(found.error)
    elif (farthest := _farthest(found)) is not None:
        yield _different(*farthest)


def _refused(error: str) -> Finding:
    said = " ".join(error.split("Exception encountered:")[-1].split())
    first = re.sub("[`'\"]", "", re.split(r"(?<=[.!]) |: {", said)[0])[:160].rstrip(".")
    _, meaning, mend = next(cause for cause in CAUSES if re.search(cause[0], said))
    return Finding(
        name="a saved model that cannot be loaded",
        stage="evaluation",
        figure=f"0 of 1 copies can be loaded in a new process: {first}",
        healthy=HEALTHY,
        meaning=meaning,
        mend=mend,
        chapter="02",
    )


def _farthest(found: Reloaded) -> tuple[str, float, float] | None:
    """The outputs that differ most: their network, the largest difference, and the largest value; None where equal."""
    worst = None
    for name, before in found.before.items():
        after = found.after.get(name)
        gap = np.inf if after is None or after.shape != before.shape else float(np.abs(after - before).max())
        scale = max(1.0, float(np.abs(before).max()))
        if gap > DIFFERENT * scale and (worst is None or gap / scale > worst[1] / worst[2]):
            worst = name.split()[0], gap, scale
    return worst


def _different(network: str, gap: float, scale: float) -> Finding:
    return Finding(
        name="a loaded model that differs",
        stage="evaluation",
        figure=f"outputs of the {network} differ by up to {gap:.3g}, where the largest is {scale:.3g}",
        healthy=HEALTHY,
        meaning="Something that the outputs depend on is not in the file. It may be a number kept as an attribute, a "
        "variable that Keras does not know, or a setting that get_config leaves out.",
        mend="keep it as a weight, self.add_weight(..., trainable=False), or name it in get_config",
        chapter="02",
        after=("variables that Keras does not know",),
        bars=(("difference", gap), ("largest output", scale)),
    )


EXAMINE = (the_model_can_be_loaded,)
