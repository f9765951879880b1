"""What the recorded experiments say, for chapters: a table, a figure, the verdict on a claim.

Everything is read from ``results/NAME``, or from the copy in the installed package; nothing is trained, and neither
Keras nor TensorFlow is imported.
"""

from typing import Any

from companion.errors import BadInput, check_choice
from companion.experiments import claims, declaration
from companion.experiments import outcome as outcomes
from companion.experiments.declaration import Declaration, Measure
from companion.experiments.outcome import Outcome

# Documented is what chapters use; the Results page also uses table_of and in_words.
__all__ = ["Shown", "Table", "claim", "expected", "figure", "table"]

#: How often a sound run may fall outside the interval of one of all the guarded figures of the book together.
FALSE_ALARMS = 0.01


class Shown(str):
    """Words that a notebook shows as they are, without quotes."""

    def __repr__(self) -> str:
        return str(self)


class Table:
    """A table that a notebook shows as HTML and a terminal as aligned text."""

    def __init__(self, caption: str, columns: list[str], rows: list[list[str]]):
        self.caption, self.columns, self.rows = caption, columns, rows

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[at]) for line in lines) for at in range(len(self.columns))]
        padded = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines
        ]
        return "\n".join([self.caption, *(line.rstrip() for line in padded)])

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
            for first, *rest in self.rows
        )
        caption = f"<caption>{escape(self.caption)}</caption>"
        return f'<table class="recorded">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def table(name: str, *measures: str, budget: str | None = None, level: float = claims.LEVEL) -> Table:
    """The mean of each measure for each arm over its seeds, with its Student-t interval.

    ``measures``: those to show, in this order (default: all). Raises :class:`~companion.errors.BadInput` for an
    experiment, measure or budget that is not declared.
    """
    declared, recorded, budget = _read(name, budget)
    return table_of(declared, recorded, budget, *measures, level=level)


def table_of(
    declared: Declaration, recorded: Outcome, budget: str, *measures: str, level: float = claims.LEVEL
) -> Table:
    """As :func:`table`, of an experiment that has been read."""
    figures = recorded.figures(budget)
    shown = _measures(declared, measures)
    columns = ["Arm", *(f"{each.says}, {each.unit}" if each.unit else each.says for each in shown), "Seeds"]
    rows = []
    for arm in declared.arms.values():
        runs = sum(run.budget == budget and run.arm == arm.name for run in recorded.runs)
        # An arm that has run may have no such figure, as real images have no bound.
        without = "–" if runs else "not run yet"
        by_measure = [figures.get(each.name, {}).get(arm.name, {}) for each in shown]
        cells = [
            _cell(list(seeds.values()), level, measure.published.get(arm.name), without)
            for measure, seeds in zip(shown, by_measure, strict=True)
        ]
        rows.append([arm.says, *cells, str(runs)])
    return Table(f"{declared.question} Mean over seeds, with its {level:.0%} interval.", columns, rows)


def claim(name: str, says: str) -> Shown:
    """The claim in words and what decides it: the interval of left side minus right side, or *not run yet*.

    A claim whose interval does not exclude the contrary reads *not shown*. Raises
    :class:`~companion.errors.BadInput` for a claim that is not declared.
    """
    declared, recorded, _ = _read(name, None)
    told = {each.says: each for each in declared.claims}
    check_choice("claim", says, told)
    verdict = outcomes.verdict(told[says], declared, recorded)
    if verdict is None:
        return Shown(f"Not run yet: {says}.")
    difference, units = verdict.difference, _units(told[says].relation, declared)
    interval = f"{in_words(difference)}{units}"
    how = (
        f"{told[says].relation}; difference {interval}, {difference.n} seeds, {told[says].level:.0%} interval"
    )
    return Shown(f"{says}: {how}." if verdict.holds else f"Not shown: {says}. {how}.")


def figure(name: str, measure: str | None = None, *, budget: str | None = None) -> Any:
    """One dot per seed and arm, and each arm's mean with its interval; arms from top to bottom as declared.

    The :class:`~companion.plots.BookFigure` carries a description for those who do not see it. Raises
    :class:`~companion.errors.BadInput` for an experiment or a measure that is not declared, and where nothing was run
    yet.
    """
    from companion import plots

    declared, recorded, budget = _read(name, budget)
    shown = _measures(declared, () if measure is None else (measure,))[0]
    by_arm = recorded.figures(budget).get(shown.name, {})
    if not by_arm:
        raise BadInput(
            f"experiment {name!r} has no runs of budget {budget!r} yet: run it before it is drawn."
        )
    values = {
        arm.says: list(by_arm[arm.name].values()) for arm in declared.arms.values() if arm.name in by_arm
    }
    means = {says: claims.mean_interval(seeds) for says, seeds in values.items()}
    unit = f"{shown.says}, {shown.unit}" if shown.unit else shown.says
    intervals = {says: (each.low, each.high) for says, each in means.items()}
    return plots.seed_dots(values, intervals, xlabel=unit, alt=declared.question)


def expected(name: str, arm: str, measure: str, guarded: int) -> claims.Interval:
    """Where one further seed of ``arm`` must lie: a prediction interval at the level 1 - 0.01 / ``guarded``.

    ``guarded`` is how many figures of the book are checked in this way. The deviation is pooled over all arms. Raises
    :class:`~companion.errors.BadInput` for a name that is not declared and for fewer than two recorded seeds.
    """
    declared, recorded, budget = _read(name, None)
    check_choice("measure", measure, declared.measures)
    check_choice("arm", arm, declared.arms)
    by_arm = recorded.figures(budget).get(measure, {})
    if not by_arm.get(arm):
        raise BadInput(f"experiment {name!r} has no run of {arm} yet: run it first.")
    deviation, degrees = claims.pooled_deviation([list(seeds.values()) for seeds in by_arm.values()])
    level = 1 - FALSE_ALARMS / guarded
    return claims.prediction_interval(
        list(by_arm[arm].values()), deviation=deviation, degrees=degrees, level=level
    )


def _read(name: str, budget: str | None) -> tuple[Declaration, Outcome, str]:
    declared = declaration.read(name)
    chosen = declared.first_budget if budget is None else check_choice("budget", budget, declared.budgets)
    return declared, outcomes.read(name), chosen


def _measures(declared: Declaration, asked: tuple[str, ...]) -> list[Measure]:
    return [declared.measures[check_choice("measure", each, declared.measures)] for each in asked] or list(
        declared.measures.values()
    )


def _units(relation: str, declared: Declaration) -> str:
    """The unit of a difference, where all measures of the relation have the same."""
    named = {declared.measures[measure].unit for measure, _ in claims.arms_of(relation, declared.places)}
    unit = named.pop() if len(named) == 1 else ""
    return f" {unit}" if unit and "slope(" not in relation else ""


def in_words(interval: claims.Interval) -> str:
    """Mean and ends of an interval, with four digits; the mean alone where there is one seed."""
    if interval.n == 1:
        return _number(interval.mean)
    return f"{_number(interval.mean)} [{_number(interval.low)}, {_number(interval.high)}]"


def _cell(values: list[float], level: float, published: float | None, without: str) -> str:
    measured = in_words(claims.mean_interval(values, level)) if values else without
    return measured if published is None else f"{measured} (published: {_number(published)})"


def _number(value: Any) -> str:
    """Four significant digits, with a true minus sign."""
    return f"{value:#.4g}".rstrip(".").replace("-", "−")
