"""All exercises by name and by chapter."""

from importlib import import_module
from pathlib import Path

from companion.errors import BadInput
from companion.exercises.exercise import Exercise

# A chapter that is added or dropped brings or takes its file of exercises.
CHAPTERS = tuple(sorted(path.stem[-2:] for path in Path(__file__).parent.glob("chapter_[0-9][0-9].py")))
_all: dict[str, Exercise] = {}


def all_exercises() -> dict[str, Exercise]:
    """Every exercise by its name, in the order of the chapters."""
    if not _all:
        for number in CHAPTERS:
            module = import_module(f"companion.exercises.chapter_{number}")
            _all.update({exercise.name: exercise for exercise in module.EXERCISES})
    return _all


def of_chapter(chapter: str) -> list[Exercise]:
    """The exercises of a chapter, such as ``"04"``. Raises :class:`~companion.errors.BadInput` where there are none."""
    found = [exercise for exercise in all_exercises().values() if exercise.chapter == chapter]
    if not found:
        raise BadInput(
            f"chapter={chapter!r}: expected one of {', '.join(CHAPTERS)}; pass one of these numbers."
        )
    return found
