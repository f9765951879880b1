"""Protects `make execute`: a chapter is rewritten whole or not at all, less what varies, with alt texts."""

import os
import stat
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import execute

FIGURE = """
import os, sys, warnings
class Figure:
    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"image/png": "AAAA", "text/plain": "A curve that\\n  falls to 1.23."}
Figure()
"""
PRINTS = """
print("one", os.environ["DATASET"], os.environ["TF_CPP_MIN_LOG_LEVEL"], flush=True)
warnings.warn("hot")
sys.stderr.flush()
print("two")
"""


@pytest.fixture
def book(tmp_path) -> Path:
    """A book of two chapters: one that runs and one whose second cell of code fails."""
    figure = new_code_cell(FIGURE)
    figure.metadata["mystnb"] = {"figure": {"caption": "How it falls."}, "image": {"width": "600px"}}
    skipped = new_code_cell("1 / 0", metadata={"tags": ["skip-execution", "nbval-skip"]})
    good = new_notebook(cells=[new_markdown_cell("# Good"), figure, new_code_cell(PRINTS), skipped])
    good.metadata["widgets"] = {"state": {}}
    stale = new_output("stream", text="stale\n")
    bad = new_notebook(
        cells=[new_code_cell("a = 1", outputs=[stale]), new_code_cell("\nraise KeyError('b')")]
    )
    (tmp_path / "chapters").mkdir()
    nbformat.write(good, tmp_path / "chapters" / "01_good.ipynb")
    nbformat.write(bad, tmp_path / "chapters" / "02_bad.ipynb")
    return tmp_path


@pytest.mark.slow
def test_a_run_of_all_chapters_writes_the_good_one_and_names_the_bad_one(book, capsys, monkeypatch):
    monkeypatch.setenv("DATASET", "mnist")
    before = (book / "chapters" / "02_bad.ipynb").read_bytes()
    assert execute.main([], root=book) == 1

    told = capsys.readouterr()
    assert "01_good: running on digits" in told.out and "written to chapters/01_good.ipynb" in told.out
    assert told.err == "02_bad: code cell 2 `raise KeyError('b')`: KeyError: 'b'. Nothing was written.\n"
    assert (book / "chapters" / "02_bad.ipynb").read_bytes() == before
    assert sorted(path.name for path in (book / "chapters").iterdir()) == ["01_good.ipynb", "02_bad.ipynb"]
    assert os.environ["DATASET"] == "mnist"

    assert not (book / "results").exists(), "run times come from the tests alone"
    good = nbformat.read(book / "chapters" / "01_good.ipynb", as_version=4)
    _, figure, prints, skipped = good.cells
    assert figure.metadata == {
        "mystnb": {
            "figure": {"caption": "How it falls."},
            "image": {"width": "600px", "alt": "A curve that falls to 1.23."},
        }
    }
    assert [output.text for output in prints.outputs] == ["one digits 3\ntwo\n"]
    assert (figure.execution_count, prints.execution_count, skipped.execution_count) == (1, 2, None)
    assert (
        set(good.metadata) == {"kernelspec", "language_info"} and good.metadata.kernelspec.name == "python3"
    )
    assert "version" not in good.metadata.language_info
    assert stat.S_IMODE((book / "chapters" / "01_good.ipynb").stat().st_mode) & 0o444 == 0o444
    nbformat.validate(good)


@pytest.mark.slow
def test_another_data_set_leaves_the_committed_chapters_alone(book, capsys):
    own = book / "mine.npz"
    own.write_bytes(b"")
    before = (book / "chapters" / "01_good.ipynb").read_bytes()
    assert execute.main(["--chapter", "01_good.ipynb", "--dataset", os.path.relpath(own)], root=book) == 0
    assert (book / "chapters" / "01_good.ipynb").read_bytes() == before
    elsewhere = book / "_build" / "executed" / "mine"
    assert "written to _build/executed/mine/01_good.ipynb" in capsys.readouterr().out
    assert [path.name for path in elsewhere.iterdir()] == ["01_good.ipynb"]
    # The kernel runs in the chapters' folder and still finds the file that the caller named from elsewhere.
    printed = nbformat.read(elsewhere / "01_good.ipynb", as_version=4).cells[2].outputs[0].text
    assert printed.startswith(f"one {own} ")


@pytest.mark.slow
def test_an_endless_cell_and_a_dead_kernel_are_failures_too(book, capsys):
    for code, words in (
        ("while True: pass", "took longer than 1 s"),
        ("import os; os._exit(1)", "the kernel died"),
    ):
        nbformat.write(new_notebook(cells=[new_code_cell(code)]), book / "chapters" / "03_stuck.ipynb")
        assert execute.main(["--chapter", "03_stuck", "--timeout", "1"], root=book) == 1
        assert f"03_stuck: code cell 1 `{code}`: {words}" in capsys.readouterr().err


@pytest.mark.parametrize("chapters, there", [(["04_objectives"], "04_objectives"), ([], "none yet")])
def test_an_unknown_chapter_is_one_line_that_lists_the_chapters(tmp_path, capsys, chapters, there):
    (tmp_path / "chapters").mkdir()
    for name in chapters:
        (tmp_path / "chapters" / f"{name}.ipynb").write_text("{}")
    assert execute.main(["--chapter", "99_none"], root=tmp_path) == 2
    assert capsys.readouterr().err == f"--chapter 99_none: no such chapter; there are: {there}\n"


def test_a_folder_without_chapters_is_no_success(tmp_path, capsys):
    assert execute.main([], root=tmp_path) == 2
    assert "none yet" in capsys.readouterr().err


@pytest.mark.parametrize(
    "source, line",
    [("# why\n\nx = 1\ny = 2", "x = 1"), ("x = 1", "x = 1"), ("# only this", "# only this"), ("", "")],
)
def test_a_cell_is_known_by_its_first_line_of_code(source, line):
    assert execute.first_line(new_code_cell(source)) == line
