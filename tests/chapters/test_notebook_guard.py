"""Protects the notebook guard: what may differ passes, and everything else turns a run red and says why.

One fixture notebook holds a cell for each case; a pytest of its own runs it once, together with a sound one.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion import evidence
from companion.experiments.claims import Interval
from tests.chapters.notebook_guard import (
    ATOL,
    RTOL,
    differences,
    guarded_figures,
    predictions_of,
    text_differences,
)

ROOT = Path(__file__).resolve().parents[2]
GUARD = ["-p", "tests.chapters.notebook_guard", "--nbval", "--nbval-current-env", "--nbval-cell-timeout=20"]
TWO_WORKERS = ["-n", "2", "--dist", "loadfile"]

SETUP = '''
import os, sys, warnings
from IPython.display import display
from companion.listing import show_source
import toy

class Figure:
    """Draws one transparent pixel."""
    PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": self.PIXEL, "text/plain": "A curve that ends at 1.23."}
'''
ALT = "A curve that ends at 1.23."


def printed(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def shown(**data: str):
    return new_output(
        "display_data", data={kind.replace("_", "/"): content for kind, content in data.items()}
    )


def stored_error():
    return new_output("error", ename="ValueError", evalue="no", traceback=["ValueError: no"])


def listing(constant: str):
    source = f"# toy.py\ndef half(x):\n    return {constant} * x"
    return shown(text_markdown=f"```python\n{source}\n```", text_plain=source)


LEFT_ALONE = "left alone"


@dataclass
class Case:
    """A cell: its code, what it stores, and the words of the failure; None where it has to pass."""

    name: str
    code: str
    stored: list = field(default_factory=list)
    red: str | None = None
    tags: tuple[str, ...] = ()
    executed: bool = True
    sound_elsewhere: bool = True


CASES = [
    Case("setup", SETUP),
    Case("number 1 % off", "print('loss 101.0 nats')", [printed("loss 100.0 nats\n")]),
    Case(
        "number 20 % off",
        "print('loss 120.0 nats')",
        [printed("loss 100.0 nats\n")],
        "they are 20.00% apart and 2.00%",
    ),
    Case("8 % off with a tag", "print('loss 108.0')", [printed("loss 100.0\n")], tags=("rtol=0.1",)),
    Case(
        "30 % off with a tag",
        "print('loss 130.0')",
        [printed("loss 100.0\n")],
        "30.00% apart and 10.00%",
        ("rtol=0.1",),
    ),
    Case("tag without a number", "print(1)", [printed("1\n")], "names no tolerance", ("rtol=much",)),
    Case(
        "whole number",
        "print('epoch 101 of 200')",
        [printed("epoch 100 of 200\n")],
        "stored 100, now 101; whole numbers",
    ),
    Case(
        "text", "print('nats per pixel 1.5')", [printed("nats per image 1.5\n")], "now `nats per pixel 1.5`"
    ),
    Case("figure agrees", "display(Figure())", [shown(image_png="AAAA", text_plain=ALT)]),
    Case("figure not stored", "display(Figure())", [shown(text_plain=ALT)], "figure: none stored, 1 now"),
    Case(
        "figure not drawn",
        f"print({ALT!r})",
        [printed(ALT + "\n"), shown(image_png="AAAA")],
        "1 stored, none now",
    ),
    Case(
        "figure stored empty",
        "display(Figure())",
        [shown(image_png="", text_plain=ALT)],
        "figure: none stored, 1 now",
    ),
    Case(
        "one figure of two",
        "display(Figure())",
        [shown(image_png="AA", text_plain=ALT)] * 2,
        "figure: 2 stored, 1 now",
    ),
    Case("never executed", "unexecuted = 5\nprint(unexecuted)", [], "it was never executed", executed=False),
    Case("never executed, output", "print(5)", [printed("5\n")], "it was never executed", executed=False),
    Case("never executed still runs", "print(unexecuted)", [printed("5\n")], sound_elsewhere=False),
    Case("executes silently", "quiet = 1", []),
    Case("listing agrees", "show_source(toy.half)", [listing("0.5")]),
    Case(
        "listing changed",
        "show_source(toy.half)",
        [listing("0.505")],
        "stored as `return 0.505 * x` and is now `return 0.5 * x`",
    ),
    Case("error stored and mended", "mended = 1", [stored_error()], "an error is stored, ValueError: no"),
    Case("error stored and raised", "raise ValueError('no')", [stored_error()], "it raised ValueError: no"),
    Case("error now", "raise ValueError('no')", [], "it raised ValueError: no"),
    Case("error as promised", "raise ValueError('no')", [stored_error()], tags=("raises-exception",)),
    Case(
        "promised error gone",
        "mended = 2",
        [stored_error()],
        "error: 1 stored, none now",
        ("raises-exception",),
    ),
    Case(
        "another error",
        "raise TypeError('no')",
        [stored_error()],
        "now `TypeError: no`",
        ("raises-exception",),
    ),
    Case("output emptied", "print('12 images')", [], "printed text: none stored, 1 now (now: `12 images`)"),
    Case(
        "prints no more",
        "silent = 1",
        [printed("12 images\n")],
        "printed text: 1 stored, none now (stored: `12 images`)",
    ),
    Case("printed in pieces", "print('a 1')\nprint('b 2')", [printed("a 1\n"), printed("b 2\n")]),
    Case(
        "result gone",
        "12.5;  # silenced",
        [new_output("execute_result", data={"text/plain": "12.5"})],
        "text/plain: 1 stored, none now",
    ),
    Case("stderr", "warnings.warn('hot')", []),
    Case("stderr stored", "pass", [printed("W0000 a log line\n", "stderr")]),
    Case(
        "times and addresses",
        "print('5s 22ms/step', object())",
        [printed("41s 7ms/step <object object at 0x7f3b2c0d1e2f>\n")],
    ),
    Case(LEFT_ALONE, "raise SystemError", [], tags=("skip-execution", "nbval-skip")),
    Case("left alone by nbval only", "print(1)", [], "needs both tags", ("nbval-skip",)),
    Case("left alone by others only", "print(1)", [], "needs both tags", ("skip-execution",)),
    Case(
        "left alone with output",
        "1 / 0",
        [printed("8\n")],
        "nothing can check",
        ("skip-execution", "nbval-skip"),
    ),
    Case("left alone by a comment", "# NBVAL_SKIP\nprint(1)", [], "needs both tags"),
    Case(
        "output ignored",
        "print(1)",
        [printed("2\n")],
        "only a cell tagged explorer",
        ("nbval-ignore-output",),
    ),
    Case(
        "output ignored by a comment",
        "# NBVAL_IGNORE_OUTPUT\nprint(1)",
        [printed("2\n")],
        "only a cell tagged explorer",
    ),
    Case("explorer", "print(1)", [printed("2\n")], tags=("nbval-ignore-output", "explorer")),
    Case("an empty cell", "", [], executed=False),
    Case(
        "environment",
        "print(os.environ['DATASET'], os.environ['COMPANION_QUIET'])",
        [printed("digits 1\n")],
    ),
    Case("interpreter", f"print(sys.executable == {sys.executable!r})", [printed("True\n")]),
]


SOUND = [case for case in CASES if case.red is None and case.sound_elsewhere]


def notebook_of(cases: list[Case]):
    cells = [new_markdown_cell("# Cases")]
    for count, case in enumerate(cases, start=1):
        cell = new_code_cell(case.code, outputs=case.stored, execution_count=count if case.executed else None)
        cell.metadata["tags"] = list(case.tags)
        cells.append(cell)
    return new_notebook(cells=cells)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """What pytest made of the fixture notebooks: the finished run, and (state, message) of each test."""
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "toy.py").write_text('def half(x):\n    """Doc."""\n    return 0.5 * x\n')
    nbformat.write(notebook_of(CASES), folder / "cases.ipynb")
    nbformat.write(notebook_of(SOUND), folder / "sound.ipynb")
    return run_guard(folder, TWO_WORKERS)


def run_guard(folder: Path, options: list[str]):
    report = folder / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        *GUARD,
        *options,
        f"--junitxml={report}",
        f"--rootdir={folder}",  # else it depends on where the project lies
        "-p",
        "no:cacheprovider",
        folder,
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = clean | {"PYTHONPATH": str(ROOT), "DATASET": "mnist"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    tests = {}
    for test in ElementTree.parse(report).iter("testcase"):
        states = {part.tag: (part.text or "") for part in test if part.tag in ("failure", "error", "skipped")}
        state, message = next(iter(states.items()), ("passed", ""))
        tests[test.get("classname").split(".")[-2], test.get("name")] = state, message
    return run, tests


@pytest.mark.slow
@pytest.mark.parametrize("number, case", list(enumerate(CASES, start=1)), ids=[case.name for case in CASES])
def test_each_case_is_judged_and_named(outcome, number, case):
    _, tests = outcome
    state, message = tests["cases", f"cell {number}"]
    if case.red is None:
        assert state == ("skipped" if case.name == LEFT_ALONE else "passed"), message
        return
    assert state == "failure"
    first_line = message.splitlines()[0]
    lines = case.code.splitlines()
    line_of_code = next((line for line in lines if not line.startswith("#")), lines[0])
    assert first_line.startswith(f"cases.ipynb, code cell {number} `{line_of_code}`: ")
    assert case.red in first_line


@pytest.mark.slow
def test_the_sound_notebook_is_green_and_the_run_is_red(outcome):
    run, tests = outcome
    sound = [state for (notebook, _), (state, _) in tests.items() if notebook == "sound"]
    assert sound.count("passed") == len(SOUND) - 1 and sound.count("skipped") == 1
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    red = sum(case.red is not None for case in CASES)
    assert f"{red} failed, " in run.stdout.splitlines()[-1]


def test_every_rule_has_a_case_on_both_sides():
    assert len({case.name for case in CASES}) == len(CASES)
    assert any(case.red for case in CASES) and any(case.red is None for case in CASES)


SAME = [
    ("0.1234", "0.1240"),
    ("93.2 %", "93.9 %"),
    ("-1.50", "\u22121.51"),
    ("1,500.5 images", "1,501.5 images"),
    ("1,999.8 images", "2,000.2 images"),
    ("1e-05", "1.01e-05"),
    ("0.00", "-0.00"),
    ("1e-9", "-3e-8"),
    ("nan inf", "nan inf"),
    ("[ 99.9  5.1]", "[100.1   5.1]"),
    ("|  99.9 nats|", "| 100.1 nats|"),
    ("took 3.1 s, 12 ms/step", "took 41 s, 7 ms/step"),
    ("1,200 images/s", "980 images/s"),
    ("<a object at 0x7f0012345678>", "<a object at 0x55aa12345678>"),
]
DIFFERENT = [
    ("0.1234", "0.1480", "apart"),
    ("1.5", "-1.5", "apart"),
    ("0.0", "0.1", "infinitely far apart"),
    ("1,500", "1,501", "whole numbers"),
    ("(28, 28, 1)", "(28, 28, 2)", "whole numbers"),
    ("The count is 100.", "The count is 101.", "whole numbers"),
    ("100", "100.5", "only one is a whole number"),
    ("3", "3.0", "only one is a whole number"),
    ("nan", "1.5", "stored as `nan` and is now `1.5`"),
    ("inf", "-inf", "stored as `inf`"),
    ("1.5 %", "1.5", "stored as `1.5 %`"),
    ("float32", "float64", "stored as `float32`"),
    ("version 2.21.0", "version 2.22.0", "stored as"),
    ("28x28", "28x32", "stored as"),
    ("1.5 2.5", "1.5", "stored as"),
    ("a 1.5", "a 1.5\nb 2.5", "gained `b 2.5`"),
    ("a 1.5\nb 2.5", "a 1.5", "lost `b 2.5`"),
    ("4 nats", "5 nats", "whole numbers"),
    ("4 samples", "5 samples", "whole numbers"),
]


@pytest.mark.parametrize("stored, fresh", SAME)
def test_texts_that_count_as_the_same(stored, fresh):
    assert text_differences(stored, fresh, RTOL) == []


@pytest.mark.parametrize("stored, fresh, words", DIFFERENT)
def test_texts_that_differ_are_told_apart_in_words(stored, fresh, words):
    found = text_differences(stored, fresh, RTOL)
    assert len(found) == 1 and words in found[0]


def test_the_tolerance_is_two_per_cent_of_the_stored_number():
    assert (RTOL, ATOL) == (0.02, 1e-6)
    assert text_differences("100.0", "102.0", RTOL) == [] and text_differences("100.0", "98.0", RTOL) == []
    assert text_differences("100.0", "102.1", RTOL) and text_differences("100.0", "97.9", RTOL)


def test_every_number_out_of_place_is_told():
    stored, fresh = [printed("elbo 100.0\nkl 5.0, n 7")], [printed("elbo 150.0\nkl 6.0, n 8")]
    assert len(differences(stored, fresh)) == 3
    assert "in the line `kl 6.0, n 8`" in differences(stored, fresh)[1]


def test_other_kinds_of_output_agree_exactly():
    old, new = ([new_output("display_data", data={"application/json": {"a": n}})] for n in (1.0, 1.001))
    assert differences(old, old) == [] and "must agree exactly" in differences(old, new)[0]


def figure_output(words: str) -> list[dict]:
    return [{"output_type": "display_data", "data": {"image/png": "aWs=", "text/plain": words}}]


def test_numbers_that_describe_a_figure_count_only_where_the_cell_asks():
    stored, moved = (
        figure_output("Codes from -3.1 to 3.8, 72% in place."),
        figure_output("Codes from -3.6 to 3.9, 74% in place."),
    )
    assert differences(stored, moved) == []
    assert differences(stored, moved, 0.05)
    assert differences(stored, figure_output("Pixels from -3.1 to 3.8, 72% in place."))


# --- Figures that recorded seeds predict ----------------------------------------------------------------------------

NINETY = Interval(90.0, 88.0, 92.0, 5)


def test_a_predicted_figure_may_move_as_far_as_another_seed_would():
    def found(stored, fresh, *intervals):
        return differences([printed(stored)], [printed(fresh)], predicted=intervals)

    # Three per cent apart, which the tolerance of the book would not allow.
    assert found("epoch 30, nll 89.0", "epoch 30, nll 91.7", NINETY) == []
    assert found("epoch 30, nll 89.0", "epoch 31, nll 91.7", NINETY) != []
    (outside,) = found("nll 89.0", "nll 92.4", NINETY)
    assert "now 92.4, which lies outside [88, 92], where the recorded seeds predict another one" in outside
    (outside,) = found("nll 87.0", "nll 89.0", NINETY)
    assert outside.startswith("printed text: stored 87.0")
    # The first tag speaks of the first number; what no tag speaks of keeps the tolerance of the book.
    assert found("nll 89.0, kl 24.0", "nll 91.7, kl 24.1", NINETY) == []
    assert len(found("nll 89.0, kl 24.0", "nll 91.7, kl 29.0", NINETY)) == 1
    assert found("nll 89.0, kl 24.0", "nll 91.7, kl 29.0", NINETY, Interval(26.0, 20.0, 32.0, 5)) == []
    assert "1 of its evidence tags have no decimal number" in found("nll 89.0", "nll 91.7", NINETY, NINETY)[0]


def cell(*tags: str) -> dict:
    return {"metadata": {"tags": list(tags)}}


def test_a_tag_names_a_recorded_figure():
    tag = "evidence=mnist-plane:plane"
    with pytest.raises(ValueError, match="names no figure; write for example evidence=ladder:top_down:nll"):
        predictions_of(cell(tag), 10)
    with pytest.raises(ValueError, match="'evidence=nothing:plane:kl': experiment 'nothing' is not declared"):
        predictions_of(cell("evidence=nothing:plane:kl"), 10)
    assert predictions_of(cell("rtol=0.1"), 10) == []


def test_the_more_figures_are_guarded_the_wider_their_intervals(monkeypatch):
    asked = []
    monkeypatch.setattr(
        evidence, "expected", lambda *names, guarded: asked.append((*names, guarded)) or NINETY
    )
    assert predictions_of(cell("explorer", "evidence=a:b:c", "evidence=a:b:d"), 40) == [NINETY, NINETY]
    assert asked == [("a", "b", "c", 40), ("a", "b", "d", 40)]


def test_all_chapters_are_counted(tmp_path):
    for name, tags in (("one", ["evidence=a:b:c", "evidence=a:b:d"]), ("two", ["rtol=0.1"]), ("three", [])):
        notebook = new_notebook(cells=[new_code_cell("1", metadata={"tags": tags})])
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    assert guarded_figures(tmp_path) == 2
