"""Saving a model into a temporary folder, loading it in a new process by Keras's safe mode, and asking it again.

:func:`main` is what that process does: it imports the modules in which the model's classes are written, as whoever
loads the model has to, and loads the file. Code that the file brings is never run.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from companion.diagnosis.listening import as_float, tensor, untouched

MODEL, GIVEN, OUTPUTS, ERROR = "model.keras", "given.npz", "outputs.npz", "error.txt"
SECONDS = 240  # after which the new process is ended
NOT_OWN = ("keras", "companion", "builtins")
NEW_PROCESS = "import sys; from companion.diagnosis.reloading import main; main(sys.argv[1:])"
NO_MODULE = "ModuleNotFoundError of the diagnosis"


class Reloaded(NamedTuple):
    """What the model and the loaded one gave, by network; ``error`` where it cannot be saved or loaded."""

    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    error: str = ""


def reloaded(model: keras.Model, images: np.ndarray, codes: np.ndarray) -> Reloaded | None:
    """Save ``model``, load it elsewhere, and ask both for the outputs of ``images`` and ``codes``.

    Classes that are written in a notebook can be imported nowhere else, so that such a model is loaded here. None where
    the modules of its classes cannot be imported in a new process, or where it takes longer than :data:`SECONDS`.
    """
    with tempfile.TemporaryDirectory() as name, untouched(model):
        folder, before = Path(name), outputs_of(model, images, codes)
        try:
            model.save(folder / MODEL)
        except Exception as error:
            return Reloaded(before, {}, f"{type(error).__name__}: {error}")
        np.savez(folder / GIVEN, images=images, codes=codes)
        modules = own_modules(model)
        if "__main__" in modules:
            load(folder)
        elif not _loads_in_a_new_process(folder, modules):
            return None
        return _told(folder, before)


def outputs_of(model: Any, images: np.ndarray, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and spread, or what else the encoder gives, and the decoder's outputs; not of networks that raise."""
    found = {}
    for network, given in (("encoder", images), ("decoder", codes)):
        try:
            outputs = getattr(model, network)(tensor(given), training=False)
        except Exception:
            continue
        parts = list(outputs.values()) if isinstance(outputs, dict) else outputs
        for number, part in enumerate(parts[:2] if isinstance(parts, (list, tuple)) else [parts]):
            found[f"{network} {number}"] = as_float(part)
    return found


def own_modules(model: keras.Model) -> list[str]:
    """The modules in which the classes of the model and of its layers are written, but Keras's and this package's."""
    names = {type(layer).__module__ for layer in (model, *model._flatten_layers())}
    return sorted(name for name in names if name.split(".")[0] not in NOT_OWN)


def load(folder: Path) -> None:
    """Load the model in ``folder`` by the safe mode, and write what its networks give, or the error, beside it."""
    try:
        model = keras.saving.load_model(folder / MODEL, safe_mode=True)
        with np.load(folder / GIVEN) as given:
            outputs = outputs_of(model, given["images"], given["codes"])
        np.savez(folder / OUTPUTS, **outputs)  # type: ignore[arg-type]
    except Exception as error:
        (folder / ERROR).write_text(f"{type(error).__name__}: {error}", encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """The new process: :func:`load` the model in a folder, the first argument, after importing modules, the others."""
    folder, *modules = arguments
    try:
        for module in modules:
            importlib.import_module(module)
    except Exception:
        (Path(folder) / ERROR).write_text(NO_MODULE, encoding="utf-8")
        return
    load(Path(folder))


def _loads_in_a_new_process(folder: Path, modules: list[str]) -> bool:
    """Whether a process of its own loaded the model or said why it cannot, on the processor alone."""
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    own = {"PYTHONPATH": paths, "KERAS_BACKEND": keras.backend.backend(), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-c", NEW_PROCESS, str(folder), *modules]
    try:
        subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "JAX_PLATFORMS": "cpu", **own},
            capture_output=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    error = folder / ERROR
    if error.is_file():
        return error.read_text(encoding="utf-8") != NO_MODULE
    return (folder / OUTPUTS).is_file()


def _told(folder: Path, before: dict[str, np.ndarray]) -> Reloaded:
    if (folder / ERROR).is_file():
        return Reloaded(before, {}, (folder / ERROR).read_text(encoding="utf-8"))
    with np.load(folder / OUTPUTS) as outputs:
        return Reloaded(before, dict(outputs))
