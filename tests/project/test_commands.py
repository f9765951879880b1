"""Protects the commands: `make` lists them, a Python is found that really runs, times are remembered, and continuous
integration is red whenever the tests are."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    "environment",
    "book",
    "student",
    "zip",
    "portable",
    "quick",
    "test",
    "colab",
    "backends",
    "execute",
    "chapter",
    "first-cells",
    "set-repository",
    "errata",
    "patients",
    "own-data",
    "instructors",
    "experiments",
    "explorers",
    "bench",
    "wheel",
    "serve",
    "lint",
    "mutants",
    "lock",
    "clean",
    "distclean",
]

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in command],
        cwd=cwd,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@needs_make
def test_make_alone_lists_every_command_in_a_line() -> None:
    lines = run("make", "--no-print-directory", MAKEFLAGS="").stdout.splitlines()
    assert [line.split()[1] for line in lines] == COMMANDS
    assert all(" s " in line or "not run yet" in line or ", failed" in line for line in lines)


def test_seconds_and_failures_are_remembered(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("good: ## does well\nbad: ## does ill\nnew: ## is new\n")
    timing = ROOT / "tools/timing.sh"
    assert run("sh", timing, "run", "good", "true", cwd=tmp_path).returncode == 0
    assert run("sh", timing, "run", "bad", "sh", "-c", "exit 3", cwd=tmp_path).returncode == 3
    good, bad, new = run("sh", timing, "list", "Makefile", cwd=tmp_path).stdout.splitlines()
    assert good.split() == ["make", "good", "0", "s", "does", "well"]
    assert "0 s, failed" in bad
    assert "not run yet" in new


def test_no_fitting_python_gives_one_line(tmp_path: Path) -> None:
    old = program(tmp_path / "python2", "exit 1")
    done = run("sh", ROOT / "tools/uv.sh", tmp_path / "venv", "--version", PYTHON=f"{old} no-such-python")
    assert done.returncode == 1
    assert done.stderr.startswith("No Python 3.11, 3.12 or 3.13 that runs")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "venv").exists()


def test_a_python_that_only_prints_an_error_is_passed_over(tmp_path: Path) -> None:
    shim = program(tmp_path / "bin/python3.12", "echo 'command not found' >&2; exit 127")
    # It answers every question with yes, and makes an environment that consists of itself.
    good = program(
        tmp_path / "bin/good", 'if [ "$1" = -m ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi'
    )
    program(tmp_path / "bin/uv", 'echo "uv $@ $UV_PYTHON_DOWNLOADS"')
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = run("sh", ROOT / "tools/uv.sh", tmp_path / "venv", "pip", PYTHON=f"{shim} {good}", PATH=path)
    assert done.stdout == "uv pip never\n", done.stderr
    assert (tmp_path / "venv/bin/python").exists()


@pytest.mark.parametrize(
    ("venv", "message"), [("", "VENV is empty"), ("broken", "holds no Python 3.11, 3.12 or 3.13 that runs")]
)
def test_an_environment_that_cannot_be_used_is_named(tmp_path: Path, venv: str, message: str) -> None:
    program(tmp_path / "broken/bin/python", "exit 1")
    done = run("sh", ROOT / "tools/uv.sh", venv, "pip", cwd=tmp_path)
    assert done.returncode == 1
    assert message in done.stderr


SUMMARY = "====== 3 passed, 1 skipped in 12.34s ======"
TOO_EARLY = "The tests ended before pytest's summary; make colab was not run."


def run_ci(tmp_path: Path, test: str, colab: str = "echo '====== 9 passed in 1s ======'", **environment: str):
    """Run `.ci/run` with a `make` that does what the scripts ``test`` and ``colab`` say."""
    program(tmp_path / "make", f'case "$*" in *colab*) {colab};; *) {test};; esac')
    program(tmp_path / "chromium", "exit 0")
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    return run(ROOT / ".ci/run", PATH=path, **environment)


@pytest.mark.parametrize(
    ("test", "status", "last"),
    [
        (f"echo '{SUMMARY}'", 0, SUMMARY),
        (f"echo '{SUMMARY}'; echo 'make: *** [test] Error 1' >&2; exit 2", 2, SUMMARY),
        ("echo 'No Python'; exit 2", 1, TOO_EARLY),
        ("echo nothing", 1, TOO_EARLY),
    ],
)
def test_continuous_integration_ends_as_the_tests_do(
    tmp_path: Path, test: str, status: int, last: str
) -> None:
    done = run_ci(tmp_path, test)
    assert done.returncode == status
    assert (done.stdout + done.stderr).splitlines()[-1] == last


@pytest.mark.parametrize(("tests", "status"), [("exit 0", 2), ("exit 5", 5)])
def test_continuous_integration_fails_when_a_chapter_fails_on_colab(
    tmp_path: Path, tests: str, status: int
) -> None:
    done = run_ci(tmp_path, f"echo '{SUMMARY}'; {tests}", "echo '03_layers failed'; exit 2")
    assert done.returncode == status
    assert done.stdout.splitlines()[-3:] == ["03_layers failed", "make colab failed.", SUMMARY]


def test_continuous_integration_calls_make_test_and_then_make_colab(tmp_path: Path) -> None:
    said = f'echo "$@ CI=$CI"; echo "{SUMMARY}"'
    done = run_ci(tmp_path, said, 'echo "$@ CI=$CI"', CI="true")
    first, *_, second, last = done.stdout.splitlines()
    assert first.split()[-2:] == ["test", "CI=true"]
    assert [second.split()[-3], second.split()[-1]] == ["colab", "CI=true"]
    assert last == SUMMARY


@pytest.mark.parametrize(("gone", "left"), [(0, 4500), (4000, 500), (5000, None)])
def test_what_the_tests_leave_of_75_minutes_is_for_beginning_chapters(
    tmp_path: Path, gone: int, left: int | None
) -> None:
    """Bash counts on from the ``SECONDS`` that it is given. The tests themselves take a few seconds here."""
    done = run_ci(tmp_path, f'echo "{SUMMARY}"', 'echo "$@"', SECONDS=str(gone))
    given = [
        int(word.partition("=")[2]) for word in done.stdout.split() if word.startswith("SECONDS_TO_BEGIN=")
    ]
    assert done.returncode == 0
    if left is None:
        assert given == [] and "The tests took 83 minutes of 90; make colab was not run" in done.stdout
    else:
        assert left - 30 <= given[0] <= left
