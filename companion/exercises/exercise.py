"""An exercise: what it asks, how an answer is judged, and which hint fits which mistake."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from companion.exercises import values
from companion.exercises.attempt import NOTHING, outcome_of
from companion.exercises.faults import what_stopped
from companion.exercises.recognition import general_hint
from companion.exercises.time_limit import Stopped, TookTooLong, call_within
from companion.exercises.verdict import Verdict, as_handed_out, failed, not_tried, passed

KINDS = {"compute": "compute", "code": "code", "mend": "break and mend", "open": "open"}
SECONDS = 10.0
# Modules above this one import it, so it cannot import them; they register here what to call.
AFTER_CHECK: list[Callable[[str], None]] = []  # called with the chapter after every check
SOLUTIONS: list[Callable[["Exercise"], Any]] = []  # the first one gives what Exercise.solution returns


@dataclass(frozen=True)
class Case:
    """One input of a check: its description, the arguments, and the right result."""

    says: str
    arguments: tuple[Any, ...]
    expected: Any


@dataclass(frozen=True)
class Mistake:
    """A typical wrong answer: its result on the arguments of a case, and the hint that belongs to it.

    ``untouched`` marks the broken code that the notebook hands out to be mended; its hints are those of the exercise.
    """

    gives: Callable[..., Any]
    hint: str = ""
    untouched: bool = False


def call(answer: Any, *arguments: Any) -> Any:
    """What is judged by default: the value of the learner's function."""
    return answer(*arguments)


def the_number(value: float) -> Callable[[], list[Case]]:
    """The cases of a ``compute`` exercise: no input, one number."""
    return lambda: [Case("", (), value)]


@dataclass
class Exercise:
    """One exercise of a chapter.

    ``cases`` makes the inputs and the expected results. ``measure`` computes what is compared, by default the value of
    the learner's function. ``unit`` describes the number that a ``compute`` exercise asks for, so that the message for
    a wrong answer does not show the right one. An answer that fails is compared with each of ``mistakes`` on the same
    inputs.
    """

    name: str
    chapter: str
    kind: str
    title: str
    cases: Callable[[], list[Case]]
    mistakes: tuple[Mistake, ...] = ()
    hints: tuple[str, ...] = ()
    measure: Callable[..., Any] = call
    unit: str = ""
    rtol: float = values.RTOL
    seconds: float = SECONDS
    attempts: int = field(default=0, init=False)
    passed: bool = field(default=False, init=False)
    hints_given: int = field(default=0, init=False)
    last_answer: str = field(default="", init=False)

    def check(self, answer: Any) -> None:
        """Judge ``answer`` and print the result: passed, or what differs and a hint."""
        verdict = self.judge(answer)
        self.attempts += verdict.is_attempt
        self.passed = self.passed or verdict.passed
        self.last_answer = verdict.text
        print(verdict.text)
        for listener in AFTER_CHECK:
            listener(self.chapter)

    def judge(self, answer: Any) -> Verdict:
        """The verdict on ``answer``, without printing or counting it. Never raises, whatever the answer does."""
        if any(answer is nothing for nothing in NOTHING):
            return not_tried(self.name)
        if self.kind != "compute" and not callable(answer):
            given = f"a value of type {type(answer).__name__}"
            return failed(self.name, "", given, "your function", "Pass the function's name, without ().")
        cases = self.cases()  # imports what it needs before the clock starts
        came: list[Any] = []
        for case in cases:
            outcome = self._outcome(answer, case)
            if isinstance(outcome, Verdict):
                return outcome
            came.append(outcome)
        return self.verdict_on(cases, came)

    def verdict_on(self, cases: list[Case], came: list[Any]) -> Verdict:
        """The verdict on the results of an answer, ``came[i]`` being that on ``cases[i]``."""
        wrong = [
            i for i, case in enumerate(cases) if not values.close(came[i], _values(case.expected), self.rtol)
        ]
        return self._explain(cases, came, wrong[0]) if wrong else passed(self.name)

    def hint(self) -> None:
        """Print the next hint."""
        if self.hints_given >= len(self.hints):
            print(f"{self.name}: no hint is left. After an attempt, {self.name}.solution() shows a solution.")
            return
        self.hints_given += 1
        print(
            f"{self.name}, hint {self.hints_given} of {len(self.hints)}: {self.hints[self.hints_given - 1]}"
        )

    def solution(self) -> Any:
        """The source of a solution, after at least one attempt, if the instructor has left it in the package."""
        return SOLUTIONS[0](self)

    def __repr__(self) -> str:
        state = "passed" if self.passed else "tried" if self.attempts else "not tried yet"
        return f"{self.name}: {self.title} ({KINDS[self.kind]}, chapter {self.chapter}; {state})"

    def _outcome(self, answer: Any, case: Case) -> Any:
        """The result of ``answer`` on ``case``, as arrays; a verdict where it cannot be compared."""
        return outcome_of(
            self.name,
            answer,
            lambda watched: self._measured(watched, case),
            case.says,
            self._expectation(case),
            self.seconds,
        )

    def _measured(self, answer: Any, case: Case) -> Any:
        if self.kind == "compute":
            return answer() if callable(answer) else answer
        # Copies, so that an answer that changes its arguments in place does not affect the next comparison.
        return self.measure(answer, *(_copied(argument) for argument in case.arguments))

    def _explain(self, cases: list[Case], came: list[Any], first: int) -> Verdict:
        """The verdict on an answer that is wrong on case ``first``, with the hint of the mistake it equals."""
        case, expected = cases[first], _values(cases[first].expected)
        shown, wanted = values.told_apart(came[first], expected)
        told = case.says, shown, self.unit if self.kind == "compute" else wanted
        for mistake in self.mistakes:
            if self._is(mistake, cases, came):
                return (
                    as_handed_out(self.name) if mistake.untouched else failed(self.name, *told, mistake.hint)
                )
        hint = general_hint(came[first], expected, is_one_number=self.kind == "compute")
        return failed(self.name, *told, hint or self.no_hint)

    @property
    def no_hint(self) -> str:
        """What is said in place of a hint where the mistake was not recognised."""
        return f"`exercises.{self.name}.hint()` gives one."

    def _is(self, mistake: Mistake, cases: list[Case], came: list[Any]) -> bool:
        """Whether the answer is wrong in this way: on every case its result equals that of the mistake."""
        with np.errstate(all="ignore"):
            given = [_values(mistake.gives(*map(_copied, case.arguments))) for case in cases]
        return all(values.close(came[i], given[i], self.rtol) for i in range(len(cases)))

    def _expectation(self, case: Case) -> str:
        return self.unit if self.kind == "compute" else values.in_words(_values(case.expected))


def _values(value: Any) -> Any:
    return values.as_values(value)


def _copied(argument: Any) -> Any:
    return argument.copy() if hasattr(argument, "copy") else argument


@dataclass(frozen=True)
class Demand:
    """One condition on an open answer: a test, the condition in words, and the hint where it fails."""

    holds: Callable[[Any], Any]
    asks: str
    hint: str


@dataclass
class OpenExercise(Exercise):
    """An exercise without one right answer: a check tests what can be tested, the rest is for discussion."""

    demands: tuple[Demand, ...] = ()

    def judge(self, answer: Any) -> Verdict:
        first = self.demands[0]
        try:
            is_empty, came = call_within(self.seconds, lambda: (_is_empty(answer), values.shortened(answer)))
        except TookTooLong:
            return failed(self.name, "", f"nothing within {self.seconds:g} s", first.asks, first.hint)
        except BaseException as error:  # a learner's object may be anything
            return failed(self.name, "", what_stopped(error), first.asks, first.hint)
        if is_empty:
            return not_tried(self.name)
        for demand in self.demands:
            verdict = self._failure_of(demand, answer, came)
            if verdict is not None:
                return verdict
        return passed(self.name, "What can be checked holds; the rest is for discussion.")

    def _failure_of(self, demand: Demand, answer: Any, came: str) -> Verdict | None:
        try:
            if call_within(self.seconds, lambda: bool(demand.holds(answer))):
                return None
        except TookTooLong:
            return failed(self.name, "", f"nothing within {self.seconds:g} s", demand.asks, demand.hint)
        except Stopped:
            return failed(self.name, "", "nothing: you interrupted it", demand.asks, "Call the check again.")
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            pass  # an answer of another form fails the demand
        except BaseException as error:
            return failed(self.name, "", what_stopped(error), demand.asks, demand.hint)
        return failed(self.name, "", came, demand.asks, demand.hint)


def _is_empty(answer: Any) -> bool:
    """Whether an open answer is still the notebook's stub: None or ``...`` wherever a value belongs."""
    if isinstance(answer, Mapping):
        return all(_is_empty(part) for part in answer.values())
    if isinstance(answer, tuple | list):
        return all(_is_empty(part) for part in answer)
    return any(answer is nothing for nothing in (*NOTHING, ""))


def reason_of(words: int = 8) -> Demand:
    """The demand for a reason of at least a few words, under the key ``because``."""
    return Demand(
        lambda answer: len(str(answer["because"]).split()) >= words,
        f"a reason of at least {words} words under 'because'",
        "Say in a sentence what your numbers show and what they do not.",
    )
