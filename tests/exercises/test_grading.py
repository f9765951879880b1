"""Protects grading: a row for each learner and exercise, whatever a notebook does, each in a process of its own.

The notebooks are of chapter 05, whose checks need no Keras.
"""

import csv
import json

import pytest

from companion.__main__ import main
from companion.exercises import of_chapter
from companion.exercises.grading import grade, learner_of

pytestmark = pytest.mark.slow

NAME = "05_latent_space.ipynb"
NAMES = [exercise.name for exercise in of_chapter("05")]
START = "import numpy as np\nfrom companion import exercises"
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
