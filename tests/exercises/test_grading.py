"""Protects grading: a row for each learner and exercise, whatever a notebook does, each in a process of its own.

The notebooks are of chapter 05, whose checks need no Keras.
"""

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.__main__ import main
from companion.exercises import grading, of_chapter
from companion.exercises.grading import MEGABYTES, SECONDS, grade
from companion.exercises.notebook import learner_of
from companion.exercises.progress_file import ProgressFile

pytestmark = pytest.mark.slow

NAME = "05_latent_space.ipynb"
NAMES = [exercise.name for exercise in of_chapter("05")]
START = "import numpy as np\nfrom companion import exercises"
CHECK = "exercises.length_of_a_midpoint.check"
RIGHT = "squared_length = 8\nexercises.length_of_a_midpoint.check(squared_length)"
WRONG = "exercises.arc_between.check(lambda a, b, t: [(1 - s) * a + s * b for s in t])"


def notebook(*sources):
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        code("import math\nraise SystemExit('training')"),
    ]
    return json.dumps(
        {"cells": [*cells, {"cell_type": "markdown", "source": "## Exercises"}, *map(code, sources)]}
    )


def code(source):
    return {"cell_type": "code", "source": source.splitlines(keepends=True)}


HANDED_IN = {
    "ann": notebook(
        START, "%matplotlib inline\n!ls", RIGHT, WRONG, "1 / 0", "exercises.values_of_a_grid.check(no_such)"
    ),
    "ben": notebook(START, RIGHT, "exit()", WRONG.replace("(1 - s) * a", "math.cos(s) * a")),
    "eve": '{"cells": [',
    "fay": "[1, 2]",
    "gus": notebook("print('only this')"),
}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("handed_in")
    paths = []
    for learner, text in HANDED_IN.items():
        (folder / learner).mkdir()
        paths.append(folder / learner / NAME)
        paths[-1].write_text(text, encoding="utf-8")
    paths.append(folder / "zoe" / NAME)
    out = folder / "grades.csv"
    assert main(["grade", *map(str, paths), "--table", str(out)]) == 0
    with out.open(encoding="utf-8", newline="") as lines:
        return {(row["learner"], row["exercise"]): row for row in csv.DictReader(lines)}


def test_every_exercise_is_a_row_of_its_learner(table):
    assert [name for learner, name in table if learner == "ann"] == NAMES
    results = {name: table["ann", name]["result"] for name in NAMES}
    assert list(results.values()) == ["passed", "failed", "not tried", "stopped", "not tried"]
    assert "straight line" in table["ann", "arc_between"]["remark"]
    assert "NameError" in table["ann", "values_of_a_grid"]["remark"]


def test_a_cell_that_leaves_does_not_end_the_notebook(table):
    assert table["ben", "length_of_a_midpoint"]["result"] == "passed"
    assert table["ben", "arc_between"]["result"] == "failed"


def test_imports_of_the_chapter_are_there_and_its_trainings_are_not(table):
    assert "NameError" not in table["ben", "arc_between"]["remark"], "`math` was imported before the section"


@pytest.mark.parametrize("learner", ["eve", "fay", "zoe"])
def test_a_broken_notebook_is_a_row(table, learner):
    assert table[learner, ""]["result"] == "unreadable" and table[learner, ""]["remark"]


def test_a_notebook_without_answers_has_the_rows_of_its_name(table):
    assert {table["gus", name]["result"] for name in NAMES} == {"not tried"}


def test_limits_of_time_and_memory(tmp_path):
    loop, hog = tmp_path / "ian" / NAME, tmp_path / "kim" / NAME
    for path, cell in ((loop, "while True: pass"), (hog, "hoard = np.ones(2 * 10**8)\nwhile True: pass")):
        path.parent.mkdir()
        path.write_text(notebook(START, cell, RIGHT), encoding="utf-8")
    (row, *_) = grade([str(loop)], str(tmp_path / "a.csv"), seconds=3)
    assert row["result"] == "not reached" and "longer than 3 s" in row["remark"]
    (row, *_) = grade([str(hog)], str(tmp_path / "b.csv"), seconds=300, megabytes=700)
    assert row["result"] == "not reached" and "more than 700 MB" in row["remark"]


def test_learners_are_told_apart(tmp_path):
    assert learner_of(tmp_path / "ann" / NAME) == "ann"
    assert learner_of(tmp_path / "ann_05_latent_space.ipynb") == "ann"
    assert learner_of(tmp_path / "ann.ipynb") == "ann"


def test_nothing_is_written_for_a_limit_that_is_none(tmp_path, capsys):
    assert main(["grade", "x.ipynb", "--table", str(tmp_path / "t.csv"), "--seconds", "0"]) == 2
    assert "expected limits above 0" in capsys.readouterr().err
    assert main(["grade", "x.ipynb", "--table", str(tmp_path / "no" / "t.csv")]) == 2
    assert not list(tmp_path.iterdir())


def test_a_name_from_before_the_section_is_explained(tmp_path):
    cells = [
        code("shift = 3\ndef twice(x): return 2 * x"),
        {"cell_type": "markdown", "source": "# Exercises"},
    ]
    cells += [
        code(START),
        code(f"{CHECK}(5 + shift)"),
        code("exercises.arc_between.check(lambda *_: twice(0))"),
    ]
    path = tmp_path / NAME
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    rows = {row["exercise"]: row for row in grade([str(path)], str(tmp_path / "a.csv"))}
    assert "sets shift; grade with --whole" in rows["length_of_a_midpoint"]["remark"]
    assert "sets twice; grade with --whole" in rows["arc_between"]["remark"]
    rows = {row["exercise"]: row for row in grade([str(path)], str(tmp_path / "a.csv"), whole=True)}
    assert rows["length_of_a_midpoint"]["result"] == "passed" and rows["arc_between"]["result"] == "failed"
    assert "NameError" not in rows["arc_between"]["remark"]


FORMATS = {
    "format 3": {
        "nbformat": 3,
        "worksheets": [{"cells": [{"cell_type": "code", "input": [START, "\n", RIGHT]}]}],
    },
    "format 4": {"nbformat": 4, "cells": [{"cell_type": "code", "source": [START, "\n", RIGHT]}]},
    "format 5": {"nbformat": 5, "cells": [{"cell_type": "code", "id": "a", "source": f"{START}\n{RIGHT}"}]},
}


def test_formats_of_notebooks(tmp_path):
    paths = []
    for name, content in FORMATS.items():
        paths.append(tmp_path / name / NAME)
        paths[-1].parent.mkdir()
        paths[-1].write_text(json.dumps(content), encoding="utf-8-sig")
    rows = grade([str(path) for path in paths], str(tmp_path / "a.csv"))
    passed = [row["learner"] for row in rows if row["result"] == "passed"]
    assert passed == list(FORMATS)


def test_files_that_are_no_notebooks_are_not_opened(tmp_path):
    """A link could show a file of the instructor's, a pipe never ends, and 100 MB would fill the memory."""
    paths = [tmp_path / learner / NAME for learner in ("link", "pipe", "folder", "large", "zero")]
    for path in paths:
        path.parent.mkdir()
    link, pipe, folder, large, zero = paths
    (tmp_path / "ann.ipynb").write_text(notebook(START, RIGHT))
    link.symlink_to(tmp_path / "ann.ipynb")
    os.mkfifo(pipe)
    folder.mkdir()
    with large.open("wb") as file:
        file.truncate(100 * 10**6)
    zero.symlink_to("/dev/zero")
    rows = grade([str(path) for path in paths], str(tmp_path / "a.csv"))
    assert {row["result"] for row in rows} == {"unreadable"} and len(rows) == 5
    remarks = {row["learner"]: row["remark"] for row in rows}
    assert "link" in remarks["link"] and "link" in remarks["zero"] and "not a file" in remarks["pipe"]
    assert "cannot be opened" in remarks["folder"] or "not a file" in remarks["folder"]
    assert "100 MB, expected at most 50 MB" in remarks["large"]


def test_another_chapter_s_check_hides_no_row(tmp_path):
    path = tmp_path / NAME
    path.write_text(notebook(START, "exercises.nats_of_a_mean.check(1)"), encoding="utf-8")
    rows = grade([str(path)], str(tmp_path / "a.csv"))
    assert {row["exercise"] for row in rows} >= {"nats_of_a_mean", *NAMES}


def test_a_number_is_not_found_by_guessing(tmp_path):
    (path,) = handed_in(tmp_path, 1, f"for i in range(100): {CHECK}(i / 4)")
    row = grade([path], str(tmp_path / "a.csv"))[0]
    assert row["result"] == "failed" and "100 checks, of which the first 10 count" in row["remark"]


def handed_in(folder, count, *sources):
    paths = [folder / f"learner{i}_{NAME}" for i in range(count)]
    for path in paths:
        path.write_text(notebook(START, *sources), encoding="utf-8")
    return list(map(str, paths))


def done(progress):
    lines = progress.read_text(encoding="utf-8").splitlines() if progress.exists() else []
    return [line for line in lines if '"rows"' in line]


def test_grading_goes_on_after_it_was_killed(tmp_path):
    out, progress = tmp_path / "a.csv", tmp_path / "a.csv.progress"
    paths = handed_in(tmp_path, 4, RIGHT, WRONG)
    command = [sys.executable, "-m", "companion", "grade", *paths, "--table", str(out), "--jobs", "1"]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.getcwd()})
    while len(done(progress)) < 2 and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    process.wait()
    kept = done(progress)
    assert len(kept) >= 2 and not out.exists()
    with progress.open("a", encoding="utf-8") as file:
        file.write('\n{"key": "cut sho')
    marked = kept[0].replace("straight line", "kept from before")
    progress.write_text(progress.read_text(encoding="utf-8").replace(kept[0], marked), encoding="utf-8")
    rows = grade(paths, str(out))
    assert len(rows) == 4 * len(NAMES) and not progress.exists()
    assert sum("kept from before" in row["remark"] for row in rows) == 1, "what was done is not done again"
    assert [row["result"] for row in rows if row["exercise"] == "length_of_a_midpoint"] == ["passed"] * 4


def test_a_notebook_that_ended_grading_twice_is_not_run_again(tmp_path):
    paths = handed_in(tmp_path, 2, RIGHT)
    for _ in range(2):
        ProgressFile(tmp_path / "a.csv.progress", f"{SECONDS:g} {MEGABYTES} False").begin(Path(paths[1]))
    rows = grade(paths, str(tmp_path / "a.csv"))
    assert [row["result"] for row in rows if row["exercise"] == "length_of_a_midpoint"] == [
        "passed",
        "not reached",
    ]
    assert "ended twice while this notebook ran" in rows[-1]["remark"]


def test_an_interrupt_suspects_nobody_and_names_what_to_do(tmp_path):
    progress = tmp_path / "a.csv.progress"
    paths = handed_in(tmp_path, 3, "import time\ntime.sleep(600)")
    command = [
        sys.executable,
        "-m",
        "companion",
        "grade",
        *paths,
        "--table",
        str(tmp_path / "a.csv"),
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": os.getcwd()}, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and (not progress.exists() or progress.read_text().count('"begun": 1') < 2):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "the same call goes on" in said and "Traceback" not in said
    known = ProgressFile(progress, f"{SECONDS:g} {MEGABYTES} False")
    assert [known.times_begun(Path(path)) for path in paths] == [0, 0, 0]


def test_a_judge_that_a_notebook_stops_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "SECONDS_OF_A_JUDGE", 1.0)
    sly, ann = tmp_path / "sly" / NAME, tmp_path / "ann" / NAME
    for path, cell in ((sly, "import os, signal\nos.kill(os.getppid(), signal.SIGSTOP)"), (ann, "pass")):
        path.parent.mkdir()
        path.write_text(notebook(START, cell, RIGHT), encoding="utf-8")
    rows = grade([str(sly), str(ann)], str(tmp_path / "a.csv"), seconds=15)
    results = [(row["learner"], row["result"]) for row in rows if row["exercise"] == "length_of_a_midpoint"]
    assert results == [("sly", "not reached"), ("ann", "passed")]
    assert "tampering: the judge was ended" in rows[0]["remark"]


def test_grading_adds_less_than_two_fifths_of_a_start_of_keras(tmp_path):
    """In CPU time of all processes: this one, the judge with its libraries, and one per notebook.

    A start takes 5 to 9 s on the machines seen; two fifths of the shorter one are 2 s per notebook.
    """

    def used():
        own, others = os.times(), resource.getrusage(resource.RUSAGE_CHILDREN)
        return own.user + own.system + others.ru_utime + others.ru_stime

    def start_of_keras():
        before = used()
        subprocess.run([sys.executable, "-c", "import keras"], check=True)
        return used() - before

    paths = handed_in(
        tmp_path, 6, RIGHT, WRONG, "exercises.values_of_a_grid.check(lambda n: np.linspace(-3, 3, n))"
    )
    starts = [start_of_keras()]
    before = used()
    rows = grade(paths, str(tmp_path / "a.csv"), jobs=2)
    each = (used() - before) / len(paths)
    starts.append(start_of_keras())
    assert [row["result"] for row in rows].count("failed") == 2 * len(paths)
    print(f"{each:.2f} s of CPU time per notebook; {starts[0]:.2f} and {starts[1]:.2f} s to start Keras")
    assert each < 0.4 * sum(starts) / 2


def test_solutions_pass_where_a_measure_or_a_function_stays_with_the_learner(tmp_path):
    solutions = pytest.importorskip("companion.solutions", reason="a student's copy has no solutions")
    on_tensorflow = os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow"
    chapters = ("03", "05", "07", "08", "09", "10") if on_tensorflow else ("03", "05")
    paths = []
    for chapter in chapters:
        text = (Path(solutions.__path__[0]) / f"chapter_{chapter}.py").read_text(encoding="utf-8")
        checks = [
            f"exercises.{each.name}.check({each.name}{'()' * (each.kind in ('compute', 'open'))})"
            for each in of_chapter(chapter)
        ]
        paths.append(tmp_path / f"ann_{chapter}_solved.ipynb")
        paths[-1].write_text(notebook(START, text, *checks), encoding="utf-8")
    rows = grade([str(path) for path in paths], str(tmp_path / "a.csv"))
    assert len(rows) == sum(len(of_chapter(chapter)) for chapter in chapters)
    assert [row for row in rows if row["result"] != "passed" or row["remark"]] == []
