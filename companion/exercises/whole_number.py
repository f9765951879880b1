"""An exercise that asks for a count: the numbers next to the right one are wrong, however large it is."""

from typing import Any

from companion.exercises.exercise import Case, Exercise
from companion.exercises.values import in_words
from companion.exercises.verdict import Verdict, failed


class WholeNumber(Exercise):
    """A ``compute`` exercise whose answer is a whole number, compared without any tolerance."""

    def verdict_on(self, cases: list[Case], came: list[Any]) -> Verdict:
        verdict = super().verdict_on(cases, came)
        (case,) = cases
        if not verdict.passed or came[0].item() == case.expected:
            return verdict
        hint = "That is close, and a count is exact. Did every unit get its bias, and none a second one?"
        return failed(self.name, case.says, in_words(came[0]), self.unit, hint)
