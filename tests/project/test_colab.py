"""Protects `make colab`: it is red when a chapter, its first cell or the installation is not what a learner needs."""

import os
import shutil
import subprocess
import sys
from datetime import date
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tools import first_cell
from tools.colab import __main__ as command
from tools.colab import environment, portables, runs
from tools.colab.runs import LearnerStopped, Outcome

ROOT = Path(__file__).resolve().parents[2]


def test_the_wheel_is_the_one_that_the_first_cell_looks_for(tmp_path):
    wheel = command.build_wheel(tmp_path / "dist", ROOT)
    (pattern,) = {word for word in first_cell.source(None, 1).split('"') if word.endswith(".whl")}
    assert fnmatch(wheel.name, pattern)
    names = ZipFile(wheel).namelist()
    assert "companion/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"companion", "vae_book_companion"}


RIGHT = [
    "UsageError: Upload the package: `make wheel` writes it into dist/.\n",
    "This chapter runs on: CPU\n",
]


@pytest.mark.parametrize(
    "said, fault",
    [
        (RIGHT, None),
        (["ModuleNotFoundError: No module named 'companion'", RIGHT[1]], "without a wheel the first cell"),
        ([f"{RIGHT[0]}{runs.TRACEBACK}", RIGHT[1]], "without a wheel the first cell"),
        ([RIGHT[0], RIGHT[0]], "the first cell did not install vae_book_companion-0.1.0-py3-none-any.whl"),
    ],
)
def test_a_learner_without_the_package_is_told_what_to_do(tmp_path, monkeypatch, said, fault):
    wheel = tmp_path / "vae_book_companion-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"")
    chapter = next((ROOT / "chapters").glob("01_*.ipynb"))
    beside = []

    def run_alone(cell, folder, interpreter):
        beside.append([path.name for path in folder.iterdir()])
        return said[len(beside) - 1]

    monkeypatch.setattr(runs, "run_alone", run_alone)
    arguments = (chapter, wheel, Path("python"), tmp_path / "upload", False)
    if fault:
        with pytest.raises(LearnerStopped, match=fault):
            runs.install_as_a_learner_does(*arguments)
    else:
        runs.install_as_a_learner_does(*arguments)
        assert beside == [[], [wheel.name]]


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A book of four chapters, whose environment is the one that runs the tests."""
    chapters = {
        "01_good": "import os\nprint(sorted(os.listdir()), [k for k in os.environ if k.startswith('COMPANION')])",
        "02_bad": "a = 1\n\nraise KeyError('b')",
        "03_talks": "import sys\nprint('Traceback (most recent call last):', file=sys.stderr)",
        "04_dies": "import os\nos._exit(1)",
    }
    (tmp_path / "chapters").mkdir()
    (tmp_path / "tests").mkdir()
    shutil.copy(environment.newest_pins(ROOT), tmp_path / "tests")
    (tmp_path / "_config.yml").write_text('repository: {url: ""}\n')
    for name, code in chapters.items():
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), tmp_path / "chapters" / f"{name}.ipynb")
    (tmp_path / "chapters" / "ruff.toml").write_text("")
    monkeypatch.setattr(command, "prepare", lambda *_: Path(sys.executable))
    monkeypatch.setattr(command, "build_wheel", lambda folder, root: folder / "a.whl")
    monkeypatch.setattr(command, "install_as_a_learner_does", lambda *_: None)
    monkeypatch.setattr(command, "check_portables", lambda *_: [])
    monkeypatch.setattr(environment, "faults_of_installation", lambda *_, also: [])
    return tmp_path


@pytest.mark.slow
def test_each_chapter_runs_alone_and_a_failing_cell_is_named(book, capsys, monkeypatch):
    monkeypatch.setenv("COMPANION_QUIET", "1")
    assert command.main([], root=book) == 1
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line for line in lines[lines.index("") + 2 :]}
    assert rows["01_good"].split()[1] == "passed"
    assert rows["02_bad"].split()[1] == "failed" and "code cell 1 `a = 1`: KeyError: 'b'" in rows["02_bad"]
    assert "it printed a traceback" in rows["03_talks"]
    assert "the kernel died" in rows["04_dies"]
    assert lines[-1].startswith("colab: 1 of 4 chapters ran to their end")

    executed = book / "_build" / "colab" / "executed"
    said = nbformat.read(executed / "01_good.ipynb", as_version=4).cells[0].outputs[0].text
    assert said == "['01_good.ipynb', '02_bad.ipynb', '03_talks.ipynb', '04_dies.ipynb'] []\n"
    assert os.environ["COMPANION_QUIET"] == "1"


@pytest.mark.slow
def test_one_chapter_can_be_run_alone(book, capsys):
    assert command.main(["--chapter", "01_good.ipynb"], root=book) == 0
    assert "colab: 1 of 1 chapters ran to their end" in capsys.readouterr().out
    assert command.main(["--chapter", "09_none"], root=book) == 2
    assert capsys.readouterr().err.startswith(
        "--chapter 09_none: no such chapter; there are: 01_good, 02_bad"
    )


def test_a_chapter_whose_turn_comes_too_late_is_named_and_not_run(book, capsys, monkeypatch):
    """On a clock of its own, on which each chapter takes twenty seconds; it is a day that begins with chapter 03."""
    clock = [100.0]

    def run_chapter(path, *_):
        clock[0] += 20
        return Outcome(path.stem, 20.0)

    monkeypatch.setattr(runs, "run_chapter", run_chapter)
    monkeypatch.setattr(runs.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(command, "turned", lambda chapters, day: [*chapters[2:], *chapters[:2]])
    assert command.main(["--workers", "1", "--begin-within", "40"], root=book) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith("colab: 2 of 2 chapters ran to their end")
    assert lines[-1].startswith("Not run for want of time: 01_good, 02_bad.")
    assert command.main(["--workers", "1", "--begin-within", "0"], root=book) == 0
    assert "colab: 1 of 1 chapters ran to their end" in capsys.readouterr().out


def test_two_others_come_first_each_day_and_all_have_come_soon():
    chapters = [Path(f"{number:02}") for number in range(17)]
    days = [runs.turned(chapters, date(2026, 11, day)) for day in range(1, 10)]
    assert {path for day in days for path in day[: runs.RUN_EACH_DAY]} == set(chapters)
    assert all(sorted(day) == chapters for day in days)
    assert runs.turned(chapters[:1], date(2026, 11, 1)) == chapters[:1]


def test_an_installation_that_changes_something_stops_before_any_chapter(book, capsys, monkeypatch):
    monkeypatch.setattr(environment, "faults_of_installation", lambda *_, also: ["numpy was 1 and is 2"])
    assert command.main([], root=book) == 1
    told = capsys.readouterr()
    assert told.err == "colab: numpy was 1 and is 2\n"
    assert "passed" not in told.out


@pytest.mark.slow
def test_a_portable_notebook_that_failed_is_in_the_table_and_turns_it_red(book, capsys, monkeypatch):
    carried = [Outcome("01_good, portable", fault="the source of cell 2 differs from the chapter's")]
    monkeypatch.setattr(command, "check_portables", lambda *_: carried)
    assert command.main(["--chapter", "01_good"], root=book) == 1
    assert "01_good, portable" in capsys.readouterr().out


@pytest.mark.parametrize(
    "installs, fault", [(True, ""), (False, "the package that it carries was not installed")]
)
def test_a_portable_notebook_runs_alone_and_leaves_the_environment_as_it_was(
    tmp_path, monkeypatch, installs, fault
):
    held, gone = {"numpy": "2"}, []

    def run_chapter(path, interpreter, executed, timeout):
        assert [each.name for each in path.parent.iterdir()] == ["01_a.ipynb"]
        held.update({"selfies": "1"} | ({environment.PACKAGE: "0.1"} if installs else {}))
        return Outcome(path.stem)

    monkeypatch.setattr(portables, "run_chapter", run_chapter)
    monkeypatch.setattr(portables, "installed", lambda _: dict(held))
    monkeypatch.setattr(portables, "uninstall", lambda _, names: gone.extend(names))
    (tmp_path / "01_a.ipynb").write_text("")
    outcome = portables.run_alone(tmp_path / "01_a.ipynb", Path("python"), tmp_path / "work", 1)
    assert (outcome.name, outcome.fault) == ("01_a, portable", fault)
    assert gone == (["selfies", environment.PACKAGE] if installs else ["selfies"])


def test_a_notebook_beside_the_chapters_has_no_portable_one(tmp_path, monkeypatch, capsys):
    chapters, beside = (
        [tmp_path / "chapters" / f"0{number}_a.ipynb" for number in (1, 2, 3)],
        tmp_path / "b.ipynb",
    )
    ran = []
    monkeypatch.setattr(
        portables.portable, "write", lambda root, folder, wheel: [folder / p.name for p in chapters]
    )
    monkeypatch.setattr(portables, "compare", lambda made, chapter: Outcome(chapter.stem))
    monkeypatch.setattr(portables, "run_alone", lambda made, *_: ran.append(made.stem) or Outcome(made.stem))
    places = (tmp_path / "a.whl", Path("python"), tmp_path / "work", 1, tmp_path)
    assert len(portables.check_portables([beside, *chapters], *places)) == len(ran) == runs.RUN_EACH_DAY
    assert "3 portable notebooks compared" in capsys.readouterr().out
    assert portables.check_portables([beside], *places) == []
    assert portables.check_portables(chapters, *places, begin_until=0.0) == []


def test_the_table_shows_what_is_known():
    header, good, bad = runs.table(
        [Outcome("01_a", 61.26, 1178), Outcome("02_b", 3.0, None, "code cell 2 `x`: E")]
    ).splitlines()
    assert header.split() == ["Chapter", "Result", "Seconds", "Peak,", "MB"]
    assert good.split() == ["01_a", "passed", "61.3", "1178"]
    assert bad.split(maxsplit=4) == ["02_b", "failed", "3.0", "-", "code cell 2 `x`: E"]


@pytest.mark.slow
def test_what_ran_is_the_command_of_the_makefile():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "-m tools.colab --workers $(WORKERS)" in recipe
    done = subprocess.run(
        [sys.executable, "-m", "tools.colab", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "--workers" in done.stdout
