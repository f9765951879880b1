"""Protects the first cell of the chapters: one form, from one address, and right while nothing is published."""

import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import first_cell
from tools.repository import NoRepository, Repository, configured

ROOT = Path(__file__).resolve().parents[2]
HERE = "https://github.com/owner/name"


@pytest.fixture
def book(tmp_path):
    """A book of two chapters, one of them with a recorded time."""
    chapters = tmp_path / "chapters"
    chapters.mkdir()
    for name in ("01_one", "02_two"):
        old = new_code_cell("from importlib.util import find_spec\n\nfrom companion.machine import device")
        notebook = new_notebook(cells=[new_markdown_cell("# One"), old, new_code_cell("1 + 1")])
        nbformat.write(notebook, chapters / f"{name}.ipynb")
    publish(tmp_path, "")
    (tmp_path / "results").mkdir()
    record(tmp_path, {"01_one": {"seconds": 200.0}, "02_two": {"failed": True}})
    return tmp_path


def publish(book: Path, url: str, branch: str = "main") -> None:
    (book / "_config.yml").write_text(f'repository:\n  url: "{url}"\n  branch: {branch}\n')


def record(book: Path, chapters: dict) -> None:
    (book / "results" / "run_times.json").write_text(json.dumps({"chapters": chapters}))


def cells(book: Path, name: str = "01_one") -> list:
    return nbformat.read(book / "chapters" / f"{name}.ipynb", as_version=4).cells


def test_every_chapter_s_first_cell_is_up_to_date():
    stale = [path.name for path in first_cell.outdated(ROOT)]
    assert stale == [], "call: make first-cells"


@pytest.mark.parametrize("url", ["", HERE])
def test_the_cell_is_short_and_ends_alike(url):
    repository = Repository.named(url)
    code = first_cell.source(repository, 2)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 12 and max(map(len, lines)) <= 84
    assert code.count("--no-deps") == 1
    assert lines[-1] == "announce(minutes=2)"
    assert first_cell.source(repository, None).endswith("announce()")


def test_a_chapter_that_needs_more_installs_what_is_missing_and_nothing_else():
    code = first_cell.source(None, 1, ["gymnasium", "selfies"])
    assert 'names = ("gymnasium", "selfies")\n' in code and max(map(len, code.splitlines())) <= 84
    assert code.count("pip install --quiet --no-deps") == code.count("pip install") == 2
    cell = new_code_cell(metadata={"companion": {"extra": "applications"}})
    assert first_cell.packages_of(cell) == ["gymnasium", "selfies", "rdkit"]
    assert first_cell.packages_of(new_code_cell()) == []


def test_without_an_address_there_is_none_and_the_way_out_is_named():
    code = first_cell.source(None, 1)
    assert "://" not in code and "git+" not in code
    assert "`make wheel`" in code and "dist/" in code


def test_with_an_address_the_package_comes_from_there_unless_a_wheel_lies_beside():
    code = first_cell.source(Repository.named(HERE + ".git", "student"), 1)
    assert f'package = "git+{HERE}@student"' in code
    assert 'max(glob("vae_book_*.whl"), default=package)' in code


def test_writing_is_done_once_and_follows_the_one_address(book, capsys):
    assert first_cell.main(book) == 0
    told = capsys.readouterr().out
    assert "chapters/01_one.ipynb: first cell written" in told
    assert "no minutes yet for 02_two: call make test RECORD_TIMES=1" in told
    head, cell, rest = cells(book)
    assert (head.source, rest.source) == ("# One", "1 + 1")
    assert cell.source == first_cell.source(None, 3)
    assert cell.outputs[0].text == (
        "This chapter runs on: CPU\nAbout 3 minutes on two cores, with the images of the book.\n"
    )
    assert cells(book, "02_two")[1].source.endswith("announce()")

    before = (book / "chapters" / "01_one.ipynb").read_bytes()
    assert first_cell.main(book) == 0
    assert "every first cell is up to date" in capsys.readouterr().out
    assert (book / "chapters" / "01_one.ipynb").read_bytes() == before

    publish(book, HERE)
    assert len(first_cell.outdated(book)) == 2
    assert first_cell.main(book) == 0
    assert f"git+{HERE}@main" in cells(book)[1].source
    publish(book, "")
    first_cell.main(book)
    assert (book / "chapters" / "01_one.ipynb").read_bytes() == before


def test_a_chapter_that_begins_otherwise_is_named_and_nothing_is_written(book, capsys):
    nbformat.write(new_notebook(cells=[new_code_cell("import keras")]), book / "chapters" / "03_odd.ipynb")
    assert first_cell.main(book) == 1
    assert "03_odd: its first cell of code does not look for the package" in capsys.readouterr().err
    assert "announce" not in cells(book)[1].source


@pytest.mark.parametrize(
    "seconds, stated, minutes",
    [
        (None, 2, None),
        (12.0, None, 1),
        (69.0, None, 1),
        (95.0, None, 2),
        (95.0, 1, 1),  # about right, so the page stays as it is
        (110.0, 1, 2),
        (70.0, 2, 1),
        (600.0, 8, 8),
        (600.0, 4, 10),
    ],
)
def test_minutes_are_those_measured_and_do_not_change_with_every_run(seconds, stated, minutes):
    assert first_cell.minutes_to_state(seconds, stated) == minutes


@pytest.mark.parametrize("url", ["", None, "  "])
def test_no_address_is_no_repository(url):
    assert Repository.named(url) is None


@pytest.mark.parametrize("url", [HERE, HERE + "/", HERE + ".git"])
def test_an_address_is_taken_as_people_copy_it(url):
    assert Repository.named(url) == Repository(HERE, "main")
    assert Repository.named(url).colab == "https://colab.research.google.com/github/owner/name/blob/main"


def test_colab_opens_only_what_lies_on_github():
    assert Repository.named("https://gitlab.com/group/part/name").colab is None
    assert Repository.named("https://github.com/owner/name/extra").colab is None


@pytest.mark.parametrize(
    "url, branch",
    [
        ("github.com/owner/name", "main"),
        ("https://github.com/owner", "main"),
        ("git@github.com:o/n", "main"),
        (HERE + '"; import os', "main"),
        (HERE, 'main"; x'),
    ],
)
def test_what_is_no_address_is_refused_with_an_example(book, url, branch):
    with pytest.raises(NoRepository, match=r"expected an address such as https://github.com/owner/name"):
        Repository.named(url, branch)


def test_a_bad_address_in_the_configuration_is_one_line(book, capsys):
    publish(book, "nowhere")
    assert first_cell.main(book) == 1
    assert capsys.readouterr().err.startswith("_config.yml: repository.url is 'nowhere'")


def test_the_book_s_own_configuration_is_read():
    assert configured(ROOT) is None or configured(ROOT).url.startswith("https://")
