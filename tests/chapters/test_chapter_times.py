"""Protects the run times: taken by the test run, of whole and sound chapters only, stored only when all passed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
NAP, ROOM_MB = 0.6, 300
GOOD = [f"import time; time.sleep({NAP})", f"room = bytearray({ROOM_MB} * 10**6)"]
BAD = ["import os", "raise KeyError('b')", "sep = os.sep"]


def write_chapter(folder: Path, name: str, cells: list[str]) -> None:
    executed = [new_code_cell(code, execution_count=number) for number, code in enumerate(cells, start=1)]
    (folder / "chapters").mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=executed), folder / "chapters" / f"{name}.ipynb")


def run_chapters(folder: Path, *options: str) -> str:
    guard = ("-p", "tests.chapters.notebook_guard", "--nbval", "--nbval-current-env")
    return run_tests(folder, *guard, *options, str(folder / "chapters"))


def run_tests(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={folder}", *options]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = clean | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    ).stdout


def made(folder: Path) -> dict:
    return json.loads((folder / "_build" / "run_times.json").read_text())


@pytest.fixture(scope="module")
def book_with_a_failure(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("book")
    write_chapter(folder, "01_good", GOOD)
    write_chapter(folder, "02_bad", BAD)
    (folder / "results").mkdir()
    (folder / "results" / "run_times.json").write_text("the last record")
    return folder, run_chapters(folder, "-n", "2", "--dist", "loadfile", "--record-times")


@pytest.mark.slow
def test_a_sound_chapter_is_timed_and_a_failed_one_is_marked(book_with_a_failure):
    record = made(book_with_a_failure[0])
    assert set(record["chapters"]) == {"01_good", "02_bad"}
    good = record["chapters"]["01_good"]
    assert NAP <= good["seconds"] <= record["tests"]["seconds"]
    assert ROOM_MB < good["peak_memory_mb"] < 2 * ROOM_MB
    assert record["chapters"]["02_bad"] == {"failed": True}


@pytest.mark.slow
def test_files_are_timed_whole_and_the_longest_is_begun_first(book_with_a_failure, tmp_path):
    record = made(book_with_a_failure[0])
    assert set(record["files"]) == {"chapters/01_good.ipynb", "chapters/02_bad.ipynb"}
    assert record["files"]["chapters/01_good.ipynb"] >= NAP

    for name in ("test_a", "test_b", "test_c"):
        (tmp_path / f"{name}.py").write_text("def test_one(): pass\ndef test_two(): pass\n")
    run_times = {"chapters": {}, "files": {"test_a.py": 1.0, "test_b.py": 50.0}}
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "run_times.json").write_text(json.dumps(run_times))
    told = run_tests(tmp_path, "-p", "tests.longest_first", "-v", "test_a.py", "test_b.py", "test_c.py")
    begun = re.findall(r"(test_\w)\.py::test_(\w+) PASSED", told)
    assert begun == [(name, each) for name in ("test_b", "test_c", "test_a") for each in ("one", "two")]


@pytest.mark.slow
def test_the_book_is_begun_at_once_and_beside_it_what_needs_none(tmp_path):
    """Two files of the book side by side would both wait for its build."""
    plain, of_the_book = "def test_one(): pass\n", "def test_one(book): pass\n"
    for name, text in {"a": plain, "b": of_the_book, "c": of_the_book, "d": plain, "e": plain}.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    (tmp_path / "conftest.py").write_text("import pytest\n@pytest.fixture\ndef book(): pass\n")
    (tmp_path / "results").mkdir()
    seconds = {"test_a.py": 50.0, "test_b.py": 40.0, "test_c.py": 30.0, "test_d.py": 20.0, "test_e.py": 10.0}
    (tmp_path / "results" / "run_times.json").write_text(json.dumps({"chapters": {}, "files": seconds}))
    told = run_tests(tmp_path, "-p", "tests.longest_first", "-v", *seconds)
    assert re.findall(r"test_(\w)\.py::test_one PASSED", told) == ["b", "a", "c", "d", "e"]


@pytest.mark.slow
def test_the_record_says_where_it_was_made_and_what_the_whole_run_took(book_with_a_failure):
    record = made(book_with_a_failure[0])
    assert {name: record["tests"][name] for name in ("passed", "failed", "skipped", "workers")} == {
        "passed": 4,
        "failed": 1,
        "skipped": 0,
        "workers": 2,
    }
    assert record["machine"]["cores"] >= 1 and record["machine"]["processor"]
    assert {"python", "keras", "tensorflow", "companion"} <= set(record["versions"])
    assert record["commit"] is None, "the fixture is no checkout"


@pytest.mark.slow
def test_a_run_with_a_failure_leaves_the_stored_record_alone(book_with_a_failure):
    folder, told = book_with_a_failure
    assert (folder / "results" / "run_times.json").read_text() == "the last record"
    assert "results/run_times.json was left as it was; without a time: 02_bad" in told


@pytest.mark.slow
def test_a_sound_run_is_stored_only_on_request_and_one_in_part_never(tmp_path):
    write_chapter(tmp_path, "01_good", GOOD)
    stored = tmp_path / "results" / "run_times.json"
    told = run_chapters(tmp_path, "--record-times", "--deselect", "chapters/01_good.ipynb::cell 2")
    assert "1 passed, 1 deselected" in told and "left as it was; without a time: 01_good" in told
    assert not stored.exists() and not (tmp_path / "_build").exists()
    run_chapters(tmp_path)
    assert not stored.exists() and list(made(tmp_path)["chapters"]) == ["01_good"]
    assert "run times of 1 chapters stored" in run_chapters(tmp_path, "--record-times")
    assert json.loads(stored.read_text()) == made(tmp_path)


def test_make_passes_the_wish_on_and_nothing_without_it():
    for wish, there in (("RECORD_TIMES=1", True), ("RECORD_TIMES=", False)):
        command = ["make", "--no-print-directory", "-n", "test", wish, "VENV=.venv"]
        recipe = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
        assert ("--record-times" in recipe) is there and "tests.chapters.notebook_guard" in recipe
