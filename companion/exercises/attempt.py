"""One try: the learner's answer is run on the input of a case, and what comes back is brought to numbers."""

import dis
import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any

from companion.errors import BadInput
from companion.exercises import values
from companion.exercises.faults import what_stopped
from companion.exercises.time_limit import Stopped, TookTooLong, call_within
from companion.exercises.verdict import Verdict, failed, not_tried

NOTHING = (None, ...)
# What the body `...`, `pass`, `return None` or a docstring alone is compiled to.
IDLE = {"RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}


class Watched:
    """A learner's function, and whether a call of it has returned None."""

    def __init__(self, answer: Any):
        self.returned_none = False
        self.is_stub = _does_nothing(answer)
        self.answer = self._watching(answer) if isinstance(answer, FunctionType) else answer

    def _watching(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def watching(*args: Any, **kwargs: Any) -> Any:
            came = function(*args, **kwargs)
            self.returned_none = self.returned_none or came is None
            return came

        return watching

    @property
    def forgot_return(self) -> bool:
        """Whether the function does something and gives nothing back."""
        return self.returned_none and not self.is_stub


def outcome_of(
    name: str, answer: Any, measured: Callable[[Any], Any], says: str, wanted: str, seconds: float
) -> Any:
    """What ``measured(answer)`` gives, as arrays; a verdict where it gives nothing that can be compared.

    ``says`` describes the input and ``wanted`` the right result, for that verdict.
    """
    watched = Watched(answer)
    raw: list[Any] = []

    def run() -> Any:
        raw.append(measured(watched.answer))
        # A learner's object may take its time, or fail, when it is asked for its numbers.
        return None if _is_nothing(raw[0]) else values.as_values(raw[0])

    def told(came: str, hint: str) -> Verdict:
        return failed(name, says, came, wanted, hint)

    try:
        came = call_within(seconds, run)
    except NotImplementedError:
        return not_tried(name)
    except TookTooLong:
        return told(f"nothing within {seconds:g} s", "Is there a loop that never ends?")
    except Stopped:
        return told("nothing: you interrupted it", "Call the check again.")
    except BaseException as error:
        if watched.forgot_return:
            return _without_return(told)
        if isinstance(error, BadInput):
            return told(str(error), values.how_to_give_numbers(raw[0] if raw else None))
        return told(what_stopped(error), "Run your function by itself.")
    if came is None:
        return _without_return(told) if watched.forgot_return else not_tried(name)
    return came


def _without_return(told: Callable[[str, str], Verdict]) -> Verdict:
    return told("None", "Your function returned None; is a `return` missing?")


def _is_nothing(value: Any) -> bool:
    return any(value is nothing for nothing in NOTHING)


def _does_nothing(answer: Any) -> bool:
    """Whether ``answer`` is a function whose body is still empty."""
    code = getattr(answer, "__code__", None)
    return code is not None and all(step.opname in IDLE for step in dis.get_instructions(code))
