"""A process that may do its worst: started apart from its owner, watched, and ended with all that it has started."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from companion.exercises.channel import LONGEST_LINE, Channel

MARK = "COMPANION_GRADED"
PAUSE = 0.3
TRIES = 5


class Apart:
    """``python -m MODULE`` in a session and a folder of its own, with a channel to it; a context manager that ends it.

    ``mark`` is in the environment of the process and of everything that it starts, so that all of it can be found.
    """

    def __init__(
        self, module: str, seconds: float, megabytes: float, longest: int = LONGEST_LINE, mark: str = ""
    ) -> None:
        self.mark = mark or secrets.token_hex(16)
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=self._folder.name,
            env={**os.environ, **_environment(), "TMPDIR": self._folder.name, MARK: self.mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout
        self._seconds, self._megabytes = seconds, megabytes
        self._looked, self._measured = 0.0, 0.0
        self.begin()
        reads, writes = self._process.stdout.fileno(), self._process.stdin.fileno()
        self.channel = Channel(reads, writes, self.trouble, longest)

    def begin(self) -> None:
        """Count the seconds from now on."""
        self._last = time.monotonic() + self._seconds

    def trouble(self) -> str:
        """What stopped the process, in words; "" while it runs well."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A channel closes a moment before its process has ended.
            return f"the notebook's process ended with code {self._process.wait(PAUSE / 10)} before its last cell"
        if time.monotonic() > self._last:
            return f"the notebook took longer than {self._seconds:g} s"
        if self._megabytes < float("inf") and time.monotonic() > self._looked + PAUSE:
            self._looked = time.monotonic()
            self._measured = _megabytes_of(self._process.pid)
        if self._measured > self._megabytes:
            return f"the notebook took more than {self._megabytes:g} MB of memory"
        return ""

    def end(self) -> None:
        """End the process and what it has started."""
        end_all(self._process, self.mark)
        self._folder.cleanup()

    def __enter__(self) -> "Apart":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


def _environment() -> dict[str, str]:
    """What a process needs to find this package and to draw no windows."""
    here = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    return {"COMPANION_QUIET": "1", "MPLBACKEND": "agg", "PYTHONPATH": path}


def end_all(process: subprocess.Popen, mark: str) -> None:
    """End ``process``, its group, its descendants and, where there is /proc, everything that carries ``mark``."""
    below = _descendants(process.pid)
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.poll() is None:
        process.kill()
    process.wait()
    for each in below:
        _kill(each)
    end_marked(mark)


def end_marked(mark: str) -> None:
    """End every process that carries ``mark``."""
    for _ in range(TRIES):
        left = list(_marked(mark))
        for each in left:
            _kill(each)
        if not left:
            break


def _descendants(pid: int) -> list[int]:
    try:
        import psutil  # type: ignore[import-untyped]

        return [each.pid for each in psutil.Process(pid).children(recursive=True)]
    except Exception:  # no psutil (it comes with Jupyter), or the process has ended
        return []


def _marked(mark: str) -> Iterator[int]:
    """The processes whose environment carries ``mark``; none where there is no /proc."""
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _megabytes_of(pid: int) -> float:
    """The memory of a process and its children; 0 where it cannot be measured (psutil comes with Jupyter)."""
    try:
        import psutil

        own = psutil.Process(pid)
        return sum(each.memory_info().rss for each in (own, *own.children(recursive=True))) / 1e6
    except Exception:  # no psutil, or the process ended meanwhile
        from companion.machine import peak_memory_mb

        return peak_memory_mb(pid) or 0.0
