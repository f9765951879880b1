"""Protects the environment of `make colab`: a Python that runs, exactly the versions that Colab has, made once, and
whatever an installation changes in it is noticed."""

import json
import os
from pathlib import Path

import pytest

from tools.colab import environment
from tools.colab.environment import NoEnvironment, Python

ROOT = Path(__file__).resolve().parents[2]
PINS = environment.newest_pins(ROOT)
SHARED = ROOT.parent / "shared" / "colab-freeze.txt"


def test_the_dated_copy_is_what_was_published():
    if not SHARED.exists():
        pytest.skip("the list that the dated copy was made from is not beside this project")
    assert PINS.read_bytes() == SHARED.read_bytes()
    assert PINS.stem.removeprefix("colab-freeze-") in SHARED.read_text(encoding="utf-8")


def test_pins_are_read_by_their_normalised_names(tmp_path):
    assert environment.read_pins(PINS)["ml-dtypes"] == "0.6.0"
    assert len(environment.read_pins(PINS)) == 22
    (tmp_path / "pins.txt").write_text("# a note\nA_b==1.0  # why\n\n")
    assert environment.read_pins(tmp_path / "pins.txt") == {"a-b": "1.0"}


def test_another_version_than_colab_s_is_named():
    pins = {"keras": "3.13.2", "numpy": "2.1.3", "jax": "0.7.2"}
    assert environment.faults_of_pins({**pins, "more": "1"}, pins) == []
    assert environment.faults_of_pins({"keras": "3.15.1", "numpy": "2.1.3"}, pins) == [
        "keras is 3.15.1, Colab has 3.13.2",
        "jax is missing, Colab has 0.7.2",
    ]


BEFORE = {"keras": "3.13.2", "numpy": "2.1.3"}
OURS = {environment.PACKAGE: "0.1.0"}


def test_what_the_first_cell_asks_for_may_come_and_nothing_with_it():
    after = {**BEFORE, **OURS, "selfies": "2.2.0"}
    assert environment.faults_of_installation(BEFORE, after, also=["selfies"]) == []
    assert environment.faults_of_installation(BEFORE, {**after, "rich": "14.0"}, also=["selfies"]) == [
        "rich 14.0 came with the package"
    ]


@pytest.mark.parametrize(
    "after, faults",
    [
        ({**BEFORE, **OURS}, []),
        ({**BEFORE, "numpy": "2.4.0", **OURS}, ["numpy was 2.1.3 and is 2.4.0 after the installation"]),
        ({"keras": "3.13.2", **OURS}, ["numpy was 2.1.3 and is gone after the installation"]),
        ({**BEFORE, "rich": "14.0", **OURS}, ["rich 14.0 came with the package"]),
        (BEFORE, ["vae-book-companion was not added"]),
    ],
)
def test_an_installation_adds_the_package_and_nothing_else(after, faults):
    assert environment.faults_of_installation(BEFORE, after) == faults


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


# It tells its version, makes an environment that consists of itself, and has what the file beside it lists.
PRETENDER = """
case "$1 $2" in
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo '[]' >"$3/bin/python.has" ;;
    "-I -c") cat "$0.has" ;;
    *) echo VERSION ;;
esac
"""


@pytest.fixture
def pythons(tmp_path, monkeypatch):
    """A machine on which the only Pythons are those that a test puts into a folder."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    real = environment.candidates
    monkeypatch.setattr(
        environment, "candidates", lambda version: (c for c in real(version) if str(tmp_path) in c)
    )
    return tmp_path


def test_a_python_that_only_prints_an_error_is_passed_over(pythons):
    program(pythons / "bin/python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    program(pythons / "bin/python3.12", PRETENDER.replace("VERSION", "3.12.9"))
    assert environment.find_python() == Python(str(pythons / "bin/python3.12"), "3.12.9")
    behind = program(pythons / "pyenv/versions/3.13.0/bin/python3.13", PRETENDER.replace("VERSION", "3.13.0"))
    assert environment.find_python() == Python(str(behind), "3.13.0")


def test_without_a_python_the_message_says_which_are_right(pythons):
    program(pythons / "bin/python3.13", PRETENDER.replace("VERSION", "3.10.1"))
    with pytest.raises(NoEnvironment, match=r"there is no Python 3\.13, 3\.12, 3\.11 that runs"):
        environment.find_python()


@pytest.fixture
def fake_uv(monkeypatch):
    """In place of uv: puts what a list says into a pretended environment. Change the list to change what it does."""
    has = [["keras", "3.13.2"]]
    calls = []

    def run_uv(*arguments):
        calls.append(arguments[1])
        python = next(Path(a) for a in arguments if str(a).endswith("bin/python"))
        if arguments[1] == "install":
            Path(f"{python}.has").write_text(json.dumps(has))

    monkeypatch.setattr(environment, "run_uv", run_uv)
    run_uv.has, run_uv.calls = has, calls
    return run_uv


def test_the_environment_is_made_once_and_again_when_anything_changed(tmp_path, fake_uv):
    python = Python(str(program(tmp_path / "python", PRETENDER.replace("VERSION", "3.13.0"))), "3.13.0")
    pins, folder = tmp_path / "pins.txt", tmp_path / ".venv"
    pins.write_text("keras==3.13.2\n")

    def made() -> bool:
        interpreter, anew = environment.environment(folder, pins, python)
        assert environment.installed(interpreter) == dict(fake_uv.has)
        return anew

    assert made()
    assert not made() and fake_uv.calls == ["install", "uninstall"]
    (folder / "bin/python.has").write_text('[["keras", "3.13.2"], ["rich", "14.0"]]')
    assert made(), "something was installed in between"
    pins.write_text("# of another day\nkeras==3.13.2\n")
    assert made(), "the list of versions changed"
    python = Python(python.path, "3.13.1")
    assert made(), "the Python changed"
    (folder / "bin/python").unlink()
    assert made(), "it no longer runs"


def test_an_environment_that_is_not_colab_s_is_refused(tmp_path, fake_uv):
    python = Python(str(program(tmp_path / "python", PRETENDER.replace("VERSION", "3.13.0"))), "3.13.0")
    (tmp_path / "pins.txt").write_text("keras==3.13.2\nnumpy==2.1.3\n")
    for _ in range(2):
        with pytest.raises(NoEnvironment, match=r"numpy is missing, Colab has 2\.1\.3"):
            environment.environment(tmp_path / ".venv", tmp_path / "pins.txt", python)
