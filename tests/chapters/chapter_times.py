"""How long the chapters take, told by the test run itself: a pytest plugin that the notebook guard brings along.

Every run that tests chapters writes ``_build/run_times.json``: seconds and peak memory of each chapter whose cells were
all run and all passed, ``{"failed": true}`` for one that a cell stopped, nothing for one that was run in part.
``--record-times`` (``make test RECORD_TIMES=1``) stores the same as ``results/run_times.json``, which the book's page
of run times shows; it does so only when every chapter passed, and else leaves the last record as it was.

A chapter's seconds go from the start of its kernel to the end of its last cell. Peak memory is the kernel's own.
The record names the seconds of every test file, too; by these the next run begins with the longest (longest_first.py).
"""

import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbFile

from companion import machine
from tests.longest_first import measured_seconds
from tools.execute import write_whole

pytest_plugins = ["tests.longest_first"]

MADE = Path("_build", "run_times.json")
STORED = Path("results", "run_times.json")
Entry = dict[str, Any]


@dataclass
class Chapter:
    """What is known of a chapter while its cells are run."""

    began: float
    ended: float = 0.0
    sound: int = 0
    failed: bool = False
    peak_memory_mb: int | None = None

    def entry(self, cells: int) -> Entry | None:
        """Its entry in the record; None where not all of its ``cells`` were run."""
        if self.failed:
            return {"failed": True}
        if self.sound < cells:
            return None
        return {"seconds": round(self.ended - self.began, 1), "peak_memory_mb": self.peak_memory_mb}


@dataclass
class Times:
    """All chapters of one test process; the first process gathers the entries of the others."""

    began: float = field(default_factory=time.monotonic)
    running: dict[str, Chapter] = field(default_factory=dict)
    cells: dict[str, int] = field(default_factory=dict)
    gathered: dict[str, Entry] = field(default_factory=dict)

    def entries(self) -> dict[str, Entry]:
        own = {name: chapter.entry(self.cells[name]) for name, chapter in self.running.items()}
        return {**self.gathered, **{name: entry for name, entry in own.items() if entry}}


TIMES = pytest.StashKey[Times]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-times",
        action="store_true",
        help=f"store the chapters' run times as {STORED.as_posix()} if every chapter passed",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[TIMES] = Times()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    report = yield
    if isinstance(item.parent, IPyNbFile) and item.path.parent == item.config.rootpath / "chapters":
        note(item.config.stash[TIMES], item.parent, call, report)
    return report


def note(times: Times, notebook: Any, call: pytest.CallInfo, report: pytest.TestReport) -> None:
    """Add one phase of one cell: the kernel starts in the setup of the first cell and lives until after the last."""
    name = notebook.path.stem
    chapter = times.running.setdefault(name, Chapter(began=call.start))
    times.cells[name] = sum(cell.cell_type == "code" for cell in notebook.nb.cells)
    chapter.failed |= report.failed
    if call.when == "call":
        chapter.ended = call.stop
        chapter.sound += not report.failed and not hasattr(report, "wasxfail")
        if notebook.kernel is not None and notebook.kernel.is_alive():
            pid = notebook.kernel.km.provisioner.pid
            chapter.peak_memory_mb = machine.peak_memory_mb(pid) or chapter.peak_memory_mb


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands its chapters to the process that started it."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["chapter_times"] = session.config.stash[TIMES].entries()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A worker that broke down has nothing to hand over, and its chapters stay out."""
    node.config.stash[TIMES].gathered.update(getattr(node, "workeroutput", {}).get("chapter_times", {}))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Write what was measured, and say what became of the wish to store it."""
    chapters = config.stash[TIMES].entries()
    record = {
        "chapters": chapters,
        "files": measured_seconds(config),
        "tests": whole_run(terminalreporter, config),
        "machine": machine.processor(),
        "versions": machine.versions(os.environ.get("KERAS_BACKEND", "tensorflow")),
        "commit": commit_of(config.rootpath),
    }
    text = json.dumps(record, indent=1, sort_keys=True) + "\n"
    if chapters:
        write_whole(config.rootpath / MADE, text)
    if config.getoption("--record-times"):
        if lacking := without_times(config.rootpath, chapters):
            told = f"{STORED.as_posix()} was left as it was; without a time: {', '.join(lacking)}"
        else:
            write_whole(config.rootpath / STORED, text)
            told = f"run times of {len(chapters)} chapters stored in {STORED.as_posix()}"
        terminalreporter.write_line(told)


def whole_run(terminalreporter: Any, config: pytest.Config) -> dict[str, Any]:
    """Seconds, outcomes and number of processes of the test run to which the chapters belong."""
    counts = {kind: len(terminalreporter.stats.get(kind, ())) for kind in ("passed", "failed", "skipped")}
    return {
        "seconds": round(time.monotonic() - config.stash[TIMES].began, 1),
        "workers": getattr(config.option, "numprocesses", None) or 1,
        **counts,
    }


def without_times(root: Path, chapters: dict[str, Entry]) -> list[str]:
    """The chapters of the book that did not run to a sound end."""
    there = sorted(path.stem for path in (root / "chapters").glob("*.ipynb"))
    return [name for name in there if "seconds" not in chapters.get(name, {})]


def commit_of(root: Path) -> str | None:
    """The commit that was tested, with ``-dirty`` where files of the project differ from it."""
    found = machine.checkout(root, "pyproject.toml")
    return found.name if found else None
