"""Make a chapter that the tests already accept: ``make chapter NAME=17_mine [TITLE="My chapter"]``.

Written are the notebook, executed; its line in `_toc.yml`; one exercise of each kind, with solutions and typical wrong
answers. The notebook's metadata say ``"draft": true``. A draft is held to every rule but two: the length of a chapter,
and its training control. Take the mark out when the chapter has both.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tools import first_cell
from tools.execute import STORED_DATASET, execute_chapter, write_whole
from tools.repository import configured

ROOT = Path(__file__).resolve().parent.parent
SKELETON = Path(__file__).with_name("skeleton")
NUMBER = "@NN@"
NAME = re.compile(r"\d\d_[a-z][a-z0-9_]*")
ENTRY = re.compile(r"(?m)^( *)- \{file: chapters/(\d\d)_\w+, title: .*\}\n")
#: Each part of the skeleton, and the file that it becomes.
PARTS = {
    "exercises.txt": "companion/exercises/chapter_@NN@.py",
    "solutions.txt": "companion/solutions/chapter_@NN@.py",
    "answers.txt": "tests/exercises/answers/chapter_@NN@.py",
}


class NoChapter(ValueError):
    """There can be no such chapter. The message says why, and what to call instead."""


def make(name: str, title: str = "", root: Path = ROOT) -> list[Path]:
    """Write the chapter ``name`` into ``root`` and return the files that were written or changed.

    ``title`` is what the contents show behind the number, by default the words of ``name``. Raises :class:`NoChapter`
    for a name of another form, a number that is taken and contents without chapters; nothing is written then.
    """
    if not NAME.fullmatch(name):
        raise NoChapter(
            f"NAME={name}: expected two digits and words; call for example make chapter NAME=17_mine"
        )
    number = name[:2]
    taken = sorted((root / "chapters").glob(f"{number}_*.ipynb"))
    if taken:
        raise NoChapter(f"NAME={name}: {taken[0].stem} has this number; choose a number that is free")
    missing = [part for part in PARTS if not (SKELETON / part).is_file()]
    if missing:
        raise NoChapter(
            "a student's edition has no skeleton of solutions; make the chapter in the whole project"
        )
    title = title or name[3:].replace("_", " ").capitalize()
    if not re.fullmatch(r"[\w .()-]+", title):
        raise NoChapter(
            f"TITLE={title}: expected letters, digits, spaces, dots and hyphens; leave the others out"
        )
    contents = with_entry((root / "_toc.yml").read_text(encoding="utf-8"), name, title)

    notebook = root / "chapters" / f"{name}.ipynb"
    written = [notebook, root / "_toc.yml"]
    for part, place in PARTS.items():
        path = root / place.replace(NUMBER, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, filled(part, number))
        written.append(path)
    write_whole(notebook, nbformat.writes(drafted(filled("chapter.md", number), name, root)) + "\n")
    write_whole(root / "_toc.yml", contents)
    return written


def filled(part: str, number: str) -> str:
    """A part of the skeleton for chapter ``number``."""
    return (SKELETON / part).read_text(encoding="utf-8").replace(NUMBER, number)


def with_entry(contents: str, name: str, title: str) -> str:
    """The text of `_toc.yml` with a line for the chapter, before the first one with a larger number."""
    entries = list(ENTRY.finditer(contents))
    if not entries:
        raise NoChapter(
            "_toc.yml has no line of a chapter, such as {file: chapters/01_autoencoder, title: ...}"
        )
    later = [entry for entry in entries if entry[2] > name[:2]]
    place = later[0].start() if later else entries[-1].end()
    line = f"{entries[0][1]}- {{file: chapters/{name}, title: {name[:2]} {title}}}\n"
    return contents[:place] + line + contents[place:]


def drafted(text: str, name: str, root: Path) -> NotebookNode:
    """The notebook that ``text`` describes: cells after ``%%``, each with its kind, its tag or its caption."""
    head, *cells = text.split("\n%% ")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(head.strip(), id="head")])
    for count, cell in enumerate(cells):
        first, _, source = cell.partition("\n")
        kind, _, rest = first.partition(" ")
        make_cell = nbformat.v4.new_code_cell if kind == "code" else nbformat.v4.new_markdown_cell
        made = make_cell(source.strip(), id=f"cell-{count}")
        if rest.startswith("caption="):
            made.metadata["mystnb"] = {"figure": {"caption": rest.removeprefix("caption=")}}
        elif rest:
            made.metadata["tags"] = [rest]
        notebook.cells.append(made)
    notebook.metadata["draft"] = True
    first_cell.renewed(notebook, name, configured(root), None)
    return notebook


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line. Returns 0, or 1 with one line where nothing could be made."""
    parser = argparse.ArgumentParser(prog="make chapter", description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="two digits and words, such as 17_mine")
    parser.add_argument("--title", default="", help="what the contents show behind the number")
    options = parser.parse_args(argv)
    try:
        written = make(options.name, options.title, root)
    except NoChapter as fault:
        print(fault, file=sys.stderr)
        return 1
    execute_chapter(written[0], written[0], STORED_DATASET, timeout=600)
    for path in written:
        print(path.relative_to(root))
    print(f"A draft. Now: make test CHAPTER={options.name}, make book, and write on.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
