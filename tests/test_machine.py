"""Protects what a run says of the machine it was made on: device, versions, commit, memory; and who sees a bar."""

import re
import shutil
import subprocess

import pytest

import companion
from companion import machine


def test_the_device_is_one_word():
    assert machine.device() in ("CPU", "GPU", "TPU")


@pytest.mark.parametrize("quiet, verbose", [("1", 0), ("0", 1), (None, 1)])
def test_a_progress_bar_is_for_readers(quiet, verbose, monkeypatch):
    monkeypatch.delenv("COMPANION_QUIET", raising=False)
    if quiet is not None:
        monkeypatch.setenv("COMPANION_QUIET", quiet)
    assert machine.verbosity() == verbose


def test_versions_name_what_decides_a_figure():
    found = machine.versions("tensorflow")
    assert set(found) == {"python", "keras", "tensorflow", "numpy", "companion"}
    assert all(re.match(r"\d+\.\d+", version) for version in found.values())
    assert found["companion"] == companion.__version__


def test_memory_is_counted_in_megabytes():
    pytest.importorskip("resource")
    assert 50 < machine.peak_memory_mb() < 100_000


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_the_commit_is_that_of_the_package_s_own_checkout(tmp_path, monkeypatch):
    package = tmp_path / "checkout" / "companion"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(companion, "__file__", str(package / "__init__.py"))
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    assert machine.commit() is None

    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=package.parent, check=True, capture_output=True)

    git("init")
    assert machine.commit() is None, "a package that is not tracked is not part of the checkout"
    git("add", ".")
    git("-c", "core.hooksPath=/dev/null", "commit", "-m", "all")
    (package.parent / "results.txt").write_text("does not change the code")
    assert re.fullmatch(r"[0-9a-f]{40}", machine.commit())
    (package / "__init__.py").write_text("changed = True\n")
    assert re.fullmatch(r"[0-9a-f]{40}-dirty", machine.commit())
