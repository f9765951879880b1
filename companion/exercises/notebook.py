"""A submitted notebook, read as what it is: a file that may hold anything.

The file is read in the grader's own process, so nothing in it is run here. What cannot be read raises
:class:`Unreadable`, whose text becomes the remark of the notebook's row.
"""

import ast
import json
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.exercises.registry import CHAPTERS, all_exercises, of_chapter

CHECK = re.compile(r"exercises\.(\w+)\.check\(")
HEADING = re.compile(r"^(?:#+ )?Exercises\b", re.MULTILINE)
# Lines that only IPython understands: magics, shell commands, questions for help.
NOT_PYTHON = re.compile(r"^[ \t]*(?:[%!?].*|.*\?)$", re.MULTILINE)
COMMENTED = "pass  # not run"
LARGEST = 50 * 10**6
_CHAPTER = "|".join(CHAPTERS)


class Unreadable(ValueError):
    """The file is no notebook that can be graded; the text says why."""


@dataclass(frozen=True)
class Cell:
    """A cell: ``markdown`` or ``code``, and its text."""

    kind: str
    text: str


def cells_of(path: Path) -> list[Cell]:
    """The cells of the notebook at ``path``, written in format 3, 4 or later. Raises :class:`Unreadable`."""
    content = _bytes_of(path)
    try:
        # Notebooks that went through an editor on Windows may begin with a byte order mark.
        notebook = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("it is not text in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not JSON: {error}") from None
    if not isinstance(notebook, dict):
        raise Unreadable("it is JSON, but not a notebook")
    found = notebook.get("cells")
    if found is None and isinstance(notebook.get("worksheets"), list):  # format 3
        sheets = [sheet for sheet in notebook["worksheets"] if isinstance(sheet, dict)]
        found = [cell for sheet in sheets for cell in _as_list(sheet.get("cells"))]
    return [_cell(each) for each in _as_list(found)]


def _bytes_of(path: Path) -> bytes:
    """The content of a file that is not too large and no link; never waits, as a named pipe would make it."""
    try:
        if path.is_symlink():
            raise Unreadable("it is a link to another file; hand in the notebook itself")
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise Unreadable("it is not a file")
            if not state.st_size:
                raise Unreadable("it is empty")
            if state.st_size > LARGEST:
                size = f"{state.st_size / 1e6:.0f} MB, expected at most {LARGEST / 1e6:.0f} MB"
                raise Unreadable(f"it has {size}; clear the outputs of its cells and save it again")
            return file.read(LARGEST)
    except FileNotFoundError:
        raise Unreadable("there is no such file") from None
    except (OSError, ValueError) as error:
        if isinstance(error, Unreadable):
            raise
        raise Unreadable(f"it cannot be opened: {error}") from None


def _as_list(found: Any) -> list[Any]:
    if not isinstance(found, list):
        raise Unreadable("it is JSON, but not a notebook: it has no list of cells")
    return found


def _cell(cell: Any) -> Cell:
    kind = cell.get("cell_type") if isinstance(cell, dict) else None
    source = cell.get("source", cell.get("input")) if isinstance(cell, dict) else None
    lines: list[Any] = source if isinstance(source, list) else [source]
    if not isinstance(kind, str) or not all(isinstance(line, str) for line in lines):
        raise Unreadable("a cell of it has no type or no text")
    return Cell("markdown" if kind == "heading" else kind, "".join(lines))


def learner_of(path: Path) -> str:
    """The name of the folder for ``ann/04_objectives.ipynb``, else that of the file without the chapter's."""
    if re.match(rf"(?:{_CHAPTER})_", path.stem):
        return path.absolute().parent.name
    return re.sub(rf"[-_ ]*(?:{_CHAPTER})_\w+$", "", path.stem) or path.stem


def exercises_of(path: Path, cells: list[Cell]) -> list[str]:
    """The names of all exercises of the chapters that the notebook checks, and of the chapter in its name."""
    names = {name for cell in cells for name in CHECK.findall(cell.text)}
    found = {exercise.chapter for name, exercise in all_exercises().items() if name in names}
    number = re.search(r"(?:^|[-_ ])(\d\d)_", path.stem)
    if number and number[1] in CHAPTERS:
        found.add(number[1])
    if not found:
        raise Unreadable("it checks no exercise of the book, and its name contains no chapter")
    return [exercise.name for chapter in sorted(found) for exercise in of_chapter(chapter)]


def begin_of_exercises(cells: list[Cell]) -> int:
    """The position of the first cell of the section Exercises; the number of cells where there is none."""
    for position, cell in enumerate(cells):
        if cell.kind == "markdown" and HEADING.search(cell.text):
            return position
    return next((i for i, cell in enumerate(cells) if CHECK.search(cell.text)), len(cells))


def sources(cells: list[Cell], whole: bool) -> list[str]:
    """The code to run, one text per cell: the imports of the chapter, then the section Exercises."""
    begin = 0 if whole else begin_of_exercises(cells)
    code = [(i, as_python(cell.text)) for i, cell in enumerate(cells) if cell.kind == "code"]
    imports = "\n".join(imports_in(text) for i, text in code if i < begin)
    return [imports, *(text for i, text in code if i >= begin)]


def names_left_out(cells: list[Cell], whole: bool) -> set[str]:
    """The names that cells before the section Exercises set, other than by an import: those cells are not run."""
    before = [] if whole else cells[: begin_of_exercises(cells)]
    found: set[str] = set()
    for text in (as_python(cell.text) for cell in before if cell.kind == "code"):
        for node in ast.walk(_parsed(text)):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
    return found


def as_python(source: str) -> str:
    """``source`` without the lines that only IPython understands."""
    if _parsed(source).body or not source.strip():
        return source
    return NOT_PYTHON.sub(
        lambda found: found[0][: len(found[0]) - len(found[0].lstrip())] + COMMENTED, source
    )


def imports_in(source: str) -> str:
    """The imports on the outermost level of ``source``."""
    body = _parsed(source).body
    return "\n".join(ast.unparse(each) for each in body if isinstance(each, ast.Import | ast.ImportFrom))


def _parsed(source: str) -> ast.Module:
    """The syntax tree of ``source``; an empty one where Python cannot read it."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])
