"""Protects what a diagnosis promises around its findings: the model is as it was, bad input is answered in a line, and
a report reads the same as text, page and JSON."""

import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from companion import diagnosis
from companion.__main__ import main
from companion.diagnosis import Finding, Patient, Report, diagnose
from companion.diagnosis.spread import guess
from companion.errors import BadInput
from companion.vae import VAE
from tests.patients.healthy import HEALTHY
from tests.patients.parts import TRAIN, Draw, encoder, vae
from tests.patients.sick import SICK, mean_bce

SHAPE = (8, 8, 1)
WITHOUT_A_PATIENT = {"variables that Keras does not know"}  # only TensorFlow's own can be


def state(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(each.value)) for each in variables]


@pytest.mark.parametrize("draws", [None, Draw], ids=["the model draws", "the encoder draws"])
def test_the_model_is_as_it_was(draws):
    model = vae(epochs=1, encoder=encoder(draws=draws and draws()))
    before, function = state(model), model.train_function
    diagnose(model, TRAIN[:200])
    for was, now in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(was, now)
    assert model.train_function is function and not model.run_eagerly
    assert "call" not in vars(model.encoder) and "call" not in vars(model.decoder)
    model.fit(TRAIN[:100], verbose=0)


def test_an_interrupt_leaves_the_model_as_it_was(monkeypatch):
    model = vae()
    before = state(model)

    train = model.train_on_batch

    def interrupted(*args, **kwargs):
        train(*args, **kwargs)  # the weights have moved by then
        raise KeyboardInterrupt

    monkeypatch.setattr(model, "train_on_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        diagnose(model, TRAIN[:200])
    for was, now in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(was, now)
    assert "call" not in vars(model.encoder)


def test_the_report_reads_the_same_as_text_page_and_json():
    report = diagnose(vae(reconstruction=mean_bce), TRAIN)
    first = report.findings[0]
    assert first.figure.startswith("loss = 0.0156 reconstruction + 1 KL: an effective beta of 64")
    read = json.loads(report.to_json())
    assert read["findings"][0]["name"] == first.name and read["is_healthy"] is False
    for text in (str(report), report._repr_html_()):
        assert first.name in text and "Not examined" in text
    assert first.mend in str(report)


def test_what_follows_from_another_finding_is_folded_under_it():
    cause = Finding("no KL in the loss", "loss", "0", "1", "", "", "04")
    effect = Finding(
        "codes far from the prior", "codes", "9", "1", "", "", "05", after=("no KL in the loss",)
    )
    report = Report("a model", (cause, effect))
    assert report.main == (cause,) and "follows from it: codes far from the prior, 9" in str(report)
    assert Report("a model", (effect,)).main == (effect,)


@pytest.mark.parametrize(
    ("kind", "deviation"),
    [
        ("log variance", lambda s: np.exp(0.5 * s)),
        ("log standard deviation", np.exp),
        ("standard deviation", lambda s: s),
        ("variance", np.sqrt),
    ],
)
def test_the_meaning_of_the_spread_is_found(kind, deviation):
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.1, 3.0, 6000) if "log" not in kind else rng.normal(size=6000)
    z = 2.0 + deviation(spread) * rng.normal(size=6000)
    found = guess(np.full(6000, 2.0), spread, z)
    assert found.kind == kind and abs(np.log(found.ratio)) < 0.1
    twice = guess(np.full(6000, 2.0), spread, 2.0 + 2 * (z - 2.0))
    assert abs(twice.ratio - 2) < 0.3 or twice.kind != kind
    assert guess(np.zeros(6000), spread, np.zeros(6000)) is None


def raising(model, images):
    raise RuntimeError("no such thing")


WRONG = {
    "no model": (
        lambda: diagnose(keras.Sequential([keras.layers.Dense(2)]), TRAIN),
        "without encoder and decoder",
    ),
    "no encoder": (lambda: diagnose(object(), TRAIN), "a object without encoder and decoder"),
    "text": (lambda: diagnose(vae(), "images"), "expected at least 16 images of numbers"),
    "few images": (lambda: diagnose(vae(), TRAIN[:3]), r"shape \(3, 64\).*expected at least 16"),
    "names": (lambda: diagnose(vae(), np.array([["a"] * 64] * 20)), "expected at least 16 images of numbers"),
    "one number": (lambda: diagnose(vae(), np.zeros(50)), r"shape \(50,\)"),
    "validation": (lambda: diagnose(vae(), TRAIN, validation=3), r"validation have shape \(\)"),
    "loss": (lambda: diagnose(vae(), TRAIN, loss=3), "loss=3: expected a function"),
    "loss raises": (lambda: diagnose(vae(), TRAIN, loss=raising), "loss raised RuntimeError: no such thing"),
    "no function": (lambda: Patient(encode=3), "encode=3: expected a function"),
    "patient raises": (
        lambda: diagnose(Patient(encode=lambda x: 1 / 0), TRAIN),
        "encode of the patient raised ZeroDivisionError",
    ),
    "patient's shape": (
        lambda: diagnose(Patient(encode=lambda x: (x[:2], x[:2])), TRAIN),
        r"encode gave shape \(2, 64\) for \d+ images",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_bad_input_is_answered_in_one_line(what):
    ask, message = WRONG[what]
    with pytest.raises(BadInput, match=message) as error:
        ask()
    assert "\n" not in str(error.value)


def test_the_command_reports_and_says_by_its_exit_code_whether_something_is_wrong(tmp_path, capsys):
    model = VAE(encoder=None, decoder=None, input_shape=SHAPE, seed=0)
    model.compile("adam")
    model.fit(TRAIN.reshape(-1, *SHAPE)[:200], epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    images = TRAIN.reshape(-1, *SHAPE)
    np.savez(tmp_path / "good.npz", images=images)
    np.savez(tmp_path / "bytes.npz", images=np.round(255 * images))
    np.savez(tmp_path / "other.npz", pixels=images)
    call = ["diagnose", str(tmp_path / "model.keras"), "--data"]
    assert main([*call, str(tmp_path / "good.npz"), "--json", str(tmp_path / "report.json")]) == 0
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["patient"] == "VAE"
    assert main([*call, str(tmp_path / "bytes.npz")]) == 1
    assert "images = images / 255.0" in capsys.readouterr().out
    for wrong, words in (
        ([*call, str(tmp_path / "other.npz")], "holds pixels: expected an array images or x_train"),
        ([*call, str(tmp_path / "none.npz")], "cannot be read"),
        ([*call, str(tmp_path / "good.npz"), "--loss", "no_module:loss"], "cannot be imported"),
        (["diagnose", str(tmp_path / "none.keras"), "--data", str(tmp_path / "good.npz")], "is no file"),
    ):
        assert main(wrong) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1


def test_there_are_enough_patients_and_every_finding_has_one():
    assert len(SICK) >= 45 and len(HEALTHY) >= 15
    sources = [path.read_text(encoding="utf-8") for path in Path(diagnosis.__file__).parent.glob("on_*.py")]
    named = {name for source in sources for name in re.findall(r'(?:name=|_of_weight\()"([^"]+)"', source)}
    notes = {
        *("a floor under the cross-entropy", "a weight on the KL"),
        *("unused units of the code", "a loss with further terms"),
    }
    shown = {expected for expected, _ in SICK.values()}
    assert named - notes - shown == WITHOUT_A_PATIENT
