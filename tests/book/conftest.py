"""Builds the book once for all checks on its pages, into a temporary folder, by the command that ``make book`` runs."""

import json
import os
import pickle
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

ROOT = Path(__file__).resolve().parents[2]
BUILD = ("build", "-W", "-n", "--keep-going")
LONGEST_BUILD = 300


@dataclass(frozen=True)
class Book:
    """A built book: where it lies, how the build ended, and its pages as parsed HTML."""

    folder: Path
    returncode: int
    seconds: float

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

    @property
    def readable(self) -> list[str]:
        """The pages that stay where they are when they are opened; the first page only leads on to another."""
        return [name for name, page in self.pages.items() if not page.select('meta[http-equiv="refresh" i]')]

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


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Book:
    """The built book. Several test processes share one build: the first makes it, the others wait for it."""
    own = tmp_path_factory.getbasetemp()
    shared = (own if worker_id == "master" else own.parent) / "book"
    try:
        shared.mkdir()
    except FileExistsError:
        return _wait_for(shared)
    return _build(shared)


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of this test process; ``master`` where there is only one."""
    return getattr(request.config, "workerinput", {}).get("workerid", "master")


def _build(folder: Path) -> Book:
    before = _children_seconds()
    command = [_jupyter_book(), *BUILD, "--path-output", str(folder), "."]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "KERAS_BACKEND": "tensorflow"}
    with (folder / "build.log").open("wb") as log:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | quiet,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_BUILD,
        )
    report = {"returncode": done.returncode, "seconds": _children_seconds() - before}
    half = folder / "report.part"
    half.write_text(json.dumps(report), encoding="utf-8")
    half.replace(folder / "report.json")
    return Book(folder, **report)


def _children_seconds() -> float:
    """Processor seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _jupyter_book() -> str:
    """The command beside this Python, so that no other environment's book tool is taken."""
    return str(Path(sys.executable).with_name("jupyter-book"))


def _wait_for(folder: Path) -> Book:
    report = folder / "report.json"
    for _second in _seconds(LONGEST_BUILD):
        if report.exists():
            return Book(folder, **json.loads(report.read_text(encoding="utf-8")))
    pytest.fail(f"another test process did not finish the book within {LONGEST_BUILD} s")


def _seconds(limit: int) -> Iterator[int]:
    for second in range(limit):
        yield second
        time.sleep(1)
