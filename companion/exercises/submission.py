"""Run one submitted notebook, in its own process: ``python -m companion.exercises.submission NOTEBOOK RESULT``.

It runs the imports of the chapter and every cell from its section Exercises on; with ``--whole`` all cells. A cell that
fails is noted, and the next one runs. After each cell the results so far are written to the file RESULT.
"""

import ast
import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from companion.exercises.faults import what_stopped
from companion.exercises.registry import all_exercises

CHECK = re.compile(r"exercises\.(\w+)\.check\(")
HEADING = re.compile(r"^#+ Exercises\b", re.MULTILINE)
# Lines that only IPython understands: magics, shell commands, questions for help.
NOT_PYTHON = re.compile(r"^[ \t]*(?:[%!?].*|.*\?)$", re.MULTILINE)
COMMENTED = "pass  # not run"


def cells_of(path: Path) -> list[dict[str, Any]]:
    """The cells of the notebook at ``path``, their sources as text. Raises ``ValueError`` if it is not a notebook."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("it is JSON, but not a notebook")
    return [{**cell, "source": "".join(cell["source"])} for cell in notebook["cells"]]


def begin_of_exercises(cells: list[dict[str, Any]]) -> int:
    """The position of the first cell of the section Exercises; the number of cells where there is none."""
    for position, cell in enumerate(cells):
        if cell["cell_type"] == "markdown" and HEADING.search(cell["source"]):
            return position
    return next((i for i, cell in enumerate(cells) if CHECK.search(cell["source"])), len(cells))


def sources(cells: list[dict[str, Any]], whole: bool) -> list[str]:
    """The code to run, one text per cell."""
    begin = 0 if whole else begin_of_exercises(cells)
    code = [(i, as_python(cell["source"])) for i, cell in enumerate(cells) if cell["cell_type"] == "code"]
    imports = "\n".join(imports_in(text) for i, text in code if i < begin)
    return [imports, *(text for i, text in code if i >= begin)]


def as_python(source: str) -> str:
    """``source`` without the lines that only IPython understands."""
    try:
        ast.parse(source)
    except SyntaxError:
        return NOT_PYTHON.sub(
            lambda found: found[0][: len(found[0]) - len(found[0].lstrip())] + COMMENTED, source
        )
    return source


def imports_in(source: str) -> str:
    """The imports on the outermost level of ``source``."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return ""
    return "\n".join(ast.unparse(each) for each in body if isinstance(each, ast.Import | ast.ImportFrom))


def run(texts: list[str], result: Path) -> None:
    """Run the texts one after another in one namespace, and update ``result`` after each."""
    names: dict[str, Any] = {"__name__": "__main__"}
    stopped: dict[str, str] = {}
    for text in texts:
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(text, "<submission>", "exec"), names)
        except BaseException as error:  # whatever a learner's cell raises, the next one runs
            reason = what_stopped(error)
            stopped.update(dict.fromkeys(CHECK.findall(text), reason))
        write(result, stopped)


def write(result: Path, stopped: dict[str, str]) -> None:
    """Write the state of every exercise, atomically."""
    known = {
        name: {
            "passed": exercise.passed,
            "attempts": exercise.attempts,
            "remark": stopped.get(name, exercise.last_answer),
            "stopped": name in stopped,
        }
        for name, exercise in all_exercises().items()
    }
    part = result.with_suffix(".part")
    part.write_text(json.dumps(known), encoding="utf-8")
    os.replace(part, result)


if __name__ == "__main__":
    run(sources(cells_of(Path(sys.argv[1])), "--whole" in sys.argv), Path(sys.argv[2]))
