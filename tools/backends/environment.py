"""An environment for each backend below ``_build/backends``: the package's requirements, the backend's extra, pytest.

It is made by uv in the versions of the lock where the lock has them, and used again until pyproject.toml, the lock or
the Python changes.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.colab.environment import digest, installed, run_uv

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "_build" / "backends"
# An extra of pyproject.toml by the name of its backend.
EXTRAS = {"jax": "jax", "torch": "torch"}
TEST_TOOLS = ("pytest", "hypothesis")


def environment(backend: str) -> Path:
    """The Python of the environment for ``backend``, made or made anew where that is needed.

    Raises :class:`~tools.colab.environment.NoEnvironment` where its packages cannot be installed.
    """
    folder = FOLDER / backend
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    record = folder / "made-from.json"
    origin = {
        "python": sys.version,
        **{name: digest(ROOT / name) for name in ("pyproject.toml", "requirements.txt")},
    }
    if python.exists() and record.exists():
        found = json.loads(record.read_text(encoding="utf-8"))
        if found == {**origin, "installed": installed(python)}:
            return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    wanted = ("-r", "pyproject.toml", "--extra", EXTRAS[backend], *TEST_TOOLS, "-c", "requirements.txt")
    run_uv("pip", "install", "--quiet", "--python", python, *wanted)
    record.write_text(json.dumps({**origin, "installed": installed(python)}, indent=1), encoding="utf-8")
    return python
