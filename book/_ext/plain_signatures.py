"""Show arguments on the API pages as a reader would write them.

Keras gives its layers and models a ``__new__`` that takes anything, and autodoc would print that one instead of the
arguments that ``__init__`` names. A default that is a function is printed in angle brackets, which Sphinx cannot read:
the whole signature would stand there as one long word, with no types to follow. A base class is named where readers
import it, not by the file that holds it; one that no page documents is left out.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from sphinx.application import Sphinx
from sphinx.util.inspect import signature, stringify_signature

HIDDEN = "(*args, **kwargs)"


def show_init(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Replace a class's catch-all signature by that of its ``__init__``."""
    if what != "class" or arguments != HIDDEN:
        return None
    return stringify_signature(signature(obj.__init__, bound_method=True), unqualified_typehints=True), None


def name_functions(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, arguments: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Write a default that is a function by its name, and one that has no name as three points."""
    named = re.sub(r"<function ((?:\w+\.)*\w+)>", r"\1", arguments or "")
    plain = re.sub(r"<(?:function [\w.]*<lambda>|factory)>", "...", named)
    return (plain, returns) if plain != (arguments or "") else None


def name_bases(app: Sphinx, name: str, obj: Any, options: Any, bases: list[Any]) -> None:
    """Name the package's own base classes by the module that exports them; drop those of modules without a page."""
    shown: list[Any] = []
    for base in bases:
        parts = base.__module__.split(".")
        if parts[0] != "companion":
            shown.append(base)
            continue
        public = ".".join(parts[:2])
        if parts[1] in import_module("companion")._MODULES and hasattr(import_module(public), base.__name__):
            shown.append(f":py:class:`~{public}.{base.__name__}`")
    bases[:] = shown or [object]


def setup(app: Sphinx) -> dict[str, object]:
    """Listen to autodoc, which must be loaded first."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-signature", show_init)
    app.connect("autodoc-process-signature", name_functions)
    app.connect("autodoc-process-bases", name_bases)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
