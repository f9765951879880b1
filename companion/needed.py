"""Packages that only some chapters need: imported when they are used, with a plain error where one is missing."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

#: The package that brings each module, by the module's name before its first dot.
BROUGHT_BY = {"gymnasium": "gymnasium", "rdkit": "rdkit", "selfies": "selfies"}


def needed(module: str) -> Any:
    """The imported ``module``, such as ``"rdkit.Chem"``.

    Raises ``ModuleNotFoundError`` where the package that holds it is not installed; the message says how to get it.
    """
    package = BROUGHT_BY[module.partition(".")[0]]
    if find_spec(package) is None:
        raise ModuleNotFoundError(
            f"{package} is not installed, and this needs it: call pip install {package}, or in the project's folder "
            f'pip install ".[applications]".',
            name=package,
        )
    return import_module(module)
