"""Which backend of Keras a run computes on, settled before Keras is imported."""

import os
import sys
from importlib.util import find_spec

from companion.errors import BadInput, check_choice

# The backends that are tested, each with the extra of the package that installs it.
EXTRAS = {"tensorflow": "cpu", "jax": "jax"}
BACKENDS = tuple(EXTRAS)


def choose(backend: str) -> None:
    """Have Keras compute on ``backend``.

    Raises :class:`~companion.errors.BadInput` for an unknown name, for a backend that is not installed, and where Keras
    already computes on another.
    """
    check_choice("backend", backend, BACKENDS)
    if find_spec(backend) is None:
        raise BadInput(
            f"backend={backend!r} is not installed: expected an importable package {backend}; in the folder of this "
            f"project, call pip install '.[{EXTRAS[backend]}]'."
        )
    keras = sys.modules.get("keras")
    if keras is not None and keras.backend.backend() != backend:
        raise BadInput(
            f"backend={backend!r} with Keras already on {keras.backend.backend()}: expected a choice before Keras is "
            f"imported; set KERAS_BACKEND={backend} in the environment and start a new process."
        )
    os.environ["KERAS_BACKEND"] = backend


def check_same(backend: str, begun_on: str | None) -> None:
    """Raise :class:`~companion.errors.BadInput` where a run that is resumed was begun on another backend.

    Equal seeds give other noise there, so the run would not be the one that was begun.
    """
    if begun_on not in (None, backend):
        raise BadInput(
            f"backend={backend!r} contradicts the run, started on {begun_on}: expected the same, since another one "
            f"draws other noise; resume with backend={begun_on!r}, or start a run in another folder."
        )
