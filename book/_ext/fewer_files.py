"""Finds the sources that the table of contents leaves out, without a walk through environments and built books.

Sphinx's external table of contents looks for them in every folder below the project, also in excluded ones such as the
environments below ``_build``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.matching import Matcher
from sphinx_external_toc.parsing import parse_toc_yaml


def exclude_the_rest(app: Sphinx, config: Any) -> None:
    """Add to ``exclude_patterns`` every source that the contents do not list."""
    root = Path(app.srcdir)
    listed, excluded = parse_toc_yaml(root / config.external_toc_path), Matcher(config.exclude_patterns)
    left_out = []
    for folder, subfolders, files in os.walk(root):
        here = Path(folder).relative_to(root)
        subfolders[:] = [
            name for name in subfolders if not name.startswith(".") and not excluded((here / name).as_posix())
        ]
        for name in files:
            path = (here / name).as_posix()
            ending = next((each for each in config.source_suffix if path.endswith(each)), None)
            if ending and not excluded(path) and path not in listed and path[: -len(ending)] not in listed:
                left_out.append(path)
    config.exclude_patterns = [*config.exclude_patterns, *sorted(left_out)]
    config.external_toc_exclude_missing = False


def setup(app: Sphinx) -> dict[str, bool]:
    """After the endings of sources are known (800), before the handler of the table of contents (900)."""
    app.connect("config-inited", exclude_the_rest, priority=850)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
