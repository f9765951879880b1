"""The notebook guard: a pytest plugin that runs the chapters again and compares with what they store.

    python -m pytest -p tests.chapters.notebook_guard --nbval --nbval-current-env --nbval-cell-timeout=600 chapters

nbval finds the notebooks, starts a kernel for each and runs the cells; the guard decides what is the same:

- a number written with a decimal point or an exponent may move by ``RTOL`` of its stored value; a cell tagged
  ``rtol=0.1`` allows itself more;
- a cell tagged ``evidence=ladder:top_down:nll`` prints what one seed of that arm gave: its first decimal number, as
  stored and as printed now, lies in the interval in which the recorded seeds predict a further one, at a level that
  leaves all such figures of the book together one false alarm in a hundred runs. A second such tag speaks of the
  second number, and so on; whole numbers do not count;
- whole numbers, and the text between numbers, agree exactly (blanks beside a number are padding and do not
  count);
- ``text/markdown``, in which source listings arrive, agrees exactly, numbers included;
- memory addresses and durations do not count. A duration is a number followed by s, ms, us or ns
  (``5s 22ms/step``, ``took 3.1 s``) or a rate a second (``1200 images/s``): print times in such a form;
- there are as many figures as are stored; their pixels are not compared. The words that describe a figure agree;
  the numbers among them, which are often extremes of a training, count only where the cell has an rtol tag;
- what goes to stderr is not compared;
- a cell with code that was never executed fails, and so does a stored error, unless the cell is tagged
  ``raises-exception``; a cell is left alone only where it has both tags, ``skip-execution`` and
  ``nbval-skip``, and then it stores no output.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile

from companion import evidence
from companion.experiments.claims import Interval
from tools.execute import chapter_environment, first_line

# Whoever runs the chapters learns how long they took.
pytest_plugins = ["tests.chapters.chapter_times"]

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
# The tolerance of the whole book. Training is not bit-deterministic, and other processors differ more
# than one does from itself; a mistake in a loss moves its figures much further.
RTOL = 0.02
NONE_PREDICTED: Iterator[Interval] = iter(())
# Numbers this close to zero are equal to it: rounding noise has no meaningful relative difference.
ATOL = 1e-6

NUMBER = re.compile(
    r"(?<![\w.])[-+\u2212]?"  # not inside a word such as float32 or a version such as 2.21.0
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\.\d+|\d+)(?:[eE][-+]?\d+)?"
    r"(?!\w|\.\d)"
)
PADDED_NUMBER = re.compile(rf"[ \t]*{NUMBER.pattern}[ \t]*")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
AMOUNT = r"(?<![\w.])\d[\d,]*(?:\.\d+)?\s?"
DURATION = re.compile(rf"{AMOUNT}(?:(?:ms|us|\u00b5s|\u03bcs|ns|s)(?:/\w+)?|[A-Za-z]+/s)(?!\w)")


def blank_what_always_varies(text: str) -> str:
    """``text`` with memory addresses and durations replaced by their names."""
    return DURATION.sub("<time>", ADDRESS.sub("<address>", text))


def number_difference(stored: str, fresh: str, rtol: float) -> str | None:
    """What is wrong between two printed numbers, in words; None where they count as the same."""
    if stored == fresh:
        return None
    if is_whole(stored) and is_whole(fresh):
        return f"stored {stored}, now {fresh}; whole numbers must agree exactly"
    if is_whole(stored) != is_whole(fresh):
        return f"stored {stored}, now {fresh}; only one is a whole number (print a fixed number of decimals)"
    old, new = as_float(stored), as_float(fresh)
    if abs(new - old) <= ATOL + rtol * abs(old):
        return None
    apart = f"{abs(new - old) / abs(old):.2%}" if old else "infinitely far"
    return f"stored {stored}, now {fresh}; they are {apart} apart and {rtol:.2%} is allowed"


def is_whole(number: str) -> bool:
    return not re.search("[.eE]", number)


def as_float(number: str) -> float:
    return float(number.replace(",", "").replace("\u2212", "-"))


def text_differences(
    stored: str, fresh: str, rtol: float, predicted: Iterator[Interval] = NONE_PREDICTED
) -> list[str]:
    """What differs between two texts whose decimal numbers may move by ``rtol``, the first of them as ``predicted``."""
    stored, fresh = blank_what_always_varies(stored), blank_what_always_varies(fresh)
    if PADDED_NUMBER.sub("\0", stored) != PADDED_NUMBER.sub("\0", fresh):
        return [first_differing_line(stored, fresh, lambda line: PADDED_NUMBER.sub("\0", line))]
    found = []
    for old, new in zip(NUMBER.finditer(stored), NUMBER.finditer(fresh), strict=True):
        if not (is_whole(old.group()) and is_whole(new.group())) and (interval := next(predicted, None)):
            found += outside(old.group(), new.group(), interval)
            continue
        if difference := number_difference(old.group(), new.group(), rtol):
            found.append(f"{difference} (in the line `{line_around(new)}`)")
    return found


def outside(stored: str, fresh: str, interval: Interval) -> list[str]:
    """What is wrong with a number that one further seed may give only inside ``interval``, stored and printed now."""
    return [
        f"{when} {number}, which lies outside [{interval.low:.4g}, {interval.high:.4g}], where the recorded seeds "
        f"predict another one"
        for when, number in (("stored", stored), ("now", fresh))
        if not interval.low <= as_float(number) <= interval.high
    ]


def line_around(match: re.Match[str]) -> str:
    """The line of text in which ``match`` lies."""
    text = match.string
    return text[text.rfind("\n", 0, match.start()) + 1 :].split("\n", 1)[0].strip()


def first_differing_line(stored: str, fresh: str, form: Any = str) -> str:
    """Names the first line at which two texts part, comparing the ``form`` of each line."""
    old, new = stored.splitlines(), fresh.splitlines()
    for number, (left, right) in enumerate(zip(old, new, strict=False), start=1):
        if form(left) != form(right):
            return f"line {number} was stored as `{left.strip()}` and is now `{right.strip()}`"
    if len(old) == len(new):
        return "only the ends of the lines differ"
    kind, lines = ("lost", old) if len(old) > len(new) else ("gained", new)
    odd_line = lines[min(len(old), len(new))].strip()
    return f"{len(old)} lines were stored and {len(new)} come now; it {kind} `{odd_line}`"


DESCRIPTION = "description of a figure"


def by_kind(outputs: Iterable[dict[str, Any]]) -> dict[str, list[Any]]:
    """The contents of ``outputs`` under their kinds, streams and rich outputs alike; stderr is left out."""
    kinds: dict[str, list[Any]] = defaultdict(list)
    for output in outputs:
        if output["output_type"] == "stream" and output["name"] != "stderr":
            kinds["printed text"].append(output["text"])
        elif output["output_type"] == "error":
            kinds["error"].append(f"{output['ename']}: {output['evalue']}")
        has_figure = any(kind.startswith("image/") for kind in output.get("data", {}))
        for kind, content in output.get("data", {}).items():
            if kind.startswith("image/"):
                kinds["figure"] += ["an image"] if content else []
            elif kind == "application/vnd.jupyter.widget-view+json":
                kinds["widget"].append("a widget")  # the numbers of its models are random
            else:
                kinds[DESCRIPTION if has_figure and kind == "text/plain" else kind].append(content)
    return kinds


def differences(
    stored: Iterable[dict[str, Any]],
    fresh: Iterable[dict[str, Any]],
    rtol: float | None = None,
    predicted: Iterable[Interval] = (),
) -> list[str]:
    """What differs between the ``stored`` and the ``fresh`` outputs of a cell, in plain words."""
    old, new = by_kind(stored), by_kind(fresh)
    found, waiting = [], iter(predicted)
    for kind in dict.fromkeys(["figure", *old, *new]):  # a missing figure also misses its description
        befores, nows = old.get(kind, []), new.get(kind, [])
        if len(befores) != len(nows):
            found.append(
                f"{kind}: {len(befores) or 'none'} stored, {len(nows) or 'none'} now{shown(befores, nows)}"
            )
            continue
        for before, now in zip(befores, nows, strict=True):
            told = content_differences(kind, before, now, rtol, waiting)
            found += [f"{kind}: {difference}" for difference in told]
    # Where outputs differ in form, their numbers were not compared and intervals are left over for that reason.
    if not found and (left := len(list(waiting))):
        found.append(
            f"{left} of its evidence tags have no decimal number to speak of; print it, or drop the tag"
        )
    return found


def shown(befores: list[Any], nows: list[Any]) -> str:
    """The beginning of what stands on one side only."""
    extra = str((befores + nows)[min(len(befores), len(nows))]).strip().splitlines()
    side = "stored" if len(befores) > len(nows) else "now"
    return f" ({side}: `{extra[0][:100]}`)" if extra else ""


def content_differences(
    kind: str, before: Any, now: Any, rtol: float | None, predicted: Iterator[Interval] = NONE_PREDICTED
) -> list[str]:
    """``rtol`` is what the cell asks for itself, None where it has no tag."""
    if kind == DESCRIPTION and rtol is None:
        before, now = (PADDED_NUMBER.sub(" some ", words) for words in (before, now))
    if kind != "text/markdown" and isinstance(before, str) and isinstance(now, str):
        of_cell = NONE_PREDICTED if kind == DESCRIPTION else predicted
        return text_differences(before, now, RTOL if rtol is None else rtol, of_cell)
    if before == now:
        return []
    return [first_differing_line(str(before), str(now)) + "; this kind of output must agree exactly"]


def tags_of(cell: dict[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", []))


def tolerance_of(cell: dict[str, Any]) -> float | None:
    """The tolerance that a tag of ``cell`` asks for, if any. Raises ``ValueError`` for a tag that names none."""
    for tag in tags_of(cell):
        if tag.startswith("rtol"):
            if not re.fullmatch(r"rtol=0?\.\d*[1-9]\d*", tag):
                raise ValueError(
                    f"the tag {tag!r} names no tolerance between 0 and 1; write for example rtol=0.1"
                )
            return float(tag.removeprefix("rtol="))
    return None


def evidence_tags(cell: dict[str, Any]) -> list[str]:
    return [tag for tag in tags_of(cell) if tag.startswith("evidence=")]


def predictions_of(cell: dict[str, Any], guarded: int) -> list[Interval]:
    """The intervals of the ``evidence`` tags of ``cell``; ``guarded`` figures are checked so in the whole book.

    Raises ``ValueError`` for a tag that names no recorded figure.
    """
    found = []
    for tag in evidence_tags(cell):
        parts = tag.removeprefix("evidence=").split(":")
        if len(parts) != 3:
            raise ValueError(
                f"the tag {tag!r} names no figure; write for example evidence=ladder:top_down:nll"
            )
        try:
            found.append(evidence.expected(*parts, guarded=guarded))
        except ValueError as error:
            raise ValueError(f"the tag {tag!r}: {error}") from error
    return found


@cache
def guarded_figures(chapters: Path = CHAPTERS) -> int:
    """How many figures of the whole book are checked against recorded seeds."""
    notebooks = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(chapters.glob("*.ipynb"))]
    return sum(len(evidence_tags(cell)) for notebook in notebooks for cell in notebook["cells"]) or 1


def stored_faults(cell: Any, options: dict[str, bool]) -> list[str]:
    """What is wrong with a cell as it is stored, before it is run; ``options`` are what nbval read off it."""
    tags = tags_of(cell)
    if options["skip"] or "skip-execution" in tags:
        if not {"skip-execution", "nbval-skip"} <= set(tags):
            return ["a cell that is not to be run needs both tags, skip-execution and nbval-skip"]
        return ["it is not to be run, yet stores output that nothing can check"] if cell.outputs else []
    if not options["check"] and "explorer" not in tags:
        return ["its output is to be ignored, which only a cell tagged explorer may ask for; use rtol=0.1"]
    if not cell.source.strip():
        return []
    if cell.execution_count is None:
        return ["it was never executed; run `make execute`"]
    errors = [f"{output.ename}: {output.evalue}" for output in cell.outputs if output.output_type == "error"]
    if errors and not {"raises-exception", "nbval-raises-exception"} & set(tags):
        return [f"an error is stored, {errors[0]}; mend the cell and run `make execute`"]
    try:
        tolerance_of(cell)
        predictions_of(cell, guarded_figures())
    except ValueError as error:
        return [str(error)]
    return []


class GuardedCell(IPyNbCell):
    """A code cell as a test."""

    def runtest(self) -> None:
        faults = stored_faults(self.cell, self.options)
        if self.options["skip"] and not faults:
            pytest.skip("tagged skip-execution and nbval-skip")
        if faults:
            # It is run all the same, since the cells below need its names; nothing in it is worth comparing.
            self.options["check"] = False
            self.cell.outputs = []
        if not (faults and self.options["skip"]):
            super().runtest()
        if faults:
            self.raise_cell_error(faults[0])

    def compare_outputs(self, test: Any, ref: Any, skip_compare: Any = None) -> bool:
        """Called by nbval with the fresh outputs and the stored ones, their printed text already joined."""
        predicted = predictions_of(self.cell, guarded_figures())
        found = differences(ref, test, tolerance_of(self.cell), predicted)
        self.comparison_traceback = found
        return not found

    def repr_failure(self, excinfo: Any) -> str:
        """One line that names the notebook, the cell and the first thing wrong; below it the rest."""
        error = excinfo.value
        rest = getattr(error, "inner_traceback", None) or ""
        message = str(error) or type(error).__name__
        raised = [output for output in self.test_outputs or [] if output["output_type"] == "error"]
        if message == "Cell outputs differ":
            message, _, rest = rest.partition("\n")
        elif message == "Cell execution caused an exception" and raised:
            message = f"it raised {raised[0]['ename']}: {raised[0]['evalue']}"
        return f"{self.where()}: {message}" + (f"\n{COLOUR.sub('', rest)}" if rest else "")

    def reportinfo(self) -> tuple[Any, int, str]:
        return self.path, 0, self.where()

    def where(self) -> str:
        root = self.config.rootpath
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path.name
        return f"{path}, code cell {self.cell_num} `{first_line(self.cell)}`"


class GuardedNotebook(IPyNbFile):
    """A notebook whose code cells, counted from 1, are tests that share one kernel."""

    def setup(self) -> None:
        with chapter_environment():
            super().setup()
        # nbval keeps no history, without which a semicolon at the end of a cell does not silence its value.
        self.kernel.execute_cell_input = partial(self.kernel.kc.execute, stop_on_error=False)

    def collect(self) -> Iterator[GuardedCell]:
        for number, cell in enumerate(super().collect(), start=1):
            yield GuardedCell.from_parent(
                self, name=f"cell {number}", cell_num=number, cell=cell.cell, options=cell.options
            )


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(parent: pytest.Collector) -> Any:
    """Put a guarded notebook where nbval would collect a plain one."""
    collected = yield
    return [
        GuardedNotebook.from_parent(parent, path=node.path) if isinstance(node, IPyNbFile) else node
        for node in collected
    ]
