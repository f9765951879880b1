"""Speed of the package and its peers: ``python -m benchmarks [--rounds 5] [--only PATTERN] [--renew] [--out FILE]``.

Everything is measured in turn within one run: milliseconds per step, seconds until the first step, peak memory, and
the floor that a matrix product at full speed would need. All of it goes into ``results/benchmarks.json``. A part of
it, or a quick run, goes into a file only where ``--out`` names one. With ``--renew`` the cases that are measured take
the place of those in the record; every case says at which commit it was measured and how busy the machine was before.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import images, report
from benchmarks.cases import MNIST_SIZE, Case, all_cases, quick, selected
from benchmarks.environment import FOLDER, ROOT
from benchmarks.measure import Floor, measure, say
from companion import machine

SCHEMA = 1
RECORD = ROOT / "results" / "benchmarks.json"
QUIET = 0.5  # the load average below which a machine counts as quiet
MATMUL_SIZE, QUICK_MATMUL_SIZE, QUICK_IMAGES = 1536, 128, 64


def run(cases: Sequence[Case], rounds: int, threads: int, is_quick: bool) -> dict[str, Any]:
    """Measure ``cases`` and return the record of the run."""
    began, load = time.perf_counter(), load_average()
    if load is not None and load > QUIET:
        say(f"Others are using this machine (load {load:.1f}): the figures will scatter.")
    path = images.write(FOLDER, QUICK_IMAGES if is_quick else MNIST_SIZE)
    environments = {contestant.environment for case in cases for contestant in case.contestants}
    with ExitStack() as stack:
        matmul = Floor(stack, environments, threads, QUICK_MATMUL_SIZE if is_quick else MATMUL_SIZE)
        commit = machine.commit()
        measured = [
            {**measure(case, matmul, path, rounds, threads), "commit": commit, "load_before": load}
            for case in cases
        ]
    versions: dict[str, Any] = {}
    for case in measured:
        versions |= case.pop("versions")
    return {
        "schema": SCHEMA,
        "commit": commit,
        "machine": machine.processor(),
        "threads": threads,
        "rounds": rounds,
        "quick": is_quick,
        "load_before": load,
        "seconds": round(time.perf_counter() - began),
        "versions": versions,
        "cases": measured,
    }


def renewed(record: dict[str, Any], measured: dict[str, Any]) -> dict[str, Any]:
    """``record`` with the cases that were ``measured`` again in place of the old ones of the same names."""
    for name in ("rounds", "threads", "quick"):
        if record[name] != measured[name]:
            raise SystemExit(
                f"{name} is {measured[name]}, and {record[name]} in the record: measure all again."
            )
    again = {case["name"]: case for case in measured["cases"]}
    cases = [again.pop(case["name"], case) for case in record["cases"]]
    versions = {**record["versions"], **measured["versions"]}
    return {**record, "versions": versions, "cases": [*cases, *again.values()]}


def limit_to(threads: int | None) -> int:
    """Have every process use at most so many cores, all where None; how many that are."""
    if not hasattr(os, "sched_setaffinity"):
        return threads or os.cpu_count() or 1
    cores = sorted(os.sched_getaffinity(0))[:threads]
    os.sched_setaffinity(0, cores)
    return len(cores)


def load_average() -> float | None:
    """How many processes wanted a core during the last minute; None where the system does not tell."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def write(record: dict[str, Any], path: Path) -> None:
    """Write ``record`` as one whole file."""
    partial = path.with_name(path.name + ".part")
    partial.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line, measure, write, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.partition("\n")[0], allow_abbrev=False
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="how often each contestant has its turn (default: 5)"
    )
    parser.add_argument(
        "--only", default="", metavar="PATTERN", help="regular expression for `case: contestant`"
    )
    parser.add_argument("--threads", type=int, help="cores for each contestant (default: all)")
    parser.add_argument("--quick", action="store_true", help="a few images, to see that everything runs")
    parser.add_argument(
        "--out", type=Path, help=f"where the record goes (default: {RECORD.relative_to(ROOT)})"
    )
    parser.add_argument("--renew", action="store_true", help="put the measured cases into the record")
    parser.add_argument("--list", action="store_true", help="list cases and contestants, measure nothing")
    options = parser.parse_args(argv)
    if options.rounds < 1 or (options.threads is not None and options.threads < 1):
        parser.error("--rounds and --threads must be at least 1")
    try:
        chosen = selected(all_cases(), options.only)
        # Half a case would put other contestants' rounds beside those of another hour.
        names = {case.name for case in chosen}
        cases = [case for case in all_cases() if case.name in names] if options.renew else chosen
    except re.error as error:
        parser.error(f"--only {options.only!r} is no regular expression ({error})")
    if not cases:
        parser.error(f"--only {options.only!r} fits no contestant; --list shows them all")
    if options.list:
        print("\n".join(f"{case.name}: {each.name}" for case in cases for each in case.contestants))
        return 0
    if options.quick:
        cases = [quick(case) for case in cases]
    # A polite end closes the contestants' processes, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(f"{parser.prog}: told to end"))
    record = run(cases, options.rounds, limit_to(options.threads), options.quick)
    if options.renew:
        record = renewed(json.loads((options.out or RECORD).read_text(encoding="utf-8")), record)
    whole = options.renew or not (options.only or options.quick)
    out = options.out or (RECORD if whole else None)
    if out is not None:
        write(record, out)
        say(f"Written: {out}")
    print(report.text(record))
    return 0


if __name__ == "__main__":
    sys.exit(main())
