"""Show what a command says when it is asked for help, so that the page and the command cannot drift apart.

```{command-help} run
```
runs ``python -m companion run --help`` while the book is built.
"""

from __future__ import annotations

import os
import subprocess
import sys

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

COLUMNS = "78"
PATIENCE = 60


class CommandHelp(SphinxDirective):
    """The help of one command of ``python -m companion``."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        command = [sys.executable, "-m", "companion", *self.arguments, "--help"]
        done = subprocess.run(
            command,
            cwd=self.env.srcdir,
            env=os.environ | {"COLUMNS": COLUMNS, "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        shown = f"python -m companion {' '.join([*self.arguments, '--help'])}"
        if done.returncode:
            raise ExtensionError(f"{self.env.docname}: {shown} failed: {done.stderr.strip()}")
        text = f"$ {shown}\n{done.stdout.rstrip()}"
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, object]:
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
