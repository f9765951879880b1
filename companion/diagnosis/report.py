"""What a diagnosis found, in the order in which it has to be mended: as text, as a page, and as JSON."""

import html
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from companion.diagnosis.bars import svg

#: What is wrong further up spoils the measurements further down, so it is mended first.
STAGES = ("data", "loss", "sampling", "learning", "codes", "evaluation")
FAULT, NOTE = "fault", "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    ``figure`` is what was measured, with its unit, ``healthy`` what a healthy model shows; ``meaning`` says in a
    sentence or two what follows, ``mend`` the call or line that mends it, ``chapter`` where the book explains it.
    ``sure`` is *certain* (an identity is broken), *likely* or *possible*. ``after`` names findings that explain it.
    ``bars`` are the figures behind ``figure`` by name, which a page draws.
    """

    name: str
    stage: str
    figure: str
    healthy: str
    meaning: str
    mend: str
    chapter: str
    sure: str = "certain"
    level: str = FAULT
    after: tuple[str, ...] = ()
    bars: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Missing:
    """What was not examined, and what to pass so that it is."""

    what: str
    needs: str


@dataclass(frozen=True)
class Report:
    """The findings about one model, ordered by what has to be mended first, and what could not be examined."""

    patient: str
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...] = ()
    measured: dict[str, Any] = field(default_factory=dict)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing above a note was found."""
        return not any(finding.level == FAULT for finding in self.findings)

    @property
    def main(self) -> tuple[Finding, ...]:
        """The findings that no other one explains."""
        return tuple(finding for finding in self.findings if not self._explained(finding))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        lines = [self._headline()]
        for number, finding in enumerate(self.main, start=1):
            lines += [f"{number}. {finding.name} ({finding.stage}; {finding.sure})", *_rows(finding)]
            lines += [f"   follows from it: {each.name}, {each.figure}" for each in self._follow(finding)]
        if self.missing:
            lines.append("Not examined:")
            lines += [f"- {each.what}: {each.needs}" for each in self.missing]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        def cell(text: str, picture: str = "") -> str:
            return f"<td>{html.escape(text)}{picture}</td>"

        rows = [
            f"<tr>{cell(f.name)}{cell(f.figure, svg(f.bars, f.name))}"
            + "".join(map(cell, (f.healthy, f.meaning, f.mend, f.chapter)))
            + "</tr>"
            for f in self.findings
        ]
        names = ("Finding", "Measured", "Healthy", "What it means", "What mends it", "Chapter")
        head = "<tr>" + "".join(f"<th scope='col'>{name}</th>" for name in names) + "</tr>"
        table = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""
        missing = "".join(f"<li>{html.escape(f'{each.what}: {each.needs}')}</li>" for each in self.missing)
        listed = f"<p>Not examined:</p><ul>{missing}</ul>" if missing else ""
        return f"<p>{html.escape(self._headline())}</p>{table}{listed}"

    def to_json(self) -> str:
        """The report for machines: one JSON object."""
        return json.dumps({**asdict(self), "is_healthy": self.is_healthy}, indent=1, ensure_ascii=False)

    def _headline(self) -> str:
        faults = sum(finding.level == FAULT for finding in self.main)
        if not faults:
            return f"{self.patient}: nothing is wrong with what could be examined."
        return f"{self.patient}: {faults} thing{'s' if faults > 1 else ''} to mend, the first one first."

    def _explained(self, finding: Finding) -> bool:
        names = {each.name for each in self.findings}
        return any(cause in names for cause in finding.after)

    def _follow(self, cause: Finding) -> list[Finding]:
        return [finding for finding in self.findings if cause.name in finding.after]


def ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """Findings by stage, faults before notes; within a stage in the order in which they were found.

    What two measurements agree on is one finding, the first.
    """
    once = {finding.name: finding for finding in reversed(findings)}
    kept = [finding for finding in findings if once[finding.name] is finding]
    return tuple(sorted(kept, key=lambda each: (each.level != FAULT, STAGES.index(each.stage))))


def _rows(finding: Finding) -> list[str]:
    rows = {
        "measured": finding.figure,
        "healthy": finding.healthy,
        "meaning": finding.meaning,
        "mend": finding.mend,
        "chapter": finding.chapter,
    }
    return [f"   {name + ':':10}{text}" for name, text in rows.items()]
