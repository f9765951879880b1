"""``{speed-tables}`` and ``{speed-figure}``: what ``make bench`` measured, read from ``results/benchmarks.json``.

``benchmarks/report.py`` says what the tables and the picture show. Where nothing has been measured, the page says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from recorded import RecordedDirective, make_table, read_json
from sphinx.application import Sphinx

from benchmarks import report

RECORD = Path("results", "benchmarks.json")
PICTURE = Path("_build", "recorded", "speed.png")
NOTHING = "The speed has not been measured in this copy of the book yet."


def read_speed(root: Path) -> dict[str, Any]:
    """The stored record; an empty dictionary where nothing has been measured yet."""
    path = root / RECORD
    return read_json(path) if path.exists() else {}


def tables(record: dict[str, Any]) -> list[nodes.Node]:
    """A table for each case, and below them on what they were measured."""
    found = [
        nodes.container("", make_table(*table, "speed"), classes=["wide-table"])
        for table in report.tables(record)
    ]
    return [*found, nodes.paragraph(text=report.conditions(record))]


class SpeedTables(RecordedDirective):
    """A table for each case that was measured."""

    def run(self) -> list[nodes.Node]:
        self.depends_on([self.root / RECORD])
        record = read_speed(self.root)
        return tables(record) if record else [nodes.paragraph(text=NOTHING)]


class SpeedFigure(RecordedDirective):
    """The speed of all contestants as multiples of one of them."""

    def run(self) -> list[nodes.Node]:
        self.depends_on([self.root / RECORD])
        drawn = report.figure(record) if (record := read_speed(self.root)) else None
        if drawn is None:
            return []
        picture = self.root / PICTURE
        picture.parent.mkdir(parents=True, exist_ok=True)
        drawn.save(picture)
        return [nodes.image(uri=f"/{PICTURE.as_posix()}", alt=drawn.alt_text)]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives."""
    app.add_directive("speed-tables", SpeedTables)
    app.add_directive("speed-figure", SpeedFigure)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
