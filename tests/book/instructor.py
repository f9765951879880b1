"""What an instructor does to a copy of the project, step by step, for the tests that look at it afterwards."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.book.building import ROOT
from tools import edition, set_repository

HERE = "https://github.com/ann/vae-course"
NEW = "17_mine"
GONE = ("04_objectives", "07_conditional_vae")
EXCHANGED = ("09_vq_vae", "10_iwae")
STEPS = ("publish", "drop", "swap", "add")


def copy_of_the_project(folder: Path) -> Path:
    """The project's own files in ``folder``, which is made."""
    for name in edition.files(ROOT):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def take(step: str, copy: Path) -> None:
    """Take one of ``STEPS`` in ``copy``, as the instructors' page says."""
    if step == "publish":
        assert set_repository.main([HERE, "main"], copy) == 0
    elif step == "add":
        command = [sys.executable, "-m", "tools.new_chapter", NEW]
        done = subprocess.run(command, cwd=copy, env=in_the(copy), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    else:
        contents = copy / "_toc.yml"
        lines = contents.read_text(encoding="utf-8").splitlines()
        changed = without(lines) if step == "drop" else exchanged(lines)
        contents.write_text("\n".join(changed) + "\n", encoding="utf-8")


def in_the(copy: Path) -> dict[str, str]:
    """An environment in which Python finds the package of ``copy`` and not the one that is tested."""
    return {**os.environ, "PYTHONPATH": str(copy)}


def without(lines: list[str]) -> list[str]:
    return [f"# {line}" if any(name in line for name in GONE) else line for line in lines]


def exchanged(lines: list[str]) -> list[str]:
    first, second = (next(i for i, line in enumerate(lines) if name in line) for name in EXCHANGED)
    lines[first], lines[second] = lines[second], lines[first]
    return lines
