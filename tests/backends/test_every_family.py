"""Protects every family on every backend: it trains, evaluates, generates, saves and loads, and a training resumed in a
new process gives the figures of one that was never interrupted. `make test` runs this on TensorFlow, `make backends` on
the other backends; nothing here imports TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import evaluation
from tests.backends.families import (
    HOW,
    IMAGES,
    SHAPE,
    cases,
    data_for,
    figures_after_more_training,
    figures_before,
    new_model,
)

ROOT = Path(__file__).resolve().parents[2]

# What the new process does: it knows the files and the package, and imports no family.
STRANGER = """
import sys
import numpy as np
import companion
models = {}
for path in sys.argv[2:]:
    models[path] = companion.load(path)
from pathlib import Path
from tests.backends.families import figures_after_more_training, figures_before
answer = {}
for path, model in models.items():
    case = Path(path).stem
    for name, value in {**figures_before(model, case), **figures_after_more_training(model, case)}.items():
        answer[f"{case}/{name}"] = value
np.savez(sys.argv[1], **answer)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("saved")


@pytest.fixture(scope="module")
def here(folder):
    """The figures of each family: trained for an epoch, saved, then trained on as if never saved."""
    figures = {}

    def of(case):
        if case not in figures:
            model = new_model(case)
            first = model.fit(data_for(case), epochs=1, **HOW).history
            model.save(folder / f"{case}.keras")
            before = figures_before(model, case)  # after saving, since some of it draws
            figures[case] = {"first": first, **before, **figures_after_more_training(model, case)}
        return figures[case]

    return of


@pytest.fixture(scope="module")
def there(here, folder):
    """The same figures from a new process, which loads the files and goes on training."""
    for case in cases():
        here(case)
    files = [str(folder / f"{case}.keras") for case in cases()]
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(folder / "answer.npz"), *files],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(folder / "answer.npz") as arrays:
        return dict(arrays)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases())
def test_it_trains_evaluates_and_generates(here, case):
    figures = here(case)
    assert figures["reconstruct"].shape == IMAGES.shape
    for name, values in {**figures, **figures["first"]}.items():
        assert name == "first" or np.isfinite(values).all(), name
    if "sample" in figures:
        assert figures["sample"].shape == (5, *SHAPE)
        assert figures["sample"].min() >= 0 and figures["sample"].max() <= 1
        for part in ("", "test_"):
            parts = np.add(figures[f"{part}reconstruction_loss"], figures[f"{part}kl_loss"])
            np.testing.assert_allclose(figures[f"{part}neg_elbo"], parts, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("case", cases())
def test_training_resumed_in_a_new_process_goes_on_where_it_stopped(here, there, case):
    for name, values in here(case).items():
        if name != "first":
            np.testing.assert_allclose(there[f"{case}/{name}"], values, rtol=2e-3, atol=1e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        *("vae", "conditional_vae", "hierarchical_vae", "vq_vae", "discrete_vae", "iwae"),
        *("semi_supervised_vae", "miwae", "prior_vae", "iaf_vae", "fsq_vae"),
        *("latent_diffusion", "latent_diffusion with labels"),
    ],
)
def test_it_gets_a_bound_on_the_likelihood(case):
    model = new_model(case)
    scores = evaluation.score(model, model.checked(data_for(case)), k=4, n_images=6)
    assert scores["neg_elbo"] == pytest.approx(scores["reconstruction"] + scores["kl"], rel=1e-4)
    assert np.isfinite(scores["cross_entropy_bound"])


def still():
    """An optimizer that counts steps and moves no weight."""
    return keras.optimizers.SGD(0.0)


def one_step_per_epoch(model, case, epochs):
    return model.fit(data_for(case), epochs=epochs, batch_size=24, verbose=0).history


# What a schedule adds to the loss at a step, from the terms that history reports: it rises over 8 steps.
SCHEDULED = {
    "beta_vae with warm-up": lambda h, step: h["reconstruction_loss"] + 2.0 * step / 8 * h["kl_loss"],
    "beta_vae with capacity": lambda h, step: (
        h["reconstruction_loss"] + 5.0 * np.abs(h["kl_loss"] - 4.0 * step / 8)
    ),
    "hierarchical_vae": lambda h, step: h["reconstruction_loss"] + step / 8 * (h["kl_1"] + h["kl_2"]),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SCHEDULED)
def test_a_schedule_follows_the_steps_in_training_evaluation_and_after_loading(case, tmp_path):
    model = new_model(case, still())
    history = {name: np.array(values) for name, values in one_step_per_epoch(model, case, 6).items()}
    np.testing.assert_allclose(history["loss"], SCHEDULED[case](history, np.arange(6)), rtol=1e-4)
    model.evaluate(data_for(case), batch_size=24, verbose=0)
    one_step_per_epoch(model, case, 1)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        scores = each.evaluate(data_for(case), batch_size=24, verbose=0, return_dict=True)
        assert scores["loss"] == pytest.approx(SCHEDULED[case](scores, 7), rel=1e-4)
    batch = model.train_on_batch(data_for(case), return_dict=True)
    assert float(batch["loss"]) == pytest.approx(SCHEDULED[case](batch, 7), rel=1e-4)


def test_a_new_optimizer_begins_a_schedule_anew():
    case = "beta_vae with warm-up"
    model = new_model(case, still())
    one_step_per_epoch(model, case, 5)
    model.compile(still())
    history = {name: np.array(values) for name, values in one_step_per_epoch(model, case, 2).items()}
    np.testing.assert_allclose(history["loss"], SCHEDULED[case](history, np.arange(2)), rtol=1e-4)


def test_the_temperature_falls_with_the_steps():
    model = new_model("discrete_vae with cooling", still())
    one_step_per_epoch(model, "discrete_vae with cooling", 4)
    assert float(model.now(model.temperature)) == pytest.approx(0.75)


def test_rows_of_a_trained_codebook_come_from_the_first_batch_and_are_reset():
    case = "vq_vae with a trained codebook"
    model = new_model(case, still())
    encoded = keras.ops.convert_to_numpy(model.encoder(IMAGES, training=True))
    vectors = np.reshape(encoded, (-1, 4))  # scaled by the batch, as in training

    def is_from_the_batch():
        rows = keras.ops.convert_to_numpy(model.quantizer.embeddings)
        return np.abs(rows[:, None] - vectors).sum(axis=-1).min(axis=1) < 1e-5

    assert not is_from_the_batch().any()
    one_step_per_epoch(model, case, 1)
    assert is_from_the_batch().all()
    # A row far from everything is never chosen, so its count falls until it is reset.
    rows = keras.ops.convert_to_numpy(model.quantizer.embeddings).copy()
    rows[3] = 100.0
    model.quantizer.embeddings.assign(rows)
    counts = keras.ops.convert_to_numpy(model.quantizer.counts).copy()
    counts[3] = 0.0
    model.quantizer.counts.assign(counts)
    one_step_per_epoch(model, case, 1)
    assert is_from_the_batch().all()


@pytest.mark.slow
def test_the_prior_of_codes_is_fitted_alone():
    model = new_model("vq_vae")
    history = model.fit_prior(IMAGES, epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]
