"""Protects the choice of a backend: made before Keras is imported, refused in one line, kept by a resumed run."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import experiments
from companion.__main__ import main
from companion.experiments import backend

ROOT = Path(__file__).resolve().parents[2]
HERE = keras.backend.backend()
OTHER = next(name for name in backend.BACKENDS if name != HERE)


@pytest.fixture
def small_run(tmp_path):
    """The words that begin a run of one epoch on eight images."""
    images = np.random.default_rng(0).integers(0, 256, (8, 8, 8), dtype="uint8")
    np.savez(tmp_path / "tiny.npz", images=images)
    how = ("--epochs", 1, "--k", 2, "--hidden", 8, "--quiet", "--out", tmp_path / "run")
    return ["run", "vae", "--dataset", str(tmp_path / "tiny.npz"), *map(str, how)]


@pytest.fixture
def installed(monkeypatch):
    """Every backend looks installed."""
    monkeypatch.setattr(backend, "find_spec", lambda _: True)


def record_of(tmp_path):
    return json.loads((tmp_path / "run" / "run.json").read_text())


@pytest.mark.slow
def test_the_option_wins_over_the_environment_in_a_new_process(small_run, tmp_path):
    # Under a backend that does not exist Keras could not even be imported.
    done = subprocess.run(
        [sys.executable, "-m", "companion", *small_run, "--backend", HERE],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": "none"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert record_of(tmp_path)["backend"] == HERE
    assert HERE in record_of(tmp_path)["versions"]


def test_an_unknown_backend_is_refused(small_run, capsys):
    assert main([*small_run, "--backend", "caffe"]) == 2
    assert "--backend 'caffe': expected one of tensorflow, jax" in capsys.readouterr().err


def test_a_backend_that_is_not_installed_is_refused_with_the_call_that_installs_it(
    small_run, capsys, monkeypatch, tmp_path
):
    monkeypatch.setattr(backend, "find_spec", lambda _: None)
    assert main([*small_run, "--backend", "jax"]) == 2
    err = capsys.readouterr().err
    assert "--backend 'jax' is not installed" in err and "pip install '.[jax]'" in err
    assert err.count("\n") == 1 and not (tmp_path / "run").exists()


def test_keras_on_another_backend_is_refused(small_run, capsys, installed, tmp_path):
    assert main([*small_run, "--backend", OTHER]) == 2
    err = capsys.readouterr().err
    assert f"--backend {OTHER!r} with Keras already on {HERE}" in err
    assert f"KERAS_BACKEND={OTHER}" in err and err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_resumed_run_keeps_its_backend(small_run, capsys, installed, tmp_path):
    assert main(small_run) == 0
    capsys.readouterr()
    again = ["run", "--dataset", small_run[3], "--epochs", "2", "--out", str(tmp_path / "run"), "--resume"]
    assert main([*again, "--quiet", "--backend", OTHER]) == 2
    assert f"--backend {OTHER!r} contradicts the run, started on {HERE}" in capsys.readouterr().err
    # The same where the run was begun on another backend than Keras has here, by command or by function.
    record = record_of(tmp_path)
    (tmp_path / "run" / "run.json").write_text(json.dumps({**record, "backend": OTHER}))
    assert main([*again, "--quiet"]) == 2
    assert f"--backend {OTHER!r} with Keras already on {HERE}" in capsys.readouterr().err
    more = experiments.Settings(**{**record["settings"], "dataset": small_run[3], "epochs": 2})
    with pytest.raises(ValueError, match=f"backend={HERE!r} contradicts the run, started on {OTHER}"):
        experiments.run(more, tmp_path / "run", resume=True, quiet=True)
    assert record_of(tmp_path)["epochs_done"] == 1
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert main([*again, "--quiet"]) == 0
    assert record_of(tmp_path)["epochs_done"] == 2
