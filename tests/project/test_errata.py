"""Protects the errata of the sources: every recorded row has a function and every function a row, and what can be
measured in a few seconds is measured again and agrees with the record.
"""

import json
import math
from pathlib import Path

import pytest

from companion import machine
from tools import errata
from tools.errata import Row, __main__, erratum, error_of

ROOT = Path(__file__).resolve().parents[2]
RECORD = json.loads((ROOT / "results" / "errata.json").read_text(encoding="utf-8"))
QUICK = 3.0  # seconds; slower rows are measured by `make errata` alone
ATOL = 1e-6


def agrees(old: object, new: object, tolerance: float) -> bool:
    """Figures with a decimal point may move by the row's tolerance; counts and words may not."""
    if isinstance(old, float) and isinstance(new, float):
        return math.isclose(old, new, rel_tol=tolerance, abs_tol=ATOL)
    return type(old) is type(new) and old == new


def test_the_record_has_exactly_the_rows_that_are_measured():
    known = errata.rows()
    assert list(RECORD["rows"]) == list(known), "call: make errata"
    assert len(known) > 15
    for name, row in known.items():
        recorded = RECORD["rows"][name]
        assert (recorded["chapter"], recorded["tolerance"]) == (row.chapter, row.tolerance), name
        assert recorded["figures"] and recorded["seconds"] >= 0, name


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in RECORD["rows"].items() if row["seconds"] < QUICK])
def test_a_quick_row_measured_again_agrees_with_the_record(name):
    row, recorded = errata.rows()[name], RECORD["rows"][name]["figures"]
    fresh = __main__.measured(row)["figures"]
    assert list(fresh) == list(recorded)
    apart = {
        key: (recorded[key], fresh[key])
        for key in fresh
        if not agrees(recorded[key], fresh[key], row.tolerance)
    }
    assert not apart, f"{name}: recorded and measured again: {apart}; call: make errata ROW={name}"


def test_most_rows_are_quick_enough_to_be_measured_again():
    quick = [name for name, row in RECORD["rows"].items() if row["seconds"] < QUICK]
    assert len(quick) > 0.7 * len(RECORD["rows"])


@pytest.mark.parametrize(
    "old, new, same",
    [
        (100.0, 101.9, True),
        (100.0, 102.1, False),
        (0.0, 1e-7, True),
        (28, 29, False),
        (28, 28.0, False),
        ("ValueError", "TypeError", False),
        ("no error", "no error", True),
    ],
)
def test_counts_and_words_agree_exactly_and_figures_within_the_tolerance(old, new, same):
    assert agrees(old, new, 0.02) is same


@pytest.fixture
def two_rows(tmp_path, monkeypatch) -> Path:
    """A record of two rows, of which the second counts how often it was measured."""
    calls: list[int] = []
    made = {
        "still": Row("still", "01_autoencoder", 0.02, lambda: {"word": "KeyError", "count": 3}),
        "moving": Row(
            "moving", "02_architecture", 0.02, lambda: calls.append(1) or {"value": len(calls) / 3}
        ),
    }
    monkeypatch.setattr(__main__, "rows", lambda: made)
    assert __main__.main([], root=tmp_path) == 0
    return tmp_path


def recorded(folder: Path) -> dict:
    return json.loads((folder / "results" / "errata.json").read_text())


def test_a_record_says_with_what_it_was_made(two_rows):
    record = recorded(two_rows)
    assert record["versions"] == machine.versions("tensorflow") and record["seed"] == errata.SEED
    assert record["rows"]["still"]["figures"] == {"word": "KeyError", "count": 3}
    assert record["rows"]["moving"]["figures"] == {"value": 0.333333}


def test_one_row_is_measured_alone_and_the_others_stay(two_rows):
    before = recorded(two_rows)
    assert __main__.main(["--row", "moving"], root=two_rows) == 0
    after = recorded(two_rows)
    assert after["rows"]["moving"]["figures"] == {"value": 0.666667}
    assert after["rows"]["still"] == before["rows"]["still"] and list(after["rows"]) == ["still", "moving"]


def test_a_row_that_was_recorded_in_the_meantime_is_not_lost(two_rows, monkeypatch):
    known = __main__.rows()

    def slow():
        assert __main__.main(["--row", "moving"], root=two_rows) == 0
        return {"done": 1}

    monkeypatch.setattr(
        __main__, "rows", lambda: {**known, "slow": Row("slow", "03_reparameterization", 0.02, slow)}
    )
    assert __main__.main(["--row", "slow"], root=two_rows) == 0
    after = recorded(two_rows)["rows"]
    assert after["moving"]["figures"] == {"value": 0.666667} and after["slow"]["figures"] == {"done": 1}


def test_an_unknown_row_and_other_versions_are_refused_in_a_line(two_rows, capsys):
    assert __main__.main(["--row", "none"], root=two_rows) == 2
    assert capsys.readouterr().err == "--row none: no such row; there are: still, moving\n"
    old = recorded(two_rows)
    old["versions"]["keras"] = "3.0.0"
    (two_rows / "results" / "errata.json").write_text(json.dumps(old))
    assert __main__.main(["--row", "still"], root=two_rows) == 2
    assert "made with other versions; measure all rows: make errata" in capsys.readouterr().err
    assert recorded(two_rows) == old


def test_two_rows_of_one_name_are_refused(monkeypatch):
    monkeypatch.setattr(errata, "_rows", {})

    def new_row(module):
        def row():
            return {"one": 1}

        row.__module__ = module
        return row

    here = new_row("tools.errata.here")
    assert erratum("01_autoencoder")(here) is here
    erratum("01_autoencoder")(new_row("tools.errata.here"))
    with pytest.raises(
        ValueError, match="two rows are named row: in tools.errata.here and tools.errata.there"
    ):
        erratum("01_autoencoder")(new_row("tools.errata.there"))


def test_an_error_is_known_by_its_name():
    assert error_of(lambda: {}["b"]) == "KeyError"
    assert error_of(dict) == "no error"
