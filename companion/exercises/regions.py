"""Which numbers pass a ``compute`` exercise and which get a hint, as intervals on a grid of decimals.

Nothing is declared a second time: the exercise itself is asked for its verdict on numbers, from those that its
declaration names outwards, until the verdict changes. The book's pages are made from what is found.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from companion.exercises.exercise import Exercise
from companion.exercises.recognition import DECIMALS, DIGITS
from companion.exercises.values import ATOL, as_values

# How many steps of the grid the tolerance has at least, and decimals that a recognised rounding may need.
STEPS_IN_TOLERANCE, FEWEST_DECIMALS = 1000, 3


@dataclass(frozen=True)
class Region:
    """The numbers from ``low`` to ``high``, counted in steps of the grid, and their hint; None where they pass."""

    low: int
    high: int
    hint: str | None


class Grid:
    """The verdicts of ``exercise``, which asks for one number, on decimals of a fixed number of places."""

    def __init__(self, exercise: Exercise) -> None:
        self.exercise = exercise
        self._cases = exercise.cases()
        (case,) = self._cases
        self.expected = float(case.expected)
        tolerance = max(exercise.rtol * abs(self.expected), ATOL)
        self.decimals = max(FEWEST_DECIMALS, math.ceil(-math.log10(tolerance / STEPS_IN_TOLERANCE)))

    def hint(self, step: int) -> str | None:
        """The hint for a wrong number, the exercise's :attr:`no_hint` among them; None for one that passes."""
        number = step / 10**self.decimals  # the nearest float, as that of the number when it is typed
        verdict = self.exercise.verdict_on(self._cases, [as_values(number)])
        return None if verdict.passed else verdict.hint

    def regions(self) -> list[Region]:
        """Every interval whose numbers pass or get a hint that says more than where to find one."""
        found: list[Region] = []
        for step in self._named_steps():
            hint = self.hint(step)
            is_new = not any(each.low <= step <= each.high for each in found)
            if is_new and hint != self.exercise.no_hint:
                found.append(Region(self._last(step, -1, hint), self._last(step, 1, hint), hint))
        return found

    def _named_steps(self) -> Iterator[int]:
        """A step in each interval: at the right number and beside it, its roundings and opposite, and the mistakes."""
        right, expected = self._step(self.expected), self.expected
        yield from (right, right - 1, right + 1, self._step(-expected))
        yield from (self._step(float(f"{expected:.{digits}g}")) for digits in DIGITS)
        yield from (self._step(np.round(expected, decimals)) for decimals in DECIMALS)
        with np.errstate(all="ignore"):
            yield from (self._step(float(mistake.gives())) for mistake in self.exercise.mistakes)

    def _step(self, number: float) -> int:
        return round(number * 10**self.decimals)

    def _last(self, start: int, direction: int, hint: str | None) -> int:
        """The last step from ``start`` on that still gets ``hint``; strides double, then halve."""
        inside, stride = start, 1
        while self.hint(inside + direction * stride) == hint:
            inside += direction * stride
            stride *= 2
        while stride > 1:
            stride //= 2
            if self.hint(inside + direction * stride) == hint:
                inside += direction * stride
        return inside
