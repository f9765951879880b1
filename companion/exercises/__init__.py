"""Exercises that check themselves: ``exercises.NAME.check(answer)``, ``.hint()``, ``.solution()``.

A check answers at once and needs neither network nor account. It takes any right form: NumPy, ``keras.ops`` or
TensorFlow, a loop or an array expression, single or double precision. For a wrong answer it prints the input, what
came, what was expected, and a hint that fits the mistake. ``exercises.progress(4)`` shows how many exercises of
chapter 04 are passed.

Names of exercises complete with the Tab key; ``exercises.names()`` lists them. Taught in every chapter.
"""

from typing import Any

from companion.exercises import solution as _solution  # noqa: F401 - it registers what Exercise.solution shows
from companion.exercises.exercise import Case, Demand, Exercise, Mistake, OpenExercise
from companion.exercises.progress_bar import progress
from companion.exercises.registry import all_exercises, of_chapter

__all__ = ["Case", "Demand", "Exercise", "Mistake", "OpenExercise", "names", "of_chapter", "progress"]


def names(chapter: str | int | None = None) -> list[str]:
    """The names of all exercises, or of those of one chapter."""
    if chapter is None:
        return list(all_exercises())
    return [exercise.name for exercise in of_chapter(f"{int(chapter):02}")]


def __getattr__(name: str) -> Any:
    """The exercise of that name."""
    if not name.startswith("_") and name in all_exercises():
        return all_exercises()[name]
    from difflib import get_close_matches

    near = "" if name.startswith("_") else ", ".join(get_close_matches(name, all_exercises(), 3, 0.4))
    raise AttributeError(f"there is no exercise {name!r}" + (f"; did you mean {near}?" if near else ""))


def __dir__() -> list[str]:
    return sorted([*__all__, *all_exercises()])
