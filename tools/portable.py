"""Write each chapter as one notebook that carries the package: ``make portable [EDITION=student]``.

A first cell, which is folded, holds the wheel as text and writes it beside the notebook, where the chapter's own first
cell looks for one. So a single file runs in Colab by upload. The package inside has the explorers of this chapter
alone, without the arrays that only tests read. All other cells are the chapter's; only their links to other pages lead
to the repository, or nowhere while the book is not published.
"""

import argparse
import lzma
import posixpath
import re
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from companion.explorers.control_still import STILLS
from companion.explorers.recording import DECODED
from tools import edition
from tools.execute import write_whole
from tools.repository import NoRepository, Repository, configured
from tools.wheel import NoWheel, build_wheel, lean

ROOT = Path(__file__).resolve().parent.parent
#: Bytes of a notebook without its stored pictures.
LARGEST = 1_500_000
EXPLORERS = "companion/recorded/explorers/"
USED = re.compile(r"\bexplorers\.(\w+)\(")
CONTROLS = re.compile(r"\btraining_control\(\s*\"(\w+)\"")
#: A link to another page of the book, as chapters write it.
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\((?!\w+:)([^()\s#]+\.(?:ipynb|md))((?:#[^()\s]*)?)\)")
PACKAGE_CELL = "the-package"
#: Short enough for an editor, long enough to cost little.
LINE = 1000
CODE = '''\
# @title The package of this book: this cell writes it beside the notebook. Run it first.
from base64 import b64decode
from importlib.util import find_spec
from lzma import decompress
from pathlib import Path

packed = """
TEXT
"""
if not find_spec("companion"):  # nothing that is there is changed
    Path("WHEEL").write_bytes(decompress(b64decode(packed)))
del packed'''
PICTURE = re.compile(r"data:image/[^\"']+")


class TooLarge(Exception):
    """A notebook would be larger than it may be. The message names it."""


def explorers_of(notebook: NotebookNode) -> set[str]:
    """The names of the explorers that a chapter shows, and of its training control."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return {*USED.findall(code), *CONTROLS.findall(code)}


def is_needed(path: str, explorers: set[str]) -> bool:
    """Whether a chapter that shows ``explorers`` needs the file of the wheel at ``path``."""
    if not path.startswith(EXPLORERS):
        return True
    folder, _, file = path.removeprefix(EXPLORERS).partition("/")
    if folder == STILLS:
        return file.partition(".")[0] in explorers
    return folder in explorers and file != DECODED


def package_cell(wheel: Path, explorers: set[str]) -> NotebookNode:
    """The cell that carries the package, folded in Colab and in Jupyter."""
    packed = lzma.compress(lean(wheel, lambda path: is_needed(path, explorers)), preset=9)
    text = b64encode(packed).decode("ascii")
    lines = "\n".join(text[at : at + LINE] for at in range(0, len(text), LINE))
    cell = nbformat.v4.new_code_cell(
        CODE.replace("WHEEL", wheel.name).replace("TEXT", lines), id=PACKAGE_CELL
    )
    cell.metadata.update(cellView="form", jupyter={"source_hidden": True}, tags=["hide-input"])
    return cell


def repointed(source: str, repository: Repository | None) -> str:
    """The text of a cell whose links to other pages lead into ``repository``; without one only their words are left."""

    def replace(link: re.Match[str]) -> str:
        words, target, place = link.groups()
        return words if repository is None else f"[{words}]({address(repository, target)}{place})"

    return LINK.sub(replace, source)


def address(repository: Repository, target: str) -> str:
    """Where a page lies that chapters link to as ``target``: notebooks in Colab, where Colab opens them."""
    path = posixpath.normpath(posixpath.join("chapters", target))
    if path.endswith(".ipynb") and repository.colab:
        return f"{repository.colab}/{path}"
    return f"{repository.url}/blob/{repository.branch}/{path}"


def portable(chapter: Path, wheel: Path, repository: Repository | None) -> NotebookNode:
    """The chapter with the package in front. Raises :class:`TooLarge` where it would be too large to hand around."""
    notebook = nbformat.read(chapter, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = repointed(cell.source, repository)
    notebook.cells.insert(0, package_cell(wheel, explorers_of(notebook)))
    if (size := size_without_pictures(notebook)) > LARGEST:
        raise TooLarge(f"{chapter.stem}: {size:,} bytes without its pictures; it may have {LARGEST:,}")
    return notebook


def size_without_pictures(notebook: NotebookNode) -> int:
    """The bytes of a notebook, less those of the pictures that its cells store."""
    whole = len(nbformat.writes(notebook).encode("utf-8"))
    return whole - sum(map(len, pictures_of(notebook)))


def pictures_of(notebook: NotebookNode) -> Iterator[str]:
    """The pictures in the outputs, as text."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind, content in output.get("data", {}).items():
                text = content if isinstance(content, str) else ""
                yield from [text] if kind.startswith("image/") else PICTURE.findall(text)


def differences(made: NotebookNode, chapter: NotebookNode) -> list[str]:
    """In which ways a portable notebook is not the chapter with a cell in front, cell by cell; links may differ."""
    first, *rest = made.cells
    found = [] if first.get("id") == PACKAGE_CELL else ["its first cell does not carry the package"]
    if len(rest) != len(chapter.cells):
        found.append(f"it has {len(rest)} cells of the chapter's {len(chapter.cells)}")
    for count, (one, other) in enumerate(zip(rest, chapter.cells, strict=False), start=1):
        found += [
            f"the {part} of cell {count} differs from the chapter's"
            for part in sorted({*one, *other})
            if compared(one, part) != compared(other, part)
        ]
        if one.cell_type == "markdown" and LINK.search(one.source):
            found.append(f"cell {count} links to a page that does not come along")
    return found


def compared(cell: NotebookNode, part: str) -> object:
    """A part of a cell as it is compared: of text the words, without the places that its links lead to."""
    content = cell.get(part)
    if part != "source" or cell.cell_type != "markdown":
        return content
    return re.sub(r"\]\([^()\s]*\)", "]", LINK.sub(r"[\1]", content)).replace("[", "").replace("]", "")


def write(root: Path, out: Path, wheel: Path) -> list[Path]:
    """Write every chapter of the project in ``root`` into the folder ``out``; what lay there before is gone."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.ipynb"):
        old.unlink()
    repository, written = configured(root), []
    for chapter in sorted((root / "chapters").glob("*.ipynb")):
        notebook = portable(chapter, wheel, repository)
        write_whole(out / chapter.name, nbformat.writes(notebook) + "\n")
        written.append(out / chapter.name)
        print(f"{chapter.stem}: {size_without_pictures(notebook):,} bytes without its pictures", flush=True)
    return written


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line. Returns 0, or 1 with one line where a notebook could not be made."""
    parser = argparse.ArgumentParser(prog="make portable", description=__doc__.partition("\n")[0])
    parser.add_argument("--edition", choices=edition.EDITIONS, help="the edition that the chapters come from")
    parser.add_argument(
        "--out", type=Path, help="the folder (default: _build/portable, with the edition's name)"
    )
    options = parser.parse_args(argv)
    chosen = options.edition
    out = options.out or root / "_build" / (f"portable-{chosen}" if chosen else "portable")
    with tempfile.TemporaryDirectory() as work:
        tree = root
        if chosen:
            tree = Path(work) / "tree"
            edition.write(chosen, tree, root)
        try:
            written = write(tree, out, build_wheel(Path(work) / "dist", tree))
        except (NoWheel, NoRepository, TooLarge) as fault:
            print(f"portable: {fault}", file=sys.stderr)
            return 1
    print(f"{out}: {len(written)} notebooks; any one of them runs in Colab by upload")
    return 0


if __name__ == "__main__":
    sys.exit(main())
