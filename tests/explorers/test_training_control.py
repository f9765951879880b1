"""Protects the training controls: what the button does is a real training with the chosen value, its progress and its
result are shown, an error is shown and raised, and the book's stills are what was recorded."""

import functools
import json
import struct
import subprocess
import sys
from pathlib import Path

import keras
import nbformat
import numpy as np
import pytest

from companion import data, explorers
from companion.errors import BadInput
from companion.explorers import control, control_still
from companion.explorers.choices import CHOICES, COMMON
from companion.explorers.control import TrainingControl
from companion.explorers.score_function import ScoreFunctionVAE
from companion.explorers.training import Trained, train, words_of
from companion.plots import samples
from companion.vae import VAE

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "chapters").glob("*.ipynb"))
HEAVIEST_STILL = 25_000
each_choice = pytest.mark.parametrize("choice", CHOICES)
# What the chosen value becomes in the model that is trained.
SET_TO = {
    "code_size": lambda model: model.latent_dim,
    "hidden_units": lambda model: next(
        layer.units for layer in model.encoder.layers if isinstance(layer, keras.layers.Dense)
    ),
    "estimator": lambda model: (
        f"score function, {model.num_samples} draw{'s' if model.num_samples > 1 else ''}"
        if isinstance(model, ScoreFunctionVAE)
        else "pathwise"
    ),
    "sigma": lambda model: model.likelihood.scale,
    "latent_dim": lambda model: model.latent_dim,
    "beta": lambda model: model.beta,
    "num_labels": lambda model: model.num_classes,
    "free_bits": lambda model: model.free_bits,
    "num_codes": lambda model: model.num_embeddings,
    "k": lambda model: model.num_samples,
    "objective": lambda model: {"VAE": "VAE", "AAE": "AAE", "VAEGAN": "VAE-GAN"}[type(model).__name__],
    "alpha": lambda model: model.alpha,
    "noise": lambda model: model.encoder.get_layer("noise").highest,
    "frame_code": lambda model: model.latent_dim,
    "precision": lambda model: model.encoder.get_layer("z_mean").dtype_policy.name,
    "prior": lambda model: model.prior,
}


@functools.cache
def trained(choice, value) -> tuple[Trained, list[float]]:
    """A training of two epochs and the progress that it told; made once for all tests that look at it."""
    told: list[float] = []
    return train(choice, value, epochs=2, progress=told.append), told


def made_up(choice, value, progress, epochs=None) -> Trained:
    progress(0.5)
    settings = {"choice": choice, "value": value, "epochs": 1}
    return Trained(samples(np.zeros((4, 3, 3, 1))), {}, f"{choice} is {value} < 100", settings, None)


@pytest.mark.slow
@each_choice
def test_training_runs_headless_with_the_least_and_the_largest_value(choice):
    row = CHOICES[choice]
    values = (row.values[0], row.values[-1])
    for value in values:
        found, told = trained(choice, value)
        assert told == [0.5, 1.0]
        assert found.words.startswith(f"{row.label}: {value}. After 2 epochs: ")
        assert "nats per unseen image" in found.words
        assert all(np.isfinite(figure) for figure in found.figures.values())
        assert found.figure.image_bytes()[:4] == b"\x89PNG" and found.figure.alt_text
        assert SET_TO[choice](found.model) == value
    least, largest = figures_of(choice, *values)
    assert least != largest


def figures_of(choice, *values):
    return [trained(choice, value)[0].figures for value in values]


@pytest.mark.slow
def test_each_choice_has_the_effect_that_is_certain():
    one, sixteen = figures_of("code_size", 1, 16)
    assert sixteen["loss"] < one["loss"] - 5
    cheap, dear = figures_of("beta", 0.5, 16)
    assert dear["kl"] < cheap["kl"] - 2
    narrow, wide = figures_of("sigma", 0.05, 1.0)
    assert wide["kl"] < narrow["kl"] - 5 and narrow["error"] < wide["error"]
    small, large = figures_of("hidden_units", 16, 256)
    assert large["neg_elbo"] < small["neg_elbo"]
    assert large["parameters"] == 784 * 256 * 2 + 784 + 256 + 256 + 2 * (256 * 8 + 8) + 8 * 256
    pathwise, score = figures_of("estimator", "pathwise", "score function, 1 draw")
    assert pathwise["neg_elbo"] < score["neg_elbo"]
    paid, freed = figures_of("free_bits", 0, 2)
    assert freed["kl_2"] > paid["kl_2"]
    few, many = figures_of("num_codes", 8, 64)
    assert 1 <= few["perplexity"] <= 8 < many["perplexity"] <= 64
    for figures in figures_of("k", 1, 20):
        assert figures["bound"] < figures["neg_elbo"]
    unnamed, named = figures_of("alpha", 0, 100)
    assert named["wrong"] < unnamed["wrong"] - 20


@pytest.mark.slow
def test_the_terms_in_the_line_add_up_to_the_negative_elbo():
    figures = train("beta", 4, epochs=1).figures
    assert figures["neg_elbo"] == pytest.approx(figures["reconstruction"] + figures["kl"], abs=1e-3)


def test_labels_beyond_those_told_apart_share_the_last_one():
    images, labels = CHOICES["num_labels"].inputs(3, np.zeros((5, 2)), np.array([0, 1, 2, 3, 9]))
    assert len(images) == 5 and labels.tolist() == [0, 1, 2, 2, 2]


def gradient_for_the_mean(model, images, repeats):
    import tensorflow as tf

    head = model.encoder.get_layer("z_mean").bias
    drawn = []
    for _ in range(repeats):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(images, y_pred=model(images, training=True))
        drawn.append(np.array(tape.gradient(loss, head.value)))
    return np.array(drawn)


@pytest.mark.slow
def test_the_score_function_estimates_the_gradient_of_the_path():
    images = data.load("digits").x_train[:20]
    networks = VAE.build_networks((28, 28, 1), 2, hidden=(8,), seed=0)
    path = gradient_for_the_mean(VAE(**networks, seed=0), images, 40)
    score = gradient_for_the_mean(ScoreFunctionVAE(**networks, num_samples=200, seed=0), images, 40)
    standard_error = np.sqrt(path.var(axis=0) / 40 + score.var(axis=0) / 40)
    assert (np.abs(path.mean(axis=0) - score.mean(axis=0)) < 4 * standard_error).all()
    assert (np.abs(path.mean(axis=0)) > 4 * standard_error).any()


def test_the_score_function_model_is_saved_whole(tmp_path):
    model = ScoreFunctionVAE(latent_dim=2, num_samples=3, seed=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.num_samples == 3
    with pytest.raises(BadInput, match="num_samples=0"):
        ScoreFunctionVAE(num_samples=0)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: train("size", 2), "expected one of code_size, hidden_units"),
        (lambda: train("beta", 3), "beta=3: expected one of 0.5; 1; 2; 4; 8; 16"),
        (lambda: train("k", True), "k=True"),
        (lambda: train("k", [1, 2]), "expected one of 1; 2; 5"),
        (lambda: train("estimator", "path"), "expected one of pathwise; score function, 1 draw"),
        (lambda: train("beta", 1, epochs=0), "epochs=0: expected a whole number of at least 1"),
        (lambda: explorers.training_control("size"), "expected one of code_size"),
        (lambda: control_still.read_still("beta", ROOT), "record it with"),
    ],
)
def test_what_is_not_offered_is_refused(call, words):
    with pytest.raises(BadInput, match=words):
        call()


def test_the_button_trains_with_the_chosen_value_and_shows_what_came_out():
    shown_after: list[float] = []

    def watched(choice, value, progress):
        assert shown.box.button.disabled and shown.box.values.disabled
        result = made_up(choice, value, progress)
        shown_after.append(shown.box.progress.value)
        progress(1.0)
        return result

    shown = TrainingControl("beta", watched)
    shown.box.values.value = 8
    # What ipywidgets calls when the page reports a press.
    shown.box.button.click()
    assert shown.result is not None and shown.result.words == "beta is 8 < 100"
    assert shown_after == [0.5] and shown.box.progress.value == 1.0
    assert shown.box.words.value == "beta is 8 &lt; 100"
    assert "data:image/png;base64,iVBOR" in shown.box.picture.value
    assert shown.result.figure.alt_text[:20] in shown.box.picture.value
    assert not shown.box.button.disabled and not shown.box.values.disabled


@pytest.mark.slow
def test_a_real_press_drives_the_progress_to_one():
    shown = TrainingControl(
        "beta", lambda choice, value, progress: train(choice, value, epochs=1, progress=progress)
    )
    assert shown.press().settings["value"] == CHOICES["beta"].first
    assert shown.box.progress.value == 1.0
    assert "beta, the weight of the KL: 4. After 1 epoch:" in shown.box.words.value


def test_an_error_is_shown_and_raised_and_the_button_can_be_pressed_again():
    def fails(choice, value, progress):
        raise RuntimeError("the <disk> is full")

    shown = TrainingControl("k", made_up)
    shown.press()
    shown.train = fails
    with pytest.raises(RuntimeError, match="is full"):
        shown.press()
    assert "It stopped:</b> RuntimeError: the &lt;disk&gt; is full" in shown.box.words.value
    assert shown.box.picture.value == ""
    assert not shown.box.button.disabled and not shown.box.values.disabled
    assert shown.result is None


@pytest.fixture
def displayed(monkeypatch):
    shown: list = []
    monkeypatch.setattr("IPython.display.display", lambda what, **how: shown.append(what))
    return shown


@each_choice
def test_the_stored_book_gets_the_still_and_a_kernel_the_control(choice, displayed, monkeypatch):
    import ipywidgets

    monkeypatch.setenv("COMPANION_QUIET", "1")
    explorers.training_control(choice)._ipython_display_()
    (bundle,) = displayed
    assert bundle["text/html"] == control_still.html_of_still(choice)
    assert "data:image/png;base64,iVBOR" in bundle["text/html"] and 'alt="' in bundle["text/html"]
    assert "Colab or Jupyter" in bundle["text/html"]
    monkeypatch.delenv("COMPANION_QUIET")
    explorers.training_control(choice)._ipython_display_()
    assert isinstance(displayed[-1], ipywidgets.VBox)
    assert [value for _, value in displayed[-1].values.options] == list(CHOICES[choice].values)


def test_without_ipywidgets_a_line_says_what_to_do(displayed, monkeypatch):
    monkeypatch.delenv("COMPANION_QUIET", raising=False)
    monkeypatch.setattr(control, "find_spec", lambda name: None)
    explorers.training_control("beta")._ipython_display_()
    assert displayed[0]["text/plain"] == control.WITHOUT_IPYWIDGETS
    assert "pip install ipywidgets" in displayed[0]["text/html"]


def test_the_control_is_imported_without_keras_and_ipywidgets():
    program = (
        "import sys; sys.modules['ipywidgets'] = None\n"
        "from companion import explorers\n"
        "print(explorers.training_control('beta').still()['text/html'].partition(' ')[0])\n"
        "print('keras' in sys.modules, 'tensorflow' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["<div", "False False"], done.stderr


@each_choice
def test_the_still_is_what_was_recorded_with_the_settings_of_today(choice):
    facts, png = control_still.read_still(choice)
    row = CHOICES[choice]
    assert facts["settings"] == {"choice": choice, "value": row.first, **row.settings}
    assert facts["words"] == words_of(facts["settings"], facts["figures"])
    assert facts["versions"]["keras"] and facts["command"] == control_still.COMMAND
    assert len(facts["alt"].split()) > 10
    assert len(png) <= HEAVIEST_STILL and struct.unpack(">I", png[16:20])[0] <= 900


@pytest.mark.slow
def test_a_still_is_recorded_from_a_real_training_and_a_changed_picture_is_found_out(tmp_path):
    control_still.record_still("beta", tmp_path, epochs=1)
    facts, png = control_still.read_still("beta", tmp_path)
    assert facts["settings"]["epochs"] == 1 and facts["settings"]["seed"] == COMMON["seed"]
    (tmp_path / "beta.png").write_bytes(png + b"\0")
    with pytest.raises(BadInput, match="is not the picture"):
        control_still.read_still("beta", tmp_path)
    (tmp_path / "beta.json").write_text(json.dumps(facts)[:-1], encoding="utf-8")
    with pytest.raises(BadInput, match="is not recorded here"):
        control_still.read_still("beta", tmp_path)


def test_each_chapter_holds_its_one_control():
    found = {}
    # Chapter 00 trains one whole model before the reader's eyes and holds no control.
    for path in (path for path in CHAPTERS if path.name[:2] != "00"):
        notebook = nbformat.read(path, as_version=4)
        cells = notebook.cells
        if notebook.metadata.get("draft"):  # as `make chapter` makes it, until it has a control
            continue
        calls = [cell for cell in cells if cell.cell_type == "code" and "training_control(" in cell.source]
        assert len(calls) == 1, path.name
        assert calls[0].metadata["tags"] == ["explorer"]
        before = cells[cells.index(calls[0]) - 1]
        assert before.cell_type == "markdown" and len(before.source.split(". ")) >= 2
        found[path.name[:2]] = calls[0].source.partition('training_control("')[2].partition('"')[0]
    assert found == {row.chapter: choice for choice, row in CHOICES.items()}
