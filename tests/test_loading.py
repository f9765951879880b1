"""Protects loading: a file is enough, whatever has been imported, and `import companion` alone imports no Keras."""

import itertools
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import keras
import pytest

import companion
from companion import loading
from companion.errors import BadInput
from companion.iwae import IWAE

ROOT = Path(__file__).resolve().parents[1]
SAVED = ROOT / "tests" / "saved_models"

# Each runs in a process of its own, which prints the class of every model that it loads.
LOADERS = {
    "companion.load": """
import sys, companion
assert not [name for name in ("keras", "tensorflow", "jax", "scipy") if name in sys.modules]
load = companion.load
""",
    "keras, imported after the package": """
import companion, keras
load = keras.models.load_model
""",
    "keras, imported before the package": """
import keras, companion
load = keras.models.load_model
""",
}
REST = """
import sys
print(*(type(load(path)).__name__ for path in sys.argv[1:]))
"""


def in_a_new_process(program, *arguments):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("loader", LOADERS)
def test_a_file_of_each_family_loads_where_no_family_is_imported(loader):
    files = sorted(SAVED.glob("*.keras"))
    done = in_a_new_process(LOADERS[loader] + REST, *files)
    assert done.returncode == 0, done.stderr[-2000:]
    expected = "Autoencoder BetaVAE ConditionalVAE DiscreteVAE HierarchicalVAE IWAE VAE VQVAE"
    assert done.stdout.split() == expected.split()


@pytest.mark.slow
def test_without_the_package_keras_knows_none_of_its_classes():
    program = "import keras\nload = keras.models.load_model\n" + REST
    done = in_a_new_process(program, SAVED / "vae.keras")
    assert done.returncode != 0
    assert "Could not locate class 'VAE'" in done.stderr


def test_every_registered_class_is_listed_with_its_module():
    for module, names in loading.REGISTERED.items():
        for name in names:
            found = getattr(import_module(module), name)
            assert found.__module__ == module
            assert keras.saving.get_registered_object(f"companion>{name}") is found
    listed = {f"companion>{name}" for names in loading.REGISTERED.values() for name in names}
    in_files = {
        f"companion>{line.split()[1].split('(')[0].rstrip(':')}"
        for path in (ROOT / "companion").rglob("*.py")
        for before, line in pairs(path.read_text(encoding="utf-8").splitlines())
        if before.startswith("@keras.saving.register_keras_serializable(package=")
    }
    assert listed == in_files


def pairs(lines):
    return itertools.pairwise(lines)


def test_arguments_go_to_keras():
    model = companion.load(SAVED / "iwae.keras", compile=False)
    assert type(model) is IWAE
    assert not model.compiled


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no.keras", "does not exist: expected a file that model.save wrote"),
        ("model.h5", "is no .keras file: expected what model.save"),
        ("run", "is the folder of a recorded run: .* call companion.experiments.load"),
    ],
)
def test_what_is_no_saved_model_is_refused(path, message, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    with pytest.raises(BadInput, match=message):
        companion.load(tmp_path / path)
