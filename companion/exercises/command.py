"""The command ``python -m companion grade``; what it does is in :mod:`companion.exercises.grading`."""

import argparse
import os
import sys
from collections import Counter
from typing import Any

INTERRUPTED = 130


def add_to(commands: Any) -> argparse.ArgumentParser:
    """Add the command to the command line's ``commands`` and return its parser."""
    grade = commands.add_parser(
        "grade", help="run the checks of submitted notebooks and write a table", allow_abbrev=False
    )
    grade.add_argument("notebooks", nargs="+", metavar="NOTEBOOK", help="a chapter that a learner submitted")
    grade.add_argument("--table", default="grades.csv", metavar="FILE", help="default: grades.csv")
    grade.add_argument("--seconds", type=float, default=600.0, help="limit for each notebook (default: 600)")
    grade.add_argument("--megabytes", type=int, default=4096, help="limit for each notebook (default: 4096)")
    grade.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="notebooks at a time (default: one per core)"
    )
    grade.add_argument(
        "--whole", action="store_true", help="run all cells, not only imports and the section Exercises"
    )
    grade.set_defaults(options=grade.options)
    return grade


def run(arguments: argparse.Namespace) -> int:
    """Grade, write the table and print one line with its contents."""
    from companion.exercises.grading import grade

    limits = {"seconds": arguments.seconds, "megabytes": arguments.megabytes, "whole": arguments.whole}
    try:
        rows = grade(arguments.notebooks, arguments.table, **limits, jobs=arguments.jobs)
    except KeyboardInterrupt:
        kept = f"{arguments.table}.progress"
        print(
            f"companion: interrupted; {kept} keeps what is done, and the same call goes on.", file=sys.stderr
        )
        return INTERRUPTED
    results = Counter(row["result"] for row in rows)
    counted = ", ".join(f"{count} {result}" for result, count in sorted(results.items()))
    print(f"{arguments.table}: {len(rows)} rows from {len(arguments.notebooks)} notebooks: {counted}.")
    suspects = {(row["learner"], row["notebook"]) for row in rows if "tampering" in row["remark"]}
    if suspects:
        print(f"Look at {len(suspects)} of the notebooks: their remarks name signs of tampering.")
    return 0
