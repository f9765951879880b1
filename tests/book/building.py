"""Builds the book by the command that ``make book`` runs, into a folder of the tests' own."""

import json
import os
import pickle
import resource
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bs4 import BeautifulSoup
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
BUILD = ("build", "-W", "-n", "--keep-going")
LONGEST_BUILD = 300
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}


@dataclass(frozen=True)
class Book:
    """A built book: where it lies, how the build ended, what it took, and its pages as parsed HTML.

    ``seconds`` are the processor's, and so are ``start_seconds``, those of one start of Keras beside it.
    """

    folder: Path
    returncode: int
    seconds: float
    start_seconds: float

    @property
    def html(self) -> Path:
        return self.folder / "_build" / "html"

    @property
    def log(self) -> str:
        return (self.folder / "build.log").read_text(encoding="utf-8")

    @cached_property
    def pages(self) -> dict[str, BeautifulSoup]:
        """Every page by its path, the search page and the indices included."""
        found = sorted(path for path in self.html.rglob("*.html") if "_static" not in path.parts)
        return {path.relative_to(self.html).as_posix(): parse(path) for path in found}

    @cached_property
    def readable(self) -> list[str]:
        """The pages that stay where they are when they are opened; the first page only leads on to another."""
        return [name for name, page in self.pages.items() if not page.select('meta[http-equiv="refresh" i]')]

    @property
    def needing_no_host(self) -> list[str]:
        """The readable pages that may also be opened from a folder: all but the one that answers a wrong address."""
        return [name for name in self.readable if name != "404.html"]

    @cached_property
    def trees(self) -> dict[str, nodes.document]:
        """What Sphinx read from each source, before it was written as HTML."""
        folder = self.html.parent / ".doctrees"
        return {
            path.relative_to(folder).with_suffix("").as_posix(): pickle.loads(path.read_bytes())
            for path in sorted(folder.rglob("*.doctree"))
        }


def parse(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def build(folder: Path, source: Path = ROOT) -> Book:
    """Build the book that lies in ``source``; the report beside it says that the build has ended, and how."""
    command = [_jupyter_book(), *BUILD, "--path-output", str(folder), "."]
    start_seconds = [_seconds_to_start_keras()]
    before = _children_seconds()
    with (folder / "build.log").open("wb") as log:
        done = subprocess.run(
            command,
            cwd=source,
            env=os.environ | QUIET,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_BUILD,
        )
    seconds = _children_seconds() - before
    start_seconds.append(_seconds_to_start_keras())
    report = {"returncode": done.returncode, "seconds": seconds, "start_seconds": sum(start_seconds) / 2}
    half = folder / "report.part"
    half.write_text(json.dumps(report), encoding="utf-8")
    half.replace(folder / "report.json")
    return Book(folder, **report)


def _seconds_to_start_keras() -> float:
    before = _children_seconds()
    subprocess.run([sys.executable, "-c", "import keras"], env=os.environ | QUIET, check=True)
    return _children_seconds() - before


def _children_seconds() -> float:
    """Processor seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _jupyter_book() -> str:
    """The command beside this Python, so that no other environment's book tool is taken."""
    return str(Path(sys.executable).with_name("jupyter-book"))
