"""``{cite-this}``: how to cite the book, as a sentence and as BibTeX, both written from ``CITATION.cff`` alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

SOURCE = "CITATION.cff"
NEEDED = ("title", "version", "authors", "license")


def read_citation(root: Path) -> dict[str, Any]:
    """What ``CITATION.cff`` says; stop the build, naming the field, where one is missing."""
    try:
        found = yaml.safe_load((root / SOURCE).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ExtensionError(f"{SOURCE} cannot be read: {error}") from error
    missing = [name for name in NEEDED if not found.get(name)]
    if missing:
        raise ExtensionError(f"{SOURCE} has no {', '.join(missing)}; the page on citing needs it")
    return found


def author_names(citation: dict[str, Any], *, bibtex: bool = False) -> list[str]:
    """Each author as ``Family, Given``, or by the one name of a group.

    For BibTeX a group's name is braced, so that no comma or *and* in it is taken for the border between names.
    """
    group = "{{{}}}" if bibtex else "{}"
    people = citation["authors"]
    return [
        group.format(each["name"]) if "name" in each else f"{each['family-names']}, {each['given-names']}"
        for each in people
    ]


def year_of(citation: dict[str, Any]) -> str | None:
    """The year in which the version was released; None while it has not been."""
    released = citation.get("date-released")
    return str(released)[:4] if released else None


def address_of(citation: dict[str, Any]) -> str | None:
    """Where the book is found, once it has been published."""
    return citation.get("url") or citation.get("repository-code")


def sentence(citation: dict[str, Any]) -> str:
    """The reference as it stands in a list of works."""
    parts = ["; ".join(author_names(citation)), citation["title"], f"version {citation['version']}"]
    parts.append(year_of(citation) or "unreleased")
    return ". ".join([", ".join(parts), *filter(None, [address_of(citation)])]) + "."


def bibtex(citation: dict[str, Any]) -> str:
    """The same as an entry for BibTeX."""
    fields = {
        "title": f"{{{citation['title']}}}",
        "author": " and ".join(author_names(citation, bibtex=True)),
        "year": year_of(citation),
        "note": f"Version {citation['version']}" + ("" if year_of(citation) else ", unreleased"),
        "url": address_of(citation),
    }
    key = re.sub(r"[^a-z0-9]+", "_", citation["title"].lower()).strip("_")
    lines = [f"  {name:<6} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


class CiteThis(SphinxDirective):
    """Both forms, one below the other."""

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        self.env.note_dependency(str(root / SOURCE))
        citation = read_citation(root)
        entry = bibtex(citation)
        return [
            nodes.paragraph(text=sentence(citation)),
            nodes.literal_block(entry, entry, language="bibtex"),
        ]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("cite-this", CiteThis)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
