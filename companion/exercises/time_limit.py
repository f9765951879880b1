"""A time limit that works in a notebook, on Linux, macOS and Windows.

Signals would be simpler, but Windows has no alarm and only the main thread may set one. So the work runs in a thread of
its own, and the caller waits for it. When the time is up, Python raises :class:`TimeIsUp` inside that thread, which
ends every loop of Python code. A single call into compiled code cannot be interrupted; such a thread keeps running and
ends with the program.
"""

import ctypes
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

# In a loop that catches the exception it is raised again, up to this many times.
ATTEMPTS_TO_STOP, PATIENCE = 20, 0.05


class TimeIsUp(BaseException):
    """Raised inside work that took too long. An ``except Exception`` in the work does not catch it."""


class TookTooLong(Exception):
    """The work was not done in time."""


class Stopped(Exception):
    """The person at the keyboard interrupted the work."""


def call_within(seconds: float, work: Callable[[], Any]) -> Any:
    """What ``work()`` returns, or the exception it raises, if that comes within ``seconds``.

    Raises :class:`TookTooLong` otherwise, and :class:`Stopped` on an interrupt from the keyboard. Warnings from the
    work, such as those of an overflow, are not shown.
    """
    outcome: dict[str, Any] = {}
    thread = threading.Thread(target=_keep_outcome, args=(work, outcome), daemon=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        thread.start()
        try:
            thread.join(seconds)
        except KeyboardInterrupt:
            _stop(thread)
            raise Stopped from None
        if thread.is_alive():
            _stop(thread)
            raise TookTooLong
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def _keep_outcome(work: Callable[[], Any], outcome: dict[str, Any]) -> None:
    try:
        with np.errstate(all="ignore"):
            outcome["value"] = work()
    except TimeIsUp:
        outcome["error"] = TookTooLong()
    except (
        BaseException
    ) as error:  # SystemExit as well: `exit()` in an answer must not end the notebook's kernel
        outcome["error"] = error


def _stop(thread: threading.Thread) -> None:
    """Raise :class:`TimeIsUp` in ``thread`` until it ends, or give up."""
    for _ in range(ATTEMPTS_TO_STOP):
        if not thread.is_alive():
            return
        identity = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(TimeIsUp))
        thread.join(PATIENCE)
