"""Notebooks that carry the package, in Colab's environment: each is compared with its chapter, two a day are run."""

import math
import subprocess
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import nbformat

from tools import portable
from tools.colab.environment import PACKAGE, installed
from tools.colab.runs import RUN_EACH_DAY, Outcome, emptied, run_chapter, turned


def check_portables(
    notebooks: Sequence[Path],
    wheel: Path,
    interpreter: Path,
    work: Path,
    timeout: int,
    root: Path,
    begin_until: float = math.inf,
) -> list[Outcome]:
    """How portable notebooks ended: those that differ from their chapters, and those that were run today.

    Of ``notebooks`` only the chapters have one. None is begun after ``begin_until``, on the clock of
    :func:`time.monotonic`.
    """
    chapters = sorted(path for path in notebooks if path.parent == root / "chapters")
    if not chapters:
        return []
    folder = emptied(work / "portable")
    made = {path.stem: path for path in portable.write(root, folder, wheel)}
    outcomes = [outcome for chapter in chapters if (outcome := compare(made[chapter.stem], chapter)).fault]
    for chapter in turned(chapters, date.today())[:RUN_EACH_DAY]:
        if time.monotonic() >= begin_until:
            print(f"{chapter.stem}, portable: not run for want of time", flush=True)
            continue
        outcomes.append(run_alone(made[chapter.stem], interpreter, work, timeout))
    print(f"{len(chapters)} portable notebooks compared with their chapters, cell by cell.", flush=True)
    return outcomes


def compare(made: Path, chapter: Path) -> Outcome:
    """Whether a portable notebook is its chapter and a cell in front."""
    both = (nbformat.read(path, as_version=4) for path in (made, chapter))
    return Outcome(f"{chapter.stem}, portable", fault="; ".join(portable.differences(*both)[:3]))


def run_alone(made: Path, interpreter: Path, work: Path, timeout: int) -> Outcome:
    """Run a portable notebook in a folder that holds nothing else, where the package is missing."""
    before = installed(interpreter)
    folder = emptied(work / "portable-alone")
    executed = emptied(work / "portable-executed" / made.stem)
    outcome = run_chapter(made.rename(folder / made.name), interpreter, executed, timeout)
    added = sorted(set(installed(interpreter)) - set(before))
    if not outcome.fault and PACKAGE not in added:
        outcome.fault = "the package that it carries was not installed"
    if added:
        uninstall(interpreter, added)
    outcome.name += ", portable"
    return outcome


def uninstall(interpreter: Path, names: Sequence[str]) -> None:
    """Take packages away again, so that the next notebook finds what Colab has."""
    command = [str(interpreter), "-m", "pip", "uninstall", "--quiet", "--yes", *names]
    subprocess.run(command, check=True, capture_output=True)
