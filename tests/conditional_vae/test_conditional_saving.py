"""Protects the conditional VAE on disk: a new process gets equal outputs from a file and goes on training where it
stopped, and a recorded run keeps the family's option."""

import json
import subprocess
import sys

import numpy as np
import pytest

from companion import experiments
from companion.conditional_vae import ConditionalVAE
from companion.vae import VAE
from tests.conditional_vae.test_conditional_vae import EPSILON, HOW, LABELS, UPPER, compiled, make

STRANGER = """
import json, sys
import keras, numpy as np
import companion.conditional_vae

folder, how = sys.argv[1], json.loads(sys.argv[2])
given = np.load(folder + "/given.npz")
pair = (given["images"], given["labels"])
model = keras.models.load_model(folder + "/labels.keras")
halves = keras.models.load_model(folder + "/halves.keras")
answer = {
    "elbo": model.elbo_terms(pair, given["epsilon"])["elbo"],
    "images": model.generate(given["labels"], seed=3),
    "halves": halves.generate(given["images"][:, :2], seed=3),
    "losses": model.fit(pair, epochs=2, **how).history["loss"],
    "next": model.generate(given["labels"]),
}
np.savez(folder + "/answer.npz", **answer)
settings = [[m.num_classes, list(m.condition_shape), m.prior, m.seed] for m in (model, halves)]
json.dump(settings, open(folder + "/answer.json", "w"))
"""


@pytest.mark.slow
def test_a_new_process_gets_equal_outputs_and_goes_on(images, tmp_path):
    model, halves = compiled(make()), make("standard", seed=4, halves=True)
    model.fit([images, LABELS], **HOW)
    model.save(tmp_path / "labels.keras")
    halves.save(tmp_path / "halves.keras")
    np.savez(tmp_path / "given.npz", images=images, labels=LABELS, epsilon=EPSILON)
    command = [sys.executable, "-c", STRANGER, str(tmp_path), json.dumps(HOW)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    here = {
        "elbo": model.elbo_terms((images, LABELS), EPSILON)["elbo"],
        "images": model.generate(LABELS, seed=3),
        "halves": halves.generate(images[:, :2], seed=3),
        "losses": model.fit([images, LABELS], epochs=2, **HOW).history["loss"],
        "next": model.generate(LABELS),
    }
    with np.load(tmp_path / "answer.npz") as there:
        for name, values in here.items():
            np.testing.assert_allclose(there[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    settings = json.loads((tmp_path / "answer.json").read_text())
    assert settings == [[3, [3], "learned", 0], [None, list(UPPER), "standard", 4]]


def test_a_recorded_run_keeps_its_prior(tmp_path):
    settings = experiments.Settings(
        model="conditional_vae", epochs=1, k=2, images=5, hidden=(16,), options={"prior": "learned"}
    )
    record = experiments.run(settings, tmp_path / "run", quiet=True)
    test = record["test"]
    assert test["neg_elbo"] == pytest.approx(test["reconstruction"] + test["kl"])
    # 784 to 16; 16 and ten labels to the two heads of two.
    assert record["parameters"]["encoder"] == 785 * 16 + 2 * 27 * 2
    model, _ = experiments.load(tmp_path / "run")
    assert (type(model), model.prior, model.num_classes) == (ConditionalVAE, "learned", 10)
    assert isinstance(model, VAE)
