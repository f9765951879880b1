"""Protects the speed of training from the memory allocator: what a step frees is there for the next one."""

import os
import subprocess
import sys

import pytest

from companion.memory import keep_freed_memory

# From the end of the first epoch on, since ``fit`` may take memory once, for what lasts as long as the training.
TRAINING = """
import resource
import keras
import numpy as np
from companion.data import Batches
from companion.vae import VAE

faults = []
count = lambda epoch, logs: faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
model = VAE(input_shape=(28, 28, 1), seed=0)
model.compile("adam")
images = np.random.default_rng(0).uniform(size=(3840, 28, 28, 1)).astype("float32")
batches = Batches(images, 128)  # fed by a Python generator, for which TensorFlow changes the allocator
model.fit(batches, verbose=0, epochs=5, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=count)])
print((faults[-1] - faults[0]) / (4 * len(batches)))
"""


def faults_per_step(**variables: str) -> float:
    """How many pages the system had to give per training step of the book's dense network at batch 128."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    environment = {**kept, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", **variables}
    done = subprocess.run(
        [sys.executable, "-c", TRAINING], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_a_step_gives_its_memory_to_the_next_one():
    kept, returned = faults_per_step(), faults_per_step(MALLOC_ARENA_TEST="8")
    assert kept < 100 < returned, (kept, returned)


def test_who_has_set_the_allocator_keeps_it(monkeypatch):
    keep_freed_memory.cache_clear()
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert not keep_freed_memory()
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_")
    keep_freed_memory.cache_clear()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
    keep_freed_memory.cache_clear()
