"""The record of a benchmark as tables, as text for a terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill
from typing import Any, NamedTuple

from benchmarks.cases import EAGER

NONE = "–"
COMPARED = "× as fast as "
MISSING = "missing: "
MARKS = "os^Dv"


class Table(NamedTuple):
    """A table with a title, the names of its columns, and rows of as many cells."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def tables(record: dict[str, Any]) -> list[Table]:
    """A table for each case: a row for each contestant, in the order in which they were measured, and the floor.

    A ratio is the median over the rounds, least and greatest in brackets; above 1 the contestant of the row is faster.
    """
    return [table(case) for case in record["cases"]]


def table(case: dict[str, Any]) -> Table:
    """The table of one case."""
    baselines = [name for name in case["baselines"] if name in case["contestants"]]
    columns = (
        "Contestant",
        "ms per step, best",
        "median",
        "images per second",
        *(f"{COMPARED}{name}" for name in baselines),
        "share of the floor",
        "first step, s",
        "memory, MB",
    )
    rows = [contestant_row(name, found, baselines) for name, found in case["contestants"].items()]
    least = case["floor_ms_per_step"]
    blank = (NONE,) * len(baselines)
    per_second = number(1000 * case["batch"] / least["median"], 0)
    rows.append(("floor", ms(least["min"]), ms(least["median"]), per_second, *blank, "100 %", NONE, NONE))
    rows += [
        (name, f"{MISSING}{reason}", *(NONE,) * (len(columns) - 2))
        for name, reason in case["missing"].items()
    ]
    return Table(case["name"], columns, rows)


def contestant_row(name: str, found: dict[str, Any], baselines: list[str]) -> tuple[str, ...]:
    """The cells of one contestant."""
    steps = found["ms_per_step"]
    return (
        name,
        ms(steps["min"]),
        ms(steps["median"]),
        number(found["images_per_second"], 0),
        *(ratio(found["times_as_fast_as"].get(baseline)) for baseline in baselines),
        f"{100 * found['share_of_floor']['median']:.0f} %",
        number(found["first_step_s"], 1),
        number(found["peak_memory_mb"], 0),
    )


def number(value: float | None, digits: int) -> str:
    """A figure with thousands set apart, or a dash where there is none."""
    return NONE if value is None else f"{value:,.{digits}f}"


def ms(value: float) -> str:
    """Milliseconds with about three digits that count."""
    return number(value, 2 if value < 10 else 1 if value < 100 else 0)


def ratio(found: dict[str, float] | None) -> str:
    """A ratio with its spread over the rounds."""
    return NONE if found is None else f"{found['median']:.2f} ({found['min']:.2f} to {found['max']:.2f})"


def text(record: dict[str, Any]) -> str:
    """All tables for a terminal, and what they were measured with."""
    parts = [plain(found) for found in tables(record)]
    warning = (
        ["A quick run, to see that everything works: its figures mean nothing."] if record["quick"] else []
    )
    return "\n\n".join([*parts, conditions(record), *warning])


def plain(found: Table) -> str:
    """A table in columns of one width each."""
    lines = [found.columns, *found.rows]
    present = [line for line in lines if not line[1].startswith(MISSING)]
    widths = [max(len(line[column]) for line in present) for column in range(len(found.columns))]
    return "\n".join([found.title, *(_line(line, widths) for line in lines)])


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    if cells[1].startswith(MISSING):
        return f"{cells[0]:<{widths[0]}}  {cells[1]}"
    padded = [
        f"{cells[0]:<{widths[0]}}",
        *(f"{cell:>{width}}" for cell, width in zip(cells[1:], widths[1:], strict=True)),
    ]
    return "  ".join(padded)


def conditions(record: dict[str, Any]) -> str:
    """A sentence or two on machine, versions and commit."""
    kind, threads, rounds = record["machine"], record["threads"], record["rounds"]
    rates = sorted(max(rates) for case in record["cases"] for rates in case["matmul_gflops"].values())
    commits = {case.get("commit") or record["commit"]: None for case in record["cases"]}
    named = [commit[:7] for commit in commits if commit]
    origin = f" Commit{'s' if len(named) > 1 else ''} {', '.join(named)}." if named else ""
    return (
        f"{rounds} round{'s' if rounds > 1 else ''} on {threads} core{'s' if threads > 1 else ''} of a processor of "
        f"the kind {kind['processor']} ({kind['system']}); a large matrix product ran at up to {rates[-1]:.0f} "
        f"GFLOP/s. {versions(record)}.{origin}"
    )


def versions(record: dict[str, Any]) -> str:
    """The versions that took part, each named once: ``TensorFlow 2.21.0, JAX 0.10.2``."""
    names = {
        "python": "Python",
        "keras": "Keras",
        "tensorflow": "TensorFlow",
        "tensorflow-cpu": "TensorFlow",
        "jax": "JAX",
        "torch": "PyTorch",
        "pythae": "pythae",
        "numpy": "NumPy",
    }
    found = [
        f"{names[key]} {value}"
        for own in record["versions"].values()
        for key, value in own.items()
        if key in names
    ]
    return ", ".join(
        dict.fromkeys(sorted(found, key=lambda each: list(names.values()).index(each.split(" ")[0])))
    )


def compared(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """The cases that have eager PyTorch, each with the speed of every other contestant as a multiple of it."""
    for case in record["cases"]:
        speeds = {
            name: found["times_as_fast_as"][EAGER]
            for name, found in case["contestants"].items()
            if name != EAGER and EAGER in found["times_as_fast_as"]
        }
        if speeds:
            yield case["name"], speeds


def figure(record: dict[str, Any]) -> Any:
    """A dot for each contestant of each case: how many times as fast as eager PyTorch, with least and greatest.

    Returns a :class:`companion.plots.BookFigure`; None where no case has eager PyTorch.
    """
    from companion.plots import LINE_COLOURS, BookFigure, book_style

    cases = list(compared(record))
    if not cases:
        return None
    names = list(dict.fromkeys(name for _, speeds in cases for name in speeds))
    with book_style():
        drawn = BookFigure(height=1.4 + 0.52 * len(cases), alt_text=alt_text(cases))
        axes = drawn.subplots()
        for position, name in enumerate(names):
            offset = 0.7 * ((position + 0.5) / len(names) - 0.5)
            shown = [(row + offset, speeds[name]) for row, (_, speeds) in enumerate(cases) if name in speeds]
            heights, spreads = zip(*shown, strict=True)
            colour, mark = LINE_COLOURS[position % len(LINE_COLOURS)], MARKS[position % len(MARKS)]
            axes.hlines(heights, [each["min"] for each in spreads], [each["max"] for each in spreads], colour)
            middle = [each["median"] for each in spreads]
            axes.plot(middle, heights, mark, color=colour, markersize=5, label=name)
        axes.axvline(1, color="#595959", linewidth=0.8, linestyle=":")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_yticks(range(len(cases)), [fill(name, 34) for name, _ in cases])
        axes.set_ylim(len(cases) - 0.5, -0.5)
        axes.grid(axis="x")
        axes.set_xlabel("times as fast as eager PyTorch; median, and a line from least to greatest")
        drawn.legend(loc="outside upper left", ncols=3)
    return drawn


def alt_text(cases: list[tuple[str, dict[str, dict[str, float]]]]) -> str:
    """What the picture shows, in its own numbers."""
    said = [
        f"In the case {name}: " + ", ".join(f"{who} {speed['median']:.2f}" for who, speed in speeds.items())
        for name, speeds in cases
    ]
    return f"How many times as fast as eager PyTorch, a row for each case. {'. '.join(said)}."
