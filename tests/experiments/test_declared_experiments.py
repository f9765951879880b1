"""Protects declared experiments: what is declared is what is run, recorded and judged, and nothing else.

A declaration that cannot be is refused in one sentence; outcomes of other settings are never mixed; a claim is judged
only once all its runs are there; and whatever stops the program, what was recorded stays and the rest is run again.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from companion.__main__ import main
from companion.errors import BadInput
from companion.experiments import declaration, engine, outcome
from companion.experiments.declaration import Run
from companion.experiments.folder import locked
from tests.experiments.declared import DECLARATION, declare

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)  # the task lies under tests/
    return declare(tmp_path / "results")


def run_all(results, tmp_path, name="shift", **how):
    return engine.run_missing(name, results, work=tmp_path / "work", **how)


def test_a_declaration_names_its_runs_seed_by_seed(results):
    found = declaration.read("shift", results)
    assert found.runs() == [Run("short", arm, seed) for seed in range(3) for arm in ("flat", "raised")]
    assert found.runs("long", seeds=1) == [Run("long", "flat", 0), Run("long", "raised", 0)]
    assert [run.seed for run in found.runs(seeds=5) if run.arm == "flat"] == [0, 1, 2, 3, 4]
    assert found.settings_of("long", "raised")["slope"] == 3.0
    assert found.places == {"flat": 0, "raised": 1}


@pytest.mark.parametrize(
    "before, after, message",
    [
        ("seeds = 3", "seeds = 0", "seeds=0: expected a whole number of at least 1"),
        ("seeds = 3", "seeds = [1, 1]", r"seeds=\[1, 1\]: expected different whole numbers"),
        ("seeds = 3", "seed = 3", "the declaration has 'seed': expected question, notes"),
        ('question = "Does a shift raise the height?"', "", "the declaration has no question"),
        ("shift = 1.0", "shift = 0.0", "arms flat and raised have equal settings"),
        (
            "height[raised] > height[flat]",
            "height[raised] > height[sunk]",
            "arm='sunk': expected one of flat, raised",
        ),
        (
            "height[raised] > height[flat]",
            "weight[raised] > height[flat]",
            "measure='weight': expected one of",
        ),
        ("height[raised] > height[flat]", "height[raised]", "is not a comparison"),
        ('budget = "long"', 'budget = "endless"', "budget='endless': expected one of short, long"),
        ("[settings]", "[settings", "cannot be read as TOML"),
    ],
)
def test_what_cannot_be_declared_is_refused(results, before, after, message):
    assert before in DECLARATION
    declare(results, text=DECLARATION.replace(before, after, 1))
    with pytest.raises(BadInput, match=message):
        declaration.read("shift", results)


def test_a_training_is_declared_with_settings_that_a_model_has(results):
    trained = """
question = "Does a larger code help?"
seeds = [0, 4]
settings = { model = "vae", dataset = "digits", epochs = 2 }
[budgets.long]
epochs = 9
[arms.two]
says = "two"
[arms.four]
says = "four"
settings = { latent_dim = 4 }
[measures.nll]
says = "nll"
of = "test.neg_elbo"
"""
    declare(results, "codes", trained)
    found = declaration.read("codes", results)
    assert found.settings_of("long", "four")["latent_dim"] == 4
    assert found.settings_of("long", "two")["latent_dim"] == 2
    assert found.settings_of("long", "two")["epochs"] == 9
    assert "seed" not in found.settings_of("long", "two")
    declare(results, "codes", trained.replace("latent_dim", "latent_dims"))
    with pytest.raises(BadInput, match="the settings has 'latent_dims': expected model, dataset"):
        declaration.read("codes", results)
    declare(results, "codes", trained.replace("latent_dim = 4", "seed = 4"))
    with pytest.raises(BadInput, match="the settings has 'seed'"):
        declaration.read("codes", results)
    declare(results, "codes", trained + "published = { two = 90.0, six = 80.0 }\n")
    with pytest.raises(BadInput, match="measure nll: published has 'six': expected two, four"):
        declaration.read("codes", results)


def test_an_unknown_experiment_is_refused_with_those_that_there_are(results):
    with pytest.raises(BadInput, match="experiment 'shirt' is not declared: expected one of shift"):
        declaration.read("shirt", results)


@pytest.mark.slow
def test_all_missing_runs_are_run_and_judged(results, tmp_path, capsys):
    assert run_all(results, tmp_path, jobs=2) == 0
    found = outcome.read("shift", results)
    assert len(found.runs) == 6
    assert set(found.figures("short")["height"]) == {"flat", "raised"}
    assert found.figures("short")["depth"]["raised"][0] == found.figures("short")["height"]["raised"][0]
    told = found.circumstances[0]
    assert told["backend"] == "tensorflow" and told["versions"]["python"] and told["device"]
    assert (results / "shift" / "outcome.json").stat().st_size < 5000
    told = capsys.readouterr()
    assert told.out == ""
    assert "1 of 6 runs done; " in told.err and "6 of 6 runs done" in told.err
    # Nothing is left to do, and nothing is run again.
    before = (results / "shift" / "outcome.json").read_bytes()
    assert run_all(results, tmp_path) == 0
    assert (results / "shift" / "outcome.json").read_bytes() == before

    lines: list[str] = []
    assert engine.report(results, say=lines.append) == 0
    said = "\n".join(lines)
    assert "holds: the shift raises the height" in said
    assert "not shown: the heights agree" in said
    assert "not run yet: a long run is steeper" in said
    assert run_all(results, tmp_path, budget="long") == 0
    lines.clear()
    assert engine.report(results, say=lines.append) == 0
    assert "holds: a long run is steeper" in "\n".join(lines)


def recorded(results, arms=("flat", "raised"), seeds=(0, 1, 2), shift=1.0):
    """An outcome written without running anything."""
    declared, made = declaration.read("shift", results), outcome.read("shift", results)
    for arm in arms:
        for seed in seeds:
            height = shift * (arm == "raised") + 0.01 * seed * (2 if arm == "raised" else 1)
            settings = declared.settings_of("short", arm)
            figures = {"height": height, "depth": height}
            made = made.with_run(Run("short", arm, seed), settings, figures, 1.0, {"commit": "abc"})
    outcome.write(made, results)
    return made


def faults(results):
    lines: list[str] = []
    return engine.report(results, say=lines.append), "\n".join(lines)


def test_a_claim_that_the_runs_do_not_show_is_a_fault(results):
    recorded(results, shift=0.0)
    count, said = faults(results)
    assert count == 2  # the first is not shown, and the second, declared as not shown, holds
    assert "FAULT: declared the other way; not shown: the shift raises the height" in said
    assert main(["experiment", "--check", "--results", str(results)]) == 1


def test_a_declaration_that_was_changed_is_a_fault_until_its_runs_are_dropped(results, tmp_path, capsys):
    recorded(results)
    assert faults(results)[0] == 0
    declare(results, text=DECLARATION.replace("shift = 1.0", "shift = 1.5"))
    count, said = faults(results)
    assert count == 1 and "short/raised was run with shift=1.0, and 1.5 is declared" in said
    with pytest.raises(BadInput, match=r"shift=1\.0, and 1\.5 is declared.*--forget ARM"):
        run_all(results, tmp_path)
    assert main(["experiment", "shift", "--forget", "raised", "--results", str(results)]) == 0
    assert "dropped 3 runs of raised" in capsys.readouterr().out
    assert faults(results)[0] == 0
    assert main(["experiment", "shift", "--forget", "raised", "--results", str(results)]) == 2


def test_an_arm_that_is_no_longer_declared_and_a_new_measure_are_faults(results):
    recorded(results)
    declare(results, text=re.sub(r"\[measures\.depth\].*?sign = -1\n", "", DECLARATION, flags=re.S))
    count, said = faults(results)
    assert count == 6 and "was measured otherwise: depth" in said
    text = DECLARATION.replace("[arms.flat]", "[arms.even]").replace("[flat]", "[even]")
    declare(results, text=text)
    assert "short/flat is recorded and no longer declared" in faults(results)[1]


def test_a_setting_that_was_none_yet_had_its_present_default(tmp_path):
    results = declare(tmp_path, "codes", TRAINED.format(dataset="digits", epochs=2))
    declared, made = declaration.read("codes", results), outcome.read("codes", results)
    older = {
        k: v for k, v in declared.settings_of("short", "two").items() if k not in ("schedule", "epsilon")
    }
    figures = {"neg_elbo": 1.0, "first": 2.0}
    made = made.with_run(Run("short", "two", 0), older, figures, 1.0, {})
    assert outcome.contradictions(declared, made) == []
    made.with_run(Run("short", "two", 1), declared.settings_of("short", "two"), figures, 1.0, {})
    other = {**older, "epsilon": 1e-4}
    assert (
        "was run with epsilon=0.0001"
        in outcome.contradictions(
            declared, outcome.read("codes", results).with_run(Run("short", "two", 0), other, figures, 1.0, {})
        )[0]
    )


def test_runs_of_other_settings_are_never_added(results):
    made = recorded(results)
    with pytest.raises(BadInput, match="run with other settings"):
        made.with_run(Run("short", "flat", 7), {"shift": 9.0}, {"height": 1.0}, 1.0, {})


def test_a_claim_waits_for_all_declared_seeds(results):
    recorded(results, arms=("flat",))
    recorded(results, arms=("raised",), seeds=(0, 1))
    count, said = faults(results)
    assert count == 0 and "not run yet: the shift raises the height" in said
    assert "7 not run yet" in said  # one seed of the short budget, six runs of the long one


def test_a_damaged_outcome_is_refused(results):
    recorded(results)
    path = results / "shift" / "outcome.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(BadInput, match=r"outcome\.json is damaged.*restore the file"):
        outcome.read("shift", results)


def test_dry_run_says_what_would_be_run_and_runs_nothing(results, capsys):
    recorded(results, arms=("flat",))
    assert main(["experiment", "shift", "--dry-run", "--seeds", "2", "--results", str(results)]) == 0
    said = capsys.readouterr().out
    assert "3 runs are recorded, 2 would be run" in said
    assert re.findall(r"short: (\w+), seed (\d)", said) == [("raised", "0"), ("raised", "1")]
    assert len(outcome.read("shift", results).runs) == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["experiment"], "NAME is missing: expected one of shift"),
        (["experiment", "shirt"], "'shirt' is not declared"),
        (["experiment", "shift", "--arms", "flat,sunk"], "arm 'sunk': expected one of flat, raised"),
        (["experiment", "shift", "--budget", "huge"], "budget='huge': expected one of short, long"),
        (["experiment", "shift", "--jobs", "0"], "jobs=0: expected a whole number of at least 1"),
        (["experiment", "shift", "--colour", "red"], "--colour red is unknown"),
    ],
)
def test_a_mistake_on_the_command_line_gets_one_line(results, capsys, arguments, message):
    assert main([*arguments, "--results", str(results)]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_the_folder_of_results_must_be_there(tmp_path, capsys):
    assert main(["experiment", "shift", "--results", str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_that_fails_does_not_stop_the_others(results, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FAIL_AT_SEED", "1")
    assert run_all(results, tmp_path) == 2
    assert {run.seed for run in outcome.read("shift", results).runs} == {0, 2}
    assert "raised, seed 1, failed: RuntimeError: seed 1 was told to fail" in capsys.readouterr().err
    monkeypatch.delenv("FAIL_AT_SEED")
    assert run_all(results, tmp_path) == 0
    assert len(outcome.read("shift", results).runs) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    "before, after, message",
    [
        (
            'of = "height"',
            'of = "width"',
            "there is no 'width' in what was recorded; at 'width' there are height",
        ),
        (
            "slope = 2.0",
            "slant = 2.0",
            "missing a required argument: 'slope'|unexpected keyword argument 'slant'",
        ),
        ("declared:figures", "declared:shapes", "cannot be imported"),
    ],
)
def test_what_a_task_does_not_give_is_said(results, tmp_path, capsys, before, after, message):
    declare(results, text=DECLARATION.replace(before, after, 1))
    assert run_all(results, tmp_path, seeds=1, arms=["flat"]) == 1
    assert re.search(message, capsys.readouterr().err)


def test_two_programs_do_not_work_on_one_experiment(results, tmp_path):
    work = tmp_path / "work" / "shift"
    work.mkdir(parents=True)
    busy = pytest.raises(BadInput, match="experiment shift is being run by another process")
    with locked(work, "taken"), busy:
        run_all(results, tmp_path)


TRAINED = """
question = "Does anything survive?"
seeds = 1
settings = {{ model = "vae", dataset = "{dataset}", epochs = {epochs}, hidden = [16], k = 2, batch_size = 2 }}
[arms.two]
says = "two"
[arms.three]
says = "three"
settings = {{ latent_dim = 3 }}
[measures.neg_elbo]
says = "-ELBO"
of = "test.neg_elbo"
[measures.first]
says = "-ELBO of the first epoch"
of = "history.neg_elbo.0"
"""


def test_what_an_attempt_with_other_settings_left_is_not_continued(results, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(engine.subprocess, "Popen", lambda *_, **__: started.append(1))
    run = Run("short", "raised", 0)
    first = engine._start(declaration.read("shift", results), run, results, tmp_path, 0).folder
    assert engine._start(declaration.read("shift", results), run, results, tmp_path, 0).folder == first
    declare(results, text=DECLARATION.replace("shift = 1.0", "shift = 1.5"))
    assert engine._start(declaration.read("shift", results), run, results, tmp_path, 0).folder != first


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_stop_costs_at_most_an_epoch_of_each_run(tmp_path, how):
    """A true program is stopped in two true trainings; the next call goes on with both and leaves no process behind."""
    draws = np.random.default_rng(0).uniform(0, 1, (300, 8, 8)).astype("float32")
    np.savez(tmp_path / "noise.npz", images=draws)
    results = declare(tmp_path / "results", "stop", TRAINED.format(dataset=tmp_path / "noise.npz", epochs=60))
    work = tmp_path / "_build" / "experiments" / "stop"
    command = [sys.executable, "-m", "companion", "experiment", "stop", "--results", str(results)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    stopped = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    epochs = wait_for_epochs(work, at_least=2, stopped=stopped)
    stopped.send_signal(getattr(signal, how))
    stopped.wait(timeout=30)
    after = wait_for_quiet(work)
    assert all(0 <= after[name] - epochs[name] <= 3 for name in epochs)
    assert not (results / "stop" / "outcome.json").exists()
    finished = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    found = outcome.read("stop", results)
    assert len(found.runs) == 2
    assert not list(work.glob("*/run")), "checkpoints of finished runs are deleted"


def epochs_done(work):
    done = {}
    for record in work.glob("*/run/run.json"):
        done[record.parts[-3]] = json.loads(record.read_text())["epochs_done"]
    return done


def wait_for_epochs(work, at_least, stopped, seconds=120):
    for _ in range(seconds * 10):
        done = epochs_done(work)
        if len(done) == 2 and min(done.values()) >= at_least:
            return done
        assert stopped.poll() is None, stopped.stderr.read()
        time.sleep(0.1)
    raise AssertionError(f"two runs did not reach {at_least} epochs: {epochs_done(work)}")


def wait_for_quiet(work, seconds=10):
    """The epochs that are recorded once no worker writes any more."""
    before = None
    for _ in range(seconds):
        done = epochs_done(work)
        if done == before:
            return done
        before = done
        time.sleep(1.0)
    raise AssertionError("workers go on after their parent was stopped")


def test_progress_tells_what_is_done_and_how_long_the_rest_takes(monkeypatch):
    progress = engine.Progress(todo=4, done=1)
    progress.started -= 60

    class Half:
        run = Run("short", "flat", 2)
        shares = iter([0.0, 0.5])

        def share_done(self):
            return next(self.shares)

    half = Half()
    assert "1 of 4 runs done; flat/2 0%" in progress.line([half])
    # One and a half of four runs in a minute: the other two and a half take a minute and two thirds.
    assert progress.line([half]).endswith("flat/2 50%; 2 minutes left")


def test_the_declared_experiments_of_the_book_fit_their_outcomes():
    """What `make experiments` checks: every claim of the book is evaluated on its recorded runs."""
    count, said = faults(ROOT / "results")
    assert count == 0, said


def test_outcomes_are_small():
    for path in (ROOT / "results").glob("*/outcome.json"):
        assert path.stat().st_size <= 30_000, f"{path.parent.name} has {path.stat().st_size} bytes"


def test_another_seed_of_the_same_arm_keeps_the_settings(results):
    made = recorded(results, seeds=(0,))
    again = made.with_run(
        Run("short", "flat", 1),
        made.settings["short/flat"],
        {"height": 1.0, "depth": 1.0},
        2.0,
        {"commit": "abc"},
    )
    assert len(again.circumstances) == 1
    assert replace(made, runs=again.runs).seconds == 4.0
