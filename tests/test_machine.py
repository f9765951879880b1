"""Protects what a run says of the machine it was made on: device, versions, commit, memory; and who sees a bar."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import companion
from companion import machine


def test_the_device_is_one_word():
    assert machine.device() in ("CPU", "GPU", "TPU")


@pytest.mark.parametrize(
    "devices, colab, minutes, printed",
    [
        (["cpu:0"], False, None, ["CPU"]),
        (["cpu:0"], False, 1, ["CPU", "About 1 minute on two cores, with the images of the book."]),
        (["cpu:0"], False, 3, ["CPU", "About 3 minutes on two cores, with the images of the book."]),
        (
            ["cpu:0"],
            True,
            2,
            ["CPU", "About 2 minutes on two", "A GPU is under Runtime > Change runtime type"],
        ),
        (["gpu:0"], True, 2, ["GPU"]),
        (["gpu:0", "gpu:1"], False, 2, ["GPU"]),
        (["tpu:0"], True, 2, ["TPU"]),
    ],
)
def test_a_chapter_says_what_it_runs_on(devices, colab, minutes, printed, monkeypatch, capsys):
    monkeypatch.setattr("keras.distribution.list_devices", lambda: devices)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    if colab:
        monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab")
    machine.announce(minutes)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"This chapter runs on: {printed[0]}"
    assert len(lines) == len(printed)
    assert all(line.startswith(begin) for line, begin in zip(lines[1:], printed[1:], strict=True))


def test_precision_is_mixed_only_where_somebody_asked_for_it(monkeypatch, capsys):
    import keras

    from companion.networks import build_encoder

    assert keras.config.dtype_policy().name == "float32"
    assert {weight.dtype for weight in build_encoder((4, 4, 1), 2, hidden=(3,)).weights} == {"float32"}
    machine.announce()
    assert "Keras computes in" not in capsys.readouterr().out
    monkeypatch.setattr("keras.config.dtype_policy", lambda: keras.DTypePolicy("mixed_float16"))
    machine.announce()
    assert "Keras computes in mixed_float16, as it was told to" in capsys.readouterr().out


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


def test_another_process_s_memory_is_told_while_it_lives(tmp_path):
    if not os.path.exists("/proc/self/status"):
        pytest.skip("this system has no /proc")
    room = "import sys; room = bytearray(200 * 10**6); print('full', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", room], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        assert 200 < machine.peak_memory_mb(other.pid) < 400
        other.stdin.close()
    assert machine.peak_memory_mb(other.pid) is None


def test_the_kind_of_machine_is_named():
    kind = machine.processor()
    assert set(kind) == {"cores", "processor", "system"}
    assert 1 <= kind["cores"] <= (os.cpu_count() or 1) and kind["processor"] and kind["system"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_tells_commit_and_date_and_whether_a_file_differs(tmp_path, monkeypatch):
    for variable in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2021-02-03T04:05:06+0000")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2021-02-03T23:05:06+0000")
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    (tmp_path / "_config.yml").write_text("title: A\n")
    for arguments in (["init"], ["add", "."], ["-c", "core.hooksPath=/dev/null", "commit", "-m", "all"]):
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)
    found = machine.checkout(tmp_path, "_config.yml")
    assert (found.date, found.changed) == ("2021-02-03", False)
    assert re.fullmatch(r"[0-9a-f]{40}", found.name)
    (tmp_path / "new.md").write_text("# New\n")
    assert machine.checkout(tmp_path, "_config.yml").name == f"{found.revision}-dirty"
    assert machine.checkout(tmp_path, "new.md") is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.checkout(tmp_path, "_config.yml") is None, "without git there is nothing to tell"
