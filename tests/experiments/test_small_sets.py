"""Protects the whole command on the smallest sets: 2 to 12 images of 8x8 pixels, every family, one epoch; a set that
cannot be split is refused before Keras is needed."""

import json

import numpy as np
import pytest

from companion import experiments
from companion.__main__ import main

NARROW = {
    "vae": ["--hidden", "8"],
    "beta_vae": ["--hidden", "8", "--warm-up-steps", "2"],
    "conditional_vae": ["--hidden", "8"],
    "hierarchical_vae": ["--hidden", "8", "--latent-dims", "3,2"],
    "vq_vae": ["--num-embeddings", "4", "--embedding-dim", "2", "--filters", "4"],
    "discrete_vae": ["--hidden", "8", "--num-latents", "2", "--num-categories", "3"],
    "iwae": ["--hidden", "8", "--num-samples", "2"],
    "aae": ["--hidden", "8", "--adversarial-weight", "2"],
    "vae_gan": ["--hidden", "8", "--feature-weight", "0.5"],
    "semi_supervised_vae": ["--hidden", "8", "--labels-per-class", "1"],
    "prior_vae": ["--hidden", "8", "--components", "3"],
    "iaf_vae": ["--hidden", "8", "--num-steps", "2"],
    "fsq_vae": ["--levels", "3,2", "--filters", "4"],
    "latent_diffusion": ["--hidden", "8", "--units", "8"],
}


@pytest.fixture
def small_set(tmp_path):
    """A function that writes ``n`` images, uint8, with labels."""

    def write(n, **arrays):
        images = np.random.default_rng(n).integers(0, 256, (n, 8, 8), dtype="uint8")
        path = tmp_path / f"tiny{n}.npz"
        np.savez(path, **(arrays or {"images": images, "labels": np.arange(n) % 3}))
        return path

    return write


def call(model, dataset, out, *more):
    how = ["--dataset", dataset, "--epochs", 1, "--k", 2, "--batch-size", 4, "--quiet", "--out", out]
    return main([str(word) for word in ("run", model, *how, *more)])


def check(out, n):
    record = json.loads((out / "run.json").read_text())
    test = record["test"]
    assert record["complete"] and record["n_train"] + record["n_test"] == n
    assert test["neg_elbo"] == pytest.approx(test["reconstruction"] + test["kl"], rel=1e-4)
    assert (test["stderr"] is None) == (record["n_test"] == 1)
    assert (out / "model.keras").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("model", NARROW)
def test_every_family_runs_on_eight_images(model, small_set, tmp_path, capsys):
    assert call(model, small_set(8), tmp_path / "run", *NARROW[model]) == 0
    check(tmp_path / "run", 8)
    assert "negative ELBO" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5, 9, 12])
def test_any_number_of_images_runs_from_two_on(n, small_set, tmp_path):
    assert call("vae", small_set(n), tmp_path / "run", *NARROW["vae"], "--binarize", "dynamic") == 0
    check(tmp_path / "run", n)


@pytest.mark.slow
def test_a_run_with_one_test_image_is_resumed(small_set, tmp_path):
    path = small_set(8)
    assert call("vae", path, tmp_path / "run", *NARROW["vae"]) == 0
    again = [
        "run",
        "--dataset",
        str(path),
        "--epochs",
        "2",
        "--out",
        str(tmp_path / "run"),
        "--resume",
        "--quiet",
    ]
    assert main(again) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["epochs_done"] == 2


def test_one_image_for_each_part_is_enough(small_set, tmp_path):
    one = np.full((1, 8, 8), 128, "uint8")
    assert call("vae", small_set(1, x_train=one, x_test=one), tmp_path / "run", *NARROW["vae"]) == 0
    check(tmp_path / "run", 2)


@pytest.mark.parametrize("model", ["vae", "conditional_vae"])
def test_a_single_image_is_refused_before_training(model, small_set, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(experiments, "training", None, raising=False)
    assert call(model, small_set(1), tmp_path / "run", *NARROW[model]) == 2
    err = capsys.readouterr().err
    assert "array images holds 1 image: expected 2 or more" in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()
