"""The command ``python -m companion experiment``; what it does is in :mod:`companion.experiments.engine`."""

import argparse
from pathlib import Path
from typing import Any

from companion.errors import BadInput
from companion.experiments import declaration, engine
from companion.experiments import outcome as outcomes


def add_to(commands: Any) -> None:
    """Add the command to the command line's ``commands``."""
    parser = commands.add_parser(
        "experiment",
        help="run what is missing of a declared experiment, or check its claims",
        allow_abbrev=False,
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a folder in results; with --check all of them"
    )
    parser.add_argument(
        "--budget", metavar="NAME", help="one that the experiment declares (default: the first)"
    )
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds per arm (default: as declared)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="runs side by side (default: 2)")
    parser.add_argument("--arms", metavar="A,B", help="only these arms (default: all)")
    parser.add_argument("--results", default="results", metavar="DIR", help="default: results")
    parser.add_argument("--dry-run", action="store_true", help="say what would be run, and run nothing")
    parser.add_argument("--check", action="store_true", help="run nothing; evaluate the claims")
    parser.add_argument("--forget", metavar="ARM", help="drop the recorded runs of an arm")
    parser.set_defaults(options=parser.options)


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked for; 1 where a run failed, or an outcome or claim is not as declared."""
    results = Path(arguments.results)
    if not results.is_dir():
        raise BadInput(
            f"results={results} is no folder: expected that of the project, with results/NAME/experiment.toml; call "
            f"the command in the project's folder, or pass --results DIR."
        )
    if arguments.check:
        return 1 if engine.report(results, arguments.name) else 0
    if arguments.name is None:
        listed = ", ".join(declaration.names(results)) or "none"
        raise BadInput(f"NAME is missing: expected one of {listed}; type it after experiment.")
    if arguments.forget is not None:
        return _forget(arguments.name, arguments.forget, results)
    arms = arguments.arms.split(",") if arguments.arms else None
    chosen = {"budget": arguments.budget, "seeds": arguments.seeds, "arms": arms}
    declared, recorded = declaration.read(arguments.name, results), outcomes.read(arguments.name, results)
    engine.check_agreement(declared, recorded)
    todo = engine.planned(declared, recorded, **chosen)
    if arguments.dry_run:
        print(f"{arguments.name}: {len(recorded.runs)} runs are recorded, {len(todo)} would be run:")
        for each in todo:
            print(f"  {each.budget}: {each.arm}, seed {each.seed}")
        return 0
    failed = engine.run_missing(arguments.name, results, jobs=arguments.jobs, **chosen)
    engine.report(results, arguments.name)
    return 1 if failed else 0


def _forget(name: str, arm: str, results: Path) -> int:
    recorded = outcomes.read(name, results)
    known = sorted({each.arm for each in recorded.runs})
    if arm not in known:
        raise BadInput(f"arm {arm!r} has no recorded runs: expected one of {', '.join(known) or 'none'}.")
    kept = recorded.without([arm])
    outcomes.write(kept, results)
    print(f"{name}: dropped {len(recorded.runs) - len(kept.runs)} runs of {arm}.")
    return 0
