"""The contestants of a case in turn, round after round, and the record of what came out.

All processes of a case live at once, and each waits while another works. In every round a large matrix product is
measured too, with each engine that takes part; the fastest is the rate of that round's floor.
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import floor
from benchmarks.cases import Case, Contestant
from benchmarks.environment import FOLDER, Missing
from benchmarks.worker import Worker

# Which engine multiplies in which environment.
MATMULS = {"project": "tensorflow", "jax": "jax", "torch": "torch"}
Rounds = dict[str, list[float]]


class Floor:
    """The matrix products of a run: one process for each engine, alive from the first case to the last."""

    def __init__(self, stack: ExitStack, environments: set[str], threads: int, size: int) -> None:
        self.operations = 2 * size**3
        self.workers: dict[str, Worker] = {}
        for environment in sorted(environments & set(MATMULS)):
            engine = MATMULS[environment]
            spec = {"engine": engine, "size": size, "threads": threads}
            worker = start(stack, environment, "matmul", spec, f"matmul {engine}")
            if isinstance(worker, Worker):
                self.workers[engine] = worker

    def rates(self) -> dict[str, float]:
        """GFLOP/s of each engine, now."""
        return {engine: self.operations / worker.round() / 1e9 for engine, worker in self.workers.items()}


def start(
    stack: ExitStack,
    environment: str,
    module: str,
    spec: dict[str, Any],
    name: str,
    backend: str = "tensorflow",
) -> Worker | str:
    """A worker that is ready for its first round, ended when ``stack`` closes; or why there is none."""
    log = FOLDER / "log" / (re.sub(r"[^a-z0-9]+", "-", name.lower()) + ".txt")
    try:
        return stack.enter_context(Worker(environment, module, spec, log, backend))
    except Missing as reason:
        say(f"missing: {name}: {reason}")
        return str(reason)


def measure(case: Case, matmul: Floor, images: Path, rounds: int, threads: int) -> dict[str, Any]:
    """The record of ``case`` after ``rounds`` rounds."""
    say(case.name)
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for contestant in case.contestants:
            spec = {
                **case.settings,
                **contestant.options,
                "batch": case.batch,
                "steps": case.steps,
                "images": str(images),
                "count": case.images,
                "threads": threads,
            }
            name = f"{case.name} {contestant.name}"
            found = start(stack, contestant.environment, contestant.worker, spec, name, contestant.backend)
            if isinstance(found, Worker):
                workers[contestant.name] = found
            else:
                missing[contestant.name] = found
        seconds, rates = take_turns(workers, matmul, rounds, missing, warmed=case.warmed)
        facts = {name: workers[name].stop() for name in seconds}
    return record_of(case, seconds, rates, facts, missing)


def take_turns(
    workers: dict[str, Worker], matmul: Floor, rounds: int, missing: dict[str, str], *, warmed: bool = False
) -> tuple[Rounds, list[dict[str, float]]]:
    """Seconds of each round of each worker, and the rates of the matrix product in each round.

    Every round begins with another contestant; with ``warmed`` each makes a round before it that does not count. One
    that dies is out, and ``missing`` says why.
    """
    seconds: Rounds = {name: [] for name in workers}
    rates = []
    for number in range(rounds):
        rates.append(matmul.rates())
        names = list(seconds)
        first = number % max(1, len(names))
        for name in names[first:] + names[:first]:
            try:
                if warmed:
                    workers[name].round()
                seconds[name].append(workers[name].round())
            except Missing as reason:
                missing[name] = str(reason)
                del seconds[name]
                say(f"  missing from now on: {name}: {reason}")
        say("  " + ", ".join(f"{name} {values[-1]:.2f} s" for name, values in seconds.items()))
    return seconds, rates


def record_of(
    case: Case,
    seconds: Rounds,
    rates: Sequence[dict[str, float]],
    facts: dict[str, dict[str, Any]],
    missing: dict[str, str],
) -> dict[str, Any]:
    """What is kept of a case: every contestant's milliseconds per step, and how they compare round by round."""
    per_step = {name: [1000 * value / case.steps for value in values] for name, values in seconds.items()}
    floors = [floor.milliseconds(case.operations, max(rate.values())) for rate in rates]
    contestants = {
        name: {
            "ms_per_step": spread(values, rounds=True),
            "images_per_second": round(1000 * case.batch / statistics.median(values), 1),
            "share_of_floor": spread([least / own for least, own in zip(floors, values, strict=True)]),
            "times_as_fast_as": {
                baseline: spread(
                    [theirs / own for theirs, own in zip(per_step[baseline], values, strict=True)]
                )
                for baseline in case.baselines
                if baseline in per_step
            },
            "import_s": round(facts[name]["import_s"], 2),
            "first_step_s": rounded(facts[name]["first_step_s"]),
            "peak_memory_mb": facts[name]["peak_memory_mb"],
        }
        for name, values in per_step.items()
    }
    return {
        "name": case.name,
        "batch": case.batch,
        "steps_per_round": case.steps,
        "operations_per_step": case.operations,
        "floor_ms_per_step": spread(floors, rounds=True),
        "matmul_gflops": {engine: [round(rate[engine], 1) for rate in rates] for engine in rates[0]},
        "baselines": list(case.baselines),
        "contestants": contestants,
        "missing": missing,
        "versions": versions_by_environment(case.contestants, facts),
    }


def spread(values: Sequence[float], rounds: bool = False) -> dict[str, Any]:
    """Least, median and greatest of ``values``, and all of them where ``rounds`` is true."""
    least, middle, greatest = min(values), statistics.median(values), max(values)
    own: dict[str, Any] = {"min": rounded(least), "median": rounded(middle), "max": rounded(greatest)}
    return {**own, "rounds": [rounded(value) for value in values]} if rounds else own


def rounded(value: float | None) -> float | None:
    """A figure with four digits that count."""
    return None if value is None else float(f"{value:.4g}")


def versions_by_environment(
    contestants: Sequence[Contestant], facts: dict[str, dict[str, Any]]
) -> dict[str, dict[str, str]]:
    """The versions that took part, by the name of their environment."""
    return {
        contestant.environment: facts[contestant.name]["versions"]
        for contestant in contestants
        if contestant.name in facts
    }


def say(line: str) -> None:
    """A line for the person who waits."""
    print(line, file=sys.stderr, flush=True)
