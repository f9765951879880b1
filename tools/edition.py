"""Write an edition of the book into a folder: ``python -m tools.edition student|instructor FOLDER``.

The student's edition is the project without ``companion/solutions`` and what belongs to it: a search of the tree, or of
the pages made from it, finds no solution. The instructor's edition has a page of solutions, teaching notes and minutes,
and solution cells in its notebooks; all of them are made from ``companion/solutions`` here, and so cannot drift.
"""

import argparse
import ast
import html
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

from companion.exercises.exercise import KINDS, Exercise
from companion.exercises.registry import CHAPTERS, all_exercises, of_chapter
from companion.exercises.solution import solution_function
from tools import first_cell
from tools.execute import write_whole

ROOT = Path(__file__).resolve().parent.parent
EDITIONS = ("student", "instructor")
# What a student's tree does without: the solutions, and tests that need them.
KEPT_BACK = re.compile(
    r"companion/solutions/|tests/exercises/(?:answers|plausible)/|book/solutions\.md$|"
    r"tools/skeleton/(?:answers|solutions)\.txt$|"
    r"tests/(?:exercises/test_(?:exercises|plausible)|project/test_(?:editions|new_chapter))\.py$|"
    r"tests/book/(?:book_(?:step_by_step|without_chapters)|browser_answers_truth)\.py$"
)
PAGE = "book/solutions"
AFTER = "book/instructors"
# Shorter lines of a solution, such as `return norm`, prove nothing where they are found.
TELLING = 24
# Keras gives this head to the work of every layer and model, so that it stands in other code, too.
EVERYBODYS = "defcall(self,"
MINUTES_A_CODE_CELL, WORDS_A_MINUTE = 1.5, 180


def files(root: Path) -> list[str]:
    """The files of the project in ``root``, without what is built: git's list where there is one."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if found.returncode:
        all_files = (path for path in root.rglob("*") if path.is_file())
        names = [path.relative_to(root).as_posix() for path in all_files]
        return [name for name in names if not re.match(r"(?:_build|\.venv|\.git)/|.*__pycache__", name)]
    return [name for name in found.stdout.split("\0") if name and (root / name).is_file()]


def write(edition: str, out: Path, root: Path = ROOT) -> None:
    """Write the tree of ``edition`` into ``out``, which is emptied first; a book built in it earlier goes with it."""
    if out.exists() and any(out.iterdir()) and not (out / "_config.yml").is_file():
        raise SystemExit(f"{out} holds something that is no edition of the book; name another folder")
    shutil.rmtree(out, ignore_errors=True)
    for name in files(root):
        if edition == "instructor" or not KEPT_BACK.match(name):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, out / name)
    if edition == "instructor":
        add_solutions(out)
    else:
        point_to_branch(out, "student")


def point_to_branch(out: Path, branch: str) -> None:
    """Have Colab's links and the first cells name ``branch``, which holds this tree and no solutions."""
    path = out / "_config.yml"
    text = path.read_text(encoding="utf-8")
    write_whole(path, re.sub(r"(?m)^(  branch: ).*$", rf"\g<1>{branch}", text, count=1))
    for notebook, changed in first_cell.outdated(out).items():
        write_whole(notebook, nbformat.writes(changed) + "\n")


def add_solutions(out: Path) -> None:
    """Write the page of solutions, name it in the table of contents, and put the cells into the notebooks."""
    write_whole(out / f"{PAGE}.md", solutions_page(out))
    toc = out / "_toc.yml"
    text = toc.read_text(encoding="utf-8")
    write_whole(toc, text.replace(f"- file: {AFTER}\n", f"- file: {AFTER}\n      - file: {PAGE}\n"))
    for path in sorted((out / "chapters").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = list(with_solutions(notebook.cells, path.stem[:2]))
        write_whole(path, nbformat.writes(notebook) + "\n")


def with_solutions(cells: list[nbformat.NotebookNode], chapter: str) -> Iterator[nbformat.NotebookNode]:
    """``cells`` with the solution of each exercise after its check."""
    for cell in cells:
        yield cell
        found = re.match(r"exercises\.(\w+)\.check\(", cell.source) if cell.cell_type == "code" else None
        if found and found[1] in all_exercises():
            yield from solution_cells(all_exercises()[found[1]])


def solution_cells(exercise: Exercise) -> Iterator[nbformat.NotebookNode]:
    """Words and code of a solution, both tagged; the code runs by itself and hands the solution to the check."""
    text, code = solution_of(exercise)
    answer = f"{exercise.name}()" if exercise.kind in ("compute", "open") else exercise.name
    runs = "\n\n".join([imports_of(exercise.chapter), code, f"exercises.{exercise.name}.check({answer})"])
    for make, source, part in (
        (new_markdown_cell, f"**Solution.** {text}", "text"),
        (new_code_cell, runs, "code"),
    ):
        cell = make(source, id=f"{exercise.name}-solution-{part}")
        cell.metadata["tags"] = ["solution"]
        yield cell


def solution_of(exercise: Exercise) -> tuple[str, str]:
    """The words of a solution, from its docstring, and its code without them."""
    function = solution_function(exercise)
    tree = ast.parse(inspect.getsource(function))
    tree.body[0].body.pop(0)  # type: ignore[attr-defined]
    return inspect.getdoc(function) or "", ast.unparse(tree)


def imports_of(chapter: str) -> str:
    """The imports on top of a chapter's solutions."""
    module = import_module(f"companion.solutions.chapter_{chapter}")
    body = ast.parse(inspect.getsource(module)).body
    return "\n".join(ast.unparse(each) for each in body if isinstance(each, ast.Import | ast.ImportFrom))


def solutions_page(out: Path) -> str:
    """The page for instructors: of each chapter notes, minutes a section, and the solutions with what to expect."""
    parts = ["# Solutions and teaching notes\n\nMade from `companion/solutions`, which the tests run."]
    for chapter in CHAPTERS:
        (path,) = (out / "chapters").glob(f"{chapter}_*.ipynb")
        notebook = nbformat.read(path, as_version=4)
        notes = inspect.getdoc(import_module(f"companion.solutions.chapter_{chapter}")) or ""
        parts.append(
            f"## Chapter {chapter}\n\n{notes.partition('.')[2].strip()}\n\n{table_of_minutes(notebook)}"
        )
        for exercise in of_chapter(chapter):
            text, code = solution_of(exercise)
            parts.append(f"### {exercise.title}\n\n*{KINDS[exercise.kind].capitalize()}*, `{exercise.name}`.")
            parts.append(f"{text}\n\n```python\n{code}\n```")
    return "\n\n".join(parts) + "\n"


def table_of_minutes(notebook: nbformat.NotebookNode) -> str:
    """Minutes a section: its words at an easy pace, and its code cells talked through; runs are not counted."""
    minutes: dict[str, float] = {}
    section = "Begin"
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else []:
            section = line[3:].strip() if line.startswith("## ") else section
            minutes[section] = minutes.get(section, 0.0) + len(line.split()) / WORDS_A_MINUTE
        if cell.cell_type == "code":
            minutes[section] = minutes.get(section, 0.0) + MINUTES_A_CODE_CELL
    rows = "\n".join(f"| {name} | {max(1, round(count))} |" for name, count in minutes.items())
    return f"| Section | Minutes |\n|---|---|\n{rows}"


def squeezed(text: str) -> str:
    """``text`` less tags, blanks, quotes and backslashes, so that it is found in pages, notebooks and indexes alike."""
    return re.sub(r"[\s\"'\\]", "", html.unescape(re.sub(r"<[^<>]*>|\\n", "", text)))


def telling_lines(exercise: Exercise, handed_out: str) -> list[str]:
    """The lines of a solution, words and code, by which it would be recognised; not those that the stub shows."""
    text, code = solution_of(exercise)
    lines = [squeezed(line) for part in (text, code) for line in part.splitlines()]
    telling = [line for line in lines if len(line) >= TELLING and not line.startswith(EVERYBODYS)]
    return [line for line in telling if line not in handed_out]


def leaks(tree: Path, handed_out: str = "") -> list[str]:
    """Where in ``tree``, pages and notebooks included, a line of a solution stands."""
    telling = {
        line: each.name for each in all_exercises().values() for line in telling_lines(each, handed_out)
    }
    found = []
    for path in sorted(tree.rglob("*")):
        if path.is_file() and path.suffix not in (".png", ".npz", ".keras", ".pickle", ".h5", ".doctree"):
            text = squeezed(path.read_bytes().decode("utf-8", errors="replace"))
            found += [
                f"{path.relative_to(tree)}: {name}: {line}" for line, name in telling.items() if line in text
            ]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Returns 1 where a student's tree would hold a solution."""
    parser = argparse.ArgumentParser(
        prog="tools.edition", description="Write an edition of the book into a folder."
    )
    parser.add_argument("edition", choices=EDITIONS)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; search a student's tree for solutions"
    )
    options = parser.parse_args(argv)
    if not options.check:
        write(options.edition, options.folder)
        print(f"{options.folder}: the {options.edition}'s edition")
    found = leaks(options.folder, squeezed(stubs())) if options.edition == "student" else []
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return int(bool(found))


def stubs(root: Path = ROOT) -> str:
    """All code that the notebooks hand out in their exercises."""
    notebooks = (nbformat.read(path, as_version=4) for path in sorted((root / "chapters").glob("*.ipynb")))
    cells = (cell for notebook in notebooks for cell in notebook.cells)
    return "\n".join(cell.source for cell in cells if "exercise" in cell.metadata.get("tags", []))


if __name__ == "__main__":
    sys.exit(main())
