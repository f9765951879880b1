"""What stopped a learner's code, in one line: the error, and the line of their code that raised it."""

import linecache
import traceback
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent)
_LONGEST = 160


def what_stopped(error: BaseException) -> str:
    """Such as: ValueError: operands could not be broadcast, in line 3 of your code, `return a + b`."""
    message = " ".join(str(error).split())
    if len(message) > _LONGEST:
        message = message[: _LONGEST - 4] + " ..."
    said = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return said + _place(error)


def _place(error: BaseException) -> str:
    """The innermost line that belongs neither to the package nor to a library."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if _is_the_learner_s(frame.filename)
    ]
    if not frames:
        return ""
    line = (frames[-1].line or linecache.getline(frames[-1].filename, frames[-1].lineno or 0)).strip()
    return f", in line {frames[-1].lineno} of your code" + (f", `{line}`" if line else "")


def _is_the_learner_s(filename: str) -> bool:
    inside = Path(filename).parts
    is_library = "site-packages" in inside or any(part.startswith("python3") for part in inside)
    return not is_library and not filename.startswith((_PACKAGE, "<frozen"))
