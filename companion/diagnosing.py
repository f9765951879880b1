"""The command ``python -m companion diagnose``: the report on a saved model, as text or JSON."""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.errors import BadInput

WRONG = 1


def add_to(commands: Any) -> None:
    """Add the command to the command line's ``commands``."""
    diagnose = commands.add_parser(
        "diagnose", help="say what is wrong with a saved model, and what mends it", allow_abbrev=False
    )
    diagnose.add_argument("model", metavar="MODEL.keras", help="a model with an encoder and a decoder")
    diagnose.add_argument(
        "--data", required=True, metavar="FILE.npz", help="training images, array images or x_train"
    )
    diagnose.add_argument("--validation", metavar="FILE.npz", help="images that were not trained on")
    diagnose.add_argument(
        "--loss", metavar="MODULE:FUNCTION", help="loss(model, images), where the model has none"
    )
    diagnose.add_argument("--json", metavar="FILE", help="write the report for machines as well")
    diagnose.set_defaults(options=diagnose.options)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 where something is wrong."""
    from companion.diagnosis.diagnose import diagnose

    images = _images(arguments.data)
    more = {"validation": _images(arguments.validation)} if arguments.validation else {}
    loss = _function(arguments.loss) if arguments.loss else None
    report = diagnose(_model(arguments.model), images, loss=loss, **more)
    print(report)
    if arguments.json:
        Path(arguments.json).write_text(report.to_json() + "\n", encoding="utf-8")
    return 0 if report.is_healthy else WRONG


def _model(path: str) -> Any:
    """The model in a file, by Keras's safe mode, which runs no code that the file brings."""
    import companion

    if not Path(path).is_file():
        raise BadInput(
            f"{path} is no file: expected a model saved by model.save('my_model.keras'); pass its path."
        )
    return companion.load(path)


def _images(path: str) -> Any:
    """The array ``images`` or ``x_train`` of an .npz file, as it is: a diagnosis has to see what the model saw."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = next((name for name in ("images", "x_train") if name in arrays), None)
            if name is not None:
                return arrays[name]
            there = ", ".join(arrays) or "nothing"
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read ({error}): expected a file written by numpy.savez.") from error
    raise BadInput(
        f"{path} holds {there}: expected an array images or x_train; np.savez({path!r}, images=images)."
    )


def _function(named: str) -> Callable[..., Any]:
    module, _, name = named.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"--loss {named} cannot be imported ({error}): expected my_module:my_loss.") from error
