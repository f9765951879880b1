"""Protects training on several replicas: the losses of one device, noise of its own for each, means over all images,
and a run that goes on from its checkpoint after one of its processes was killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
BACKEND = keras.backend.backend()
ON_TENSORFLOW = pytest.mark.skipif(BACKEND != "tensorflow", reason="its loop is on TensorFlow's strategies")
SPREADS = pytest.mark.skipif(BACKEND not in ("tensorflow", "jax"), reason="PyTorch is refused")
RUN = ["run", "vae", "--hidden", "16", "--batch-size", "50", "--k", "1", "--images", "20", "--quiet"]


@pytest.fixture(scope="module")
def found():
    done = subprocess.run(
        [sys.executable, "-m", "tests.distribute.replicas_compared"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.split("FOUND ")[1])


@ON_TENSORFLOW
def test_two_replicas_have_the_losses_of_one_device(found):
    assert set(found["two"]) == set(found["one"]) == {"loss", "neg_elbo", "reconstruction_loss", "kl_loss"}
    for name, values in found["one"].items():
        np.testing.assert_allclose(found["two"][name], values, rtol=1e-4, err_msg=name)
    assert found["one"]["loss"][2] < found["one"]["loss"][0]


@ON_TENSORFLOW
def test_a_copied_generator_gives_all_replicas_the_same_noise_and_the_loop_gives_each_its_own(found):
    np.testing.assert_array_equal(*found["same_noise"])
    assert not np.allclose(*found["own_noise"])
    np.testing.assert_array_equal(
        found["own_noise"][0], found["same_noise"][0]
    )  # the chief's is that of one device


@ON_TENSORFLOW
def test_a_metric_is_the_mean_over_all_images_of_unequal_parts(found):
    assert found["mean"] == pytest.approx(3.0)


def started(out, *more):
    variables = {**os.environ, "KERAS_BACKEND": BACKEND, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "companion", *RUN, *more, "--out", str(out)]
    return subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def both(out, *more):
    """Two workers on the loopback, at addresses that were free a moment ago."""
    with socket.socket() as one, socket.socket() as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
        addresses = ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in (one, two))
    spread = ["--strategy", "multiworker", "--workers", addresses]
    return [started(out, *more, *spread, "--rank", str(rank)) for rank in (0, 1)]


def ended(processes):
    said = [process.communicate(timeout=900)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(said)[-3000:]
    return said


def record(out):
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


@SPREADS
def test_a_run_whose_worker_was_killed_goes_on_from_the_checkpoint(tmp_path):
    said = ended(both(tmp_path / "whole", "--epochs", "6"))
    assert "after 6 epochs" in said[0] and "Worker 1: 6 epochs" in said[1]
    whole = record(tmp_path / "whole")
    assert whole["complete"] and whole["test"]["n_images"] == 20

    killed = both(tmp_path / "killed", "--epochs", "40")
    until = time.monotonic() + 500
    while not (tmp_path / "killed" / "run.json").exists() or record(tmp_path / "killed")["epochs_done"] < 2:
        assert time.monotonic() < until and killed[0].poll() is None, killed[0].stdout.read()[-2000:]
        time.sleep(0.1)
    killed[1].send_signal(signal.SIGKILL)
    killed[0].terminate()  # as whoever runs both would, rather than wait until it misses the other
    for process in killed:
        process.communicate(timeout=60)
    before = record(tmp_path / "killed")
    done = before["epochs_done"]
    assert 2 <= done < 40 and not before["complete"]

    # A run may only be made longer, so it is resumed to its 40 epochs; a small net takes seconds for that.
    ended(both(tmp_path / "killed", "--resume"))
    after = record(tmp_path / "killed")
    assert after["complete"] and after["epochs_done"] == 40
    assert after["history"]["neg_elbo"][:done] == before["history"]["neg_elbo"]
    np.testing.assert_allclose(after["history"]["neg_elbo"][:6], whole["history"]["neg_elbo"], rtol=1e-3)


@SPREADS
def test_the_command_trains_on_two_replicas_to_about_the_losses_of_one_device(tmp_path):
    for name, more in {"one": [], "two": ["--strategy", "mirrored", "--replicas", "2"]}.items():
        process = started(tmp_path / name, "--epochs", "4", *more)
        said = process.communicate(timeout=900)[0]
        assert process.returncode == 0, said[-3000:]
    one, two = (record(tmp_path / name)["history"]["neg_elbo"] for name in ("one", "two"))
    # On JAX the noise is that of one device; on TensorFlow the second replica has noise of its own.
    np.testing.assert_allclose(two, one, rtol=1e-4 if BACKEND == "jax" else 0.02)
