"""The environments of the contestants below ``_build/bench``, made by uv once and used again.

The package on TensorFlow runs in the project's own environment. JAX and the peers have one each, so that none changes
what another imports; a peer whose environment cannot be made is reported as missing, with uv's reason. On Linux the
package index serves PyTorch with CUDA, several gigabytes; ``UV_TORCH_BACKEND=cpu`` or a folder of wheels in
``PIP_FIND_LINKS`` gives the one for CPUs.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "_build" / "bench"
TORCH = "torch==2.13.0"
# What the package needs, in the versions of the lock; the last word is what each environment has beside that.
PACKAGE = ("-r", "pyproject.toml", "-c", "requirements.txt")
REQUIREMENTS: dict[str, tuple[str, ...]] = {
    "jax": (*PACKAGE, "jax"),
    "jax_and_tensorflow": (*PACKAGE, "--extra", "cpu", "jax"),
    "torch": (TORCH, "numpy"),
    "pythae": (TORCH, "numpy", "pythae==0.1.2"),
}
RECORD = "made-from.json"


class Missing(Exception):
    """A contestant cannot take part. The message says why."""


def interpreter(name: str) -> Path:
    """The Python of the environment ``name``, which is made or brought up to date where that is needed.

    Raises :class:`Missing` where its packages cannot be installed.
    """
    if name == "project":
        return Path(sys.executable)
    folder = FOLDER / name
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    origin = {"requirements": REQUIREMENTS[name], "files": digest_of_files(), "python": sys.version}
    record = folder / RECORD
    if python.exists() and record.exists() and read(record) == json.loads(json.dumps(origin)):
        return python
    if not python.exists():
        run([sys.executable, "-m", "venv", "--without-pip", str(folder)], name)
    uv = ["sh", "tools/uv.sh", sys.prefix, "pip", "install", "--quiet", "--compile-bytecode"]
    run([*uv, "--python", str(python), *REQUIREMENTS[name]], name)
    record.write_text(json.dumps(origin, indent=1), encoding="utf-8")
    return python


def digest_of_files() -> str:
    """A digest of the files that say which versions the package needs."""
    content = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "requirements.txt")]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def read(record: Path) -> object:
    """What an environment was made from; None where that cannot be read."""
    try:
        return json.loads(record.read_text(encoding="utf-8"))
    except ValueError:
        return None


def run(command: list[str], name: str) -> None:
    """Run ``command``; raise :class:`Missing` with the last line that it printed where it fails."""
    # uv has its own name for pip's folder of wheels.
    found = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"]} if "PIP_FIND_LINKS" in os.environ else {}
    done = subprocess.run(
        command, cwd=ROOT, env={**found, **os.environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr + done.stdout).strip().splitlines()
        raise Missing(
            f"its environment cannot be made: {' '.join(said[-3:]) or f'exit code {done.returncode}'}"
        )


def variables(backend: str, threads: int) -> dict[str, str]:
    """The variables under which a contestant runs: what a user's shell has, its backend, and the number of threads.

    What the Makefile sets for tests stays out, so that the package and its peers run as they do by default.
    """
    of_tests = {"TF_ENABLE_ONEDNN_OPTS", "XLA_FLAGS", "DATASET", "COMPANION_QUIET"}
    of_python = {"PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in of_tests | of_python}
    counts = ("OMP", "MKL", "OPENBLAS", "TF_NUM_INTRAOP", "TF_NUM_INTEROP")
    names = [f"{name}_THREADS" if name.startswith("TF") else f"{name}_NUM_THREADS" for name in counts]
    return {
        **kept,
        **dict.fromkeys(names, str(threads)),
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "agg",
        # Kernels that an earlier run compiled would make PyTorch's first step look fast.
        "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
    }
