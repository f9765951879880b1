"""A model and images of your own, for the notebook *Bring your own model*: two paths, or an upload on Colab."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from companion.diagnosing import IMAGES, LABELS, array_of
from companion.errors import BadInput

VALIDATION = ("validation", "x_test")
MODEL, DATA = ".keras", ".npz"


def own_files(model: str = "", data: str = "", *, upload: bool = False) -> tuple[str, str] | None:
    """The paths of a ``.keras`` file and of an ``.npz`` file; None where neither is named.

    ``upload=True`` asks for both on Colab, which shows a button under the cell. Raises
    :class:`~companion.errors.BadInput` for one path without the other, for an upload anywhere else, and where not
    exactly one file of each kind was uploaded.
    """
    if upload:
        names = _uploaded()
        return _only(names, MODEL), _only(names, DATA)
    if bool(model) != bool(data):
        raise BadInput(
            f"model={model!r} and data={data!r}: expected both paths or none; pass a {MODEL} file and an {DATA} file."
        )
    return (model, data) if model else None


def own_arrays(path: str, *, labels: bool = False) -> dict[str, Any]:
    """What :func:`companion.diagnosis.diagnose` is given of an ``.npz`` file, by the names of its arguments.

    These are ``images`` (or ``x_train``), and ``validation`` (or ``x_test``) where the file has it; with
    ``labels=True`` also ``labels`` (or ``y_train``). Raises :class:`~companion.errors.BadInput` for a file that cannot
    be read, or has no such array.
    """
    found = {"images": array_of(path, IMAGES)}
    with np.load(path) as arrays:
        has_validation = any(name in arrays for name in VALIDATION)
    if has_validation:
        found["validation"] = array_of(path, VALIDATION)
    if labels:
        found["labels"] = array_of(path, LABELS)
    return found


def _uploaded() -> list[str]:
    """The names of the files that a reader chooses in Colab's dialogue; they are written beside the notebook."""
    try:
        files = import_module("google.colab.files")
    except ImportError as error:
        raise BadInput(
            "upload=True: expected Colab, which has a button for it; pass the paths of both files here."
        ) from error
    return list(files.upload())


def _only(names: Sequence[str], ending: str) -> str:
    """The one of ``names`` with this ending."""
    fitting = [name for name in names if name.endswith(ending)]
    if len(fitting) != 1:
        came = ", ".join(names) or "nothing"
        raise BadInput(
            f"{came} was uploaded: expected one {MODEL} file and one {DATA} file; run the cell again and choose both."
        )
    return fitting[0]
