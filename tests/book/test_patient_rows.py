"""Protects how the page *What is wrong with my VAE?* is made from the record: what is said of a patient, its picture,
and what stops the build.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sphinx.errors import ExtensionError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "book" / "_ext"))

import patient_rows  # noqa: E402

from tools.patients import packed  # noqa: E402

FINDING = {
    "name": "no noise",
    "level": "fault",
    "figure": "from -3 to 2, x-1",
    "healthy": "about 1",
    "meaning": "It means this.",
    "mend": 'draw("normal")',
    "chapter": "03",
}
NOWHERE = SimpleNamespace(found_docs=set())


def test_what_is_said_of_a_patient():
    row = {"call": "diagnose(model, images)"}
    said = [
        item.astext() for item in patient_rows.bullets(NOWHERE, "codes without noise", row, FINDING).children
    ]
    assert said == [
        "How to tell: diagnose(model, images) reports the finding no noise.",
        "Measured on the patient “codes without noise”: from −3 to 2, x-1. Healthy: about 1.",
        "What follows: It means this.",
        'Mend: draw("normal"). Explained in chapter 03.',
    ]
    note = patient_rows.bullets(NOWHERE, "a", row, FINDING | {"level": "note"})
    assert "reports the note no noise." in note.astext().replace("\n", " ")


def test_pictures_of_reconstructions_and_of_samples_are_described():
    images = np.random.default_rng(0).uniform(size=(8, 8, 8))
    rows = {"original": packed(images), "with the fault": packed(0 * images), "mended": packed(images)}
    shown = patient_rows.drawn("a", {"kind": "reconstructions", "rows": rows})
    assert "with the fault: mean absolute pixel difference 0.5" in shown.alt_text
    del rows["original"]
    shown = patient_rows.drawn("no KL", {"kind": "samples", "rows": rows})
    assert "a row for each model: no KL, and mended" in shown.alt_text
    assert "with the fault 0" in shown.alt_text


def test_a_missing_record_stops_the_build(tmp_path):
    with pytest.raises(ExtensionError, match=r"patients\.json cannot be read"):
        patient_rows.read_record(tmp_path)
