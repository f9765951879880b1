"""Protects each step of an instructor by itself: `make quick` stays green after it, and at the end every edition builds
and can be packed. It takes long, so `make instructors` asks for it and `make test` does not.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.book.instructor import STEPS, copy_of_the_project, in_the, take
from tools import archive

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("instructor"),
    pytest.mark.skipif(os.environ.get("INSTRUCTORS") != "all", reason="make instructors runs it"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the project, in which the steps are taken one after the other."""
    return copy_of_the_project(tmp_path_factory.mktemp("instructor") / "copy")


def run(tree: Path, *command: str | Path) -> None:
    """Run ``command`` in ``tree`` and with its package, as the commands of its Makefile would be run."""
    done = subprocess.run(command, cwd=tree, env=in_the(tree), capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


@pytest.mark.parametrize("step", STEPS)
def test_the_quick_tests_are_green_after(step, copy):
    take(step, copy)
    quick = (
        "-n",
        "2",
        "--dist",
        "loadfile",
        "-o",
        "python_files=test_*.py",
        "-m",
        "not slow and not browser",
    )
    run(copy, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *quick, "tests")


@pytest.mark.parametrize("edition", ["", "student", "instructor"])
def test_the_edition_builds_and_is_packed(edition, copy, tmp_path):
    tree, tool = copy / "_build" / edition if edition else copy, (sys.executable, "-m", "tools.edition")
    if edition:
        run(copy, *tool, edition, tree)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    run(tree, jupyter_book, "build", "-W", "-n", "--keep-going", tree)
    if edition:
        run(copy, *tool, "--check", edition, tree)
    assert archive.main([str(tree / "_build" / "html"), str(tmp_path / "book.zip")]) == 0
    assert (tmp_path / "book.zip").stat().st_size > 1e6
