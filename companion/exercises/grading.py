"""``python -m companion grade NOTEBOOK ...``: judge submitted notebooks and write a table.

Three kinds of process share the work. This one reads the files and writes the table. Judges, ``jobs`` of them, reach
the verdicts. Each notebook runs in a process of its own, from which only data travels to its judge. So whatever a
notebook does, its learner has a row for each exercise; if it ends even its judge, another one takes over.

No verdict depends on a learner's process, and yet it is not locked in: see the page for instructors.
"""

import csv
import io
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from companion.errors import BadInput
from companion.exercises.channel import GLANCE, Ended
from companion.exercises.judging import CHECKS_THAT_COUNT
from companion.exercises.notebook import (
    Unreadable,
    cells_of,
    exercises_of,
    learner_of,
    names_left_out,
    sources,
)
from companion.exercises.processes import Apart, end_marked
from companion.exercises.progress_file import ProgressFile
from companion.exercises.registry import all_exercises
from companion.exercises.tampering import signs_in

COLUMNS = ("learner", "notebook", "chapter", "exercise", "kind", "result", "remark")
SECONDS, MEGABYTES = 600.0, 4096
# What a judge may need beyond a notebook's own time: libraries to import, waits on a busy machine.
SECONDS_OF_A_JUDGE = 300.0
LONGEST_REMARK = 400
LONGEST_RESULT = 64 * 10**6
TAMPERING = "tampering"
Row = dict[str, str]


def grade(
    notebooks: Sequence[str],
    out: str,
    *,
    seconds: float = SECONDS,
    megabytes: int = MEGABYTES,
    whole: bool = False,
    jobs: int = 1,
) -> list[Row]:
    """Grade ``notebooks``, ``jobs`` at a time, and write the table ``out``, a row for each learner and exercise.

    Returns the rows. What is done is kept in a file beside ``out`` until the table is there, so that the same call goes
    on after any stop. Raises :class:`~companion.errors.BadInput` for limits that are not above 0 and a folder that does
    not exist.
    """
    if seconds <= 0 or megabytes <= 0:
        raise BadInput(
            f"seconds={seconds:g}, megabytes={megabytes:g}: expected limits above 0; pass for example seconds=600."
        )
    if jobs < 1:
        raise BadInput(f"jobs={jobs}: expected a whole number of at least 1; pass for example jobs=2.")
    if not Path(out).absolute().parent.is_dir():
        raise BadInput(f"table={out!r}: expected a file in an existing folder; make the folder first.")
    all_exercises()  # read before threads could read them half
    progress = ProgressFile(Path(f"{out}.progress"), f"{seconds:g} {megabytes} {whole}")
    graded = Grading(progress, seconds, megabytes, whole)
    paths = [Path(each) for each in dict.fromkeys(notebooks)]
    # Where grading was ended from outside, one of the notebooks that ran then may have done it: they run alone.
    suspects = [path for path in paths if progress.times_begun(path)]
    try:
        for path in suspects:
            graded.grade(path)
        rows = [row for found in graded.side_by_side(paths, jobs) for row in found]
    finally:
        graded.close()
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: as_cell(text) for name, text in row.items()} for row in rows)
    part = Path(f"{out}.part")
    part.write_text(table.getvalue(), encoding="utf-8")
    os.replace(part, out)
    progress.remove()
    return rows


def as_cell(text: str) -> str:
    """``text`` for a table: one line, signs that can be shown, and nothing that a spreadsheet takes for a formula."""
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown


class Grading:
    """The judges at work, one per thread, and what they have found."""

    def __init__(self, progress: ProgressFile, seconds: float, megabytes: float, whole: bool) -> None:
        self._progress, self._seconds, self._megabytes, self._whole = progress, seconds, megabytes, whole
        self._own, self._lock = threading.local(), threading.Lock()
        self._judges: list[Apart] = []
        self._closed = False

    def grade(self, path: Path) -> list[Row]:
        """The rows of one notebook: those that are known, or new ones."""
        known = self._progress.rows_of(path)
        if known is None:
            known = list(self._rows(path))
            self._progress.add(path, known)
        return known

    def side_by_side(self, paths: list[Path], jobs: int) -> list[list[Row]]:
        """The rows of each notebook, in the order of ``paths``."""
        with ThreadPoolExecutor(jobs) as pool:
            try:
                futures = [pool.submit(self.grade, path) for path in paths]
                left = set(futures)
                while left:
                    # Python notices an interrupt that comes just as a wait begins only once that wait is over.
                    done, left = wait(left, GLANCE, FIRST_COMPLETED)
                    for each in done:
                        each.result()
                return [each.result() for each in futures]
            except BaseException:  # an interrupt: notebooks that run now are ended, the others do not begin
                self.close()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def close(self) -> None:
        """End all judges."""
        with self._lock:
            self._closed = True
        for judge in self._judges:
            judge.end()

    def _rows(self, path: Path) -> Iterator[Row]:
        learner = {"learner": learner_of(path), "notebook": path.name}
        try:
            cells = cells_of(path)
            names = exercises_of(path, cells)
            texts, left_out = sources(cells, self._whole), names_left_out(cells, self._whole)
        except Exception as error:  # Unreadable, and whatever else a file may do to its reader
            said = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
            empty = dict.fromkeys(("chapter", "exercise", "kind"), "")
            yield {**learner, **empty, "result": "unreadable", "remark": said}
            return
        if self._progress.times_begun(path) > 1:
            found = nothing_known("tampering: grading was ended twice while this notebook ran")
        else:
            self._progress.begin(path)
            try:
                found = self._ask_judge(names, texts)
            except KeyboardInterrupt:  # the person who grades stopped it, so nobody else is suspected
                self._progress.give_back(path)
                raise
        signs = list(dict.fromkeys([*signs_in(texts), *found["signs"]]))
        for name in names:
            exercise = all_exercises()[name]
            result, remark = result_of(found["states"].get(name), found["trouble"])
            where = {"chapter": exercise.chapter, "exercise": name, "kind": exercise.kind}
            remark = in_full(remark, found["trouble"], signs, left_out)
            yield {**learner, **where, "result": result, "remark": remark}

    def _ask_judge(self, names: list[str], texts: list[str]) -> dict[str, Any]:
        secret, mark = secrets.token_hex(16), secrets.token_hex(16)
        judge = self._judge()
        judge.begin()
        limits = {"seconds": self._seconds, "megabytes": self._megabytes}
        judge.channel.send({"names": names, "texts": texts, "secret": secret, "mark": mark, **limits})
        try:
            found = judge.channel.receive()
            if found.get("secret") == secret:
                return found
            trouble = "tampering: somebody else answered in the place of the judge"
        except Ended as end:
            if self._closed:
                raise KeyboardInterrupt from None
            trouble = f"tampering: the judge was ended while this notebook ran ({end})"
        judge.end()
        end_marked(mark)
        self._own.judge = None
        return nothing_known(trouble)

    def _judge(self) -> Apart:
        """This thread's judge; a new one where there is none yet, or the last one was ended."""
        if getattr(self._own, "judge", None) is None:
            limit = self._seconds + SECONDS_OF_A_JUDGE
            with self._lock:  # none may be started once all are ended
                if self._closed:
                    raise KeyboardInterrupt
                self._own.judge = Apart("companion.exercises.judging", limit, float("inf"), LONGEST_RESULT)
                self._judges.append(self._own.judge)
        return self._own.judge


def nothing_known(trouble: str) -> dict[str, Any]:
    """What is found where no judge could say anything."""
    return {"states": {}, "trouble": trouble, "signs": []}


def result_of(known: dict[str, Any] | None, trouble: str) -> tuple[str, str]:
    """The result of one exercise in one or two words, and a remark."""
    if known is None or (trouble and not known["attempts"] and not known["stopped"]):
        return "not reached", trouble
    many = (
        f"{known['checks']} checks, of which the first {CHECKS_THAT_COUNT} count"
        if known["checks"] > CHECKS_THAT_COUNT
        else ""
    )
    if known["passed"]:
        return "passed", many
    remark = "; ".join(filter(None, [" ".join(known["remark"].split()), many]))
    if known["stopped"]:
        return "stopped", remark
    return ("failed", remark) if known["attempts"] else ("not tried", "")


def in_full(remark: str, trouble: str, signs: list[str], left_out: set[str]) -> str:
    """The remark, cut short, with what an instructor should know besides."""
    remark = remark if len(remark) <= LONGEST_REMARK else f"{remark[: LONGEST_REMARK - 4]} ..."
    parts = [remark]
    missing = re.search(r"NameError: name '(\w+)' is not defined", remark)
    if missing and missing[1] in left_out:
        # The section Exercises runs without the cells before it, such as trainings.
        parts.append(f"A cell before the section Exercises sets {missing[1]}; grade with --whole to run it.")
    if trouble.startswith(TAMPERING) and trouble not in remark:
        parts.append(trouble)
    if signs:
        parts.append(f"{TAMPERING}, or a reason to look: the notebook {'; '.join(signs)}"[:LONGEST_REMARK])
    return " | ".join(filter(None, parts))
