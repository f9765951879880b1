"""Keras without an engine: the import of Keras says which one is missing and how to get one."""

import json
import os
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

# The backends of Keras by the package that each needs, with the extra of this project that brings it.
EXTRAS = {"tensorflow": "cpu", "jax": "jax"}
PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


class BackendNeeded(MetaPathFinder):
    """The first finder that Python asks; raises ``ModuleNotFoundError`` for ``keras`` where its backend is missing."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname == "keras" and (package := PACKAGES.get(backend_named())) and find_spec(package) is None:
            raise ModuleNotFoundError(_advice(package), name=package)


def backend_named() -> str:
    """The backend that Keras will take: that of ``KERAS_BACKEND``, else of its file of settings, else TensorFlow."""
    if named := os.environ.get("KERAS_BACKEND"):
        return named
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    try:
        return str(json.loads((home / "keras.json").read_text(encoding="utf-8"))["backend"])
    except (OSError, ValueError, KeyError, TypeError):
        return "tensorflow"


def _advice(package: str) -> str:
    there = [other for other, needed in PACKAGES.items() if needed != package and find_spec(needed)]
    instead = f", or set KERAS_BACKEND={there[0]}, which is installed" if there else ""
    extra = EXTRAS.get(package)
    how = f'pip install ".[{extra}]" in the project\'s folder' if extra else f"pip install {package}"
    return f"Keras needs {package}, which is not installed: call {how}{instead}."
