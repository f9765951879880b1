"""Protects the editions: a student's tree holds no solution anywhere, an instructor's holds all of them, made from the
code that the tests run; one command says where the book is published."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from companion.exercises.registry import all_exercises
from tools import archive, edition, set_repository

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
HANDED_OUT = edition.squeezed(edition.stubs())


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    tree = tmp_path_factory.mktemp("student") / "tree"
    edition.write("student", tree)
    return tree


@pytest.fixture(scope="module")
def instructor(tmp_path_factory):
    tree = tmp_path_factory.mktemp("instructor") / "tree"
    edition.write("instructor", tree)
    return tree


@pytest.mark.slow
def test_a_student_s_tree_holds_no_solution(student):
    assert not edition.leaks(student, HANDED_OUT)
    assert not (student / "companion" / "solutions").exists()
    assert (student / "companion" / "exercises" / "chapter_04.py").is_file()


def test_every_solution_could_be_found(tmp_path):
    """The search is only worth something if each solution has a line by which it would be recognised."""
    (tmp_path / "page.md").write_text("nothing")
    assert not edition.leaks(tmp_path, HANDED_OUT)
    for exercise in all_exercises().values():
        assert edition.telling_lines(exercise, HANDED_OUT), exercise.name
    found = "\n".join(edition.leaks(ROOT / "companion" / "solutions", HANDED_OUT))
    assert all(name in found for name in all_exercises())


FORMS = {
    "page.md": "    largest = log_weights.max(axis=0)\n",
    "page.html": "<span>largest</span> <span>=</span> <span>log_weights</span>.max(axis<span>=</span>0)",
    "chapter.ipynb": '{"source": ["    largest = log_weights.max(axis=0)\\n"]}',
    "searchindex.js": 'x="\\n    largest = log_weights.max(axis=0)\\n"',
}


@pytest.mark.parametrize("name", FORMS)
def test_a_solution_is_found_in_any_form(tmp_path, name):
    (tmp_path / name).write_text(FORMS[name], encoding="utf-8")
    (found,) = edition.leaks(tmp_path, HANDED_OUT)
    assert found.startswith(f"{name}: iwae_bound")


def test_in_a_student_s_tree_the_instructor_keeps_the_solutions(student):
    program = (
        "from companion import exercises\n"
        "exercises.nearest_other.attempts = 1\n"
        "exercises.nearest_other.solution()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program],
        cwd=student,
        env={**os.environ, "PYTHONPATH": str(student)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "the instructor keeps the solutions" in ran.stdout


def test_a_student_s_links_lead_to_the_branch_without_solutions(student):
    assert yaml.safe_load((student / "_config.yml").read_text())["repository"]["branch"] == "student"


def test_the_instructor_s_notebooks_have_a_solution_after_each_check(instructor):
    for path in (instructor / "chapters").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        expected = [each for each in all_exercises().values() if path.name.startswith(each.chapter)]
        tagged = [cell for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]
        assert len(tagged) == 2 * len(expected)
        for cell in tagged:
            if cell.cell_type == "code":
                compile(cell.source, path.name, "exec")


def test_the_instructor_s_solutions_run_by_themselves(instructor, capsys):
    """Those of chapter 05, whose checks need no Keras."""
    notebook = nbformat.read(instructor / "chapters" / "05_latent_space.ipynb", as_version=4)
    from companion import exercises

    for cell in notebook.cells:
        if "solution" in cell.metadata.get("tags", []) and cell.cell_type == "code":
            exec(cell.source, {"exercises": exercises})
    assert capsys.readouterr().out.count("passed.") == 5


def test_the_instructor_s_page_has_solutions_notes_and_minutes(instructor):
    page = (instructor / "book" / "solutions.md").read_text(encoding="utf-8")
    for exercise in all_exercises().values():
        assert f"`{exercise.name}`" in page and edition.solution_of(exercise)[1] in page
    assert len(re.findall(r"^\| What goes wrong \| \d+ \|$", page, re.MULTILINE)) == len(CHAPTERS)
    assert "worth two meetings" in page
    assert "book/solutions" in (instructor / "_toc.yml").read_text(encoding="utf-8")
    assert "book/solutions" not in (ROOT / "_toc.yml").read_text(encoding="utf-8")


def test_an_edition_never_empties_a_stranger_s_folder(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SystemExit, match="no edition of the book"):
        edition.write("student", tmp_path)
    assert (tmp_path / "thesis.tex").exists()


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda each: each.stem)
def test_a_chapter_is_one_line_of_the_table_of_contents(path):
    """The line of a chapter that an instructor took out stands behind a number sign, so that none is forgotten."""
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    line = rf"^ *(?:# *)?- {{file: chapters/{path.stem}, title: {path.stem[:2]} .+}}$"
    assert len(re.findall(line, toc, re.MULTILINE)) == 1


def small_book(root):
    (root / "chapters").mkdir()
    text = (ROOT / "_config.yml").read_text(encoding="utf-8")
    (root / "_config.yml").write_text(text, encoding="utf-8")
    notebook = nbformat.read(ROOT / "chapters" / "01_autoencoder.ipynb", as_version=4)
    nbformat.write(notebook, root / "chapters" / "01_autoencoder.ipynb")
    return text


def test_one_command_says_where_the_book_is_published(tmp_path, capsys):
    before = small_book(tmp_path)
    url = "https://github.com/ann/vae-course"
    assert set_repository.main([url, "spring"], tmp_path) == 0
    after = (tmp_path / "_config.yml").read_text(encoding="utf-8")
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert changed == [f'  url: "{url}"', "  branch: spring"], (
        "nothing else may change, comments least of all"
    )
    cell = (tmp_path / "chapters" / "01_autoencoder.ipynb").read_text(encoding="utf-8")
    assert f"git+{url}@spring" in cell
    assert set_repository.main([""], tmp_path) == 0
    assert (tmp_path / "_config.yml").read_text(encoding="utf-8") == before


def test_what_is_no_address_changes_nothing(tmp_path, capsys):
    before = small_book(tmp_path)
    assert set_repository.main(["ann/vae-course"], tmp_path) == 1
    assert "expected an address such as" in capsys.readouterr().err
    assert (tmp_path / "_config.yml").read_text(encoding="utf-8") == before


def test_the_archive_is_the_whole_book_and_the_same_each_time(tmp_path, capsys):
    pages = tmp_path / "html"
    (pages / "a").mkdir(parents=True)
    (pages / "index.html").write_text("<p>begin</p>")
    (pages / "a" / "b.js").write_text("1")
    first, again = tmp_path / "book.zip", tmp_path / "again" / "book.zip"
    again.parent.mkdir()
    assert archive.main([str(pages), str(first)]) == archive.main([str(pages), str(again)]) == 0
    assert first.read_bytes() == again.read_bytes()
    assert zipfile.ZipFile(first).namelist() == ["book/a/b.js", "book/index.html"]
    assert archive.main([str(tmp_path), str(first)]) == 1
