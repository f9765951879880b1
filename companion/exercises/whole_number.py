"""An exercise that asks for a count: the numbers next to the right one are wrong, however large it is."""

from typing import Any

from companion.exercises.exercise import Exercise
from companion.exercises.values import as_values, in_words
from companion.exercises.verdict import Verdict, failed


class WholeNumber(Exercise):
    """A ``compute`` exercise whose answer is a whole number, compared without any tolerance."""

    def judge(self, answer: Any) -> Verdict:
        verdict = super().judge(answer)
        if not verdict.passed:
            return verdict
        (case,) = self.cases()
        came = as_values(self._measured(answer, case))
        if came.item() == case.expected:
            return verdict
        hint = "That is close, and a count is exact. Did every unit get its bias, and none a second one?"
        return failed(self.name, case.says, in_words(came), self.unit, hint)
