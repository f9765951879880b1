"""Measure the rows of the errata and record them: ``make errata [ROW="name other_name"]``.

With ``--row`` only those rows are measured, and only their entries are replaced.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from companion import machine
from tools.errata import SEED, Row, rows
from tools.execute import write_whole

ROOT = Path(__file__).resolve().parents[2]
RECORD = Path("results", "errata.json")


def measured(row: Row) -> dict[str, Any]:
    """The figures of one row, the seconds that they took, and what belongs to them."""
    keras.utils.set_random_seed(SEED)
    began = time.monotonic()
    figures = row.measure()
    seconds = round(time.monotonic() - began, 2)
    return {
        "chapter": row.chapter,
        "tolerance": row.tolerance,
        "seconds": seconds,
        "commit": machine.commit(),
        "figures": {name: rounded(figure) for name, figure in figures.items()},
    }


def rounded(figure: float | int | str) -> float | int | str:
    """A figure as it is recorded: what has a decimal point, with six digits that count."""
    return float(f"{figure:.6g}") if isinstance(figure, float) else figure


def conditions() -> dict[str, Any]:
    """What all rows of a record have in common."""
    return {"seed": SEED, "device": machine.device(), "versions": machine.versions(keras.backend.backend())}


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line. Returns 0, or 2 for a row that does not exist or a record made under other conditions."""
    parser = argparse.ArgumentParser(prog="make errata", description=__doc__)
    parser.add_argument(
        "--row", nargs="+", default=[], help="measure these rows and leave the others as recorded"
    )
    wanted = parser.parse_args(argv).row
    known, path = rows(), root / RECORD
    for name in set(wanted) - set(known):
        print(f"--row {name}: no such row; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    if wanted and not may_join(path):
        print(f"{RECORD} was made with other versions; measure all rows: make errata", file=sys.stderr)
        return 2
    fresh = {}
    for name in wanted or known:
        fresh[name] = measured(known[name])
        print(f"{name}: {fresh[name]['seconds']} s, {fresh[name]['figures']}", flush=True)
    # Read only now, so that a row that was recorded in the meantime is not lost.
    merged = {**(recorded_rows(path) if wanted else {}), **fresh}
    record = {**conditions(), "rows": {name: merged[name] for name in known if name in merged}}
    write_whole(path, json.dumps(record, indent=1) + "\n")
    return 0


def may_join(path: Path) -> bool:
    """Whether a row measured now belongs into the record at ``path``: there is none, or it was made under the same
    conditions.
    """
    if not path.exists():
        return True
    before = json.loads(path.read_text(encoding="utf-8"))
    return {key: before[key] for key in conditions()} == conditions()


def recorded_rows(path: Path) -> dict[str, Any]:
    """The rows of the record at ``path``, none where there is no record."""
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
