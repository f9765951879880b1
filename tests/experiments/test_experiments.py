"""Protects recorded runs: run.json is complete and adds up, and no stop at any moment loses more than an epoch.

A folder always holds a run.json and the very model that it names; a resumed run repeats the run that was never stopped;
and whatever cannot be run, or resumed, is refused in one sentence before any training. (kill -9: test_command_line.py.)
"""

import errno
import hashlib
import json
import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import companion
from companion import experiments
from companion.errors import BadInput
from companion.experiments import Settings
from companion.experiments.folder import RunFolder, checkpoint_name
from companion.vae import VAE

KEYS = {
    *("schema", "model", "dataset", "dataset_sha256", "n_train", "n_test", "binarization", "likelihood"),
    *("settings", "epochs_done", "complete", "unit", "history", "test", "parameters", "seconds"),
    *("peak_memory_mb", "versions", "backend", "device", "commit", "files"),
}
TEST_KEYS = {
    *("neg_elbo", "reconstruction", "kl", "log_likelihood", "cross_entropy_bound", "k", "n_images", "stderr"),
    *("active_units", "units", "binarization", "binarization_seed"),
}


@pytest.fixture(scope="module")
def images_file(tmp_path_factory):
    """Sixty striped images of 6x5 pixels in a file of one's own: 50 to train on and 10 to test on."""
    draws = np.random.default_rng(0)
    pixels = np.where(draws.integers(0, 2, (60, 6, 1)), 0.9, 0.1) * draws.uniform(0.5, 1, (60, 6, 5))
    path = tmp_path_factory.mktemp("images") / "stripes.npz"
    np.savez(path, images=pixels.astype("float32"))
    return path


@pytest.fixture(scope="module")
def settings(images_file):
    return Settings(dataset=str(images_file), epochs=4, batch_size=16, binarize="dynamic", k=5, images=6)


@pytest.fixture
def no_training(monkeypatch):
    """Whoever trains after all fails the test."""

    def fail(*_, **__):
        raise AssertionError("a training began")

    monkeypatch.setattr(experiments, "training", SimpleNamespace(train=fail, load_model=fail), raising=False)


@pytest.fixture
def begun(tmp_path, settings):
    """A function that makes the folder of a run as it stands after three of four epochs, with a model of ten bytes."""

    def make(**changes):
        record = {
            "schema": 1,
            "dataset_sha256": hashlib.sha256(Path(settings.dataset).read_bytes()).hexdigest(),
            "settings": settings.recorded(),
            "epochs_done": 3,
            "complete": False,
            "history": {"loss": [3.0, 2.0, 1.0]},
            "seconds": {"train": 1.0, "evaluate": None},
            **changes,
        }
        folder = RunFolder(tmp_path / "run")
        folder.path.mkdir()
        folder.commit(record, checkpoint_name(3), lambda path: path.write_bytes(b"ten bytes."))
        return folder

    return make


# Settings


WRONG_SETTINGS = {
    "model": ("gan", "model='gan': expected one of vae"),
    "dataset": (
        "",
        "dataset='': expected one of digits, digits_8x8, mnist, fashion_mnist, shapes, or the path of an .npz file",
    ),
    "dataset as a number": (7, "dataset=7: expected one of digits"),
    "latent_dim": (-1, "latent_dim=-1: expected a whole number of at least 1"),
    "latent_dim as a float": (2.0, "latent_dim=2.0: expected a whole number"),
    "latent_dim as a truth": (True, "latent_dim=True: expected a whole number"),
    "epochs": (0, "epochs=0: expected a whole number of at least 1"),
    "batch_size": (0, "batch_size=0: expected a whole number of at least 1"),
    "learning_rate": (0, "learning_rate=0: expected a number above 0"),
    "learning_rate below 0": (-1e-3, "learning_rate=-0.001: expected a number above 0"),
    "learning_rate not a number": (float("nan"), "learning_rate=nan: expected a number above 0"),
    "learning_rate without end": (float("inf"), "learning_rate=inf: expected a number above 0"),
    "learning_rate as text": ("fast", "learning_rate='fast': expected a number above 0"),
    "network": ("deep", "network='deep': expected one of dense, conv"),
    "binarize": ("both", "binarize='both': expected one of none, threshold, static, dynamic"),
    "likelihood": ("mse", "likelihood='mse': expected one of bernoulli, continuous_bernoulli, normal, discr"),
    "seed": (-1, "seed=-1: expected a whole number of at least 0"),
    "k": (0, "k=0: expected a whole number of at least 1"),
    "k below 0": (-5, "k=-5: expected a whole number of at least 1"),
    "images": (0, "images=0: expected a whole number of at least 1"),
}


@pytest.mark.parametrize("case", WRONG_SETTINGS)
def test_a_wrong_setting_is_refused_with_what_is_allowed(case):
    value, message = WRONG_SETTINGS[case]
    with pytest.raises(BadInput, match=re.escape(message)):
        Settings(**{case.split()[0]: value})


def test_the_names_that_are_known_without_keras_are_those_of_the_package():
    from companion.likelihoods import FAMILIES

    assert tuple(FAMILIES) == experiments.LIKELIHOODS
    from companion.experiments import training

    classes = {name: training._class_of(Settings(model=name)).__name__.lower() for name in experiments.MODELS}
    assert classes == {name: name.replace("_", "") for name in experiments.MODELS}


class NoisyVAE(VAE):
    """A variant, as an experiment may name one."""


@pytest.mark.slow
def test_a_variant_takes_the_place_of_its_model(images_file, tmp_path):
    variant = f"{__name__}:NoisyVAE"
    settings = Settings(dataset=images_file, epochs=1, hidden=(8,), k=1, variant=variant)
    experiments.run(settings, tmp_path / "run", quiet=True)
    model, record = experiments.load(tmp_path / "run")
    assert type(model).__name__ == "NoisyVAE" and record["settings"]["variant"] == variant


@pytest.mark.parametrize(
    "variant, message",
    [
        ("NoisyVAE", "variant='NoisyVAE': expected the import path of a subclass"),
        ("tests.nowhere:VAE", "variant='tests.nowhere:VAE' cannot be imported"),
        ("companion.iwae:iwae_loss", "is no subclass of VAE: expected one"),
    ],
)
def test_what_is_no_variant_is_refused(images_file, tmp_path, variant, message):
    with pytest.raises(BadInput, match=message):
        experiments.run(
            Settings(dataset=images_file, epochs=1, variant=variant), tmp_path / "run", quiet=True
        )


def test_batch_normalisation_is_for_dense_networks_that_know_it(images_file, tmp_path):
    settings = Settings(dataset=images_file, epochs=1, hidden=(8, 6), k=1, batch_norm=True)
    experiments.run(settings, tmp_path / "run", quiet=True)
    model, _ = experiments.load(tmp_path / "run")
    for network in (model.encoder, model.decoder):
        assert [type(layer).__name__ for layer in network.layers].count("BatchNormalization") == 2
    for wrong in ({"model": "vq_vae"}, {"network": "conv"}, {"model": "conditional_vae"}):
        with pytest.raises(BadInput, match="batch_norm=True with model"):
            Settings(**wrong, batch_norm=True)
    with pytest.raises(BadInput, match="batch_norm=1: expected True or False"):
        Settings(batch_norm=1)


def test_the_stages_of_burda_et_al():
    """Three to the power i epochs each, at rates that fall by a factor of ten over seven stages."""
    from companion.experiments import training

    rate = training.learning_rate(Settings(schedule="burda", learning_rate=1e-3), steps=10)
    # Stage 0 is one epoch of ten steps, stage 1 three epochs, stage 7 what follows after 1,093 epochs.
    for step, stage in ((0, 0), (10, 0), (11, 1), (40, 1), (41, 2), (10_930, 6), (10_931, 7), (10**6, 7)):
        assert float(rate(step)) == pytest.approx(1e-3 * 10 ** (-stage / 7), rel=1e-5), step
    assert training.learning_rate(Settings(learning_rate=0.25), steps=10) == 0.25


def test_settings_of_the_networks_and_of_adam_reach_the_model(images_file, tmp_path):
    settings = Settings(
        dataset=images_file, epochs=1, hidden=(8,), k=1, activation="tanh", epsilon=1e-4, learning_rate=1e-12
    )
    experiments.run(replace(settings, output_bias=True), tmp_path / "run", quiet=True)
    model, _ = experiments.load(tmp_path / "run")
    hidden = [layer for layer in model.encoder.layers if getattr(layer, "units", 0) == 8]
    assert [layer.activation.__name__ for layer in hidden] == ["tanh"]
    assert model.optimizer.epsilon == 1e-4
    # With so small a rate the bias is still where it began: at the mean of the training images.
    bias = np.array(model.decoder.get_layer("pixels").bias)
    mean = companion.data.load(str(images_file)).x_train.mean(axis=0).reshape(-1)
    np.testing.assert_allclose(1 / (1 + np.exp(-bias)), mean, rtol=1e-4)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"activation": "tanh", "network": "conv"}, "activation='tanh' with model 'vae' and network 'conv'"),
        ({"activation": "sine"}, "activation='sine': expected one of relu, tanh"),
        ({"schedule": "cosine"}, "schedule='cosine': expected one of constant, burda"),
        ({"epsilon": 0}, "epsilon=0: expected a number above 0; pass epsilon=1e-07"),
        ({"output_bias": 1}, "output_bias=1: expected True or False"),
        (
            {"output_bias": True, "likelihood": "normal"},
            "output_bias=True with network 'dense' and likelihood",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(wrong, message):
    with pytest.raises(BadInput, match=message):
        Settings(**wrong)


def test_numbers_of_numpy_and_paths_can_be_recorded(images_file):
    recorded = Settings(dataset=images_file, latent_dim=np.int64(3), learning_rate=np.float32(0.5)).recorded()
    assert json.loads(json.dumps(recorded)) == {**recorded, "dataset": "stripes.npz", "latent_dim": 3}


# Refused before any training


def make_non_empty(out):
    out.mkdir()
    (out / "notes.txt").write_text("mine")


WRONG_FOLDERS = {
    "not empty": (make_non_empty, False, r"is not empty \(notes.txt\).*--resume .* or another folder"),
    "a file": (lambda out: out.write_text(""), False, "is a file: expected a folder"),
    "a file, resumed": (lambda out: out.write_text(""), True, "is a file: expected a folder"),
    "no run there": (make_non_empty, True, "has no run.json: expected a run to resume; leave out --resume"),
    "nothing there": (lambda out: None, True, "has no run.json: expected a run to resume"),
}


@pytest.mark.parametrize("case", WRONG_FOLDERS)
def test_a_folder_that_does_not_fit_is_refused(case, settings, tmp_path, no_training):
    prepare, resume, message = WRONG_FOLDERS[case]
    prepare(tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BadInput, match=message):
        experiments.run(settings, tmp_path / "run", resume)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_written_is_refused(settings, tmp_path, no_training):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"cannot be written .*expected a writable folder"):
        experiments.run(settings, tmp_path / "file" / "below", quiet=True)


def test_a_folder_where_another_run_is_at_work_is_refused(settings, begun, no_training):
    pytest.importorskip("fcntl")
    folder = begun()
    with (
        folder.claimed(resume=True),
        pytest.raises(BadInput, match="is in use by another run: expected one at a time"),
    ):
        experiments.run(settings, folder.path, resume=True)


def test_what_an_earlier_start_left_without_a_record_is_no_hindrance(tmp_path):
    for name in (checkpoint_name(0), ".partial-run.json"):
        (tmp_path / name).write_bytes(b"half")
    with RunFolder(tmp_path).claimed(resume=False):
        pass


def test_a_refused_run_leaves_no_folder_behind(settings, tmp_path, no_training):
    cases = {
        "images=11: expected at most 10, the test images of stripes; pass images=10 or less": {"images": 11},
        "dataset='minst' is neither a known data set nor an existing file: expected": {"dataset": "minst"},
        "is a folder: expected a .npz file": {"dataset": str(tmp_path)},
    }
    for message, change in cases.items():
        with pytest.raises(BadInput, match=re.escape(message)):
            experiments.run(replace(settings, **change), tmp_path / "run", quiet=True)
        assert not (tmp_path / "run").exists()


CONTRADICTIONS = {
    "learning_rate": (0.1, r"learning_rate=0\.1 \(there 0\.001\) contradicts"),
    "latent_dim": (3, r"latent_dim=3 \(there 2\)"),
    "binarize": ("none", r"binarize='none' \(there 'dynamic'\)"),
    "seed": (1, r"seed=1 \(there 0\)"),
    "dataset": ("digits", r"dataset='digits' \(there 'stripes.npz'\)"),
    "epochs": (3, r"epochs=3 \(there 4; it can only be raised\)"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_settings_that_contradict_the_run_are_refused(name, settings, begun, no_training):
    value, message = CONTRADICTIONS[name]
    with pytest.raises(BadInput, match=message):
        experiments.run(replace(settings, **{name: value}), begun().path, resume=True)


DAMAGED_RECORDS = {
    "not JSON": ('{"schema": 1, "mod', "is damaged"),
    "not text": (b"\xff\xfe\x00", "is damaged"),
    "another thing": ("[1, 2]", "it holds a list"),
    "another schema": ({"schema": 9}, "its schema is 9, not 1"),
    "no epochs": ({"epochs_done": None}, "its epochs_done is None"),
    "no files": ({"files": {}}, "names 0 model files: expected one"),
    "a short history": ({"history": {"loss": [1.0]}}, "its history of loss is not of 3 epochs"),
    "wrong settings": ({"settings": {"epochs": -4}}, "settings that do not fit .*epochs=-4"),
    "unknown settings": ({"settings": {"colour": 1}}, "settings that do not fit .*colour"),
}


@pytest.mark.parametrize("case", DAMAGED_RECORDS)
def test_a_damaged_record_is_refused(case, settings, begun, no_training):
    content, message = DAMAGED_RECORDS[case]
    path = begun().path / "run.json"
    if isinstance(content, dict):
        content = json.dumps({**json.loads(path.read_text()), **content})
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=rf"run\.json.*{message}"):
        experiments.run(settings, path.parent, resume=True)


DAMAGED_MODELS = {
    "truncated": (lambda path: path.write_bytes(b"ten"), "is damaged, 3 bytes .* expected 10"),
    "changed": (lambda path: path.write_bytes(b"TEN BYTES."), "is damaged, 10 bytes with SHA-256"),
    "missing": (lambda path: path.unlink(), "is missing: expected the trained model that run.json names"),
}


@pytest.mark.parametrize("case", DAMAGED_MODELS)
def test_a_damaged_model_is_refused(case, settings, begun, no_training):
    spoil, message = DAMAGED_MODELS[case]
    folder = begun()
    spoil(folder.path / checkpoint_name(3))
    with pytest.raises(BadInput, match=message):
        experiments.run(settings, folder.path, resume=True)
    with pytest.raises(BadInput, match=message):
        experiments.load(folder.path)


def test_one_s_own_images_must_be_those_the_run_began_with(
    settings, begun, tmp_path, no_training, monkeypatch
):
    folder = begun()
    monkeypatch.chdir(tmp_path)
    recorded = experiments.settings_of(folder.path)
    with pytest.raises(
        BadInput, match=r"'stripes.npz' is neither .* keeps only a file's name, so pass its path"
    ):
        experiments.run(recorded, folder.path, resume=True)
    np.savez("stripes.npz", images=np.zeros((60, 6, 5), "float32"))
    with pytest.raises(BadInput, match=r"and the run was started with .*expected the same file"):
        experiments.run(recorded, folder.path, resume=True)


# The pair of files, whatever stops the program


class KilledError(BaseException):
    """The program is gone: nothing that follows is carried out either."""


def kill_at(monkeypatch, moment):
    """Let calls to the system work ``moment`` times, and then never again."""
    left = iter(range(moment))

    def deadly(function):
        def call(*arguments, **options):
            if next(left, None) is None:
                raise KilledError
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(os, "fsync", deadly(os.fsync))
    monkeypatch.setattr(os, "replace", deadly(os.replace))
    monkeypatch.setattr(Path, "unlink", deadly(Path.unlink))


@pytest.mark.parametrize("moment", range(12))
def test_a_stop_at_any_moment_leaves_a_record_and_the_model_it_names(moment, begun, monkeypatch):
    folder = begun()
    record = {**folder.read_record(), "epochs_done": 4, "history": {"loss": [3.0, 2.0, 1.0, 0.5]}}
    with monkeypatch.context() as patch:
        kill_at(patch, moment)
        try:
            folder.commit(record, checkpoint_name(4), lambda path: path.write_bytes(b"new model"))
            was_killed = False
        except KilledError:
            was_killed = True
    found = folder.read_record()
    model = folder.checkpoint(found)
    assert (found["epochs_done"], model.read_bytes()) in [(3, b"ten bytes."), (4, b"new model")]
    assert was_killed or found["epochs_done"] == 4
    # What was left lying about is gone with the next epoch.
    folder.commit(record, checkpoint_name(4), lambda path: path.write_bytes(b"new model"))
    assert sorted(path.name for path in folder.path.iterdir()) == [checkpoint_name(4), "run.json"]


def test_the_moments_above_are_all_there_are(begun, monkeypatch):
    folder = begun()
    kill_at(monkeypatch, 12)
    folder.commit(folder.read_record(), checkpoint_name(4), lambda path: path.write_bytes(b"new model"))


@pytest.mark.parametrize("fails", ["model", "record"])
def test_a_full_disk_leaves_what_was_there(fails, begun, monkeypatch):
    folder = begun()
    before = {path.name: path.read_bytes() for path in folder.path.iterdir()}

    def write_half(path, *_, **__):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    if fails == "record":
        monkeypatch.setattr(Path, "write_text", write_half)
    with pytest.raises(OSError, match="No space left"):
        folder.commit(
            folder.read_record(),
            checkpoint_name(4),
            write_half if fails == "model" else lambda path: path.write_bytes(b"new model"),
        )
    after = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.startswith(".partial")]


# Runs that really train


@pytest.fixture(scope="module")
def straight(settings, tmp_path_factory):
    """A run of four epochs: its folder and what it returned."""
    out = tmp_path_factory.mktemp("straight") / "run"
    return out, experiments.run(settings, out, quiet=True)


@pytest.mark.slow
def test_the_record_is_complete_and_says_what_was_run(straight, settings, images_file):
    out, returned = straight
    record = json.loads((out / "run.json").read_text())
    assert record == returned
    assert set(record) == KEYS
    assert (record["schema"], record["unit"], record["complete"]) == (1, "nats/image", True)
    assert (record["model"], record["dataset"]) == ("vae", "stripes.npz")
    assert record["dataset_sha256"] == hashlib.sha256(images_file.read_bytes()).hexdigest()
    assert (record["n_train"], record["n_test"], record["epochs_done"]) == (50, 10, 4)
    assert (record["binarization"], record["likelihood"]) == ("dynamic", "bernoulli")
    assert record["settings"] == {**vars(settings), "dataset": "stripes.npz"}
    assert sorted(record["history"]) == ["kl_loss", "loss", "neg_elbo", "reconstruction_loss"]
    assert all(len(values) == 4 for values in record["history"].values())
    # Weights and biases of 30 -> 512 -> 256 -> two heads of 2, and of 2 -> 256 -> 512 -> 30.
    encoder = 31 * 512 + 513 * 256 + 2 * 257 * 2
    decoder = 3 * 256 + 257 * 512 + 513 * 30
    assert record["parameters"] == {"encoder": encoder, "decoder": decoder}
    assert set(record["versions"]) == {"python", "keras", "tensorflow", "numpy", "companion"}
    assert record["versions"]["companion"] == companion.__version__
    assert record["seconds"]["train"] > 0
    assert record["seconds"]["evaluate"] > 0
    assert 100 < record["peak_memory_mb"] < 100_000


def test_the_test_figures_add_up_and_name_their_binarisation(straight):
    test = straight[1]["test"]
    assert set(test) == TEST_KEYS
    assert test["neg_elbo"] == pytest.approx(test["reconstruction"] + test["kl"], rel=1e-5)
    assert (test["k"], test["n_images"], test["active_units"] in (0, 1, 2)) == (5, 6, True)
    # Black and white pixels: a likelihood. One static draw stands for the dynamic binarisation of the training.
    assert test["cross_entropy_bound"] is None
    assert -100 < test["log_likelihood"] < 0
    assert (test["binarization"], test["binarization_seed"]) == ("static", 1)


def test_the_folder_holds_the_record_and_the_model_it_names(straight):
    out, record = straight
    model = (out / "model.keras").read_bytes()
    assert sorted(path.name for path in out.iterdir()) == ["model.keras", "run.json"]
    assert record["files"] == {
        "model.keras": {"sha256": hashlib.sha256(model).hexdigest(), "bytes": len(model)}
    }


def test_no_path_of_this_machine_is_recorded(straight, images_file):
    out, _ = straight
    text = (out / "run.json").read_text()
    for path in (out, images_file.parent, Path.home(), Path(companion.__file__).parent, Path(sys.prefix)):
        assert str(path) not in text
    assert not re.search(r'"[^"]*[/\\][^"]*"', text.replace("nats/image", ""))


def test_the_model_can_be_loaded_and_gives_the_recorded_figures(straight, images_file):
    from companion import data
    from companion.experiments.training import evaluate

    model, record = experiments.load(straight[0])
    assert record == straight[1]
    settings = replace(experiments.settings_of(straight[0]), dataset=str(images_file))
    again = evaluate(model, settings, data.load(images_file))
    for name, value in record["test"].items():
        assert again[name] == (pytest.approx(value, rel=1e-3) if isinstance(value, float) else value), name


def test_resuming_a_complete_run_changes_nothing(straight, settings, no_training, capsys):
    out, record = straight
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    assert experiments.run(settings, out, resume=True) == record
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before
    assert "complete: nothing to do" in capsys.readouterr().err


@pytest.fixture(scope="module")
def in_parts(settings, tmp_path_factory):
    """The same four epochs, in parts: finished after one, extended, and stopped in the third before it was safe."""
    out = tmp_path_factory.mktemp("parts") / "run"
    records = [experiments.run(replace(settings, epochs=1), out, quiet=True)]
    shutil.copytree(out, out.parent / "after one")
    with pytest.MonkeyPatch.context() as patch:
        commit = RunFolder.commit

        def stop_in_the_third(folder, record, name, write):
            if name == checkpoint_name(3):
                raise KeyboardInterrupt
            commit(folder, record, name, write)

        patch.setattr(RunFolder, "commit", stop_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            experiments.run(settings, out, resume=True, quiet=True)
    records.append(RunFolder(out).read_record())
    assert sorted(path.name for path in out.iterdir()) == [checkpoint_name(2), "run.json"]
    records.append(experiments.run(settings, out, resume=True, quiet=True))
    return out, records


@pytest.mark.slow
def test_a_stopped_run_says_how_far_it_came(in_parts):
    first, stopped, last = in_parts[1]
    assert [record["epochs_done"] for record in (first, stopped, last)] == [1, 2, 4]
    assert [record["complete"] for record in (first, stopped, last)] == [True, False, True]
    assert stopped["test"] is None
    assert first["seconds"]["train"] < stopped["seconds"]["train"] < last["seconds"]["train"]
    assert last["history"]["loss"][:2] == stopped["history"]["loss"]


@pytest.mark.slow
def test_a_resumed_run_repeats_the_run_that_was_never_stopped(in_parts, straight):
    """Batches, binarisation, noise and optimizer all go on where they stood: losses agree far beyond chance."""
    resumed, whole = in_parts[1][-1], straight[1]
    for name, values in whole["history"].items():
        assert resumed["history"][name] == pytest.approx(values, rel=2e-3), name
    for name in ("neg_elbo", "reconstruction", "log_likelihood"):
        assert resumed["test"][name] == pytest.approx(whole["test"][name], rel=2e-3), name


def test_grey_pixels_get_a_cross_entropy_bound_and_conv_networks_take_small_images(settings, tmp_path):
    grey = replace(settings, binarize="none", network="conv", epochs=1, images=None)
    record = experiments.run(grey, tmp_path / "run", quiet=True)
    test = record["test"]
    assert test["log_likelihood"] is None
    assert test["cross_entropy_bound"] < 0
    assert (test["n_images"], test["binarization"], test["binarization_seed"]) == (10, "none", None)
    conv = 32 * 10 + 64 * (9 * 32 + 1) + 128 * (9 * 64 + 1)
    assert record["parameters"]["encoder"] == conv + 2 * (128 * 2 + 2)


def test_a_loss_that_is_no_number_ends_the_run_and_the_record_stays_readable(settings, tmp_path):
    wild = replace(settings, learning_rate=1e30)
    with pytest.raises(BadInput, match=r"of epoch \d is (nan|inf).*smaller learning_rate"):
        experiments.run(wild, tmp_path / "run", quiet=True)
    record = RunFolder(tmp_path / "run").read_record()
    assert not record["complete"]
    assert RunFolder(tmp_path / "run").checkpoint(record).exists()


# Progress


@pytest.mark.parametrize("on_a_terminal", [True, False])
def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(on_a_terminal, monkeypatch, capsys):
    from companion.experiments import progress

    monkeypatch.setattr(sys.stderr, "isatty", lambda: on_a_terminal, raising=False)
    assert progress.progress_callbacks(True, 1, 3, 2) == []
    (shown,) = progress.progress_callbacks(False, 1, 3, 2)
    shown.on_train_begin()
    for epoch in (1, 2):
        shown.on_epoch_begin(epoch)
        for batch in range(2):
            shown.on_train_batch_end(batch, {"loss": 5.0, "neg_elbo": 12.345})
        shown.on_epoch_end(epoch, {"loss": 5.0, "neg_elbo": 12.345})
    shown.on_train_end()
    text = capsys.readouterr().err
    assert "neg_elbo 12.3" in text
    assert ("6/6" in text) == on_a_terminal
    assert ("epoch 3/3: neg_elbo 12.35 nats/image" in text) == (not on_a_terminal)


# What belongs to one family


WRONG_OPTIONS = {
    "an option of another family": (
        {"model": "vae", "options": {"num_samples": 5}},
        "num_samples=5 with model 'vae': it has no options of its own; leave it out.",
    ),
    "an unknown option": (
        {"model": "iwae", "options": {"samples": 5}},
        "samples=5 with model 'iwae': expected num_samples, doubly_reparameterized; leave it out.",
    ),
    "hidden layers of a convolutional network": (
        {"network": "conv", "hidden": (64,)},
        "hidden=(64,) with network 'conv': expected one whole number per layer of a dense network",
    ),
    "no hidden layer": (
        {"hidden": ()},
        "hidden=() with network 'dense': expected one whole number per layer",
    ),
    "half a unit": ({"hidden": (64, 0.5)}, "hidden=0.5: expected a whole number"),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_an_option_must_belong_to_the_family(case):
    settings, message = WRONG_OPTIONS[case]
    with pytest.raises(BadInput, match=re.escape(message)):
        Settings(**settings)


def test_options_left_out_take_the_familys_own_and_lists_from_json_become_tuples():
    settings = Settings(model="iwae", hidden=[20, 10], options={"num_samples": 3})
    assert settings.options == {"num_samples": 3, "doubly_reparameterized": False}
    assert Settings(**json.loads(json.dumps(settings.recorded()))) == settings
    assert (Settings().latent_dim, Settings().network, Settings().hidden) == (2, "dense", None)


def test_hidden_widths_make_the_encoder_and_its_mirror():
    from companion.experiments import training

    model = training.build(Settings(latent_dim=3, hidden=(20, 10)), (4, 4, 1))
    widths = [
        layer.units
        for network in (model.encoder, model.decoder)
        for layer in network.layers
        if hasattr(layer, "units")
    ]
    assert widths == [20, 10, 3, 3, 10, 20, 16]
