"""What of the exercises has to be in the learner's process, and how the rest is kept out of its way.

A few exercises measure what a function does with more than data: its gradient, or what it does with a small model. Such
a measure is code of the chapter's exercises, and it runs beside the learner's function. Only the code that a measure
uses is kept; inputs, expected results and typical mistakes of the chapter are taken out of memory.

This makes cheating inconvenient; it is no lock. A notebook can start another program that reads the same files.
"""

import dis
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from companion.exercises import registry

PACKAGE = Path(__file__).resolve().parents[1]
TAKEN_AWAY = ("exercise", "progress_bar", "registry", "solution", "chapter_")
Notice = Callable[[str], None]


@dataclass(frozen=True)
class Measure:
    """A measure, and the modules that it imports when it runs."""

    function: Callable[..., Any]
    imports: tuple[str, ...]

    def load(self) -> None:
        """Import them now: a large library takes longer than an answer may."""
        for name in self.imports:
            import_module(name)


def measures_of(names: list[str]) -> dict[str, Measure]:
    """The measures of the exercises ``names``; everything else of the package's exercises leaves memory."""
    found = {name: registry.all_exercises()[name].measure for name in names}
    codes = {name: list(_codes(function)) for name, function in found.items()}
    used = {name for each in codes.values() for code in each for name in code.co_names}
    for module in [each for each in sys.modules if each.startswith("companion.exercises.")]:
        if module.removeprefix("companion.exercises.").startswith(TAKEN_AWAY):
            gone = sys.modules.pop(module)
            if "chapter_" in module:
                for name in [each for each in vars(gone) if each not in used and not each.startswith("__")]:
                    delattr(gone, name)
    registry._all.clear()
    return {name: Measure(function, tuple(_imports(codes[name]))) for name, function in found.items()}


def _codes(function: Any, seen: set[int] | None = None) -> Iterator[CodeType]:
    """The code of ``function`` and of the functions and classes of the package's exercises that it names."""
    seen = set() if seen is None else seen
    if id(function) in seen:
        return
    seen.add(id(function))
    if isinstance(function, type):
        for member in list(vars(function).values()):
            if isinstance(member, FunctionType):
                yield from _codes(member, seen)
    elif isinstance(function, FunctionType):
        for code in _nested(function.__code__):
            yield code
            for name in code.co_names:
                named = function.__globals__.get(name)
                if str(getattr(named, "__module__", "")).startswith("companion.exercises."):
                    yield from _codes(named, seen)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)


def _imports(codes: list[CodeType]) -> list[str]:
    return [
        step.argval for code in codes for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME"
    ]


def keep_away(notice: Notice) -> None:
    """Refuse to open or import the solutions and the chapters' checks in this process, and tell ``notice`` who tried.

    Python offers no way to take such a hook away again.
    """

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event == "import" and str(given[0]).startswith("companion.solutions"):
            notice("imports companion.solutions")
            raise ModuleNotFoundError("there are no solutions while a notebook is graded")
        if event in ("open", "os.listdir", "os.scandir", "os.chdir") and _is_kept(given[0]):
            if not _is_traceback(sys._getframe(1)):
                notice("opens the package's checks or solutions")
            raise PermissionError("this file is not open to a notebook that is graded")

    sys.addaudithook(hook)


def _is_kept(path: Any) -> bool:
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    text = os.fsdecode(path)
    if "solutions" not in text and "chapter_" not in text:
        return False
    parts = Path(os.path.realpath(text)).parts
    own = PACKAGE.parts
    inside = parts[len(own) :] if parts[: len(own)] == own else ()
    return inside[:1] == ("solutions",) or (
        inside[:1] == ("exercises",) and inside[-1].startswith("chapter_")
    )


def _is_traceback(frame: Any) -> bool:
    """Whether Python only looks for the line that an error message shows."""
    while frame is not None and frame.f_code.co_filename.endswith(("tokenize.py", "linecache.py")):
        if frame.f_code.co_filename.endswith("linecache.py"):
            return True
        frame = frame.f_back
    return False
