"""An explorer in a notebook: one widget for all of them, and a still picture where no widget can be shown.

The widget needs the package ``anywidget``, which Colab has. It is imported only when an explorer is made, so that
``import companion`` works without it.
"""

import json
import os
from base64 import b64encode
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from companion.errors import BadInput
from companion.explorers.placeholder import html_of
from companion.explorers.recording import Recorded, read

FRONT = Path(__file__).resolve().parent / "front"
#: The order in which the parts are joined; the parts of the explorers come between the two groups.
SHARED = ("elements.js", "numbers.js", "decoders.js", "stage.js", "gaussians.js")
LAST = ("mount.js",)
TRAINER = tuple(
    f"{name}.js"
    for name in (
        *("npz", "trainer_core", "trainer_room", "trainer_style"),
        *("trainer_plane", "trainer_curves", "trainer_pictures"),
    )
)
WITHOUT_ANYWIDGET = (
    "This explorer moves in a notebook that has the package anywidget: call `pip install anywidget`, restart the "
    "kernel and run the cell again. In the book it moves without it."
)


def front_end() -> str:
    """The whole front end as one piece of JavaScript that defines ``mountExplorer`` and no other global.

    The same text is the widget's module and, inside a function, the book's script.
    """
    own = sorted(path.name for path in FRONT.glob("explore_*.js"))
    parts = [(FRONT / name).read_text(encoding="utf-8") for name in (*SHARED, *TRAINER, *own, *LAST)]
    return "\n".join(parts)


def module() -> str:
    """The front end as the module that anywidget asks for."""
    return f"{front_end()}\nexport default {{ render: renderWidget }};\n"


def book_script() -> str:
    """The front end as a classic script, which a page that is opened from a folder can load, too."""
    book = (FRONT / "book.js").read_text(encoding="utf-8")
    return f'(() => {{\n"use strict";\n{front_end()}\n{book}\n}})();\n'


def book_file(name: str) -> str:
    """The file that the book's script asks for when the explorer ``name`` comes into view."""
    recorded = read(name)
    facts = json.dumps(recorded.facts, separators=(",", ":"))
    return f'companionExplorer({facts}, "{b64encode(recorded.weights).decode("ascii")}");\n'


class Still:
    """The explorer where anywidget is missing: the still picture, and the line that says what to do."""

    def __init__(self, recorded: Recorded, state: dict[str, Any]) -> None:
        self.recorded, self.state = recorded, state

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        line = f"<p>{WITHOUT_ANYWIDGET}</p>"
        return {"text/html": html_of(self.recorded) + line, "text/plain": WITHOUT_ANYWIDGET}


def explorer(name: str, **start: Any) -> Any:
    """The recorded explorer ``name``; ``start`` sets its initial state, such as ``z=[1.0, 0.0]``.

    What is returned shows itself as the last line of a cell. Its ``state`` is a dictionary that follows the page, and
    changes the page when another dictionary is assigned. Without the package anywidget it is a still picture with a
    line that says so.
    Raises :class:`~companion.errors.BadInput` for an explorer that is not recorded, and for an unknown ``start``.
    """
    recorded = read(name)
    known = recorded.facts["start"]
    if unknown := set(start) - set(known):
        raise BadInput(
            f"{name} got {', '.join(sorted(unknown))}: expected some of {', '.join(known)}; pass these by name."
        )
    state = {**known, **start}
    return _widget_class()(recorded, state) if find_spec("anywidget") else Still(recorded, state)


def is_stored() -> bool:
    """Whether the cell is run to be stored in the book, where a still picture replaces the widget."""
    return os.environ.get("COMPANION_QUIET") == "1"


@cache
def _widget_class() -> Any:
    import anywidget
    import traitlets

    class Explorer(anywidget.AnyWidget):
        """The widget of all explorers; ``facts`` determine which one it is."""

        _esm = module()
        facts = traitlets.Dict().tag(sync=True)
        weights = traitlets.Bytes(b"").tag(sync=True)
        state = traitlets.Dict().tag(sync=True)

        def __init__(self, recorded: Recorded, state: dict[str, Any]) -> None:
            super().__init__(facts=recorded.facts, weights=recorded.weights, state=state)
            self.recorded = recorded

        def _repr_mimebundle_(self, **kwargs: Any) -> Any:
            still = {
                "text/html": html_of(self.recorded),
                "text/plain": f"Explorer: {self.recorded.facts['title']}",
            }
            bundle = None if is_stored() else super()._repr_mimebundle_(**kwargs)
            if bundle is None:
                return still
            data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
            return {**still, **data}, metadata

    return Explorer
