"""Protects what a diagnosis promises around its findings: the model is as it was, bad input is answered in a line, and
a report reads the same as text, page and JSON."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import keras
import numpy as np
import pytest

from companion import diagnosis
from companion.__main__ import main
from companion.diagnosis import Finding, Patient, Report, diagnose
from companion.diagnosis.bars import svg
from companion.diagnosis.examination import Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.on_loss import the_kl_is_the_formula
from companion.diagnosis.on_sampling import draws_have_the_width_they_should
from companion.diagnosis.report import ordered
from companion.diagnosis.spread import guess
from companion.errors import BadInput
from companion.vae import VAE
from tests.patients.healthy import HEALTHY
from tests.patients.parts import TRAIN, Draw, drawn, encoder, kl, vae
from tests.patients.sick import SICK, mean_bce

SHAPE = (8, 8, 1)
WITHOUT_A_PATIENT = {"variables that Keras does not know"}  # only TensorFlow's own can be


def state(model):
    variables = [*model.variables, *model.optimizer.variables]
    return [np.array(keras.ops.convert_to_numpy(each.value)) for each in variables]


@pytest.mark.slow
@pytest.mark.parametrize("draws", [None, Draw], ids=["the model draws", "the encoder draws"])
def test_the_model_is_as_it_was(draws):
    model = vae(epochs=1, encoder=encoder(draws=draws and draws()))
    before, function = state(model), model.train_function
    report = diagnose(model, TRAIN[:200], spread="log standard deviation")
    assert report.measured["spread"]["kind"] == "log standard deviation", "as told"
    for was, now in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(was, now)
    assert model.train_function is function and not model.run_eagerly
    assert "call" not in vars(model.encoder) and "call" not in vars(model.decoder)
    model.fit(TRAIN[:100], verbose=0)


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_report_reads_the_same_as_text_page_and_json():
    report = diagnose(vae(reconstruction=mean_bce), TRAIN)
    first = report.findings[0]
    assert first.figure.startswith("loss = 0.0156 reconstruction + 1 KL: an effective beta of 64")
    read = json.loads(report.to_json())
    assert read["findings"][0]["name"] == first.name and read["is_healthy"] is False
    for text in (str(report), report._repr_html_()):
        assert first.name in text and "Not examined" in text
    assert (
        f'aria-label="{first.name}: effective beta {first.bars[0][1]:.3g}, a VAE 1"' in report._repr_html_()
    )
    assert first.mend in str(report)


def test_the_picture_of_a_finding_has_a_bar_for_each_figure():
    drawn = svg((("a", 2.0), ("b<", -1.0), ("c", float("nan"))), "what")
    bars = ElementTree.fromstring(drawn).findall("{http://www.w3.org/2000/svg}rect")
    assert [float(bar.get("width")) for bar in bars] == [160.0, 80.0, 1.0]
    assert [bar.get("fill") for bar in bars] == ["currentColor", "none", "currentColor"]
    assert 'aria-label="what: a 2, b&lt; -1, c nan"' in drawn
    assert svg((), "what") == "" and svg([("unit", 1.0)] * 99, "codes").count("<rect") == 16


def test_what_follows_from_another_finding_is_folded_under_it():
    cause = Finding("no KL in the loss", "loss", "0", "1", "", "", "04")
    effect = Finding(
        "codes far from the prior", "codes", "9", "1", "", "", "05", after=("no KL in the loss",)
    )
    report = Report("a model", (cause, effect))
    assert report.main == (cause,) and "follows from it: codes far from the prior, 9" in str(report)
    assert Report("a model", (effect,)).main == (effect,)


def test_what_two_measurements_agree_on_is_one_finding():
    first, second = (Finding("no noise", "sampling", figure, "1", "", "", "03") for figure in ("0", "0.1"))
    data = Finding("NaN", "data", "1", "0", "", "", "13")
    assert ordered([first, second, data]) == (data, first)


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
    assert guess(np.full(6000, 2.0), spread, z, kinds=["log variance"]).kind == "log variance"


def told(spread, **faults):
    """An examination that is told what the second output is."""
    return Examination(KerasPatient(vae(**faults)), TRAIN, told=spread)


@pytest.mark.slow
def test_the_meaning_of_the_spread_can_be_told():
    healthy = {"kl": lambda m, s: kl(m, 2 * s), "draw": lambda m, s, seed: drawn(m, 2 * s, seed)}
    right, wrong = told("log standard deviation", **healthy), told("log variance", **healthy)
    assert list(the_kl_is_the_formula(right)) == list(draws_have_the_width_they_should(right)) == []
    (finding,) = the_kl_is_the_formula(wrong)
    assert (
        finding.figure
        == "the KL takes the second output for a log standard deviation, you for a log variance"
    )
    (wide,) = draws_have_the_width_they_should(
        told("log variance", draw=lambda m, s, seed: drawn(m, s + 2, seed))
    )
    assert "as wide as a log variance says" in wide.figure and dict(wide.bars)["draws"] == pytest.approx(
        np.e, rel=0.05
    )


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
    "other labels": (
        lambda: diagnose(vae(), TRAIN, labels=[1, 2]),
        r"labels have shape \(2,\).* 1000 images",
    ),
    "labels in words": (
        lambda: diagnose(vae(), TRAIN, labels=["seven"] * 1000),
        "expected one per image; pass whole numbers",
    ),
    "another spread": (
        lambda: diagnose(vae(), TRAIN, spread="sigma"),
        "spread must be one of 'log variance', .*, got 'sigma'",
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


@pytest.mark.slow
def test_the_command_reports_and_says_by_its_exit_code_whether_something_is_wrong(tmp_path, capsys):
    model = VAE(encoder=None, decoder=None, input_shape=SHAPE, seed=0)
    model.compile("adam")
    model.fit(TRAIN.reshape(-1, *SHAPE)[:200], epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    images = TRAIN.reshape(-1, *SHAPE)
    np.savez(tmp_path / "good.npz", images=images)
    np.savez(tmp_path / "nan.npz", images=np.where(images > 0, np.nan, images))
    np.savez(tmp_path / "other.npz", pixels=images)
    call = ["diagnose", str(tmp_path / "model.keras"), "--data"]
    assert main([*call, str(tmp_path / "good.npz"), "--json", str(tmp_path / "report.json"), "--saving"]) == 0
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert written["patient"] == "VAE"
    assert "saving and loading" not in [each["what"] for each in written["missing"]]
    assert main([*call, str(tmp_path / "nan.npz")]) == 1
    assert "mend:     images = images[np.isfinite(images)" in capsys.readouterr().out
    for wrong, words in (
        ([*call, str(tmp_path / "other.npz")], "holds pixels: expected an array images or x_train"),
        ([*call, str(tmp_path / "none.npz")], "cannot be read"),
        (
            [*call, str(tmp_path / "good.npz"), "--labels"],
            "holds images: expected an array labels or y_train",
        ),
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
