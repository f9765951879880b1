"""The page of errata: prose from the page, figures from ``results/errata.json``, code from ``tools/errata``.

```{erratum} images_grouped_as_draws
:where: advances section, importance-weighted autoencoder

The bound is {measured}`right_8:.2f` nats and the grouped form {measured}`grouped_8:.2f`.
```

The name is that of the function that measures; its source stands below the text in a fold, so that no figure on
the page is without the code that made it. ``{errata-conditions}`` says with what the record was made.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from chapter_links import link_to_chapter
from docutils import nodes
from docutils.parsers.rst import directives
from recorded import figure, read_json, versions_in_words
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

RECORD = Path("results", "errata.json")
CODE = Path("tools", "errata")
CURRENT = "erratum"


def read_record(root: Path) -> dict[str, Any]:
    """The record of ``make errata``; stop the build where there is none."""
    return read_json(root / RECORD)


def source_of(root: Path, name: str) -> tuple[str, str]:
    """The file, relative to ``root``, and the lines of the function ``name`` that measures a row."""
    for path in sorted((root / CODE).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                lines = text.splitlines()[first - 1 : node.end_lineno]
                return path.relative_to(root).as_posix(), "\n".join(lines)
    raise ExtensionError(f"no function in {CODE.as_posix()} is named {name}, as a row of the errata is")


def write_figure(value: Any, form: str) -> str:
    """A recorded figure in the given format, with a true minus sign; words as they are."""
    if isinstance(value, str):
        return value
    return format(value, form).replace("-", "−")


class Measured(SphinxRole):
    """One figure of the row in which it stands, ``{measured}`name:.2f` ``; the format as Python writes it."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        key, _, form = self.text.partition(":")
        row, figures = self.env.temp_data.get(CURRENT, ("", {}))
        if key not in figures:
            there = ", ".join(figures) or "none, since it stands in no erratum"
            message = f"{{measured}}`{self.text}`: the row {row!r} has no such figure; there are: {there}"
            return [], [self.inliner.reporter.error(message, line=self.lineno)]
        value = figures[key]
        written = write_figure(value, form)
        return [nodes.literal(text=written) if isinstance(value, str) else nodes.Text(written)], []


class Erratum(SphinxDirective):
    """One flaw: where it stands, what is wrong and right in words, what was measured, and the code."""

    required_arguments = 1
    option_spec = {"where": directives.unchanged_required}  # noqa: RUF012 - docutils reads it so
    has_content = True

    def run(self) -> list[nodes.Node]:
        name, root = self.arguments[0], Path(self.env.srcdir)
        file, source = source_of(root, name)
        for path in (RECORD, Path(file)):
            self.env.note_dependency(str(root / path))
        row = read_record(root)["rows"].get(name)
        if row is None:
            raise self.error(f"{RECORD.as_posix()} has no row {name}; call: make errata ROW={name}")
        if "where" not in self.options:
            raise self.error(f"the erratum {name} does not say where it stands; add the option :where:")
        self.env.temp_data[CURRENT] = name, row["figures"]
        body = nodes.container(classes=["erratum"])
        body += head(self.env, self.options["where"], row["chapter"])
        body += self.parse_content_to_nodes()
        body += self.parse_text_to_nodes(fold(file, source, row))
        del self.env.temp_data[CURRENT]
        return [body]


def head(env: BuildEnvironment, where: str, chapter: str) -> nodes.paragraph:
    """The line that says where the flaw stands and which chapter teaches the right form."""
    env.note_reread()  # for a chapter that is added later
    line = nodes.paragraph(classes=["erratum-place"])
    line += nodes.Text(f"Where: {where}. The right form: ")
    line += link_to_chapter(env, chapter[:2])
    line += nodes.Text(".")
    return line


def fold(file: str, source: str, row: dict[str, Any]) -> str:
    """Markdown for the fold with the function, its recorded figures and what they cost."""
    figures = json.dumps(row["figures"], indent=1)
    tolerance, seconds = format(row["tolerance"], ".0%"), figure(float(row["seconds"]), 1)
    return (
        "````{dropdown} The code that measured this, and its figures\n"
        f"From `{file}`; it took {seconds} s. Measured again, a figure may move by {tolerance}.\n\n"
        f"```python\n{source}\n```\n\n```json\n{figures}\n```\n````\n"
    )


class Conditions(SphinxDirective):
    """A sentence on the versions, the device and the seed of the record."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / RECORD))
        record = read_record(root)
        versions = versions_in_words(record["versions"])
        seconds = sum(row["seconds"] for row in record["rows"].values())
        text = (
            f"The {len(record['rows'])} rows were measured with {versions} on a {record['device']}, with seed "
            f"{record['seed']}, in {figure(float(seconds), 0)} seconds."
        )
        return [nodes.paragraph(text=text)]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directives and the role."""
    app.add_directive("erratum", Erratum)
    app.add_directive("errata-conditions", Conditions)
    app.add_role("measured", Measured())
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
