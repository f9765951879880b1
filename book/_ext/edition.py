"""Say at the foot of each page which edition it is: the package's version, and the commit with its own date.

The date is the commit's, so that a build of the same commit gives the same pages on any day. A copy of the project
that is no git checkout says the version alone.
"""

from __future__ import annotations

from datetime import date
from html import escape
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

import companion
from companion.machine import Checkout, checkout

WITNESS = "_config.yml"  # a tree in which git does not know this file is not the book's own
SHORT = 7


def describe(version: str, found: Checkout | None) -> str:
    """One line of HTML: version, short commit, its date, and whether files differ from it."""
    line = f"Version {escape(version)}"
    if found is not None:
        day = date.fromisoformat(found.date)
        spoken = f"{day.day} {day:%B} {day.year}"
        line += (
            f', commit <code>{found.revision[:SHORT]}</code> of <time datetime="{found.date}">{spoken}</time>'
        )
    if found is not None and found.changed:
        line += ", with changes that are not in it"
    return f'<p class="edition">{line}.</p>'


def set_footer(app: Sphinx, config: Config) -> None:
    """Put the line where the theme shows whatever else belongs at the foot of a page."""
    options = config.html_theme_options
    line = describe(companion.__version__, checkout(Path(app.srcdir), WITNESS))
    options["extra_footer"] = f"{options.get('extra_footer') or ''}{line}"


def setup(app: Sphinx) -> dict[str, object]:
    """Listen for the moment when the configuration is complete."""
    app.connect("config-inited", set_footer)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
