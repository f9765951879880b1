"""Run chapters on a set as a rehearsal: each cell that depends on the data, every figure drawn, `fit` cut short.

``python -m tests.own_data.rehearsal SET.npz 01_autoencoder 04_objectives`` prints one line of JSON per chapter: where
it stopped and why. All chapters share one process, so that TensorFlow is imported once. A rehearsal finds what shapes,
labels and sizes break; `make execute DATASET=...` is the performance.
"""

import ast
import contextlib
import functools
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

ROOT = Path(__file__).resolve().parents[2]
# Cells of exercises hold stubs that know nothing of the data.
LEFT_OUT = {"exercise", "skip-execution"}
EPOCHS = 2
BATCHES = 2


class Stopped(Exception):
    """A cell raised. Holds the number of the code cell, its first line of code and the error."""

    def __init__(self, number: int, code: str, error: BaseException):
        self.report = {"cell": number, "code": code, "error": type(error).__name__, "message": str(error)}
        super().__init__(self.report)


def few(values: Any, n: int) -> Any:
    """The first ``n`` rows of an array, or of each array of a list or tuple; anything else as it is."""
    if isinstance(values, list | tuple):
        return type(values)(few(part, n) for part in values)
    return values[:n] if isinstance(values, np.ndarray) else values


@contextlib.contextmanager
def short_trainings(fits: list[int]) -> Iterator[None]:
    """While this lasts, `fit` trains two epochs on little more than one batch; ``fits`` gets the epochs asked for.

    Histories and callbacks see as many epochs as were asked for: those left out are the last one once more.
    """
    import keras

    whole = keras.Model.fit

    @functools.wraps(whole)
    def fit(self: Any, x: Any = None, y: Any = None, *args: Any, **options: Any) -> Any:
        asked = options.get("epochs", 1)
        fits.append(asked)
        size = options.get("batch_size") or 32
        # The last batch is ragged, as it is with most sets.
        n = (BATCHES - 1) * size + size // 2
        options["epochs"] = min(asked, EPOCHS)
        history = whole(self, few(x, n), few(y, n), *args, **options)
        for epoch in range(options["epochs"], asked):
            history.epoch.append(epoch)
            for values in history.history.values():
                values.append(values[-1])
            logs = {name: values[-1] for name, values in history.history.items()}
            for callback in options.get("callbacks") or ():
                callback.on_epoch_end(epoch, logs)
        return history

    keras.Model.fit = fit
    try:
        yield
    finally:
        keras.Model.fit = whole


def run_cell(source: str, names: dict[str, Any]) -> None:
    """Run a cell as a notebook would, and draw what its last line gives."""
    tree = ast.parse(TransformerManager().transform_cell(source))
    shown = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<cell>", "exec"), names)
    if isinstance(shown, ast.Expr):
        value = eval(compile(ast.Expression(shown.value), "<cell>", "eval"), names)
        for form in ("_repr_mimebundle_", "_repr_html_"):
            if hasattr(value, form):
                getattr(value, form)()
                return


def names_in(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that a statement binds, and those that it reads, also inside of a function."""
    binds, reads = set(), set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            (reads if isinstance(node.ctx, ast.Load) else binds).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            binds.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            binds |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return binds, reads


def that_depend_on_the_data(cells: list[Any]) -> list[Any]:
    """The cells that read what comes from ``dataset``, and those that these need; the rest is the same on every set."""
    statements = [
        [names_in(each) for each in ast.parse(TransformerManager().transform_cell(cell.source)).body]
        for cell in cells
    ]
    from_data, wanted, kept = {"dataset"}, set[str](), []
    depends = []
    for cell, names in zip(cells, statements, strict=True):
        touched = "set_aside(" in cell.source  # the cell that says why a chapter draws images of its own
        for binds, reads in names:
            own = bool((binds | reads) & from_data)
            from_data = from_data | binds if own else from_data - binds
            touched |= own
        depends.append(touched)
    for cell, names, touched in reversed(list(zip(cells, statements, depends, strict=True))):
        if touched or any(binds & wanted for binds, _ in names):
            kept.append(cell)
            wanted |= set().union(*(reads for _, reads in names))
    return kept[::-1]


def run_chapter(path: Path) -> str:
    """Run the code cells of the chapter at ``path``; return what they printed. Raises :class:`Stopped`."""
    from tools.execute import first_line

    names: dict[str, Any] = {"__name__": "__main__"}
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    course = [cell for cell in cells if not LEFT_OUT & set(cell.metadata.get("tags", []))]
    printed = io.StringIO()
    for cell in that_depend_on_the_data(course):
        number = 1 + next(i for i, other in enumerate(cells) if other is cell)
        try:
            with contextlib.redirect_stdout(printed):
                run_cell(cell.source, names)
        except BaseException as error:
            raise Stopped(number, first_line(cell), error) from error
    return printed.getvalue()


def main(file: str, *chapters: str) -> None:
    os.environ.update(COMPANION_QUIET="1", DATASET=str(Path(file).resolve()))
    os.chdir(ROOT / "chapters")
    for name in chapters:
        fits: list[int] = []
        report: dict[str, Any] = {"chapter": name}
        began = time.monotonic()
        with short_trainings(fits):
            try:
                report["printed"] = run_chapter(Path(f"{name}.ipynb"))
            except Stopped as stopped:
                report |= stopped.report
        report |= {"fits": fits, "seconds": round(time.monotonic() - began, 1)}
        print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
