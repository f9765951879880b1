"""The package as one file: built from a tree of the project, and as lean as a single chapter allows."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from tools.archive import DATE
from tools.colab.runs import emptied

RECORD = ".dist-info/RECORD"


class NoWheel(Exception):
    """The wheel could not be built. The message holds the reason."""


def build_wheel(folder: Path, root: Path) -> Path:
    """Build the package's wheel into ``folder``."""
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(emptied(folder)),
    ]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoWheel(f"the wheel could not be built: {(done.stderr or done.stdout).strip()}")
    (wheel,) = folder.glob("*.whl")
    return wheel


def lean(wheel: Path, is_needed: Callable[[str], bool]) -> bytes:
    """The wheel with only the files whose paths ``is_needed``; pip is told of no others.

    Its entries are stored as they are, since they get smaller if all of them are compressed together.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as part:
        names = [name for name in whole.namelist() if is_needed(name)]
        for name in sorted(names):
            content = whole.read(name)
            if name.endswith(RECORD):
                content = listed(content, set(names))
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = 0o644 << 16
            part.writestr(entry, content)
    return buffer.getvalue()


def listed(record: bytes, names: set[str]) -> bytes:
    """The lines of a wheel's RECORD that are about one of ``names``."""
    lines = record.decode("utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if line.split(",")[0].strip('"') in names).encode("utf-8")
