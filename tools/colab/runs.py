"""A kernel as on Colab: its environment variables, a learner's first steps in it, a chapter from beginning to end."""

import math
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbformat import NotebookNode

from companion.machine import peak_memory_mb
from tools.execute import ChapterFailed, run, write_whole
from tools.first_cell import first_cell

# What a shell, a test or another command of this project sets, and Colab does not.
FOREIGN = tuple("COMPANION_ DATASET TF_ KERAS_ MPL PYTHON IPYTHON JUPYTER VIRTUAL_ENV PYTEST_".split())
# Of portable notebooks; and by so many the chapters move on each day where time is short.
RUN_EACH_DAY = 2
TRACEBACK = "Traceback (most recent call last)"


class LearnerStopped(Exception):
    """A chapter's first cell did not do what a learner needs. The message holds what it said."""


class OnePython(KernelSpecManager):
    """Starts kernels with one interpreter, whatever kernels are registered, and keeps what they log in a file."""

    interpreter = "python"
    log = os.devnull

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        kernel = [self.interpreter, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        # What the kernel's own process says, and not a cell, goes to Colab's logs and not to the page.
        command = ["sh", "-c", 'exec "$@" 2>>"$0"', self.log, *kernel]
        return KernelSpec(argv=command, display_name="Colab", language="python")


def kernels_of(interpreter: Path, log: Path) -> KernelSpecManager:
    """What starts kernels with ``interpreter``; they log to the file ``log``."""
    kernels = OnePython()
    kernels.interpreter, kernels.log = str(interpreter), str(log.resolve())
    return kernels


@contextmanager
def colab_settings(home: Path) -> Iterator[None]:
    """The environment variables of a kernel on Colab: none of this project's and none of the caller's."""
    before = dict(os.environ)
    for name in before:
        if name.startswith(FOREIGN):
            del os.environ[name]
    home.mkdir(parents=True, exist_ok=True)
    os.environ["COLAB_RELEASE_TAG"] = "make-colab"
    # Nobody's keras.json and nobody's IPython profile.
    os.environ.update(KERAS_HOME=str(home / "keras"), IPYTHONDIR=str(home / "ipython"))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def install_as_a_learner_does(
    chapter: Path, wheel: Path, interpreter: Path, folder: Path, published: bool
) -> None:
    """Run the first cell of ``chapter`` where the package is missing: first without ``wheel``, then with it.

    Without it the cell has to say in one line what to do, unless the package is ``published`` and would be fetched.
    Raises :class:`LearnerStopped` where the cell does anything else.
    """
    emptied(folder)
    cell = first_cell(nbformat.read(chapter, as_version=4), chapter.stem)
    if not published:
        said = run_alone(cell, folder, interpreter)
        if not said.startswith("UsageError: ") or "make wheel" not in said or TRACEBACK in said:
            raise LearnerStopped(
                f"without a wheel the first cell has to say in a line what to do; it said: {said!r}"
            )
    shutil.copy(wheel, folder)
    said = run_alone(cell, folder, interpreter)
    if "This chapter runs on:" not in said or TRACEBACK in said:
        raise LearnerStopped(f"the first cell did not install {wheel.name}; it said: {said!r}")


def run_alone(cell: NotebookNode, folder: Path, interpreter: Path) -> str:
    """All that ``cell`` says when it runs alone in ``folder``, the reason of a failure included."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.source)])
    try:
        run(notebook, folder, timeout=300, kernels=kernels_of(interpreter, folder.with_suffix(".log")))
    except ChapterFailed as failure:
        return printed(notebook) or str(failure)
    return printed(notebook)


def printed(notebook: NotebookNode) -> str:
    """The text that a notebook's cells wrote to their streams."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "".join(output.text for output in outputs if output.output_type == "stream")


def emptied(folder: Path) -> Path:
    """``folder``, with nothing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@dataclass
class Outcome:
    """How one chapter ended. ``fault`` is empty where it ran to its end."""

    name: str
    seconds: float = 0.0
    memory_mb: int | None = None
    fault: str = ""


def run_chapter(path: Path, interpreter: Path, executed: Path, timeout: int) -> Outcome:
    """Run the chapter at ``path`` in its folder, keep what came out under ``executed``, and say how it ended."""
    notebook = nbformat.read(path, as_version=4)
    outcome, start = Outcome(path.stem), time.monotonic()

    def watch(process: int) -> None:
        outcome.memory_mb = peak_memory_mb(process) or outcome.memory_mb

    try:
        kernels = kernels_of(interpreter, executed / f"{path.stem}.log")
        run(notebook, path.parent, timeout, kernels=kernels, watch=watch)
        if TRACEBACK in printed(notebook):
            outcome.fault = "it printed a traceback"
    except (ChapterFailed, RuntimeError) as failure:  # RuntimeError: the kernel did not start
        outcome.fault = str(failure).splitlines()[0]
    outcome.seconds = time.monotonic() - start
    write_whole(executed / path.name, nbformat.writes(notebook) + "\n")
    print(f"{outcome.name}: {outcome.fault or 'passed'}, {outcome.seconds:.1f} s", flush=True)
    return outcome


def run_chapters(
    chapters: Sequence[Path],
    interpreter: Path,
    work: Path,
    workers: int,
    timeout: int,
    begin_until: float = math.inf,
) -> list[Outcome]:
    """Run copies of ``chapters``, ``workers`` at a time, in a folder below ``work`` that holds nothing else.

    The chapter whose turn comes after ``begin_until``, on the clock of :func:`time.monotonic`, is not begun and not in
    the list, but for the first ``workers`` of them.
    """
    alone = emptied(work / "notebooks")
    executed = emptied(work / "executed")
    copies = [Path(shutil.copy(path, alone)) for path in chapters]

    def outcome(path: Path) -> Outcome | None:
        if time.monotonic() < begin_until or path in copies[:workers]:
            return run_chapter(path, interpreter, executed, timeout)
        return None

    with ThreadPoolExecutor(workers) as pool:
        return [each for each in pool.map(outcome, copies) if each]


def turned(chapters: Sequence[Path], day: date) -> list[Path]:
    """The same chapters, beginning ``RUN_EACH_DAY`` further on than the day before."""
    first = RUN_EACH_DAY * day.toordinal() % len(chapters)
    return [*chapters[first:], *chapters[:first]]


def table(outcomes: Sequence[Outcome]) -> str:
    """A line for each chapter under a header: result, seconds, peak memory in units of 10^6 bytes."""
    lines = [f"{'Chapter':<32}{'Result':<8}{'Seconds':>8}{'Peak, MB':>10}"]
    for each in outcomes:
        memory = "-" if each.memory_mb is None else each.memory_mb
        result = "failed" if each.fault else "passed"
        lines.append(f"{each.name:<32}{result:<8}{each.seconds:>8.1f}{memory:>10}  {each.fault}".rstrip())
    return "\n".join(lines)
