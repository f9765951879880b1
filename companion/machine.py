"""On what a run is made: versions, device, the commit of the code, the memory it took."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

import companion

# TensorFlow goes by several names on the package index.
_DISTRIBUTIONS = {
    "keras": ("keras",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-macos"),
    "numpy": ("numpy",),
}


def versions(backend: str) -> dict[str, str | None]:
    """The version of Python and of each package that decides a figure; None where a package is not installed."""
    wanted = {**_DISTRIBUTIONS, backend: _DISTRIBUTIONS.get(backend, (backend,))}
    found = {package: _first_version(names) for package, names in wanted.items()}
    return {"python": platform.python_version(), **found, "companion": companion.__version__}


def _first_version(names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return None


def device() -> str:
    """What Keras computes on: ``CPU`` or ``GPU``, the same word on every machine of a kind."""
    import keras

    devices = keras.distribution.list_devices()
    return devices[0].split(":")[0].upper() if devices else "CPU"


def verbosity() -> int:
    """What a chapter passes to ``fit(verbose=...)``: 1, a progress bar, in a reader's hands; 0 where the book is made.

    `make execute` and the tests set ``COMPANION_QUIET=1``, because a bar's timings differ from run to run.
    """
    return 0 if os.environ.get("COMPANION_QUIET") == "1" else 1


def commit() -> str | None:
    """The commit of the package's own checkout, with ``-dirty`` where its files differ; None outside of a checkout."""
    package = Path(companion.__file__).resolve().parent
    # A package that is installed below somebody else's checkout is not part of it.
    if not _git(package, "ls-files", "__init__.py"):
        return None
    revision = _git(package, "rev-parse", "HEAD")
    changed = _git(package, "status", "--porcelain", "--", ".")
    return f"{revision}-dirty" if revision and changed else revision


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where there is no git, no checkout, or nothing to say."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def peak_memory_mb() -> int | None:
    """The most memory that this process has held, in units of 10^6 bytes; None where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)
