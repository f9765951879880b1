"""Protects notebooks that carry the package: each is its chapter with one cell in front, small enough to hand on, and
that cell holds a package that works, with this chapter's explorers and without solutions where the edition has none.
"""

import io
import lzma
import os
import subprocess
import sys
import zipfile
from base64 import b64decode
from fnmatch import fnmatch
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from companion.exercises import notebook as submitted
from companion.explorers import recorded_names
from companion.explorers.choices import CHOICES
from tools import first_cell, portable
from tools.repository import Repository, configured
from tools.wheel import build_wheel

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = ROOT / "chapters" / "05_latent_space.ipynb"
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
HERE = Repository("https://github.com/owner/name")
LOADS = """
from companion.errors import BadInput
from companion.explorers.control_still import read_still
from companion.explorers.recording import read
print(len(read("latent_plane").weights) > 0, len(read_still("latent_dim")[1]) > 0)
try:
    read("beta")
except BadInput:
    print("no other")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("portable") / "dist", ROOT)


@pytest.fixture(scope="module")
def made(wheel):
    return portable.portable(CHAPTER, wheel, None)


def unpacked(notebook) -> zipfile.ZipFile:
    """The package that a notebook carries, read without running its cell."""
    text = notebook.cells[0].source.split('"""')[1]
    return zipfile.ZipFile(io.BytesIO(lzma.decompress(b64decode(text))))


@pytest.mark.slow
def test_its_first_cell_is_folded_and_writes_the_wheel_that_the_chapter_looks_for(
    made, tmp_path, monkeypatch
):
    cell, own = made.cells[0], first_cell.first_cell(nbformat.read(CHAPTER, as_version=4), CHAPTER.stem)
    assert cell.metadata.cellView == "form" and cell.metadata.jupyter.source_hidden
    assert cell.source.startswith("# @title") and max(map(len, cell.source.splitlines())) <= portable.LINE
    monkeypatch.chdir(tmp_path)
    exec(cell.source, {})
    assert list(tmp_path.iterdir()) == [], "the package is there already"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exec(cell.source, {})
    (written,) = tmp_path.iterdir()
    (pattern,) = {word for word in own.source.split('"') if word.endswith(".whl")}
    assert fnmatch(written.name, pattern)
    assert zipfile.ZipFile(written).testzip() is None


@pytest.mark.slow
def test_the_package_works_and_has_the_explorers_of_this_chapter_alone(made, tmp_path):
    package = unpacked(made)
    package.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOADS],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines() == ["True True", "no other"], done.stderr
    names = package.namelist()
    assert not [name for name in names if name.endswith("keras.npz")], "only tests read them"
    assert "companion/recorded/pixel-means/outcome.json" in names


def test_pip_is_told_of_the_files_that_are_there_and_of_no_others(made):
    package = unpacked(made)
    (record,) = [name for name in package.namelist() if name.endswith("RECORD")]
    listed = [line.split(",")[0] for line in package.read(record).decode().splitlines()]
    assert sorted(listed) == sorted(package.namelist())


def test_explorers_and_training_controls_are_found_where_chapters_show_them():
    shown = set()
    for path in CHAPTERS:
        shown |= portable.explorers_of(nbformat.read(path, as_version=4))
    assert set(recorded_names()) | set(CHOICES) <= shown
    both = new_code_cell('explorers.training_control(\n    "beta")\nexplorers.elbo(mu=1.0)')
    assert portable.explorers_of(new_notebook(cells=[both])) >= {"beta", "elbo"}


def test_links_lead_to_the_repository_or_nowhere():
    text = "See [Chapter 04](04_objectives.ipynb#the-bound), [the $[0, 1]$ page](../book/notation.md), [it](https://a.b/c.md)."
    assert portable.repointed(text, HERE) == (
        "See [Chapter 04](https://colab.research.google.com/github/owner/name/blob/main/chapters/04_objectives.ipynb"
        "#the-bound), [the $[0, 1]$ page](https://github.com/owner/name/blob/main/book/notation.md), [it](https://a.b/c.md)."
    )
    assert portable.repointed(text, None) == "See Chapter 04, the $[0, 1]$ page, [it](https://a.b/c.md)."
    elsewhere = Repository("https://gitlab.com/group/name", "student")
    assert "(https://gitlab.com/group/name/blob/student/chapters/04" in portable.repointed(text, elsewhere)


def test_what_follows_is_the_chapter(made):
    chapter = nbformat.read(CHAPTER, as_version=4)
    assert portable.differences(made, chapter) == []
    assert [cell.source for cell in made.cells[1:] if cell.cell_type == "code"] == [
        cell.source for cell in chapter.cells if cell.cell_type == "code"
    ]
    assert not any("](../book" in cell.source for cell in made.cells)


def test_what_comes_back_can_be_graded(made, tmp_path):
    nbformat.write(made, tmp_path / CHAPTER.name)
    cells = submitted.cells_of(tmp_path / CHAPTER.name)
    imports, *exercises = submitted.sources(cells, whole=False)
    assert "from companion.networks import" in imports and len(imports) < 5000
    assert len(exercises) > 5
    assert submitted.exercises_of(tmp_path / CHAPTER.name, cells)


def small(*more) -> nbformat.NotebookNode:
    cells = [new_markdown_cell("See [04](04_a.ipynb).", id="a"), new_code_cell("1", id="b"), *more]
    return new_notebook(cells=cells)


@pytest.mark.parametrize(
    "change, said",
    [
        (lambda cells: cells[1].update(source="See 05."), "the source of cell 1 differs"),
        (
            lambda cells: cells[1].update(source="See [04](04_a.ipynb)."),
            "cell 1 links to a page that does not",
        ),
        (lambda cells: cells[2].update(source="2"), "the source of cell 2 differs"),
        (
            lambda cells: cells[2].update(outputs=[new_output("stream", text="2")]),
            "the outputs of cell 2 differs",
        ),
        (lambda cells: cells[2].metadata.update(tags=["x"]), "the metadata of cell 2 differs"),
        (lambda cells: cells.pop(), "it has 1 cells of the chapter's 2"),
        (lambda cells: cells[0].update(id="c"), "its first cell does not carry the package"),
    ],
)
def test_any_other_cell_is_told(change, said):
    chapter, notebook = small(), small()
    notebook.cells[0].source = "See 04."
    notebook.cells.insert(0, new_code_cell("packed", id=portable.PACKAGE_CELL))
    assert portable.differences(notebook, chapter) == []
    notebook.cells[0].source = "See [04](https://a.b/04_a.ipynb)."
    change(notebook.cells)
    assert said in "; ".join(portable.differences(notebook, chapter))


def test_stored_pictures_do_not_count_and_too_large_a_notebook_is_refused(wheel, tmp_path, monkeypatch):
    html = f'<img src="data:image/png;base64,{"B" * 5000}">'
    outputs = [new_output("display_data", {"image/png": "A" * 5000, "text/html": html})]
    bare, drawn = small(new_code_cell("2", id="c")), small(new_code_cell("2", id="c", outputs=outputs))
    grown = portable.size_without_pictures(drawn) - portable.size_without_pictures(bare)
    assert 0 < grown < 500
    nbformat.write(bare, tmp_path / "01_a.ipynb")
    monkeypatch.setattr(portable, "LARGEST", 1000)
    with pytest.raises(
        portable.TooLarge, match=r"01_a: [\d,]+ bytes without its pictures; it may have 1,000"
    ):
        portable.portable(tmp_path / "01_a.ipynb", wheel, None)


@pytest.mark.slow
def test_every_chapter_of_a_student_s_edition_is_written_without_solutions(tmp_path, capsys):
    (tmp_path / "99_gone.ipynb").write_text("of a chapter that was taken out")
    assert portable.main(["--edition", "student", "--out", str(tmp_path)]) == 0, capsys.readouterr().err
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name for path in CHAPTERS]
    for chapter in CHAPTERS:
        notebook = nbformat.read(tmp_path / chapter.name, as_version=4)
        nbformat.validate(notebook)
        told = portable.differences(notebook, nbformat.read(chapter, as_version=4))
        # In a published copy the chapter's own first cell names the student's branch.
        assert told == [] or (configured(ROOT) and len(told) == 1 and "the source of cell 3" in told[0])
        assert portable.size_without_pictures(notebook) <= portable.LARGEST
        assert not [name for name in unpacked(notebook).namelist() if "solutions" in name], chapter.stem


def test_what_runs_is_the_command_of_the_makefile():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert '-m tools.portable $(if $(EDITION),--edition "$(EDITION)")' in recipe
