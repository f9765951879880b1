"""The folder of a run: run.json and one checkpoint, which agree at every moment, whatever stops the program."""

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
except ImportError:  # Windows; there nothing prevents two programs from using the same folder.
    fcntl = None  # type: ignore[assignment]

Record = dict[str, Any]

RECORD = "run.json"
SCHEMA = 1
FINAL_MODEL = "model.keras"
_PARTIAL = ".partial-"
_CHECKPOINT = re.compile(r"epoch-\d{4,}\.keras|model\.keras")
# What a resumed run reads, and its type.
_READ_AGAIN = {
    "settings": dict,
    "epochs_done": int,
    "complete": bool,
    "history": dict,
    "seconds": dict,
    "files": dict,
}


def checkpoint_name(epochs_done: int) -> str:
    """The name of the file with the model after ``epochs_done`` epochs."""
    return f"epoch-{epochs_done:04d}.keras"


def describe_file(path: Path) -> dict[str, Any]:
    """SHA-256 and size in bytes, to recognise a file."""
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": os.fstat(file.fileno()).st_size,
        }


@contextlib.contextmanager
def locked(folder: Path, taken: str) -> Iterator[None]:
    """A lock on a folder itself: it leaves no file, and the system removes it even after kill -9.

    Raises :class:`~companion.errors.BadInput` with the words ``taken`` where another process holds it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BadInput(taken) from error
    try:
        yield
    finally:
        os.close(descriptor)


class RunFolder:
    """The folder ``out`` of one run. Every file in it is written completely or not at all."""

    def __init__(self, out: str | os.PathLike[str]) -> None:
        self.path = Path(out).expanduser()

    @contextlib.contextmanager
    def claimed(self, resume: bool) -> Iterator[None]:
        """Make the folder if necessary, check that a run may start or resume there, and lock it for other runs.

        Raises :class:`~companion.errors.BadInput` for a file in its place, a folder that cannot be written, one with
        other files in it, one without a run to resume, and one that another run is using.
        """
        self._check_purpose(resume)
        is_new = not self.path.exists()
        with self._refusals_explained():
            self.path.mkdir(parents=True, exist_ok=True)
        taken = (
            f"out={self.path} is in use by another run: expected one at a time; wait, or pass another folder."
        )
        with locked(self.path, taken):
            # Again: another run may have started here between the first check and the lock.
            self._check_purpose(resume)
            with self._refusals_explained():
                self._write_whole("probe", lambda partial: partial.write_bytes(b""), keep=False)
            try:
                yield
            finally:
                if is_new:
                    # A run that was refused leaves no empty folder; a folder with a file in it stays.
                    with contextlib.suppress(OSError):
                        self.path.rmdir()

    @contextlib.contextmanager
    def _refusals_explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise BadInput(
                f"out={self.path} cannot be written ({error.strerror}): expected a writable folder; pass another one."
            ) from error

    def _check_purpose(self, resume: bool) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise BadInput(f"out={self.path} is a file: expected a folder; pass another path.")
        if resume and not (self.path / RECORD).is_file():
            raise BadInput(
                f"out={self.path} has no {RECORD}: expected a run to resume; leave out --resume (resume=True) to start "
                f"one."
            )
        others = [] if resume else self._names_of_others()
        if others:
            shown = ", ".join([*others[:3], "..."] if len(others) > 3 else others)
            raise BadInput(
                f"out={self.path} is not empty ({shown}): expected a new folder; pass --resume (resume=True) to "
                f"continue the run in it, or another folder to start one."
            )

    def _names_of_others(self) -> list[str]:
        """The files here, without those of a run that was stopped before its first run.json."""
        if not self.path.is_dir():
            return []
        names = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith(_PARTIAL))
        return [] if names == [checkpoint_name(0)] else names

    def read_record(self) -> Record:
        """The content of run.json. Raises :class:`~companion.errors.BadInput` where it is damaged."""
        path = self.path / RECORD
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadInput(
                f"{path} does not exist: expected the folder of a run; pass another folder."
            ) from error
        except (OSError, ValueError) as error:
            raise BadInput(
                f"{path} is damaged ({error}): expected what a run wrote; start again in another folder."
            ) from error
        fault = _fault_of(record)
        if fault:
            raise BadInput(
                f"{path} is damaged ({fault}): expected what a run wrote; start again in another folder."
            )
        return record

    def checkpoint(self, record: Record) -> Path:
        """The model file that ``record`` names, checked by its digest.

        Raises :class:`~companion.errors.BadInput` where it is missing, truncated or changed.
        """
        named = [name for name in record["files"] if _CHECKPOINT.fullmatch(name)]
        if len(named) != 1:
            raise BadInput(
                f"{self.path / RECORD} names {len(named)} model files: expected one; start again in another folder."
            )
        path, expected = self.path / named[0], record["files"][named[0]]
        if not path.is_file():
            raise BadInput(
                f"{path} is missing: expected the trained model that {RECORD} names; restore it, or run again in "
                f"another folder."
            )
        found = describe_file(path)
        if found != expected:
            raise BadInput(
                f"{path} is damaged, {found['bytes']} bytes with SHA-256 {found['sha256'][:12]}...: expected "
                f"{expected['bytes']} with {expected['sha256'][:12]}...; restore it, or run again in another folder."
            )
        return path

    def commit(self, record: Record, name: str, write_model: Callable[[Path], Any]) -> None:
        """Write a model file, then the run.json that names it, then delete earlier models.

        In this order a stop at any moment leaves a run.json and the file it names.
        """
        self._write_whole(name, write_model)
        record["files"] = {name: describe_file(self.path / name)}
        text = json.dumps(record, indent=2, allow_nan=False) + "\n"
        self._write_whole(RECORD, lambda partial: partial.write_text(text, encoding="utf-8"))
        self._drop_all_but(name)

    def copy_of(self, path: Path) -> Callable[[Path], Any]:
        """A writer for :meth:`commit` that copies an existing file."""
        return lambda partial: shutil.copyfile(path, partial)

    def _write_whole(self, name: str, write: Callable[[Path], Any], keep: bool = True) -> None:
        """Let ``write`` fill a file of another name, flush it to disk, and only then rename it."""
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
    """The first fault of a record that a resumed run could not cope with, in words."""
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
    """Ask the system to flush a file, or the entries of a folder, to disk."""
    if path.is_dir() and os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
