"""How far an examination is: a line that is written anew, on a terminal or in a notebook, and nowhere else."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TextIO

from companion.machine import verbosity

WIDTH = 20  # characters of the bar


@contextlib.contextmanager
def progress(steps: int) -> Iterator[Callable[[str], None]]:
    """A function that is called with the name of each of the ``steps`` as it begins; the line is wiped at the end."""
    out, begun, longest = _screen(), 0, 0

    def begin(name: str) -> None:
        nonlocal begun, longest
        if out is None:
            return
        done = WIDTH * begun // steps
        line = f"diagnose [{'#' * done}{'.' * (WIDTH - done)}] {name}"
        begun, longest = begun + 1, max(longest, len(line))
        print(f"\r{line:{longest}}", end="", file=out, flush=True)

    try:
        yield begin
    finally:
        if longest:
            print(f"\r{'':{longest}}\r", end="", file=out, flush=True)


def _screen() -> TextIO | None:
    """Where a line can be written anew: a terminal, or a notebook in a reader's hands; None elsewhere."""
    if sys.stderr.isatty():
        return sys.stderr
    in_a_notebook = type(sys.stdout).__module__.startswith("ipykernel")
    return sys.stdout if in_a_notebook and verbosity() else None
