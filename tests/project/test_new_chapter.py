"""Protects `make chapter`: it writes what belongs to a chapter into the right places or, for a name that will not do,
nothing at all; a draft says that it is one.

That the tests accept the draft is asked in a copy of the project (tests/book/book_without_chapters.py).
"""

from pathlib import Path

import nbformat
import pytest

from tools import new_chapter
from tools.new_chapter import NoChapter, make, with_entry

ROOT = Path(__file__).resolve().parents[2]
CONTENTS = """parts:
  - caption: Chapters
    chapters:
      - {file: chapters/01_one, title: 01 One}
      - {file: chapters/16_two, title: 16 Two (of two)}
  - caption: At the end
"""


@pytest.fixture
def book(tmp_path):
    """A book of two chapters."""
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "01_one.ipynb").write_text("{}")
    (tmp_path / "_toc.yml").write_text(CONTENTS)
    (tmp_path / "_config.yml").write_text(
        'repository:\n  url: "https://github.com/ann/course"\n  branch: main\n'
    )
    return tmp_path


def test_a_chapter_has_its_notebook_its_line_and_its_exercises(book):
    written = [path.relative_to(book).as_posix() for path in make("09_my_own", root=book)]
    assert written == [
        "chapters/09_my_own.ipynb",
        "_toc.yml",
        "companion/exercises/chapter_09.py",
        "companion/solutions/chapter_09.py",
        "tests/exercises/answers/chapter_09.py",
    ]
    assert (book / "_toc.yml").read_text().splitlines()[3:6] == [
        "      - {file: chapters/01_one, title: 01 One}",
        "      - {file: chapters/09_my_own, title: 09 My own}",
        "      - {file: chapters/16_two, title: 16 Two (of two)}",
    ]
    notebook = nbformat.read(book / "chapters" / "09_my_own.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert "git+https://github.com/ann/course@main" in notebook.cells[2].source
    text = "".join((book / path).read_text() for path in written)
    assert new_chapter.NUMBER not in text and "bits_in_a_nat_09" in text
    for path in written[2:]:
        compile((book / path).read_text(), path, "exec")


def test_a_last_chapter_comes_last():
    assert with_entry(CONTENTS, "17_mine", "Mine").splitlines()[5] == (
        "      - {file: chapters/17_mine, title: 17 Mine}"
    )


@pytest.mark.parametrize(
    ("name", "title", "words"),
    [
        ("mine", "", "NAME=mine: expected two digits and words; call for example make chapter NAME=17_mine"),
        ("17_Mine", "", "expected two digits"),
        ("17_mine.ipynb", "", "expected two digits"),
        ("01_again", "", "01_one has this number; choose"),
        ("17_mine", "a: {b}", "expected letters, digits"),
    ],
)
def test_a_name_that_will_not_do_changes_nothing(book, name, title, words, capsys):
    before = sorted(path for path in book.rglob("*") if path.is_file())
    assert new_chapter.main([name, "--title", title], book) == 1
    assert words in (told := capsys.readouterr().err) and len(told.splitlines()) == 1
    assert sorted(path for path in book.rglob("*") if path.is_file()) == before
    assert (book / "_toc.yml").read_text() == CONTENTS


def test_contents_without_chapters_are_named(book):
    (book / "_toc.yml").write_text("root: book/intro\n")
    with pytest.raises(NoChapter, match="_toc.yml has no line of a chapter"):
        make("17_mine", root=book)


def test_a_student_s_edition_makes_no_chapter(book, tmp_path, monkeypatch):
    monkeypatch.setattr(new_chapter, "SKELETON", tmp_path / "none")
    with pytest.raises(NoChapter, match="a student's edition"):
        make("17_mine", root=book)


def test_a_draft_says_that_it_is_one():
    """The mark frees a chapter of two rules, so no chapter of the book may keep it unseen."""
    for path in (ROOT / "chapters").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        assert bool(notebook.metadata.get("draft")) == ("This is a draft" in notebook.cells[0].source), (
            path.name
        )
