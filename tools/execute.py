"""Run the chapters and store their outputs: ``make execute [CHAPTER=04_objectives] [DATASET=mnist]``.

A chapter is written only after every one of its cells has passed, and in one step, so that a failure or an
interrupt leaves the committed file as it was. What would differ from run to run without meaning anything
(timings, versions, widget state, library logs) is not stored. The alt text that a drawing function composed
goes into its cell's metadata, where the book looks for it, and the cells that a page folds are tagged.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import nbformat
from ipykernel.kernelspec import RESOURCES, get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tools.folding import fold

ROOT = Path(__file__).resolve().parent.parent
STORED_DATASET = "digits"
# Keep TensorFlow's start-up messages and bars with timings out of the page.
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "COMPANION_QUIET": "1"}


class ThisInterpreter(KernelSpecManager):
    """Starts kernels with the Python that runs this script, whatever kernels bear the same name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            resource_dir=str(RESOURCES), **get_kernel_dict(extra_arguments=["--log-level=ERROR"])
        )


class ChapterFailed(Exception):
    """A cell stopped the chapter. The message names the cell and its error in one line."""


@contextmanager
def chapter_environment(dataset: str = STORED_DATASET) -> Iterator[None]:
    """The environment of a chapter's kernel: quiet, and with one data set, whatever the shell has set."""
    before = dict(os.environ)
    # Chapters run in their own folder, where a path relative to the caller's folder would point elsewhere.
    own_file = Path(dataset)
    os.environ.update(QUIET, DATASET=str(own_file.resolve()) if own_file.is_file() else dataset)
    if before.get("COMPANION_DATA_DIR"):
        os.environ["COMPANION_DATA_DIR"] = str(Path(before["COMPANION_DATA_DIR"]).resolve())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def notebooks(root: Path) -> dict[str, Path]:
    """The notebooks of the book by name: the chapters, then those that stand beside them."""
    return {
        path.stem: path for folder in ("chapters", "book") for path in sorted((root / folder).glob("*.ipynb"))
    }


def first_line(cell: NotebookNode) -> str:
    """The first line of code of ``cell``, by which a person finds it; a comment only where there is nothing else."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("#")), lines[0] if lines else "")


def run(
    notebook: NotebookNode,
    folder: Path,
    timeout: int,
    *,
    kernels: KernelSpecManager | None = None,
    watch: Callable[[int], object] | None = None,
) -> None:
    """Execute ``notebook`` in ``folder``, by default with the Python that runs this script.

    ``kernels`` names another Python; ``watch`` is called after each cell with the kernel's process number.
    Raises :class:`ChapterFailed` when a cell raises, takes over ``timeout`` seconds or takes the kernel down.
    """
    running = 0

    def note_start(cell: NotebookNode, cell_index: int) -> None:
        nonlocal running
        running = cell_index

    client: NotebookClient = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        store_widget_state=False,
        record_timing=False,
        on_cell_execute=note_start,
        on_cell_executed=lambda **_: watch and watch(client.km.provisioner.pid),
    )
    client.create_kernel_manager()
    client.km.kernel_spec_manager = kernels or ThisInterpreter()
    try:
        client.execute(cwd=str(folder))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        number = sum(cell.cell_type == "code" for cell in notebook.cells[: running + 1])
        raise ChapterFailed(
            f"code cell {number} `{first_line(notebook.cells[running])}`: {reason(error, timeout)}"
        ) from error


def reason(error: Exception, timeout: int) -> str:
    """What stopped a cell, in one line."""
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}".splitlines()[0]
    if isinstance(error, CellTimeoutError):
        return f"took longer than {timeout} s"
    return "the kernel died (out of memory?)"


def clean(notebook: NotebookNode) -> None:
    """Take out of an executed ``notebook`` what differs between runs and says nothing to a reader."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = joined_streams([out for out in cell.outputs if out.get("name") != "stderr"])


def joined_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """``outputs`` with printed text that arrived in several pieces made one piece."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def composed_alt_text(cell: NotebookNode) -> str:
    """The alt text that the drawing functions of ``cell`` composed: the plain text beside each image."""
    bundles = [output.data for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
    return " ".join(" ".join(bundle.get("text/plain", "").split()) for bundle in bundles).strip()


def store_alt_texts(notebook: NotebookNode) -> None:
    """Write each figure's composed alt text to ``mystnb.image.alt``; captions and widths stay as they are."""
    for cell in notebook.cells:
        if alt := composed_alt_text(cell):
            image = cell.metadata.setdefault("mystnb", NotebookNode()).setdefault("image", NotebookNode())
            image["alt"] = alt


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step: the file is the old one or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def execute_chapter(source: Path, destination: Path, dataset: str, timeout: int) -> float:
    """Run the chapter at ``source`` on ``dataset`` and write ``destination``; return the seconds that it ran."""
    notebook = nbformat.read(source, as_version=4)
    start = time.monotonic()
    with chapter_environment(dataset):
        run(notebook, source.parent, timeout)
    seconds = time.monotonic() - start
    clean(notebook)
    store_alt_texts(notebook)
    fold(notebook)
    write_whole(destination, nbformat.writes(notebook) + "\n")
    return seconds


def main(argv: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """The command line. Returns 0, 1 where a chapter failed, 2 for a chapter that does not exist."""
    parser = argparse.ArgumentParser(
        prog="tools/execute.py", description="Run the chapters and store their outputs."
    )
    parser.add_argument("--chapter", default="", help="one chapter, such as 04_objectives (default: all)")
    parser.add_argument(
        "--dataset", default="", help="a data set's name or file (default: digits, stored in place)"
    )
    parser.add_argument(
        "--timeout", type=int, default=600, help="seconds that one cell may take (default: 600)"
    )
    options = parser.parse_args(argv)

    chapters = notebooks(root)
    wanted = [options.chapter.removesuffix(".ipynb")] if options.chapter else list(chapters)
    if not chapters or wanted[0] not in chapters:
        names = ", ".join(chapters) or "none yet"
        print(f"--chapter {options.chapter}: no such chapter; there are: {names}", file=sys.stderr)
        return 2

    dataset = options.dataset or STORED_DATASET
    stored = dataset == STORED_DATASET
    elsewhere = root / "_build" / "executed" / Path(dataset).stem
    failed = False
    for name in wanted:
        print(f"{name}: running on {dataset} ...", flush=True)
        destination = chapters[name] if stored else elsewhere / f"{name}.ipynb"
        try:
            seconds = execute_chapter(chapters[name], destination, dataset, options.timeout)
        except ChapterFailed as failure:
            failed = True
            print(f"{name}: {failure}. Nothing was written.", file=sys.stderr, flush=True)
        else:
            print(f"{name}: {seconds:.1f} s, written to {destination.relative_to(root)}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
