"""The command: ``python -m tools.colab [--chapter NAME] [--workers N]``.

In Colab's own image, ``python -m tools.colab --here --wheel dist/NAME.whl`` takes the Python that runs it as it is.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import nbformat

from tools.colab import environment as environments
from tools.colab.environment import NoEnvironment
from tools.colab.portables import check_portables
from tools.colab.runs import (
    LearnerStopped,
    colab_settings,
    install_as_a_learner_does,
    run_chapters,
    table,
    turned,
)
from tools.execute import notebooks
from tools.first_cell import NoFirstCell, packages_of
from tools.portable import TooLarge
from tools.repository import NoRepository, configured
from tools.wheel import NoWheel, build_wheel

ROOT = Path(__file__).resolve().parents[2]


def prepare(work: Path, pins: Path, here: bool) -> Path:
    """The interpreter with Colab's versions; prints what it is."""
    versions = environments.read_pins(pins)
    if here:
        differing = environments.faults_of_pins(environments.installed(Path(sys.executable)), versions)
        print(f"Python {sys.version.split()[0]} as it is here, compared with {pins.name}:", flush=True)
        print("\n".join(differing) or "no difference", flush=True)
        return Path(sys.executable)
    python = environments.find_python()
    interpreter, made = environments.environment(work / ".venv", pins, python)
    state = "made anew" if made else "made before and unchanged"
    print(f"Python {python.version} with the {len(versions)} versions of {pins.name}, {state}.", flush=True)
    if not python.version.startswith(f"{environments.VERSIONS[0]}."):
        print(f"Colab has Python {environments.VERSIONS[0]}, of which there is none here.", flush=True)
    return interpreter


def install(interpreter: Path, wheel: Path, chapter: Path, work: Path, published: bool) -> None:
    """Have the first cell of ``chapter`` install ``wheel``, and see that nothing else happened."""
    before = environments.installed(interpreter)
    install_as_a_learner_does(chapter, wheel, interpreter, work / "upload", published)
    cells = nbformat.read(chapter, as_version=4).cells
    also = packages_of(next(cell for cell in cells if cell.cell_type == "code"))
    after = environments.installed(interpreter)
    if faults := environments.faults_of_installation(before, after, also=also):
        raise NoEnvironment("; ".join(faults))
    if published:
        print("Without a wheel the first cell would fetch the published package; that was not tried.")
    else:
        print("Without a wheel the first cell says in one line what to do.")
    added = len(set(after) - set(before))
    print(
        f"The first cell installed {wheel.name}: {len(before)} packages unchanged, {added} added.", flush=True
    )


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.colab", description="Run the chapters with Colab's versions."
    )
    parser.add_argument("--chapter", default="", help="one chapter, such as 04_objectives (default: all)")
    parser.add_argument("--workers", type=int, default=2, help="chapters that run at a time (default: 2)")
    parser.add_argument(
        "--timeout", type=int, default=600, help="seconds that one cell may take (default: 600)"
    )
    parser.add_argument(
        "--begin-within",
        type=float,
        default=math.inf,
        metavar="SECONDS",
        help="begin no chapter later than this, and name those left; another one is the first every day",
    )
    parser.add_argument("--here", action="store_true", help="take this Python as it is: in Colab's own image")
    parser.add_argument("--wheel", type=Path, help="a wheel that is built already")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line. Returns 0, 1 where anything failed, 2 for a chapter that does not exist."""
    options = parse(argv)
    chapters = notebooks(root)
    names = [options.chapter.removesuffix(".ipynb")] if options.chapter else list(chapters)
    if not chapters or names[0] not in chapters:
        there = ", ".join(chapters) or "none yet"
        print(f"--chapter {options.chapter}: no such chapter; there are: {there}", file=sys.stderr)
        return 2
    wanted = [chapters[name] for name in names]
    if options.begin_within < math.inf:
        wanted = turned(wanted, date.today())
    start, work = time.monotonic(), root / "_build" / "colab"
    try:
        interpreter = prepare(work, environments.newest_pins(root), options.here)
        wheel = options.wheel or build_wheel(work / "dist", root)
        with colab_settings(work / "home"):
            # They come before the package is installed, and take at most half of the time.
            half = start + options.begin_within / 2
            carried = check_portables(wanted, wheel, interpreter, work, options.timeout, root, half)
            install(interpreter, wheel, wanted[0], work, published=configured(root) is not None)
            outcomes = run_chapters(
                wanted, interpreter, work, options.workers, options.timeout, start + options.begin_within
            )
    except (NoEnvironment, NoFirstCell, NoRepository, NoWheel, LearnerStopped, TooLarge) as failure:
        print(f"colab: {failure}", file=sys.stderr)
        return 1
    good = sum(not outcome.fault for outcome in outcomes)
    print(f"\n{table([*outcomes, *carried])}")
    print(
        f"colab: {good} of {len(outcomes)} chapters ran to their end, {time.monotonic() - start:.0f} s in all."
    )
    if left := [path.stem for path in wanted if path.stem not in {outcome.name for outcome in outcomes}]:
        print(f"Not run for want of time: {', '.join(left)}. Without --begin-within all are run.")
    return int(good < len(outcomes) or any(outcome.fault for outcome in carried))


if __name__ == "__main__":
    sys.exit(main())
