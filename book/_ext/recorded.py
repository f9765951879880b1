"""What the recorded experiments show, read from declarations and outcomes while the book is built.

``{recorded-experiments}`` writes a section for each experiment: its question, a table of its arms, its claims with the
intervals that decide them, what it took and how to run it again. No figure is ever typed into a page.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from companion import evidence
from companion.errors import BadInput
from companion.experiments import declaration
from companion.experiments import outcome as outcomes
from companion.experiments.declaration import Claim, Declaration
from companion.experiments.outcome import Outcome

MISSING = "–"
CLAIM_COLUMNS = ("Claim", "Relation", "Difference", "Verdict")
NOT_RUN, HOLDS, NOT_SHOWN = "not run yet", "holds", "not shown"


def read_json(path: Path) -> Any:
    """Read a recorded file; stop the build, naming the file, where it holds no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExtensionError(f"{path.parent.name}/{path.name} cannot be read as JSON: {error}") from error


def figure(value: Any, digits: int = 2) -> str:
    """Write a recorded number with a true minus sign, or a dash where there is none."""
    if value is None:
        return MISSING
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    return f"{value:,.{digits}f}".replace("-", "−")


def versions_in_words(versions: dict[str, str | None]) -> str:
    """The recorded versions as a sentence lists them, ``Python 3.11.7, Keras 3.15.1``; what was missing stays out."""
    names = {"python": "Python", "keras": "Keras", "tensorflow": "TensorFlow", "jax": "JAX", "numpy": "NumPy"}
    return ", ".join(f"{name} {versions[key]}" for key, name in names.items() if versions.get(key))


def claim_row(claim: Claim, declared: Declaration, recorded: Outcome) -> tuple[str, ...]:
    """The cells of one claim, in the order of ``CLAIM_COLUMNS``."""
    verdict = outcomes.verdict(claim, declared, recorded)
    if verdict is None:
        return claim.says, claim.relation, MISSING, NOT_RUN
    difference = verdict.difference
    interval = f"{evidence.in_words(difference)}, {difference.n} seeds, {claim.level:.0%}"
    return claim.says, claim.relation, interval, HOLDS if verdict.holds else NOT_SHOWN


def circumstances_in_words(declared: Declaration, recorded: Outcome) -> str:
    """How many runs there are, what they took, and with which versions the last of them were made."""
    missing = sum(run not in recorded.runs for budget in declared.budgets for run in declared.runs(budget))
    words = [f"{len(recorded.runs)} runs, {figure(recorded.seconds / 60, 0)} minutes in all"]
    if missing:
        words.append(f"{missing} not run yet")
    last = recorded.circumstances[-1] if recorded.circumstances else {}
    made_with = versions_in_words(last.get("versions", {}))
    if made_with:
        words.append(f"{made_with}; {last.get('device') or 'device unknown'}")
    return "; ".join(words) + "."


def make_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], kind: str) -> nodes.table:
    """Build a table with one header row; ``kind`` becomes its class, by which the checks find it."""
    table = nodes.table(classes=["recorded", kind])
    if title:
        table += nodes.title(text=title)
    group = nodes.tgroup(cols=len(columns))
    table += group
    group += [nodes.colspec(colwidth=1) for _column in columns]
    head, body = nodes.thead(), nodes.tbody()
    group += [head, body]
    head += _make_row(columns)
    body += [_make_row(row) for row in rows]
    return table


def _make_row(cells: Iterable[str]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += nodes.paragraph(text=cell)
        row += entry
    return row


class RecordedDirective(SphinxDirective):
    """Common to the tables: where the project lies, and that new files make the page stale."""

    @property
    def root(self) -> Path:
        return Path(self.env.srcdir)

    def depends_on(self, paths: Iterable[Path]) -> None:
        for path in paths:
            if path.exists():
                self.env.note_dependency(str(path))
        # What is recorded later is no dependency yet, so the page is read again at every build.
        self.env.note_reread()


class RecordedExperiments(RecordedDirective):
    """A section for each declared experiment."""

    def run(self) -> list[nodes.Node]:
        results = self.root / "results"
        self.depends_on(results.glob("*/*.toml"))
        self.depends_on(results.glob("*/outcome.json"))
        try:
            return [self._section(name, results) for name in declaration.names(results)]
        except BadInput as error:
            raise ExtensionError(str(error)) from error

    def _section(self, name: str, results: Path) -> nodes.section:
        declared, recorded = declaration.read(name, results), outcomes.read(name, results)
        section = nodes.section(ids=[f"experiment-{name}"], classes=["experiment"])
        section += nodes.title(text=name)
        section += nodes.paragraph(text=declared.question)
        if declared.notes:
            section += nodes.paragraph(text=declared.notes)
        for budget in declared.budgets:
            if not recorded.figures(budget):
                continue
            shown = evidence.table_of(declared, recorded, budget)
            title = f"Budget: {budget}" if len(declared.budgets) > 1 else ""
            table = make_table(title, shown.columns, shown.rows, "arms")
            section += nodes.container("", table, classes=["wide-table"])
        if declared.claims:
            rows = [claim_row(claim, declared, recorded) for claim in declared.claims]
            section += nodes.container(
                "", make_table("", CLAIM_COLUMNS, rows, "claims"), classes=["wide-table"]
            )
        section += nodes.paragraph(text=circumstances_in_words(declared, recorded))
        command = f"python -m companion experiment {name}"
        section += nodes.literal_block(text=command, language="sh")
        return section


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("recorded-experiments", RecordedExperiments)
    # Its tables are made by this module.
    app.setup_extension("speed")
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
