"""An environment with Colab's versions, in a folder that git ignores: found or made, and looked through.

The pins are a dated copy of what Colab's runtime holds. They name what a chapter meets there; what those packages need
comes along in the newest versions that fit. The environment is made once and used again until the pins, the Python or
anything in it has changed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
# Colab's own first, then whatever the package runs on.
VERSIONS = ("3.13", "3.12", "3.11")
PACKAGE = "vae-book-companion"
#: What first cells install beside it, of the extra `applications`, where Colab has it not.
ADDED_BY_CHAPTERS = ("gymnasium", "rdkit", "selfies")
LIST_INSTALLED = """
import importlib.metadata, json
print(json.dumps(sorted((each.name, each.version) for each in importlib.metadata.distributions())))
"""
DESCRIBE = "import ensurepip, platform, venv; print(platform.python_version())"


class NoEnvironment(Exception):
    """The environment could not be made as Colab's. The message says what is lacking."""


@dataclass(frozen=True)
class Python:
    """An interpreter that runs."""

    path: str
    version: str


def newest_pins(root: Path) -> Path:
    """The newest dated copy of Colab's versions."""
    return max((root / "tests").glob("colab-freeze-*.txt"))


def read_pins(path: Path) -> dict[str, str]:
    """The versions that ``path`` pins, by the normalised names of their packages."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {canonicalize_name(name): version for name, version in pairs}


def candidates(version: str) -> Iterator[str]:
    """Where a Python of ``version`` may lie: on the path, or among those that pyenv keeps."""
    for folder in os.get_exec_path():
        yield str(Path(folder) / f"python{version}")
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}*/bin/python{version}"), reverse=True))
    yield from (str(Path(sys.base_prefix) / "bin" / f"python{version}"), sys.executable)


def find_python(versions: tuple[str, ...] = VERSIONS) -> Python:
    """The first Python of the first of ``versions`` that really runs and can make environments.

    A version manager may put a ``python3.13`` on the path that only prints an error, so each one is tried.
    Raises :class:`NoEnvironment` where there is none.
    """
    for version in versions:
        for candidate in candidates(version):
            if (found := described(candidate)) and found.startswith(f"{version}."):
                return Python(candidate, found)
    raise NoEnvironment(f"there is no Python {', '.join(versions)} that runs and has venv; install one")


def described(python: str) -> str | None:
    """The version of ``python``; None where it does not run or cannot make environments."""
    if shutil.which(python) is None:
        return None
    done = subprocess.run([python, "-c", DESCRIBE], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def installed(python: Path) -> dict[str, str]:
    """Every distribution that ``python`` has, with its version."""
    done = subprocess.run(
        [str(python), "-I", "-c", LIST_INSTALLED], capture_output=True, text=True, check=True
    )
    return {canonicalize_name(name): version for name, version in json.loads(done.stdout)}


def faults_of_pins(present: dict[str, str], pins: dict[str, str]) -> list[str]:
    """In which ways what is ``present`` is not what Colab has."""
    return [
        f"{name} is {present.get(name, 'missing')}, Colab has {version}"
        for name, version in pins.items()
        if present.get(name) != version
    ]


def faults_of_installation(
    before: dict[str, str], after: dict[str, str], package: str = PACKAGE, also: Sequence[str] = ()
) -> list[str]:
    """What the installation of ``package``, and of those ``also`` asked for, did beyond adding them."""
    found = [
        f"{name} was {version} and is {after.get(name, 'gone')} after the installation"
        for name, version in before.items()
        if after.get(name) != version
    ]
    added = set(after) - set(before)
    asked = {package, *map(canonicalize_name, also)}
    found += [f"{name} {after[name]} came with the package" for name in sorted(added - asked)]
    return found if package in added else [*found, f"{package} was not added"]


def environment(folder: Path, pins: Path, python: Python) -> tuple[Path, bool]:
    """The interpreter of the environment in ``folder``, and whether it had to be made.

    Raises :class:`NoEnvironment` where the pinned versions cannot be installed or are not what was installed.
    """
    interpreter = folder / "bin" / "python"
    record = folder / "made-from.json"
    origin = {"python": python.path, "version": python.version, "pins": digest(pins)}
    if record.exists() and described(str(interpreter)):
        # The last run's wheel and what a chapter's first cell added; the chapters begin without.
        record_of = json.loads(record.read_text(encoding="utf-8"))
        added = set(installed(interpreter)) & set(ADDED_BY_CHAPTERS) - set(record_of["installed"])
        run_uv("pip", "uninstall", "--quiet", "--python", interpreter, PACKAGE, *sorted(added))
        if record_of == {**origin, "installed": installed(interpreter)}:
            return interpreter, False
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python.path, "-m", "venv", str(folder)], check=True)
    run_uv("pip", "install", "--quiet", "--python", interpreter, "-r", pins)
    present = installed(interpreter)
    if faults := faults_of_pins(present, read_pins(pins)):
        raise NoEnvironment("; ".join(faults))
    record.write_text(json.dumps({**origin, "installed": present}, indent=1), encoding="utf-8")
    return interpreter, True


def digest(path: Path) -> str:
    """The SHA-256 of the file at ``path``."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_uv(*arguments: str | Path) -> None:
    """Call uv as the Makefile does. Raises :class:`NoEnvironment` where it fails; what it printed stands above."""
    command = ["sh", str(ROOT / "tools" / "uv.sh"), sys.prefix, *map(str, arguments)]
    if subprocess.run(command, check=False).returncode:
        raise NoEnvironment(f"uv {' '.join(map(str, arguments))} failed; its reason stands above")
