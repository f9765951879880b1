"""Protects whoever follows the README with images of their own: its lines run as they stand, and an import without an
engine says what to install."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from companion.backend_needed import BackendNeeded, backend_named

ROOT = Path(__file__).resolve().parents[2]


def lines_of_the_readme() -> str:
    (block,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return block


def run(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env=own, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(40, 12, 12), (40, 10, 14, 3)], ids=["grey", "colour"])
def test_the_lines_of_the_readme_run_on_images_of_ones_own(shape, tmp_path):
    images = np.random.default_rng(0).integers(0, 256, shape).astype("uint8")
    np.savez(tmp_path / "my_images.npz", images=images)
    done = run(tmp_path, lines_of_the_readme().replace("epochs=30", "epochs=1"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "neg_elbo" in done.stdout
    assert (tmp_path / "my_vae.keras").is_file() and (tmp_path / "my_decoder" / "saved_model.pb").is_file()


def test_the_lines_of_the_readme_are_few():
    assert 10 <= len(lines_of_the_readme().splitlines()) <= 20


MISSING = {
    "tensorflow": 'call pip install ".[cpu]" in the project\'s folder',
    "jax": 'call pip install ".[jax]" in the project\'s folder',
    "torch": "call pip install torch",
}


@pytest.mark.parametrize("package", MISSING)
def test_an_import_without_an_engine_says_what_to_install(package, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", package)
    monkeypatch.setattr("companion.backend_needed.find_spec", lambda name: None)
    with pytest.raises(
        ModuleNotFoundError, match=f"Keras needs {package}, which is not installed: "
    ) as error:
        BackendNeeded().find_spec("keras", None)
    assert MISSING[package] in str(error.value) and error.value.name == package


def test_another_engine_that_is_there_is_named(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr("companion.backend_needed.find_spec", lambda name: name == "jax" or None)
    with pytest.raises(ModuleNotFoundError, match="or set KERAS_BACKEND=jax, which is installed"):
        BackendNeeded().find_spec("keras", None)


def test_with_an_engine_nothing_is_said(monkeypatch):
    monkeypatch.setattr("companion.backend_needed.find_spec", lambda name: object())
    for name in ("keras", "numpy"):
        assert BackendNeeded().find_spec(name, None) is None


@pytest.mark.parametrize(
    ("text", "backend"), [('{"backend": "jax"}', "jax"), ("{", "tensorflow"), ("[]", "tensorflow")]
)
def test_the_engine_is_the_one_that_keras_would_take(text, backend, tmp_path, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "keras.json").write_text(text, encoding="utf-8")
    assert backend_named() == backend


def test_the_message_reaches_whoever_imports_a_model(tmp_path):
    done = run(tmp_path, "import companion.data\nfrom companion.vae import VAE", KERAS_BACKEND="torch")
    assert done.returncode == 1 and "ModuleNotFoundError: Keras needs torch" in done.stderr, done.stderr[
        -2000:
    ]
