"""The command ``python -m companion diagnose``: the report on a saved model, as text or JSON."""

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.errors import BadInput

WRONG = 1
IMAGES, LABELS = ("images", "x_train"), ("labels", "y_train")


def add_to(commands: Any) -> None:
    """Add the command to the command line's ``commands``."""
    diagnose = commands.add_parser(
        "diagnose", help="say what is wrong with a saved model, and what mends it", allow_abbrev=False
    )
    diagnose.add_argument("model", metavar="MODEL.keras", help="a model with an encoder and a decoder")
    diagnose.add_argument(
        "--data", required=True, metavar="FILE.npz", help="training images, array images or x_train"
    )
    diagnose.add_argument(
        "--labels",
        action="store_true",
        help="give the model the array labels or y_train of the same file, too",
    )
    diagnose.add_argument("--validation", metavar="FILE.npz", help="images that were not trained on")
    diagnose.add_argument(
        "--loss", metavar="MODULE:FUNCTION", help="loss(model, images), where the model has none"
    )
    diagnose.add_argument(
        "--saving", action="store_true", help="save a copy, too, and load it in a new process"
    )
    diagnose.add_argument(
        "--spread", metavar="MEANING", help='what the second output is, such as "standard deviation"'
    )
    diagnose.add_argument("--json", metavar="FILE", help="write the report for machines as well")
    diagnose.set_defaults(options=diagnose.options)


def run(arguments: argparse.Namespace) -> int:
    """Print the report; 1 where something is wrong."""
    from companion.diagnosis.diagnose import diagnose

    images = array_of(arguments.data, IMAGES)
    more = {"validation": array_of(arguments.validation, IMAGES)} if arguments.validation else {}
    if arguments.labels:
        more["labels"] = array_of(arguments.data, LABELS)
    loss = _function(arguments.loss) if arguments.loss else None
    own = {"loss": loss, "saving": arguments.saving, "spread": arguments.spread}
    report = diagnose(_model(arguments.model), images, **own, **more)
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


def array_of(path: str, names: tuple[str, str]) -> Any:
    """The array of one of these names in an .npz file, as it is: a diagnosis has to see what the model saw."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            name = next((name for name in names if name in arrays), None)
            if name is not None:
                return arrays[name]
            there = ", ".join(arrays) or "nothing"
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} cannot be read ({error}): expected a file written by numpy.savez.") from error
    raise BadInput(
        f"{path} holds {there}: expected an array {names[0]} or {names[1]}; "
        f"np.savez({path!r}, {names[0]}={names[0]})."
    )


def _function(named: str) -> Callable[..., Any]:
    module, _, name = named.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadInput(f"--loss {named} cannot be imported ({error}): expected my_module:my_loss.") from error
