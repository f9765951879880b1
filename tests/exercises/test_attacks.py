"""Protects grading against submissions that do their worst: no verdict is forged, and no row is lost.

Every attack is a notebook of chapter 05. It hands in one right answer, attacks, and hands in two wrong ones. They are
graded together, two at a time; what the attack achieved is read off the table.
"""

import csv
import json
from pathlib import Path

import pytest

from companion.__main__ import main
from companion.exercises import of_chapter

pytestmark = pytest.mark.slow

NAME = "05_latent_space.ipynb"
NAMES = [exercise.name for exercise in of_chapter("05")]
RIGHT, ARC, SHELL, GRID, OPEN = NAMES[0], "arc_between", "shell_of_the_prior", "values_of_a_grid", NAMES[-1]
SECONDS = 60.0
SLEEPS = "77123"  # seconds, by which the test recognises what an attack left behind

START = "import os, sys, json, subprocess\nimport numpy as np\nfrom companion import exercises"
HAND_IN = f"exercises.{RIGHT}.check(8)"
WRONG = (
    f"exercises.{ARC}.check(lambda a, b, t: [(1 - s) * a + s * b for s in t])",
    f"exercises.{GRID}.check(lambda n: np.linspace(-3, 3, n))",
)
FORGED = {"attempts": 1, "passed": True, "stopped": False, "remark": "", "checks": 1}
STATES = {"states": dict.fromkeys(NAMES, FORGED), "trouble": "", "signs": [], "secret": ""}
PASSED = {"check": ARC, "passed": True, "verdict": "passed", "attempts": 1}
TO_ALL = "for fd in range(3, 256):\n    try: os.write(fd, {!r})\n    except OSError: pass"
LINE = json.dumps(STATES).encode() + b"\n"
# To the pipes alone: among the judge's descriptors are files that it reads, such as modules of Python, and opening one
# of them for writing would overwrite it.
TO_JUDGE = f"""
import stat
for fd in range(256):
    path = f"/proc/{{os.getppid()}}/fd/{{fd}}"
    try:
        if stat.S_ISFIFO(os.stat(path).st_mode):
            os.write(os.open(path, os.O_WRONLY | os.O_NONBLOCK), {LINE!r})
    except OSError: pass
"""
SEND = f"send = exercises.{ARC}._judge._send\n"
DYNAMIC = "for name in exercises.names(): setattr(getattr(exercises, name), 'pas' + 'sed', True)"
IN_FRAMES = """
def my_values(n):
    frame = sys._getframe()
    while frame is not None:
        for found in frame.f_globals.get("EXERCISES", ()):
            if found.name == "values_of_a_grid": raise RuntimeError("found it")
        frame = frame.f_back
    return np.linspace(-3, 3, n)
exercises.values_of_a_grid.check(my_values)
"""
HUNDRED = f"for _ in range(100): subprocess.Popen(['sleep', '{SLEEPS}'], start_new_session=True)"
TREE = f"subprocess.run(['sh', '-c', 'setsid sh -c \"sleep {SLEEPS} & sleep {SLEEPS}\" &'])"
SPEAKER = """
import threading
threading.Thread(target=lambda: [print("x" * 10**6) for _ in range(10**6)], daemon=True).start()
"""
OBJECT = """
class Sly:
    def __repr__(self): raise SystemExit
    __array__ = __len__ = __bool__ = __eq__ = __repr__
"""

# What each cell does; the results that the wrong answers, ARC and GRID, must have; words of the latter's remark.
ENDS, GOES_ON = ("not reached", "not reached"), ("failed", "failed")
ATTACKS = {
    "leaves": ("os._exit(0)", ENDS, "ended with code 0"),
    "kills_itself": ("os.kill(os.getpid(), 9)", ENDS, "ended with code -9"),
    "crashes": ("import ctypes\nctypes.string_at(0)", ENDS, "ended with code -11"),
    "exits": ("exit()", GOES_ON, ""),
    "kills_its_judge": ("os.kill(os.getppid(), 9)", ENDS, "tampering: the judge was ended"),
    "forks": ("os.fork()", GOES_ON, "uses os.fork"),
    "hundred_children": (HUNDRED, GOES_ON, ""),
    "children_of_children": (TREE, GOES_ON, ""),
    "every_descriptor": (TO_ALL.format(b"x\n"), ENDS, "tampering: something else than answers"),
    "closes_descriptors": ("os.closerange(3, 256)", ENDS, "uses os.closerange"),
    "forges_states": (TO_ALL.format(LINE), ENDS, "tampering: an answer came"),
    "forges_a_verdict": (SEND + f"send({PASSED!r})", ENDS, "tampering: an answer came in a form"),
    "forges_for_the_judge": (TO_JUDGE, ENDS, "tampering: somebody else answered"),
    "forges_the_end": (SEND + "send({'end': True})", ("not tried", "not tried"), ""),
    "another_shape": (SEND + "send([1])", ENDS, "tampering: something else than answers"),
    "array_that_lies": (
        SEND + f"send({{'check': '{ARC}', 'answer': ['array', 'float64', [10**12], []]}})",
        ENDS,
        "tampering: an answer came in a form",
    ),
    "deep_lists": (SEND + "os.write(5, b'[' * 10**6)\nsend({})", ENDS, "tampering"),
    "sets_passed": (f"exercises.{ARC}.passed = True", GOES_ON, "sets .passed"),
    "sets_passed_unseen": (DYNAMIC, GOES_ON, "the notebook sets .passed"),
    "replaces_the_judge": (
        "from companion.exercises.exercise import Exercise\nExercise.judge = print",
        GOES_ON,
        "imports companion.exercises.exercise",
    ),
    "patches_the_comparison": (
        "import companion.exercises.values as v\nv.close = lambda *given: True",
        GOES_ON,
        "imports companion.exercises.values",
    ),
    "patches_json": ("json.dumps = lambda *given: 'passed'", ENDS, "tampering: something else"),
    "imports_solutions": (
        f"from companion.solutions.chapter_05 import {ARC}\nexercises.{ARC}.check({ARC})",
        GOES_ON,
        "imports companion.solutions",
    ),
    "reads_solutions": (
        f"import companion\npath = companion.__path__[0] + '/solu' + 'tions/chapter_05.py'\n"
        f"exec(open(path).read())\nexercises.{ARC}.check({ARC})",
        GOES_ON,
        "opens the package's checks or solutions",
    ),
    "imports_the_checks": (
        "sys.modules.pop('companion.exercises')\nfrom companion.exercises import chapter_05\n"
        f"right = [case.expected for case in chapter_05.{ARC}.cases()]\nexercises.{ARC}.check(lambda *_: right.pop(0))",
        GOES_ON,
        "uses sys.modules",
    ),
    "asks_for_what_is_expected": (
        f"right = [case.expected for case in exercises.{ARC}.cases()]\nexercises.{ARC}.check(lambda *_: right.pop(0))",
        GOES_ON,
        "",
    ),
    "looks_into_frames": (IN_FRAMES, GOES_ON, "uses sys._getframe"),
    "guesses": (
        f"for i in range(2000): exercises.{SHELL}.check(lambda r, d: np.array([(d - 1) / r - r, i / 100]))",
        GOES_ON,
        "",
    ),
    "gigabyte_of_output": ("for _ in range(1000): print('x' * 10**6)", GOES_ON, ""),
    "output_from_a_thread": (SPEAKER, GOES_ON, ""),
    "no_output": ("sys.stdout = None\nsys.stderr.close()", GOES_ON, ""),
    "reads_input": ("input()\nsys.stdin.buffer.read()", GOES_ON, ""),
    "huge_answer": (f"exercises.{ARC}.check(np.zeros(3 * 10**6))", ENDS, "took more than 8 MB"),
    "huge_text": (f"exercises.{ARC}.check('x' * 10**8)", GOES_ON, ""),
    "hostile_object": (OBJECT + f"exercises.{ARC}.check(Sly())", GOES_ON, ""),
    "hostile_value": (OBJECT + f"exercises.{SHELL}.check(lambda r, d: Sly())", GOES_ON, ""),
    "check_in_a_check": (f"exercises.{SHELL}.check(lambda r, d: exercises.{SHELL}.check(8))", GOES_ON, ""),
    "no_text": (f"raise ValueError('\\ud800\\0\\n=1+1') # exercises.{SHELL}.check(8)", GOES_ON, ""),
    "formula": (
        f"exercises.{SHELL}.check(lambda r, d: exec('raise type(\"=cmd\", (Exception,), {{}})'))",
        GOES_ON,
        "",
    ),
    "deep_code": ("x = " + "-" * 20_000 + "1", GOES_ON, ""),
    "removes_its_folder": (
        "import shutil\nhere = os.getcwd()\nshutil.rmtree(here)\nos.symlink('/proc/self', here)",
        GOES_ON,
        "",
    ),
    "ignores_signals": (
        "import signal\nsignal.signal(15, signal.SIG_IGN)\nsignal.signal(1, signal.SIG_IGN)",
        GOES_ON,
        "",
    ),
}
BYTES = {
    "empty": (b"", "it is empty"),
    "blank": (b"  \n", "it is not JSON"),
    "latin_1": (b'{"cells": "\xe9"}', "not text in UTF-8"),
    "utf_16": ('{"cells": []}'.encode("utf-16"), "not text in UTF-8"),
    "nested": (b"[" * 10**6, "it is not JSON"),
    "list": (b"[1, 2]", "not a notebook"),
    "no_cells": (b'{"nbformat": 4}', "no list of cells"),
    "cells_of_text": (b'{"cells": [1]}', "no type or no text"),
    "cell_without_text": (b'{"cells": [{"cell_type": "code", "source": [1]}]}', "no type or no text"),
    "program": (b"\x7fELF\x00\x00", "not JSON"),
}


def code(text):
    return {"cell_type": "code", "source": text}


def notebook(*texts, **settings):
    cells = [{"cell_type": "markdown", "source": "## Exercises"}, *map(code, texts)]
    return json.dumps({"nbformat": 4, "metadata": {}, "cells": cells, **settings}).encode()


def hand_in(folder, learner, content):
    (folder / learner).mkdir()
    path = folder / learner / NAME
    path.write_bytes(content)
    return str(path)


def rows_by_learner(out):
    with open(out, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return {
        row["learner"]: {each["exercise"]: each for each in rows if each["learner"] == row["learner"]}
        for row in rows
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    paths = [
        hand_in(folder, name, notebook(START, HAND_IN, attack, *WRONG))
        for name, (attack, *_) in ATTACKS.items()
    ]
    paths += [hand_in(folder, name, content) for name, (content, _) in BYTES.items()]
    out = folder / "grades.csv"
    command = ["grade", *paths, "--table", str(out), "--seconds", str(SECONDS), "--jobs", "2"]
    assert main(command) == 0
    return rows_by_learner(out)


def test_every_attacker_has_every_row(table):
    assert len(ATTACKS) >= 20
    for name in ATTACKS:
        assert list(table[name]) == NAMES, name


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_passes_nothing_and_ends_nobody_else(table, name):
    _, (arc, grid), words = ATTACKS[name]
    rows = table[name]
    lost = name in (
        "kills_its_judge",
        "forges_for_the_judge",
    )  # what was judged before is lost with the judge
    assert rows[RIGHT]["result"] == ("not reached" if lost else "passed")
    assert [rows[ARC]["result"], rows[GRID]["result"]] == [arc, grid], rows
    assert rows[SHELL]["result"] != "passed" and rows[OPEN]["result"] in ("not tried", "not reached")
    assert words in rows[GRID]["remark"], rows


def test_remarks_are_one_line_of_plain_text(table):
    for rows in table.values():
        for row in rows.values():
            assert all(text.isprintable() for text in row.values())
            assert not any(text[:1] in ("=", "+", "-", "@") for text in row.values())
            assert len(row["remark"]) < 1500


def test_answers_that_are_guessed_are_counted(table):
    assert "2000 checks, of which the first 10 count" in table["guesses"][SHELL]["remark"]


def test_nothing_that_a_notebook_started_is_left(table):
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [each.parent.name] if SLEEPS.encode() in each.read_bytes().split(b"\0") else []
        except OSError:
            continue
    assert not found


@pytest.mark.parametrize("name", BYTES)
def test_a_file_that_is_no_notebook_is_a_row_with_a_reason(table, name):
    (row,) = table[name].values()
    assert row["result"] == "unreadable" and BYTES[name][1] in row["remark"]
