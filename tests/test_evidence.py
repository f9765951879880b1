"""Protects what chapters show of experiments: tables, figures and verdicts are those of the recorded files, need no
TensorFlow, and say *not shown* and *not run yet* where that is so."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion import evidence
from companion.errors import BadInput
from companion.experiments import claims, declaration, outcome
from tests.experiments.declared import declare

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def shift(tmp_path, monkeypatch):
    """The made-up experiment in place of those of the book: three seeds of its short budget, none of the long one."""
    results = declare(tmp_path)
    monkeypatch.setattr(declaration, "recorded_folder", lambda: results)
    declared, made = declaration.read("shift"), outcome.read("shift")
    for run in declared.runs():
        height = 2.0 * (run.arm == "raised") + 0.01 * run.seed * (1 + (run.arm == "raised"))
        figures = {"height": height, "depth": -height}
        made = made.with_run(run, declared.settings_of("short", run.arm), figures, 60.0, {"commit": "abc"})
    outcome.write(made, results)
    return made


def test_a_table_gives_means_and_intervals_of_the_arms(shift):
    table = evidence.table("shift")
    assert table.columns == ["Arm", "height, nats per image", "depth", "Seeds"]
    assert table.rows[1] == [
        "shifted by one",
        "2.020 [1.970, 2.070]",
        "−2.020 [−2.070, −1.970]",
        "3",
    ]
    assert evidence.table("shift", "depth").columns == ["Arm", "depth", "Seeds"]
    assert evidence.table("shift", budget="long").rows[0] == ["no shift", "not run yet", "not run yet", "0"]
    assert (
        repr(table).splitlines()[0]
        == "Does a shift raise the height? Mean over seeds, with its 95% interval."
    )
    html = table._repr_html_()
    assert html.count("<tr>") == 3 and '<th scope="row">no shift</th>' in html and "<caption>" in html


def test_a_figure_that_an_arm_does_not_have_is_no_zero(shift):
    """Real images have no bound: their cell is empty, and they do not narrow the spread of the other arms."""
    declared = declaration.read("shift")
    spread = evidence.expected("shift", "raised", "depth", guarded=1)
    made = shift
    for run in [each for each in declared.runs() if each.arm == "flat" and each.budget == "short"]:
        figures = {"height": shift.runs[run]["figures"]["height"], "depth": None}
        made = made.with_run(run, declared.settings_of("short", "flat"), figures, 60.0, {"commit": "abc"})
    outcome.write(made, declaration.recorded_folder())
    table = evidence.table("shift")
    assert table.rows[0][2:] == ["–", "3"] and table.rows[1][2] == "−2.020 [−2.070, −1.970]"
    assert set(outcome.read("shift").figures("short")["depth"]) == {"raised"}
    alone = evidence.expected("shift", "raised", "depth", guarded=1)
    assert alone.high - alone.low > spread.high - spread.low
    with pytest.raises(BadInput, match="has no run of flat yet"):
        evidence.expected("shift", "flat", "depth", guarded=1)


def test_a_claim_is_said_with_its_interval(shift):
    said = evidence.claim("shift", "the shift raises the height")
    assert repr(said) == (
        "the shift raises the height: height[raised] > height[flat]; difference 2.010 [1.985, 2.035] nats per image, "
        "3 seeds, 95% interval."
    )
    assert evidence.claim("shift", "the heights agree").startswith(
        "Not shown: the heights agree. abs(height[raised]"
    )
    assert evidence.claim("shift", "a long run is steeper") == "Not run yet: a long run is steeper."


def test_a_figure_has_a_dot_for_each_seed_and_says_what_it_shows(shift):
    figure = evidence.figure("shift")
    (axes,) = figure.axes
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [3, 3]
    assert list(dots[1].get_xdata()) == [2.0, 2.02, 2.04]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no shift", "shifted by one"]
    assert "shifted by one 2.02 (interval" in figure.alt_text and "3 seeds" in figure.alt_text
    assert axes.get_xlabel() == "height, nats per image"
    assert evidence.figure("shift", "depth").axes[0].get_xlabel() == "depth"


def test_another_seed_is_expected_where_the_recorded_ones_predict_it(shift):
    heights = [[0.0, 0.01, 0.02], [2.0, 2.02, 2.04]]
    deviation, degrees = claims.pooled_deviation(heights)
    wanted = claims.prediction_interval(heights[1], deviation=deviation, degrees=degrees, level=1 - 0.01 / 20)
    assert evidence.expected("shift", "raised", "height", guarded=20) == wanted
    assert wanted.low < 2.0 < 2.04 < wanted.high
    assert evidence.expected("shift", "raised", "height", guarded=1).high < wanted.high


@pytest.mark.parametrize(
    "ask, message",
    [
        (lambda: evidence.table("shirt"), "experiment 'shirt' is not declared: expected one of shift"),
        (lambda: evidence.table("shift", "width"), "measure='width': expected one of height, depth"),
        (lambda: evidence.table("shift", budget="huge"), "budget='huge': expected one of short, long"),
        (lambda: evidence.claim("shift", "it pays"), "claim='it pays': expected one of the shift raises"),
        (lambda: evidence.figure("shift", budget="long"), "has no runs of budget 'long' yet"),
        (lambda: evidence.expected("shift", "sunk", "height", 3), "arm='sunk': expected one of flat, raised"),
    ],
)
def test_what_is_not_declared_is_refused(shift, ask, message):
    with pytest.raises(BadInput, match=message):
        ask()


def test_no_tensorflow_is_needed():
    script = (
        "import sys; from companion import evidence; from companion.experiments import declaration; "
        "[evidence.table(name) for name in declaration.names()]; "
        "print(sorted({'keras', 'tensorflow', 'jax', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_outcomes_are_json_with_a_line_for_each_run(shift, tmp_path):
    text = (tmp_path / "shift" / "outcome.json").read_text()
    assert len(json.loads(text)["runs"]) == 6
    assert sum(line.lstrip().startswith('{"budget"') for line in text.splitlines()) == 6
