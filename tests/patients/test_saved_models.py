"""Protects what a diagnosis does with a saved copy: it is loaded by Keras's safe mode in a new process, code that it
brings is never run, a model of a notebook is loaded here, and nothing is saved unless it was asked for.
"""

import os

import keras
import numpy as np
import pytest

from companion.diagnosis import diagnose, reloading
from companion.diagnosis.examination import Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.on_saving import _refused, the_model_can_be_loaded
from companion.errors import BadInput
from tests.patients.parts import CODE, TRAIN, decoder, encoder, vae
from tests.patients.saved import RegisteredVAE, network

CODES = np.zeros((4, CODE))


def model_with(encoder):
    model = RegisteredVAE(encoder, decoder())
    model.compile("adam", jit_compile=False)
    model(TRAIN[:2])
    return model


@pytest.mark.slow
def test_code_from_a_file_is_never_run(tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    monkeypatch.setenv("RAN", str(ran))
    code = "lambda x: (open(__import__('os').environ['RAN'], 'a').write(str(__import__('os').getpid()) + ' '), x)[1]"
    model = model_with(network(keras.layers.Lambda(eval(code))))
    found = reloading.reloaded(model, TRAIN[:4], CODES)
    assert "Lambda" in found.error and not found.after
    assert set(ran.read_text(encoding="utf-8").split()) == {str(os.getpid())}


@pytest.mark.slow
def test_a_copy_gives_the_same_and_the_model_is_as_it_was():
    model = model_with(encoder())
    before = [np.array(keras.ops.convert_to_numpy(each.value)) for each in model.variables]
    found = reloading.reloaded(model, TRAIN[:4], CODES)
    assert not found.error and set(found.after) == {"encoder 0", "encoder 1", "decoder 0"}
    for name, values in found.before.items():
        np.testing.assert_allclose(found.after[name], values, atol=1e-5)
    for was, now in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(was, keras.ops.convert_to_numpy(now.value))


def test_a_model_of_a_notebook_is_loaded_here(monkeypatch):
    monkeypatch.setattr(RegisteredVAE, "__module__", "__main__")
    monkeypatch.setattr(reloading.subprocess, "run", None)
    found = reloading.reloaded(model_with(encoder()), TRAIN[:4], CODES)
    assert not found.error and set(found.after) == set(found.before)


def test_modules_that_cannot_be_imported_leave_it_unexamined(tmp_path):
    reloading.main([str(tmp_path), "no_such_module_of_mine"])
    assert (tmp_path / reloading.ERROR).read_text(encoding="utf-8") == reloading.NO_MODULE
    assert not (tmp_path / reloading.OUTPUTS).exists()


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (
            "ValueError: Requested the deserialization of a `Lambda` layer whose function",
            "keras.layers.Layer",
        ),
        ("TypeError: Could not locate class 'Mine'. Make sure custom classes", "register_keras_serializable"),
        ("TypeError: Mine.__init__() missing 1 required positional argument: 'code'", "get_config"),
        ("ValueError: Layer 'dense' expected 2 variables, but received 0 variables", "in build"),
    ],
)
def test_the_mending_fits_what_keras_says(error, mend):
    finding = _refused(error)
    assert mend in finding.mend and error.split("'")[0][:20] in finding.figure and "\n" not in finding.figure


def test_nothing_is_saved_unless_it_was_asked_for(monkeypatch):
    model = vae()
    monkeypatch.setattr(model, "save", None)
    x = Examination(KerasPatient(model), TRAIN[:64])
    assert list(the_model_can_be_loaded(x)) == [] and not x.was_saved
    with pytest.raises(BadInput, match="saving must be True or False, got 1"):
        diagnose(model, TRAIN[:64], saving=1)
