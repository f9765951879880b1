"""The solutions of exercises, from the package ``companion.solutions``, which an instructor may remove."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from companion.exercises.exercise import SOLUTIONS, Exercise
from companion.listing import Listing, show_source

PACKAGE = "companion.solutions"


def solution_of(exercise: Exercise) -> Listing | None:
    """The listing of the solution; None, after printing the reason, where there is none to show."""
    if not exercise.attempts:
        print(
            f"{exercise.name}: try it first. After one call of check with an answer of your own, ask again."
        )
    elif find_spec(PACKAGE) is None:
        print(f"{exercise.name}: the instructor keeps the solutions; this copy of the book has none.")
    else:
        return show_source(solution_function(exercise))
    return None


SOLUTIONS[:] = [solution_of]


def solution_function(exercise: Exercise) -> Any:
    """The function or class that solves ``exercise``, or a function that returns the answer to another kind."""
    return getattr(import_module(f"{PACKAGE}.chapter_{exercise.chapter}"), exercise.name)


def solving_answer(exercise: Exercise) -> Any:
    """What a learner would pass to ``check``."""
    found = solution_function(exercise)
    return found() if exercise.kind in ("compute", "open") else found
