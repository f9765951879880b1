"""The folder of a run: run.json and one checkpoint, a pair that agrees at every moment, whatever stops the program."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from companion.errors import BadInput

try:
    import fcntl
except ImportError:  # Windows; there two programs on one folder are not kept apart.
    fcntl = None  # type: ignore[assignment]

Record = dict[str, Any]

RECORD = "run.json"
SCHEMA = 1
FINAL_MODEL = "model.keras"
_PARTIAL = ".partial-"
_CHECKPOINT = re.compile(r"epoch-\d{4,}\.keras|model\.keras")
# What is read again on resuming, and its type.
_READ_AGAIN = {
    "settings": dict,
    "epochs_done": int,
    "complete": bool,
    "history": dict,
    "seconds": dict,
    "files": dict,
}


def checkpoint_name(epochs_done: int) -> str:
    """The file that holds the model after so many epochs."""
    return f"epoch-{epochs_done:04d}.keras"


def describe_file(path: Path) -> dict[str, Any]:
    """SHA-256 and size in bytes, by which a file is known again."""
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": os.fstat(file.fileno()).st_size,
        }


class RunFolder:
    """``out`` as the home of one run. Every file appears in it whole or not at all."""

    def __init__(self, out: str | os.PathLike[str]) -> None:
        self.path = Path(out).expanduser()

    @contextlib.contextmanager
    def claimed(self, resume: bool) -> Iterator[None]:
        """Make the folder if need be, check that a run may begin or go on there, and keep other runs out meanwhile.

        Raises :class:`~companion.errors.BadInput` for a file in its place, a folder that cannot be written, one with
        other things in it, one without a run to resume, and one where another run is at work.
        """
        self._check_purpose(resume)
        is_new = not self.path.exists()
        with self._refusals_explained():
            self.path.mkdir(parents=True, exist_ok=True)
        with self._lock():
            # Once more: another run may have begun here between the first look and the lock.
            self._check_purpose(resume)
            with self._refusals_explained():
                self._write_whole("probe", lambda partial: partial.write_bytes(b""), keep=False)
            try:
                yield
            finally:
                if is_new:
                    # A run refused for another reason leaves no empty folder; one with a file in it stays.
                    with contextlib.suppress(OSError):
                        self.path.rmdir()

    @contextlib.contextmanager
    def _refusals_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadInput(
                f"out={self.path} cannot be written ({error.strerror}): expected a folder that can; pass another one."
            ) from error

    def _check_purpose(self, resume: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise BadInput(f"out={self.path} is a file: expected a folder; pass another path.")
        if resume and not (self.path / RECORD).is_file():
            raise BadInput(
                f"out={self.path} has no {RECORD}: expected a run to resume; leave out --resume (resume=True) to begin "
                f"one."
            )
        others = [] if resume else self._names_of_others()
        if others:
            shown = ", ".join([*others[:3], "..."] if len(others) > 3 else others)
            raise BadInput(
                f"out={self.path} is not empty ({shown}): expected a new folder; pass --resume (resume=True) to go on "
                f"with the run in it, or another folder to begin one."
            )

    def _names_of_others(self) -> list[str]:
        """What lies here, less what a run leaves behind that was stopped before its first run.json."""
        if not self.path.is_dir():
            return []
        names = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith(_PARTIAL))
        return [] if names == [checkpoint_name(0)] else names

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """A lock on the folder itself: it leaves no file, and the system lifts it even after kill -9."""
        if fcntl is None:
            yield
            return
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise BadInput(
                f"out={self.path} is in use by another run: expected one at a time; wait, or pass another folder."
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)

    def read_record(self) -> Record:
        """run.json, as far as it can be trusted. Raises :class:`~companion.errors.BadInput` where it is damaged."""
        path = self.path / RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadInput(
                f"{path} is not there: expected the folder of a run; pass another folder."
            ) from error
        except (OSError, ValueError) as error:
            raise BadInput(
                f"{path} is damaged ({error}): expected what a run wrote; begin again in another folder."
            ) from error
        fault = _fault_of(record)
        if fault:
            raise BadInput(
                f"{path} is damaged ({fault}): expected what a run wrote; begin again in another folder."
            )
        return record

    def checkpoint(self, record: Record) -> Path:
        """The model file that ``record`` names, compared with its digest.

        Raises :class:`~companion.errors.BadInput` where it is missing, truncated or changed.
        """
        named = [name for name in record["files"] if _CHECKPOINT.fullmatch(name)]
        if len(named) != 1:
            raise BadInput(
                f"{self.path / RECORD} names {len(named)} model files: expected one; begin again in another folder."
            )
        path, expected = self.path / named[0], record["files"][named[0]]
        if not path.is_file():
            raise BadInput(
                f"{path} is missing: {RECORD} names it as the trained model; bring it back, or run again elsewhere."
            )
        found = describe_file(path)
        if found != expected:
            raise BadInput(
                f"{path} is damaged: {found['bytes']} bytes with SHA-256 {found['sha256'][:12]}..., expected "
                f"{expected['bytes']} with {expected['sha256'][:12]}...; bring it back, or run again in another folder."
            )
        return path

    def commit(self, record: Record, name: str, write_model: Callable[[Path], Any]) -> None:
        """Write a model file, then the run.json that names it, then drop the models before it.

        In this order a stop at any moment leaves a run.json and the very file it names.
        """
        self._write_whole(name, write_model)
        record["files"] = {name: describe_file(self.path / name)}
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
        self._write_whole(RECORD, lambda partial: partial.write_text(text, encoding="utf-8"))
        self._drop_all_but(name)

    def copy_of(self, path: Path) -> Callable[[Path], Any]:
        """A writer for :meth:`commit` that repeats an existing file."""
        return lambda partial: shutil.copyfile(path, partial)

    def _write_whole(self, name: str, write: Callable[[Path], Any], keep: bool = True) -> None:
        """Let ``write`` fill a file of another name, bring it to the disk, and only then give it its own name."""
        partial = self.path / f"{_PARTIAL}{name}"
        try:
            write(partial)
            _to_disk(partial)
            if keep:
                os.replace(partial, self.path / name)
                _to_disk(self.path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def _drop_all_but(self, name: str) -> None:
        for entry in list(self.path.iterdir()):
            left_over = entry.name.startswith(_PARTIAL) or _CHECKPOINT.fullmatch(entry.name)
            if left_over and entry.name != name:
                entry.unlink(missing_ok=True)


def _fault_of(record: Any) -> str | None:
    """What a record lacks of what a resumed run relies on."""
    if not isinstance(record, dict):
        return f"it holds a {type(record).__name__}"
    if record.get("schema") != SCHEMA:
        return f"its schema is {record.get('schema')!r}, not {SCHEMA}"
    for key, kind in _READ_AGAIN.items():
        if not isinstance(record.get(key), kind):
            return f"it has no {key}" if key not in record else f"its {key} is {record[key]!r}"
    epochs = record["epochs_done"]
    short = [name for name, values in record["history"].items() if len(values) != epochs]
    return f"its history of {short[0]} is not of {epochs} epochs" if short else None


def _to_disk(path: Path) -> None:
    """Ask the system to write a file, or a folder's list of names, to the disk itself."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
