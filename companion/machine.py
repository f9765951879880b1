"""What a run was made with: versions, device, the commit of the code, the memory it took."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import companion

# TensorFlow goes by several names on the package index.
_DISTRIBUTIONS = {
    "keras": ("keras",),
    "tensorflow": ("tensorflow", "tensorflow-cpu", "tf-nightly", "tensorflow-macos"),
    "numpy": ("numpy",),
}


def versions(backend: str) -> dict[str, str | None]:
    """The versions of Python and of the packages that figures depend on; None where a package is not installed."""
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


def announce(minutes: int | None = None) -> None:
    """Print the device this chapter runs on; every chapter's first cell calls it.

    ``minutes`` is what the chapter takes on two cores with the book's images, where that has been measured. A GPU is
    used where there is one; mixed precision only if you have set it.
    """
    import keras

    precision = keras.config.dtype_policy().name
    for line in announcement(
        device(), minutes, on_colab="COLAB_RELEASE_TAG" in os.environ, precision=precision
    ):
        print(line)


def announcement(
    found: str, minutes: int | None = None, *, on_colab: bool = False, precision: str = "float32"
) -> list[str]:
    """The lines that :func:`announce` prints where the device is ``found`` and Keras computes in ``precision``.

    On a CPU they say how long the chapter takes there and, on Colab, where to find a GPU.
    """
    lines = [f"This chapter runs on: {found}"]
    if found == "CPU" and minutes:
        lines.append(
            f"About {minutes} minute{'s' if minutes > 1 else ''} on two cores, with the images of the book."
        )
    if found == "CPU" and on_colab:
        lines.append("A GPU is under Runtime > Change runtime type. Without one, just go on.")
    if precision != "float32":
        lines.append(
            f"Keras computes in {precision}, as it was told to; the book's figures are made in float32."
        )
    return lines


def verbosity() -> int:
    """What a chapter passes to ``fit(verbose=...)``: 1, a progress bar, in a reader's hands; 0 where the book is made.

    `make execute` and the tests set ``COMPANION_QUIET=1``, because a bar's timings differ from run to run.
    """
    return 0 if os.environ.get("COMPANION_QUIET") == "1" else 1


class Checkout(NamedTuple):
    """The state of a git checkout: the full commit, its date as ``2026-01-31``, whether files differ from it."""

    revision: str
    date: str
    changed: bool

    @property
    def name(self) -> str:
        """The commit, with ``-dirty`` where files differ from it: what a record says of its origin."""
        return self.revision + ("-dirty" if self.changed else "")


def checkout(folder: Path, witness: str) -> Checkout | None:
    """The checkout that ``folder`` belongs to; None outside of one, or where there is no git.

    ``witness`` is a file in ``folder`` that the checkout must track: what is installed or unpacked below somebody
    else's checkout is not part of it. Only files in ``folder`` count as changed. The date is that of the commit, so
    that it is the same whenever it is asked for.
    """
    if not _git(folder, "ls-files", witness):
        return None
    shown = _git(folder, "show", "-s", "--format=%H %cs", "HEAD")
    if shown is None:
        return None
    revision, date = shown.split()
    return Checkout(revision, date, _git(folder, "status", "--porcelain", "--", ".") is not None)


def commit() -> str | None:
    """The commit of the package's own checkout, with ``-dirty`` where its files differ; None outside of a checkout."""
    found = checkout(Path(companion.__file__).resolve().parent, "__init__.py")
    return found.name if found else None


def processor() -> dict[str, str | int | None]:
    """The kind of this machine's processor and how many cores this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"cores": cores, "processor": _processor_name(), "system": platform.system()}


def _processor_name() -> str:
    """What the system calls the processor; its architecture, such as ``arm64``, where it gives no name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(iter(names), "") or platform.processor() or platform.machine()


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where there is no git, no checkout, or nothing to say."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def peak_memory_mb(pid: int | None = None) -> int | None:
    """The most memory that this process, or process ``pid``, has held, in units of 10^6 bytes.

    None where the system does not tell: of itself a process learns it everywhere but on Windows, of another one
    only where there is ``/proc``, and only while that one lives.
    """
    if pid is not None:
        return _peak_memory_of(pid)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6)


def _peak_memory_of(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    kibibytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
    return round(int(kibibytes[0]) * 1024 / 1e6) if kibibytes else None
