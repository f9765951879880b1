"""Protects the checks of the exercises from plausible wrong answers: none in the folder ``plausible`` passes.

They are other than the mistakes that an exercise knows: another norm, axis, order or convention, a special case
forgotten, or, for an open exercise, a submission that no run can have given.
"""

from importlib import import_module
from pathlib import Path

import pytest

from companion.exercises.registry import all_exercises

FOLDER = Path(__file__).parent / "plausible"
WRONG = {
    path.stem[-2:]: import_module(f"tests.exercises.plausible.{path.stem}").WRONG
    for path in sorted(FOLDER.glob("chapter_*.py"))
}
EACH = [(chapter, name, what) for chapter in WRONG for name, own in WRONG[chapter].items() for what in own]


@pytest.mark.slow
@pytest.mark.parametrize(("chapter", "name", "what"), EACH)
def test_a_plausible_wrong_answer_does_not_pass(chapter, name, what):
    verdict = all_exercises()[name].judge(WRONG[chapter][name][what])
    assert not verdict.passed, verdict.text


@pytest.mark.parametrize("chapter", WRONG)
def test_every_exercise_has_at_least_eight(chapter):
    own = [name for name, exercise in all_exercises().items() if exercise.chapter == chapter]
    assert list(WRONG[chapter]) == own
    assert min(len(answers) for answers in WRONG[chapter].values()) >= 8
