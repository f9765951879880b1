"""Runs what is missing of an experiment: several runs side by side, each a process of its own that can be resumed."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.errors import BadInput, check_whole_number
from companion.experiments import outcome as outcomes
from companion.experiments.declaration import Declaration, Run, names, read
from companion.experiments.folder import RECORD, locked
from companion.experiments.worker import FIGURES

#: Where unfinished runs lie, with their checkpoints.
WORK = Path("_build", "experiments")
POLL = 0.5  # seconds between two looks at the processes


@dataclass
class Process:
    """A run in progress."""

    run: Run
    folder: Path
    popen: "subprocess.Popen[bytes]"
    core: int

    def share_done(self) -> float:
        """How much of its training is done, between 0 and 1; 0 for a task that keeps no record."""
        try:
            record = json.loads((self.folder / "run" / RECORD).read_text(encoding="utf-8"))
            return min(record["epochs_done"] / record["settings"]["epochs"], 1.0)
        except (OSError, ValueError, KeyError):
            return 0.0


@dataclass
class Progress:
    """What is done, what runs, how many minutes are left: one line, rewritten on a terminal.

    Elsewhere it is printed after each run.
    """

    todo: int
    done: int = 0
    started: float = field(default_factory=time.perf_counter)
    first_shares: dict[Run, float] = field(default_factory=dict)
    shown: str = ""

    def line(self, running: Iterable[Process]) -> str:
        """The line as it is now."""
        parts = [(process.run, process.share_done()) for process in running]
        for run, share in parts:
            # What an earlier attempt had done does not tell how fast this one is.
            self.first_shares.setdefault(run, share)
        begun_with = sum(self.first_shares.values())
        finished = self.done + sum(share for _, share in parts)
        gained = finished - begun_with
        seconds = time.perf_counter() - self.started
        left = f"{seconds * (self.todo - finished) / gained / 60:.0f} minutes left" if gained > 0.02 else ""
        names = ", ".join(f"{run.arm}/{run.seed} {share:.0%}" for run, share in parts)
        return "; ".join(part for part in (f"{self.done} of {self.todo} runs done", names, left) if part)

    def show(self, running: Iterable[Process]) -> None:
        """Rewrite the line on a terminal."""
        if sys.stderr.isatty():
            line = self.line(running)[: shutil.get_terminal_size().columns - 1]
            print(f"\r{line:{len(self.shown)}}", end="", file=sys.stderr, flush=True)
            self.shown = line

    def after_run(self, running: Iterable[Process]) -> None:
        """Print the line where it is not rewritten all the time."""
        if not sys.stderr.isatty():
            print(self.line(running), file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """Print ``text`` on a line of its own."""
        if self.shown:
            print(f"\r{' ' * len(self.shown)}\r", end="", file=sys.stderr)
            self.shown = ""
        print(text, file=sys.stderr, flush=True)


def run_missing(
    name: str,
    results: Path,
    *,
    budget: str | None = None,
    seeds: int | None = None,
    jobs: int = 2,
    arms: Iterable[str] | None = None,
    work: Path = WORK,
) -> int:
    """Run what is missing of experiment ``name``, ``jobs`` at a time; return how many runs failed.

    After every run ``results/NAME/outcome.json`` is written anew. A run that was stopped goes on from its last epoch.
    With several jobs each computes on one core. Raises :class:`~companion.errors.BadInput` where the recorded runs
    contradict the declaration, and where another process works on the same experiment.
    """
    declared, jobs = read(name, results), check_whole_number("jobs", jobs)
    (work / name).mkdir(parents=True, exist_ok=True)
    taken = f"experiment {name} is being run by another process: expected one at a time; wait for it."
    with locked(work / name, taken):
        recorded = outcomes.read(name, results)
        check_agreement(declared, recorded)
        todo = planned(declared, recorded, budget, seeds, arms)
        progress = Progress(len(todo))
        failed = 0
        for process, running, record in _finished(declared, todo, results, work / name, jobs, progress):
            if record is None:
                failed += 1
                continue
            run = process.run
            settings = declared.settings_of(run.budget, run.arm)
            recorded = recorded.with_run(run, settings, **record)
            outcomes.write(recorded, results)
            # The checkpoint is not needed any more.
            shutil.rmtree(process.folder, ignore_errors=True)
            progress.done += 1
            measured = {key: value for key, value in record["figures"].items() if value is not None}
            figures = ", ".join(f"{key} {value:.4g}" for key, value in measured.items())
            progress.say(f"{run.arm}, seed {run.seed}: {figures}; {record['seconds']:.0f} seconds")
            progress.after_run(running)
        return failed


def planned(
    declared: Declaration,
    recorded: outcomes.Outcome,
    budget: str | None = None,
    seeds: int | None = None,
    arms: Iterable[str] | None = None,
) -> list[Run]:
    """The runs that are missing, in the order in which they are made."""
    chosen = None if arms is None else set(arms)
    for arm in chosen or ():
        if arm not in declared.arms:
            raise BadInput(
                f"arm {arm!r}: expected one of {', '.join(declared.arms)}; pass one of these names."
            )
    runs = declared.runs(budget, seeds)
    return [run for run in runs if run not in recorded.runs and (chosen is None or run.arm in chosen)]


def check_agreement(declared: Declaration, recorded: outcomes.Outcome) -> None:
    """Raise :class:`~companion.errors.BadInput` where recorded runs do not fit the declaration."""
    against = outcomes.contradictions(declared, recorded)
    if against:
        raise BadInput(
            f"experiment {declared.name}: {against[0]}: expected outcomes of one declaration; restore the declaration, "
            f"or call python -m companion experiment {declared.name} --forget ARM to drop an arm's runs."
        )


def _finished(
    declared: Declaration, todo: list[Run], results: Path, work: Path, jobs: int, progress: Progress
) -> Iterator[tuple[Process, list[Process], dict[str, Any] | None]]:
    """Each run as it ends, those that go on, and what it recorded, None where it failed.

    Whatever happens, no process stays behind.
    """
    waiting = list(todo)
    running: list[Process] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                taken = {process.core for process in running}
                core = next(core for core in range(jobs) if core not in taken) if jobs > 1 else -1
                running.append(_start(declared, waiting.pop(0), results, work, core))
            time.sleep(POLL)
            progress.show(running)
            for process in [each for each in running if each.popen.poll() is not None]:
                running.remove(process)
                yield process, running, _collected(process, progress)
    finally:
        for process in running:
            process.popen.terminate()
        for process in running:
            process.popen.wait()


def _start(declared: Declaration, run: Run, results: Path, work: Path, core: int) -> Process:
    # A declaration that has changed gets other folders: what an earlier attempt left is not continued.
    settings = json.dumps(declared.settings_of(run.budget, run.arm), sort_keys=True)
    digest = hashlib.sha256(settings.encode()).hexdigest()[:8]
    folder = work / f"{run.budget}-{run.arm}-{run.seed}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    pinned = cores[core % len(cores)] if cores and core >= 0 else -1
    command = [sys.executable, "-m", "companion.experiments.worker", declared.name, run.budget, run.arm]
    environment = {**os.environ, "KERAS_BACKEND": declared.backend}
    with (folder / "messages.txt").open("wb") as messages:
        popen = subprocess.Popen(
            [*command, str(results), str(folder), str(run.seed), str(pinned)],
            stdin=subprocess.PIPE,
            stdout=messages,
            stderr=subprocess.STDOUT,
            env=environment,
        )
    return Process(run, folder, popen, core)


def _collected(process: Process, progress: Progress) -> dict[str, Any] | None:
    path = process.folder / FIGURES
    if process.popen.returncode == 0 and path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    text = (process.folder / "messages.txt").read_text(encoding="utf-8", errors="replace").strip()
    last = text.splitlines()[-1] if text else f"exit code {process.popen.returncode}"
    progress.say(f"{process.run.arm}, seed {process.run.seed}, failed: {last}")
    return None


Say = Callable[[str], None]


def report(results: Path, only: str | None = None, say: Say = print) -> int:
    """Say of every declared experiment what is missing and which claims hold; return how many faults there are.

    A fault is an outcome that does not fit its declaration, and a claim whose verdict is not the declared one. A run
    that is missing is none: its claims are *not run yet*.
    """
    faults = 0
    for name in names(results) if only is None else [only]:
        declared, recorded = read(name, results), outcomes.read(name, results)
        todo = [run for budget in declared.budgets for run in planned(declared, recorded, budget)]
        say(
            f"{name}: {len(recorded.runs)} runs, {recorded.seconds / 60:.0f} minutes; {len(todo)} not run yet"
        )
        for fault in outcomes.contradictions(declared, recorded):
            faults += 1
            say(f"  FAULT: {fault}")
        for claim in declared.claims:
            verdict = outcomes.verdict(claim, declared, recorded)
            if verdict is None:
                say(f"  not run yet: {claim.says}")
                continue
            state = "holds" if verdict.holds else "not shown"
            faults += verdict.holds != claim.holds
            wrong = "" if verdict.holds == claim.holds else "FAULT: declared the other way; "
            say(
                f"  {wrong}{state}: {claim.says} ({claim.relation}: {verdict.difference}, n={verdict.difference.n})"
            )
    return faults
