"""Protects the command line: help is quick, a mistake gets one line and exit code 2, kill -9 costs at most an epoch.

(What a run records, and every other way of stopping it: test_experiments.py.)
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion import experiments
from companion.__main__ import main
from companion.experiments.folder import RunFolder, checkpoint_name

ROOT = Path(__file__).resolve().parents[2]


def call(*arguments):
    """The exit code of the command line in this process."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as end:
        return end.code


@pytest.fixture
def no_run(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a run began")

    monkeypatch.setattr(experiments, "run", fail)


HEAVY = ("keras", "tensorflow", "jax", "torch", "sklearn", "scipy", "matplotlib")
QUICK_CALLS = [
    ["--help"],
    ["run", "--help"],
    ["data"],
    ["run", "vae", "--epochs", "0", "--out", "x"],
    ["run", "vae", "--colour", "red", "--out", "x"],
    ["run", "vae", "--dataset", "minst", "--out", "x"],
]


def test_help_and_mistakes_need_no_keras(tmp_path):
    """One new process makes all the calls and then says what it has imported."""
    program = (
        "import sys\nfrom companion.__main__ import main\ncodes = []\n"
        f"for call in {QUICK_CALLS!r}:\n"
        "    try:\n        codes.append(main(call))\n"
        "    except SystemExit as end:\n        codes.append(end.code)\n"
        f"print(codes, [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env=environment,
    )
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 2, 2, 2] []"
    assert len(done.stderr.splitlines()) == 3
    # It takes half a second; Keras alone would take several, ten on a busy machine.
    assert time.perf_counter() - started < 8


def test_the_program_as_it_is_called_ends_with_code_2_and_one_line(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "companion", "run", "vae", "--network", "deep", "--out", "x"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    expected = "companion: --network 'deep': expected one of dense, conv; pass one of these names.\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", expected)


MISTAKES = {
    "no command": ([], "run|data|experiment|grade"),
    "another command": (["train"], "invalid choice: 'train' (choose from"),
    "no out": (["run", "vae"], "required: --out"),
    "no model": (["run", "--out", "x"], "MODEL is missing: expected one of vae"),
    "another model": (["run", "gan", "--out", "x"], "model='gan': expected one of vae"),
    "an unknown option": (
        ["run", "vae", "--zeta", "4", "--out", "x"],
        "--zeta 4 is unknown; allowed: --help --d",
    ),
    "a shortened option": (["run", "vae", "--latent", "4", "--out", "x"], "--latent 4 is unknown; allowed: "),
    "an option of run": (["data", "--seed", "1"], "--seed 1 is unknown; allowed: --help"),
    "no value": (["run", "vae", "--out", "x", "--epochs"], "--epochs: expected one argument"),
    "a negative size": (
        ["run", "vae", "--latent-dim", "-1", "--out", "x"],
        "--latent-dim -1: expected a whole number of at least 1; pass --latent-dim 1 or more.",
    ),
    "a word for a number": (
        ["run", "vae", "--epochs", "ten", "--out", "x"],
        "--epochs 'ten': expected a whole",
    ),
    "a fraction": (["run", "vae", "--k", "1.5", "--out", "x"], "--k 1.5: expected a whole number"),
    "no rate": (
        ["run", "vae", "--learning-rate", "nan", "--out", "x"],
        "--learning-rate nan: expected a number",
    ),
    "nothing to resume": (["run", "--out", "x", "--resume"], "expected the folder of a run"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_gets_one_line_that_says_what_is_allowed(case, capsys, monkeypatch, tmp_path, no_run):
    monkeypatch.chdir(tmp_path)
    arguments, message = MISTAKES[case]
    assert call(*arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith("companion: ")
    assert message in err


def test_within_a_path_nothing_is_rewritten(capsys, tmp_path):
    out = tmp_path / "seed=0" / "k=5"
    out.mkdir(parents=True)
    (out / "notes").write_text("")
    assert call("run", "vae", "--out", out) == 2
    assert f"--out {out} is not empty (notes)" in capsys.readouterr().err


def test_the_data_sets_are_listed(capsys):
    assert call("data") == 0
    out = capsys.readouterr().out
    for word in ("digits", "mnist", "fashion_mnist", "FILE.npz", "licence: CC BY 4.0", "scikit-learn"):
        assert word in out


@pytest.fixture
def begun(tmp_path):
    """The folder of a run on digits after three of thirty epochs."""
    record = {
        "schema": 1,
        "settings": experiments.Settings(seed=7).recorded(),
        "epochs_done": 3,
        "complete": False,
        "history": {"loss": [3.0, 2.0, 1.0]},
        "seconds": {},
    }
    folder = RunFolder(tmp_path / "a run")
    folder.path.mkdir()
    folder.commit(record, checkpoint_name(3), lambda path: path.write_bytes(b"model"))
    return folder.path


STOPS = {
    "the keyboard": (KeyboardInterrupt(), 130, "interrupted"),
    "a full disk": (OSError(28, "No space left on device"), 1, "No space left on device"),
}


@pytest.mark.parametrize("case", STOPS)
def test_a_stop_is_told_in_one_line_with_the_command_that_goes_on(case, begun, capsys, monkeypatch):
    error, code, message = STOPS[case]

    def stop(*_, **__):
        raise error

    monkeypatch.setattr(experiments, "run", stop)
    assert call("run", "--epochs", "40", "--out", begun, "--resume") == code
    err = capsys.readouterr().err
    command = f"python -m companion run --epochs 40 --out '{begun}' --resume"
    assert err.count("\n") == 1
    assert message in err
    assert f"3 epochs are saved; continue with: {command}" in err


def test_a_resumed_run_has_its_own_settings_and_those_that_are_typed(begun, capsys, monkeypatch):
    asked = []

    def note(settings, out, resume, quiet, plan):
        assert plan is None  # no strategy was typed
        asked.append((settings, resume, quiet))
        raise KeyboardInterrupt

    monkeypatch.setattr(experiments, "run", note)
    call("run", "--out", begun, "--resume")
    call("run", "vae", "--epochs", "50", "--out", begun, "--resume", "--quiet")
    assert asked == [
        (experiments.Settings(seed=7), True, False),
        (experiments.Settings(seed=7, epochs=50), True, True),
    ]


ON_DIGITS = ["run", "vae", "--epochs", "6", "--seed", "3", "--k", "5", "--batch-size", "64"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_kill_minus_9_costs_at_most_an_epoch(tmp_path, capsys):
    """A true process is killed in a true training, resumed by another process, and agrees with a run left in peace."""
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-m", "companion", *ON_DIGITS, "--out", str(out)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("epoch 3/6"):
                break
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL, lines
    # The third epoch was told, so it is safe; the fourth had just begun.
    killed = json.loads((out / "run.json").read_text())
    assert killed["epochs_done"] in (3, 4)
    assert not killed["complete"]
    assert RunFolder(out).checkpoint(killed).name == checkpoint_name(killed["epochs_done"])

    assert call("run", "--out", out, "--resume", "--quiet") == 0
    assert call(*ON_DIGITS, "--out", tmp_path / "in peace", "--quiet") == 0
    assert capsys.readouterr().out.count("negative ELBO") == 2
    resumed, whole = (
        json.loads((tmp_path / name / "run.json").read_text()) for name in ("killed", "in peace")
    )
    assert resumed["complete"]
    assert resumed["epochs_done"] == 6
    for name, values in whole["history"].items():
        assert len(resumed["history"][name]) == 6
        assert resumed["history"][name][: killed["epochs_done"]] == killed["history"][name]
        assert resumed["history"][name] == pytest.approx(values, rel=0.02), name
    assert resumed["test"]["neg_elbo"] == pytest.approx(whole["test"]["neg_elbo"], rel=0.02)
    assert sorted(path.name for path in out.iterdir()) == ["model.keras", "run.json"]
