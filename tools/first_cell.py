"""Write the first cell of code into every chapter: ``make first-cells``, after `repository` in `_config.yml` changed.

The cell is the same in all chapters but for the minutes, which come from the recorded run times. It installs the
package where that is missing, as on Colab, and says on what the chapter runs; anywhere else it installs nothing. Its
stored output is what it prints on a CPU, which the notebook guard then checks like any other.
"""

import json
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from companion.machine import announcement
from tools.execute import notebooks, write_whole
from tools.repository import NoRepository, Repository, configured

ROOT = Path(__file__).resolve().parent.parent
START = """\
import sys
from glob import glob
from importlib.util import find_spec

from IPython.core.error import UsageError

if not find_spec("companion"):  # as on Colab; nothing that is there is changed
"""
FROM_WHEEL = """\
    python, wheel = sys.executable, max(glob("vae_book_*.whl"), default="")
    if wheel:
        !"{python}" -m pip install --quiet --no-deps "{wheel}"
    if not find_spec("companion"):
        raise UsageError("Upload the package: `make wheel` writes it into dist/.")
"""
# A wheel beside the notebook comes first: whoever put it there wants it tried.
FROM_REPOSITORY = """\
    package = "PACKAGE"
    python, package = sys.executable, max(glob("vae_book_*.whl"), default=package)
    !"{python}" -m pip install --quiet --no-deps "{package}"
    if not find_spec("companion"):
        raise UsageError("The package was not installed; pip says why, above.")
"""
# Packages that the chapter needs beside ours; its first cell names the extra of pyproject.toml that lists them.
FROM_INDEX = """\
names = PACKAGES
lacking = " ".join(name for name in names if not find_spec(name))
if lacking:  # nothing comes with them: TensorFlow and NumPy stay as they are
    python = sys.executable
    !"{python}" -m pip install --quiet --no-deps {lacking}
"""
EXTRA = "extra"  # the key in the cell's metadata, below "companion"
END = """
from companion.machine import announce, verbosity

announce(MINUTES)"""
STATED = re.compile(r"announce\((?:minutes=)?(\d+)?\)")


class NoFirstCell(ValueError):
    """A chapter's first cell of code is not the one that finds the package. The message names the chapter."""


def first_cell(notebook: NotebookNode, name: str) -> NotebookNode:
    """The first cell of code of chapter ``name``. Raises :class:`NoFirstCell` where it is about something else."""
    cell = next((cell for cell in notebook.cells if cell.cell_type == "code"), None)
    if cell is None or "find_spec" not in cell.source or "companion.machine" not in cell.source:
        raise NoFirstCell(
            f"{name}: its first cell of code does not look for the package; copy it from chapter 01"
        )
    return cell


def source(repository: Repository | None, minutes: int | None, packages: Sequence[str] = ()) -> str:
    """The cell's code, for a book that is published in ``repository`` or nowhere yet.

    ``packages``: what the chapter needs beside the book's own package.
    """
    install = FROM_REPOSITORY.replace("PACKAGE", repository.package) if repository else FROM_WHEEL
    if packages:
        names = ", ".join(f'"{name}"' for name in packages)
        install += FROM_INDEX.replace("PACKAGES", f"({names})")
    return START + install + END.replace("MINUTES", "" if minutes is None else f"minutes={minutes}")


def packages_of(cell: NotebookNode, root: Path = ROOT) -> list[str]:
    """The packages that a first cell installs beside the book's own: those of the extra that its metadata name."""
    extra = cell.metadata.get("companion", {}).get(EXTRA)
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"] if extra else {}
    needed = project["optional-dependencies"][extra] if extra else []
    return [re.split(r"[<>=!~ ;\[]", each)[0] for each in needed]


def printed(minutes: int | None) -> str:
    """What the cell prints on a CPU that is not Colab's."""
    return "\n".join(announcement("CPU", minutes)) + "\n"


def minutes_to_state(seconds: float | None, stated: int | None) -> int | None:
    """Whole minutes for a chapter measured to take ``seconds``; what is ``stated`` stays while it is about right.

    Times scatter from run to run, and a page should not change with each of them.
    """
    if seconds is None:
        return None
    measured = max(seconds / 60, 1.0)
    if stated and abs(measured - stated) <= max(0.75, stated / 3):
        return stated
    return round(measured)


def recorded_seconds(root: Path) -> dict[str, float]:
    """The seconds that each chapter took when its run times were last recorded."""
    path = root / "results" / "run_times.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    chapters = record.get("chapters", record)
    return {name: entry["seconds"] for name, entry in chapters.items() if "seconds" in entry}


def renewed(notebook: NotebookNode, name: str, repository: Repository | None, seconds: float | None) -> bool:
    """Bring the first cell of ``notebook`` up to date; return whether anything changed."""
    cell = first_cell(notebook, name)
    found = STATED.search(cell.source)
    minutes = minutes_to_state(seconds, int(found[1]) if found and found[1] else None)
    wanted = source(repository, minutes, packages_of(cell)), printed(minutes)
    if (cell.source, "".join(output.get("text", "?") for output in cell.outputs)) == wanted:
        return False
    cell.source = wanted[0]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=wanted[1])]
    return True


def outdated(root: Path) -> dict[Path, NotebookNode]:
    """The chapters whose first cell is not up to date, as they ought to be."""
    repository, seconds = configured(root), recorded_seconds(root)
    found = {}
    for path in notebooks(root).values():
        notebook = nbformat.read(path, as_version=4)
        if renewed(notebook, path.stem, repository, seconds.get(path.stem)):
            found[path] = notebook
    return found


def main(root: Path = ROOT) -> int:
    """Write what is out of date. Returns 0, or 1 with one line where nothing could be written."""
    try:
        changed = outdated(root)
    except (NoRepository, NoFirstCell) as fault:
        print(fault, file=sys.stderr)
        return 1
    for path, notebook in changed.items():
        write_whole(path, nbformat.writes(notebook) + "\n")
        print(f"{path.relative_to(root)}: first cell written")
    untimed = {path.stem for path in (root / "chapters").glob("*.ipynb")} - set(recorded_seconds(root))
    if untimed:
        print(
            f"no minutes yet for {', '.join(sorted(untimed))}: call make test RECORD_TIMES=1, then make first-cells"
        )
    if not changed:
        print("every first cell is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
