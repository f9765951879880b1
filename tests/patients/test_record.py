"""Protects the record of the patients and the page made from it: no patient without a row, no row without a patient, no
finding that the page does not show, and a command that replaces only what it was asked for.
"""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from companion import diagnosis
from companion.diagnosis import Patient
from tests.patients import public, record
from tests.patients.healthy import HEALTHY
from tests.patients.pairs import PAIRS
from tests.patients.parts import TRAIN
from tests.patients.pictures import LOOKS
from tests.patients.public import PUBLIC
from tests.patients.sick import SICK
from tests.patients.test_diagnosis import WITHOUT_A_PATIENT
from tools.patients import COLUMNS, is_right, matrix, packed, unpacked

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "results" / "patients.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "book" / "diagnosis.md").read_text(encoding="utf-8")
PICTURES = 60_000  # bytes


def test_every_patient_has_its_row():
    assert list(RECORD["sick"]) == [*SICK, *PUBLIC, *PAIRS], "call: make patients PATIENT=missing"
    assert list(RECORD["healthy"]) == list(HEALTHY) and list(RECORD["pictures"]) == list(LOOKS)
    assert {name: row["expected"] for name, row in RECORD["sick"].items()} == {
        name: record.expected_of(name) for name in [*SICK, *PUBLIC, *PAIRS]
    }


def test_every_recorded_patient_got_what_is_wrong_with_it():
    assert [name for name, row in RECORD["sick"].items() if not is_right(row)] == []
    assert [name for name, row in RECORD["healthy"].items() if row["found"]] == []
    assert len(PAIRS) >= 10 and all(len(record.expected_of(name)) == 2 for name in PAIRS)


def test_three_public_examples_are_recorded_and_shown():
    assert len(PUBLIC) == 3
    section = PAGE.partition("## Three public examples\n")[2].partition("\n## ")[0]
    assert re.findall(r"^```\{patient\} (.+)$", section, re.MULTILINE) == list(PUBLIC)
    for name, (expected, _) in PUBLIC.items():
        assert RECORD["sick"][name]["found"][0] == expected
        assert f"*{name}*" in (public.__doc__ or ""), f"{name}: say where it was met"


def test_recorded_pictures_are_small_and_differ():
    assert len(json.dumps(RECORD["pictures"])) <= PICTURES and len(LOOKS) >= 10
    for name, picture in RECORD["pictures"].items():
        fault, mended = (unpacked(picture["rows"][row]) for row in ("with the fault", "mended"))
        assert fault.shape == mended.shape == (8, 8, 8), name
        assert np.abs(fault - mended).mean() > 0.02, f"{name}: the fault cannot be seen"


def test_the_page_shows_every_finding_on_a_recorded_patient():
    shown = re.findall(r"^```\{patient\} (.+)$", PAGE, re.MULTILINE)
    rows = RECORD["sick"] | RECORD["healthy"]
    assert set(shown) <= set(rows) and len(shown) == len(set(shown))
    assert set(LOOKS) <= set(shown)
    sources = [path.read_text(encoding="utf-8") for path in Path(diagnosis.__file__).parent.glob("on_*.py")]
    named = {name for source in sources for name in re.findall(r'(?:name=|_of_weight\()"([^"]+)"', source)}
    on_page = {rows[name]["findings"][0]["name"] for name in shown}
    assert named - on_page - WITHOUT_A_PATIENT == {"a loss with further terms"}, (
        "it tells what was not examined"
    )
    assert all(name in PAGE for name in WITHOUT_A_PATIENT)


def test_pictures_are_kept_with_sixteen_levels():
    images = np.random.default_rng(0).uniform(size=(3, 8, 8))
    assert len(packed(images)) == 192
    np.testing.assert_allclose(unpacked(packed(images)), images, atol=0.5 / 15 + 1e-9)
    assert packed([[-1.0, 2.0, np.nan]]) == "0f0"


def row(expected, *found):
    return {"expected": expected, "found": list(found)}


def test_the_matrix_counts_what_came_first_and_what_was_reported_as_well():
    made_up = {
        "sick": {
            "a": row(["one"], "one", "two"),
            "b": row(["one"], "two", "one"),
            "c": row(["two"], "two"),
            "d": row(["one", "two"], "three", "two", "one"),
            "e": row(["one", "two"], "one"),
        },
        "healthy": {"f": {"found": []}, "g": {"found": ["one"]}},
    }
    assert matrix(made_up) == [
        ("one", "2", "1", "two (2)"),
        ("two", "1", "1", "nothing"),
        ("two faults at once", "2", "both found in 1", "three (1)"),
        ("nothing (the healthy models)", "2", "no fault in 1", "one (1)"),
    ]
    assert len(COLUMNS) == 4


def without_noise():
    flat = TRAIN[:32]
    return Patient(encode=lambda x: (x, 0 * x - 1), sample_latent=lambda m, s: m), flat, {}


def healthy():
    return Patient(decode=lambda z: z), TRAIN[:32], {}


@pytest.fixture
def two_patients(monkeypatch):
    monkeypatch.setattr(
        record, "ALL_SICK", {"a": ("codes without noise", without_noise), "b": ("other", without_noise)}
    )
    monkeypatch.setattr(record, "HEALTHY", {"c": healthy})
    monkeypatch.setattr(record, "LOOKS", {})


def test_the_command_writes_the_record_and_says_whether_all_is_as_expected(two_patients, tmp_path, capsys):
    path = tmp_path / "patients.json"
    assert record.main([], path) == 1
    said = capsys.readouterr()
    assert "codes without noise | 1 | 1 | nothing" in said.out and said.err == "not as expected: b\n"
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["sick"]["a"]["call"] == "diagnose(Patient(...), images)"
    assert written["sick"]["a"]["findings"][0]["figure"] == "z equals the mean in every draw"
    assert written["healthy"]["c"]["found"] == []


def test_only_the_named_patients_are_examined_again(two_patients, tmp_path, capsys):
    path = tmp_path / "patients.json"
    record.main([], path)
    written = json.loads(path.read_text(encoding="utf-8"))
    written["sick"]["a"]["seconds"] = written["sick"]["b"]["seconds"] = -1
    path.write_text(json.dumps(written), encoding="utf-8")
    record.main(["--only", "b"], path)
    again = json.loads(path.read_text(encoding="utf-8"))
    assert again["sick"]["a"]["seconds"] == -1 and again["sick"]["b"]["seconds"] >= 0
    assert again["healthy"] == written["healthy"], "what comes after the named ones is kept"
    capsys.readouterr()
    assert record.main(["--only", "z"], path) == 2
    assert "--only z: no such patient; there are: a; b; c" in capsys.readouterr().err
