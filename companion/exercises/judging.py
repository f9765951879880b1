"""The judge: reaches the verdicts on notebooks, outside of the processes in which they run.

``python -m companion.exercises.judging`` is started by :mod:`companion.exercises.grading` and judges one notebook after
another, so that libraries are imported once. Of a learner it sees data only. The checks are those of the exercises:
what a learner meets in a notebook and what is graded cannot differ.
"""

import functools
import json
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from companion.errors import BadInput
from companion.exercises.channel import Channel, Ended
from companion.exercises.exercise import Case, Exercise, OpenExercise, call
from companion.exercises.notebook import CHECK
from companion.exercises.processes import Apart, end_marked
from companion.exercises.registry import all_exercises
from companion.exercises.time_limit import TookTooLong
from companion.exercises.verdict import Verdict
from companion.exercises.wire import NOTHING, packed, unpacked

CHECKS_THAT_COUNT, MOST_SIGNS = 10, 10
# The learner's process keeps the time of an open exercise a little short, so that the judge's clock does not interrupt.
IN_TIME = 0.9
State = dict[str, Any]


@functools.cache
def cases_of(name: str) -> list[Case]:
    """The cases of an exercise, made once per judge."""
    return all_exercises()[name].cases()


@dataclass
class Learner:
    """What a learner's process answers, asked through its channel."""

    channel: Channel
    signs: list[str]
    asked: int = 0

    def message(self) -> dict[str, Any]:
        """The next message that is no notice; notices are kept as signs."""
        while True:
            message = self.channel.receive()
            if set(message) != {"notice"}:
                return message
            sign = str(message["notice"])[:100]
            if sign not in self.signs and len(self.signs) < MOST_SIGNS:
                self.signs.append(sign)

    def value(self, function: int, arguments: tuple[Any, ...], seconds: float, measured: bool = False) -> Any:
        """The value of a function in the learner's process, or the exception that stands for what it did."""
        self.asked += 1
        question = {"id": self.asked, "function": function, "measured": measured, "seconds": seconds}
        self.channel.send({**question, "arguments": [packed(each) for each in arguments]})
        reply = self.message()
        while type(reply.get("id")) is int and reply["id"] < self.asked:
            reply = self.message()  # the answer to an earlier question, too late
        if reply.get("id") != self.asked:
            raise self.broken()
        if "value" not in reply:
            raise _failure(reply)
        return self.unpacked(reply["value"])

    def unpacked(self, tree: Any, function: Callable[[int], Any] | None = None) -> Any:
        """An answer from its data."""
        try:
            return unpacked(tree, function)
        except (ValueError, RecursionError):
            raise self.broken() from None

    def broken(self) -> Ended:
        """The end, since a message has another form than the learner's process gives it."""
        self.channel.ended = "tampering: an answer came in a form that no check writes"
        return Ended(self.channel.ended)


def _failure(reply: dict[str, Any]) -> Exception:
    """The exception that a check turns into the words for this failure."""
    text = str(reply.get("text", ""))
    if reply.get("failed") == "late":
        return TookTooLong()
    if reply.get("failed") == "nothing":
        return NotImplementedError()
    if reply.get("failed") == "unfit":
        return BadInput(text)
    kind, _, rest = text.partition(": ")
    kind = kind if re.fullmatch(r"\w{1,60}", kind) else "Exception"
    return type(kind, (Exception,), {})(rest)


@dataclass(frozen=True)
class Function:
    """A function in the learner's process, by its number."""

    number: int


def verdict_on(name: str, tree: Any, learner: Learner) -> Verdict:
    """The verdict on the answer ``tree`` to the exercise ``name``."""
    exercise = all_exercises()[name]
    if isinstance(exercise, OpenExercise):
        seconds = IN_TIME * exercise.seconds
        verdict = exercise.judge(
            learner.unpacked(tree, lambda n: lambda *given: learner.value(n, given, seconds))
        )
        if learner.channel.ended:
            raise Ended(learner.channel.ended)
        return verdict
    answer = learner.unpacked(tree, Function)
    if not isinstance(answer, Function):
        return exercise.judge(answer)
    turn = iter(list(_values_of(exercise, answer.number, learner)))

    def next_value(*_: Any) -> Any:
        value = next(turn)
        if isinstance(value, Exception):
            raise value
        return value

    if exercise.kind == "compute":
        return exercise.judge(next_value)
    return replace(exercise, cases=lambda: cases_of(name), measure=next_value).judge(next_value)


def _values_of(exercise: Exercise, function: int, learner: Learner) -> Iterator[Any]:
    """The values on all cases, up to the first one that fails, which comes as an exception."""
    for case in cases_of(exercise.name):
        try:
            value = learner.value(function, case.arguments, exercise.seconds, exercise.measure is not call)
        except Ended:
            raise
        except Exception as error:
            value = error
        yield value
        if isinstance(value, Exception) or any(value is nothing for nothing in NOTHING.values()):
            return


def judged(task: dict[str, Any]) -> dict[str, Any]:
    """The state of each exercise of a notebook, what stopped it, if anything did, and the signs of tampering."""
    names = task["names"]
    states: dict[str, State] = {
        name: {"attempts": 0, "passed": False, "stopped": False, "remark": "", "checks": 0} for name in names
    }
    signs: list[str] = []
    with Apart(
        "companion.exercises.submission", task["seconds"], task["megabytes"], mark=task["mark"]
    ) as process:
        learner = Learner(process.channel, signs)
        every = all_exercises()
        learner.channel.send(
            {
                "texts": task["texts"],
                "names": list(every),
                "chapters": [each.chapter for each in every.values()],
                "measured": [name for name in names if every[name].measure is not call],
            }
        )
        trouble = ""
        try:
            while "end" not in (message := learner.message()):
                _take(message, task["texts"], states, learner)
        except Ended as end:
            trouble = str(end)
    return {"states": states, "trouble": trouble, "signs": signs, "secret": task["secret"]}


def _take(message: dict[str, Any], texts: list[str], states: dict[str, State], learner: Learner) -> None:
    """Judge an answer, or note a cell that failed."""
    if type(message.get("cell")) is int and 0 <= message["cell"] < len(texts):
        for name in set(CHECK.findall(texts[message["cell"]])) & set(states):
            states[name].update(stopped=True, remark=str(message.get("text", "")))
        return
    if type(message.get("id")) is int:
        return  # the answer to a question that was given up
    name = message.get("check")
    if not isinstance(name, str) or name not in all_exercises():
        raise learner.broken()
    state = states.get(name, {"checks": CHECKS_THAT_COUNT})
    state["checks"] += 1
    text = ""
    if state["checks"] <= CHECKS_THAT_COUNT:
        try:
            verdict = verdict_on(name, message.get("answer"), learner)
        except Ended:
            raise
        except Exception as error:  # a check that needs another backend, or a library that is not there
            state.update(stopped=True, remark=f"the check itself failed: {type(error).__name__}: {error}")
        else:
            text = verdict.text
            state["attempts"] += verdict.is_attempt
            state["passed"] = state["passed"] or verdict.passed
            state.update(remark=text, stopped=False)
    learner.channel.send({"verdict": text})


def main() -> None:
    """Judge the notebooks that come in, one after another, until there are no more."""
    requests, results = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1):
        os.dup2(nowhere, each)
    tasks: queue.Queue[dict[str, Any]] = queue.Queue()
    marks: list[str] = []

    def listen() -> None:
        for line in requests:
            task = json.loads(line)
            marks.append(task["mark"])
            tasks.put(task)
        for mark in marks[-1:]:  # nobody waits for the result any more
            end_marked(mark)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        answer = json.dumps(judged(tasks.get())).encode() + b"\n"
        while answer:
            answer = answer[os.write(results, answer) :]


if __name__ == "__main__":
    main()
