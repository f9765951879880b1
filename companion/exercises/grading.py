"""``python -m companion grade NOTEBOOK ...``: run the checks of submitted notebooks and write a table.

Every notebook runs in its own process, with a limit on time and one on memory. Whatever goes wrong with it becomes a
row of the table. The code is not sandboxed: grade only people you trust, or use a machine that you can afford to lose.
"""

import contextlib
import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from companion.errors import BadInput
from companion.exercises.registry import CHAPTERS, all_exercises, of_chapter
from companion.exercises.submission import CHECK, cells_of

COLUMNS = ("learner", "notebook", "chapter", "exercise", "kind", "result", "remark")
SECONDS, MEGABYTES = 600.0, 4096
GLANCE = 0.1
Row = dict[str, str]


def grade(
    notebooks: Sequence[str],
    out: str,
    *,
    seconds: float = SECONDS,
    megabytes: int = MEGABYTES,
    whole: bool = False,
) -> list[Row]:
    """Grade ``notebooks`` and write the table ``out``, a row for each learner and exercise; return the rows.

    Raises :class:`~companion.errors.BadInput` for limits that are not above 0 and a folder that does not exist.
    """
    if seconds <= 0 or megabytes <= 0:
        raise BadInput(
            f"seconds={seconds:g}, megabytes={megabytes:g}: expected limits above 0; pass for example seconds=600."
        )
    if not Path(out).absolute().parent.is_dir():
        raise BadInput(f"table={out!r}: expected a file in an existing folder; make the folder first.")
    rows = [row for path in map(Path, notebooks) for row in rows_of(path, seconds, megabytes, whole)]
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: as_cell(text) for name, text in row.items()} for row in rows)
    part = Path(f"{out}.part")
    part.write_text(table.getvalue(), encoding="utf-8")
    os.replace(part, out)
    return rows


def as_cell(text: str) -> str:
    """``text`` for a table, so that a spreadsheet does not read what a learner wrote as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def rows_of(path: Path, seconds: float, megabytes: int, whole: bool) -> Iterable[Row]:
    """The rows of one notebook."""
    learner = {"learner": learner_of(path), "notebook": path.name}
    try:
        cells = cells_of(path)
        chapters = chapters_of(path, cells)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        empty = dict.fromkeys(("chapter", "exercise", "kind"), "")
        yield {**learner, **empty, "result": "unreadable", "remark": said}
        return
    known, trouble = run_apart(path, seconds, megabytes, whole)
    for exercise in (each for chapter in chapters for each in of_chapter(chapter)):
        result, remark = result_of(known.get(exercise.name), trouble)
        where = {"chapter": exercise.chapter, "exercise": exercise.name, "kind": exercise.kind}
        yield {**learner, **where, "result": result, "remark": remark}


def learner_of(path: Path) -> str:
    """The name of the folder for ``ann/04_objectives.ipynb``, else that of the file without the chapter's."""
    number = "|".join(CHAPTERS)
    if re.match(rf"(?:{number})_", path.stem):
        return path.absolute().parent.name
    return re.sub(rf"[-_ ]*(?:{number})_\w+$", "", path.stem) or path.stem


def chapters_of(path: Path, cells: list[dict[str, Any]]) -> list[str]:
    """The chapters whose exercises the notebook checks; if it checks none, the chapter in its name."""
    names = {name for cell in cells for name in CHECK.findall(cell["source"])}
    found = {exercise.chapter for name, exercise in all_exercises().items() if name in names}
    number = re.search(r"(?:^|[-_ ])(\d\d)_", path.stem)
    if not found and number and number[1] in CHAPTERS:
        found = {number[1]}
    if not found:
        raise ValueError("it checks no exercise of the book, and its name contains no chapter")
    return sorted(found)


def result_of(known: dict[str, Any] | None, trouble: str) -> tuple[str, str]:
    """The result of one exercise in one or two words, and a remark."""
    if known is None or (trouble and not known["attempts"] and not known["stopped"]):
        return "not reached", trouble
    remark = " ".join(known["remark"].split())
    if known["passed"]:
        return "passed", ""
    if known["stopped"]:
        return "stopped", remark
    return ("failed", remark) if known["attempts"] else ("not tried", "")


def run_apart(path: Path, seconds: float, megabytes: int, whole: bool) -> tuple[dict[str, Any], str]:
    """The state of each exercise after the notebook has run, and what stopped it, if anything did."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "companion.exercises.submission", str(path.absolute()), str(result)]
        process = subprocess.Popen(
            command + (["--whole"] if whole else []),
            cwd=folder,
            env={**os.environ, "COMPANION_QUIET": "1", "MPLBACKEND": "agg", "PYTHONPATH": _import_path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            trouble = watch(process, seconds, megabytes)
        finally:
            _end(process)
        known = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
        return known, trouble


def watch(process: subprocess.Popen, seconds: float, megabytes: int) -> str:
    """Wait for ``process``; return what stopped it, in words, or "" if it ended by itself."""
    last = time.monotonic() + seconds
    while process.poll() is None:
        if time.monotonic() > last:
            return f"the notebook took longer than {seconds:g} s"
        if _megabytes_of(process.pid) > megabytes:
            return f"the notebook took more than {megabytes} MB of memory"
        time.sleep(GLANCE)
    return "" if process.returncode == 0 else f"the notebook's process ended with code {process.returncode}"


def _import_path() -> str:
    """The import path on which the notebook's process finds this package."""
    here = str(Path(__file__).resolve().parents[2])
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))


def _megabytes_of(pid: int) -> float:
    """The memory of a process and its children; 0 where it cannot be measured (psutil comes with Jupyter)."""
    try:
        import psutil  # type: ignore[import-untyped]

        own = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (own, *own.children(recursive=True))) / 1e6
    except Exception:  # no psutil, or the process ended meanwhile
        from companion.machine import peak_memory_mb

        return peak_memory_mb(pid) or 0.0


def _end(process: subprocess.Popen) -> None:
    """End ``process`` and, where the system has process groups, what it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        process.kill()
    process.wait()
