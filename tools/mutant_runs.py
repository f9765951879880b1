"""Test runs in forks, each with one mistake in one module; ``tools/mutants.py`` counts them.

One process imports Keras and its engine, which takes ten seconds; for every mutant it forks, and the fork imports the
package with the one mistake in it and runs the module's tests until the first failure. Forking is sound because no
operation has run yet; a suite of small models then starts in under a second.
"""

import importlib
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import Any

from tools.mutations import Mutant

PRELOADED = ["keras", "numpy", "scipy.stats", "sklearn.datasets", "matplotlib.figure", "pytest", "hypothesis"]
# The exit status of a fork in which this tool, and not a test, failed.
BROKE_DOWN = 70


def prepare() -> None:
    """Import what all forks need and none may break, with one thread a fork and no accelerator."""
    os.environ.update(CUDA_VISIBLE_DEVICES="-1", OMP_NUM_THREADS="1", TF_NUM_INTRAOP_THREADS="1")
    for name in PRELOADED:
        importlib.import_module(name)
    assert "companion" not in sys.modules, "the package must not be imported before the fork"


@dataclass
class Target:
    """A module to break and the tests that should notice."""

    file: str
    tests: list[str]
    seconds: dict[str, float] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    limit: float = 600.0

    @cached_property
    def source(self) -> str:
        """The module as it stood at first; an edit during the run must not shift the mutants."""
        return Path(self.file).read_text(encoding="utf-8")

    def order(self) -> list[str]:
        """The tests in the order in which they are likely to kill soonest."""
        return sorted(self.seconds, key=lambda test: self.seconds[test] / (1 + self.kills.get(test, 0)))


class Broken(importlib.machinery.SourceFileLoader):
    """Imports one module from a syntax tree instead of from its file."""

    def __init__(self, file: str, tree: Any) -> None:
        name = ".".join(Path(file).with_suffix("").parts)
        super().__init__(name, str(Path(file).resolve()))
        self.tree = tree

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the broken module; None for all others."""
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:
        """The compiled tree, which keeps the line numbers of the file."""
        return compile(self.tree, self.path, "exec")


class Watcher:
    """A pytest plugin: orders the tests and remembers how long each took and which one failed."""

    def __init__(self, order: Sequence[str]) -> None:
        self.rank = {test: i for i, test in enumerate(order)}
        self.seconds: dict[str, float] = {}
        self.failed = ""

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Put the likely killers first."""
        items.sort(key=lambda item: self.rank.get(item.nodeid, len(self.rank)))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Add up the phases of each test."""
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = report.nodeid


@dataclass
class Run:
    """One forked test run."""

    target: Target
    mutant: Mutant | None
    pid: int
    report: Path
    began: float


def fork_tests(target: Target, mutant: Mutant | None, folder: Path) -> Run:
    """Start the target's tests in a fork, with the mutant in place of its module."""
    report = Path(tempfile.mkstemp(dir=folder, suffix=".json")[1])
    sys.stdout.flush()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            _run_tests(target, mutant, report)
        finally:
            os._exit(BROKE_DOWN)
    return Run(target, mutant, pid, report, began)


def _run_tests(target: Target, mutant: Mutant | None, report: Path) -> None:
    output = os.open(report.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("mutants", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutants")
    if mutant is not None:
        sys.meta_path.insert(0, Broken(target.file, mutant.tree(target.source)))
    watcher = Watcher(target.order())
    # Slow are tests that train on MNIST, and those of a new process, which imports the sound module. Without notebooks
    # there is no need for nbval, whose import takes two seconds of each fork.
    arguments = "-x -q -p no:cacheprovider -p no:xdist -p no:randomly -p no:nbval -m".split()
    status = int(pytest.main([*arguments, "not slow", *target.tests], plugins=[watcher]))
    report.write_text(json.dumps({"status": status, "failed": watcher.failed, "seconds": watcher.seconds}))
    sys.stdout.flush()
    os._exit(status)


def wait_for_any(runs: list[Run]) -> tuple[Run, int | None]:
    """The first run to end, with its exit status; None for one that had to be stopped at its time limit."""
    while True:
        for run in runs:
            pid, status = os.waitpid(run.pid, os.WNOHANG)
            if pid:
                return run, os.waitstatus_to_exitcode(status)
            if time.monotonic() - run.began > run.target.limit:
                stop(run)
                return run, None
        time.sleep(0.02)


def stop(run: Run) -> None:
    """End a run and everything that its tests started."""
    os.killpg(run.pid, signal.SIGKILL)
    os.waitpid(run.pid, 0)


def measure(target: Target, folder: Path, least_seconds: float = 20.0) -> None:
    """Run the tests on the sound module: they must pass, and their time sets the limit."""
    run, status = wait_for_any([fork_tests(target, None, folder)])
    if status != 0:
        sys.exit(f"{_end_of_output(run)}\nThe tests of {target.file} fail without a mutant.")
    target.seconds = json.loads(run.report.read_text())["seconds"]
    target.limit = max(least_seconds, 5 * (time.monotonic() - run.began))


def try_all(
    work: Sequence[tuple[Target, Mutant]], jobs: int, folder: Path
) -> Iterator[tuple[Target, Mutant, str]]:
    """Try every mutant; give each with its fate: killed, timed out or survived."""
    waiting = list(reversed(work))
    running: list[Run] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(fork_tests(*waiting.pop(), folder))
            run, status = wait_for_any(running)
            running.remove(run)
            assert run.mutant is not None
            yield run.target, run.mutant, _fate(run, status)
    finally:
        for run in running:
            stop(run)


def _fate(run: Run, status: int | None) -> str:
    if status is None:
        return "timed out"
    if status == 0:
        return "survived"
    if status == BROKE_DOWN:
        sys.exit(f"{_end_of_output(run)}\nThe tests of {run.target.file} could not be started.")
    try:
        killer = json.loads(run.report.read_text())["failed"]
    except ValueError:
        killer = ""  # the interpreter itself went down
    run.target.kills[killer] = run.target.kills.get(killer, 0) + 1
    return "killed"


def _end_of_output(run: Run) -> str:
    return run.report.with_suffix(".log").read_text(errors="replace")[-3000:]
