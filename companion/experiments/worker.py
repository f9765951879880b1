"""One run of an experiment, in a process of its own: ``python -m companion.experiments.worker``, started by the engine.

It writes ``figures.json`` into its folder, completely or not at all. Its parent holds its standard input open; when
that ends, because the parent was killed, the worker ends as well and leaves the folder for the next attempt to resume.
"""

import argparse
import importlib
import inspect
import json
import math
import os
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion import machine
from companion.errors import BadInput
from companion.experiments import backend as backends
from companion.experiments.declaration import TRAINING, Declaration, Run, read
from companion.experiments.folder import RECORD
from companion.experiments.settings import Settings

FIGURES = "figures.json"
REFUSED = 2


def main() -> int:
    """Make the run that the arguments name."""
    parser = argparse.ArgumentParser(prog="python -m companion.experiments.worker")
    for name in ("name", "budget", "arm", "results", "folder"):
        parser.add_argument(name)
    parser.add_argument("seed", type=int)
    parser.add_argument("core", type=int, help="the core to compute on; -1 for all")
    asked = parser.parse_args()
    if asked.core >= 0 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {asked.core})
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        declared = read(asked.name, Path(asked.results))
        make(declared, Run(asked.budget, asked.arm, asked.seed), Path(asked.folder))
    except BadInput as error:
        print(error, file=sys.stderr)
        return REFUSED
    return 0


def make(declared: Declaration, run: Run, folder: Path) -> None:
    """Make ``run``, or what is left of it, and write its figures, seconds and circumstances into ``folder``."""
    backends.choose(declared.backend)
    settings, task, backend = declared.merged(run.budget, run.arm), declared.task, declared.backend
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    if task == TRAINING:
        told = _train(settings, run.seed, folder / "run")
        seconds = told["seconds"]["train"] + (told["seconds"]["evaluate"] or 0.0)
    else:
        told = _call(task, settings, run.seed, folder)
        seconds = time.perf_counter() - started
    figures = {
        # A task may say that an arm has no such figure, as real images have no bound.
        measure.name: None if told.get(measure.of, 0) is None else measure.sign * _at(told, measure.of, run)
        for measure in declared.measures.values()
    }
    record = {
        "figures": figures,
        "seconds": seconds,
        "circumstances": {
            "versions": machine.versions(backend),
            "backend": backend,
            # A task that never needed Keras need not import it now.
            "device": machine.device() if "keras" in sys.modules else "CPU",
            "processor": machine.processor()["processor"],
            "commit": machine.commit(),
        },
    }
    partial = folder / f".partial-{FIGURES}"
    partial.write_text(json.dumps(record, allow_nan=False), encoding="utf-8")
    os.replace(partial, folder / FIGURES)


def _train(settings: Mapping[str, Any], seed: int, folder: Path) -> Mapping[str, Any]:
    from companion.experiments.runs import run

    return run(Settings(**settings, seed=seed), folder, resume=(folder / RECORD).exists(), quiet=True)


def _call(task: str, settings: Mapping[str, Any], seed: int, folder: Path) -> Mapping[str, Any]:
    """The figures of a task ``module:function``, which gets the settings, the seed and, if it asks, the ``folder``."""
    module, _, name = task.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"task={task!r} cannot be imported ({error}): expected module:function.") from error
    own = {"folder": folder} if "folder" in inspect.signature(function).parameters else {}
    try:
        inspect.signature(function).bind(seed=seed, **settings, **own)
    except TypeError as error:
        raise BadInput(f"task={task!r}: {error}; its settings are {', '.join(settings)}.") from error
    return function(seed=seed, **settings, **own)


def _at(told: Any, path: str, run: Run) -> float:
    """The number at ``path``, such as ``test.kl_per_layer.1`` or ``history.kl.-1``."""
    found = told
    for part in path.split("."):
        try:
            found = found[int(part)] if isinstance(found, list) else found[part]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise BadInput(
                f"{run}: there is no {path!r} in what was recorded; at {part!r} there "
                f"{'are ' + ', '.join(map(str, found)) if isinstance(found, Mapping) else f'is {found!r}'}."
            ) from error
    try:
        value = float(found)
    except (TypeError, ValueError) as error:
        raise BadInput(f"{run}: {path!r} is {found!r}: expected a number.") from error
    if not math.isfinite(value):
        raise BadInput(f"{run}: {path!r} is {value}: expected a finite number.")
    return value


def _end_with_parent() -> None:
    # Not through sys.stdin, whose lock would still be held while the interpreter ends.
    while os.read(0, 1):
        pass
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
