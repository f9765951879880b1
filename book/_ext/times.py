"""``{run-times}``: how long each chapter took when the tests last ran and their times were stored.

The record is ``results/run_times.json``, which ``make test RECORD_TIMES=1`` writes. No figure is typed into a page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from recorded import RecordedDirective, figure, make_table, read_json, versions_in_words
from sphinx.application import Sphinx

RECORD = Path("results", "run_times.json")
COLUMNS = ("Chapter", "Seconds", "Peak memory, MB")
SHORT = 7


def read_times(root: Path) -> dict[str, Any]:
    """The stored record; an empty dictionary where nothing has been timed yet."""
    path = root / RECORD
    return read_json(path) if path.exists() else {}


def rows_of(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    """A row for each chapter, in their order."""
    return [
        (name, figure(float(entry["seconds"]), 0), figure(entry.get("peak_memory_mb"), 0))
        for name, entry in sorted(record["chapters"].items())
    ]


def conditions(record: dict[str, Any]) -> str:
    """A sentence on the machine, the versions and the commit that the times belong to."""
    machine = record["machine"]
    named = versions_in_words(record["versions"])
    commit, _, changed = (record.get("commit") or "").partition("-")
    origin = (
        f" Commit {commit[:SHORT]}{', with changes that are not in it' if changed else ''}." if commit else ""
    )
    cores = "1 core" if machine["cores"] == 1 else f"{machine['cores']} cores"
    kind = f"{machine['processor']} ({machine['system']})"
    return f"Taken on {cores} of a processor of the kind {kind}, with {named}.{origin}"


def whole_run(record: dict[str, Any]) -> str:
    """A sentence on the test run that timed the chapters."""
    tests = record["tests"]
    total = sum(entry["seconds"] for entry in record["chapters"].values())
    processes = "one process" if tests["workers"] == 1 else f"{tests['workers']} processes side by side"
    checks, seconds = figure(tests["passed"] + tests["failed"]), figure(float(tests["seconds"]), 0)
    return (
        f"The chapters together take {figure(float(total), 0)} seconds. The test run of which they were a part made "
        f"{checks} checks in {processes} and took {seconds} seconds."
    )


class RunTimes(RecordedDirective):
    """One row a chapter, and below the table on what and in which run the times were taken."""

    def run(self) -> list[nodes.Node]:
        self.depends_on([self.root / RECORD])
        record = read_times(self.root)
        if not record:
            return [nodes.paragraph(text="No chapter has been timed in this copy of the book yet.")]
        return [
            make_table("", COLUMNS, rows_of(record), "run-times"),
            nodes.paragraph(text=conditions(record)),
            nodes.paragraph(text=whole_run(record)),
        ]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("run-times", RunTimes)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
