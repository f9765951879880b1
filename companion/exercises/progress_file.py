"""What is graded so far, in a file that the next call reads: a line of JSON for each notebook that began or is done."""

import contextlib
import hashlib
import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any


class ProgressFile:
    """The file ``path``; only lines that were written with the same ``settings`` and for the same files count.

    Usable by several threads. A last line that was cut short by a stop is left out.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self._path, self._settings, self._lock = path, settings, threading.Lock()
        self._keys: dict[Path, str] = {}
        self._begun: Counter[str] = Counter()
        self._rows: dict[str, list[dict[str, str]]] = {}
        with contextlib.suppress(OSError):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                self._take(line)

    def _take(self, line: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            found = json.loads(line)
            if "rows" in found:
                self._rows[found["key"]] = found["rows"]
            else:
                self._begun[found["key"]] += found["begun"]

    def rows_of(self, path: Path) -> list[dict[str, str]] | None:
        """The rows of a notebook that is done; None for another one."""
        return self._rows.get(self._key(path))

    def times_begun(self, path: Path) -> int:
        """How often the notebook was begun in earlier calls and not done."""
        return 0 if self._key(path) in self._rows else self._begun[self._key(path)]

    def begin(self, path: Path) -> None:
        """Note that the notebook begins."""
        self._write({"key": self._key(path), "begun": 1})

    def give_back(self, path: Path) -> None:
        """Note that the notebook was stopped by the person who grades, so that nobody suspects it."""
        self._write({"key": self._key(path), "begun": -1})

    def add(self, path: Path, rows: list[dict[str, str]]) -> None:
        """Note that the notebook is done."""
        self._write({"key": self._key(path), "rows": rows})
        self._rows[self._key(path)] = rows

    def remove(self) -> None:
        """Remove the file: everything is in the table."""
        with self._lock:
            self._path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps(line))

    def _key(self, path: Path) -> str:
        """The path, the settings, and the size and time of the file; unchanged while grading goes on."""
        if path not in self._keys:
            try:
                state = path.stat()
                version = f"{state.st_size} {state.st_mtime_ns}"
            except OSError:
                version = "not there"
            text = f"{path.absolute()}\n{self._settings}\n{version}"
            self._keys[path] = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return self._keys[path]
