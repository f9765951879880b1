"""The page *What is wrong with my VAE?*: prose from the page, findings and figures from ``results/patients.json``.

```{patient} mean cross-entropy of logits
The reconstruction error is a mean over pixels, the KL a sum.
```

The name is that of a model in ``tests/patients``. Below the prose stand the finding that ``diagnose`` reported on it,
the figure it measured, and what mends it; a picture where one was recorded. ``{patients-matrix}`` is the confusion
matrix, ``{patients-conditions}`` says with what the record was made.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from chapter_links import link_to_chapter
from docutils import nodes
from recorded import RecordedDirective, make_table, read_json, versions_in_words
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from companion.plots import BookFigure, originals_and_reconstructions
from companion.plots.images import image_grid
from companion.plots.words import number
from tools import patients

RECORD = Path("results", "patients.json")
PICTURES = Path("_build", "recorded")
NOT_YET = "This model has not been examined in this copy of the book yet."


def read_record(root: Path) -> dict[str, Any]:
    """The record of ``make patients``; stop the build where there is none."""
    return read_json(root / RECORD)


def bullets(
    env: BuildEnvironment, name: str, row: dict[str, Any], finding: dict[str, Any]
) -> nodes.bullet_list:
    """What ``diagnose`` said of the patient ``name``: the call, the figure, the meaning and what mends it."""
    kind = "note " if finding["level"] == "note" else "finding "
    lines: tuple[tuple[nodes.Node, ...], ...] = (
        (
            nodes.strong(text="How to tell: "),
            nodes.literal(text=row["call"]),
            nodes.Text(f" reports the {kind}"),
            nodes.strong(text=finding["name"]),
            nodes.Text("."),
        ),
        (
            nodes.strong(text="Measured "),
            nodes.Text(f"on the patient “{name}”: {true_minus(finding['figure'])}. "),
            nodes.Text(f"Healthy: {true_minus(finding['healthy'])}."),
        ),
        (nodes.strong(text="What follows: "), nodes.Text(finding["meaning"])),
        (
            nodes.strong(text="Mend: "),
            nodes.literal(text=finding["mend"]),
            nodes.Text(". Explained in "),
            link_to_chapter(env, finding["chapter"]),
            nodes.Text("."),
        ),
    )
    found = nodes.bullet_list(classes=["diagnosed"])
    for line in lines:
        found += nodes.list_item("", nodes.paragraph("", "", *line))
    return found


def true_minus(text: str) -> str:
    """Negative numbers with a true minus sign, for words that are not code."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "−", text)


def drawn(name: str, picture: dict[str, Any]) -> BookFigure:
    """The recorded rows of a patient: the images, what the fault makes of them, and what the mended model does."""
    rows = {row: patients.unpacked(digits) for row, digits in picture["rows"].items()}
    if picture["kind"] == "reconstructions":
        originals = rows.pop("original")
        return originals_and_reconstructions(originals, rows)
    spreads = [f"{row} {number(images.std(axis=0).mean())}" for row, images in rows.items()]
    alt_text = (
        f"Images decoded from codes drawn from the prior, a row for each model: {name}, and mended. A pixel's standard "
        f"deviation within the row: {', '.join(spreads)}."
    )
    return image_grid(
        np.concatenate(list(rows.values())), len(next(iter(rows.values()))), alt_text, left=list(rows)
    )


class PatientRow(RecordedDirective):
    """One fault: what it may be in words, how ``diagnose`` tells it, and what mends it."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        self.depends_on([self.root / RECORD])
        record = read_record(self.root)
        row = {**record["sick"], **record["healthy"]}.get(name)
        body = nodes.container(classes=["patient"])
        body += self.parse_content_to_nodes()
        if row is None:  # a test is red then; the page can be read even so
            return [body, nodes.paragraph(text=NOT_YET)]
        if not row["findings"]:
            raise self.error(f"{RECORD.as_posix()} has no finding for a patient {name}; call: make patients")
        body += bullets(self.env, name, row, row["findings"][0])
        if name in record["pictures"]:
            path = PICTURES / f"patient-{re.sub('[^a-z]+', '-', name.lower())}.png"
            figure = drawn(name, record["pictures"][name])
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            figure.save(self.root / path)
            body += nodes.image(uri=f"/{path.as_posix()}", alt=figure.alt_text, width="80%")
        return [body]


class Matrix(RecordedDirective):
    """The confusion matrix by its filled cells."""

    def run(self) -> list[nodes.Node]:
        self.depends_on([self.root / RECORD])
        table = make_table("", patients.COLUMNS, patients.matrix(read_record(self.root)), "patients")
        return [nodes.container("", table, classes=["wide-table"])]


class Conditions(RecordedDirective):
    """A sentence on how many patients there are, and with what the record was made."""

    def run(self) -> list[nodes.Node]:
        self.depends_on([self.root / RECORD])
        record = read_record(self.root)
        seconds = [row["seconds"] for kind in ("sick", "healthy") for row in record[kind].values()]
        right = sum(map(patients.is_right, record["sick"].values()))
        quiet = sum(not row["found"] for row in record["healthy"].values())
        text = (
            f"Of {len(record['sick'])} sick models {right} got the finding they should, and of "
            f"{len(record['healthy'])} healthy ones {quiet} got no fault. An examination took "
            f"{float(np.median(seconds)):.1f} seconds of a processor in the median and {max(seconds):.0f} at most, "
            f"with {versions_in_words(record['versions'])} on a {record['device']}."
        )
        return [nodes.paragraph(text=text)]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives."""
    app.add_directive("patient", PatientRow)
    app.add_directive("patients-matrix", Matrix)
    app.add_directive("patients-conditions", Conditions)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
