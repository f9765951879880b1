"""Run one submitted notebook, in the learner's process: ``python -m companion.exercises.submission``.

No verdict is reached here. ``exercises.NAME.check(answer)`` sends the answer to the judge as data and then serves the
judge's questions: what does function number 0 give for these arguments? Names of this module that a notebook replaces
change what is sent, never how it is judged. A cell that fails is reported, and the next one runs.
"""

import os
import sys
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import companion
from companion.errors import BadInput
from companion.exercises.exercise import call
from companion.exercises.faults import what_stopped
from companion.exercises.measures import Measure, keep_away, measures_of
from companion.exercises.time_limit import TookTooLong, call_within
from companion.exercises.values import as_values
from companion.exercises.wire import NOTHING, packed, unpacked

Send = Callable[[dict[str, Any]], None]
Receive = Callable[[], dict[str, Any]]


class Judge:
    """The way to the judge: hand in an answer and serve questions until the verdict comes."""

    def __init__(self, send: Send, receive: Receive, measures: dict[str, Measure]) -> None:
        self._send, self._receive, self._measures = send, receive, measures
        self._busy = threading.Lock()
        self.notice = lambda text: send({"notice": text})

    def hand_in(self, name: str, answer: Any) -> None:
        """Send ``answer``; print what the judge says. A check inside of an answer that is being checked is ignored."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            functions: list[Any] = []
            self._send({"check": name, "answer": packed(answer, functions)})
            while "verdict" not in (message := self._receive()):
                self._send({"id": message["id"], **self._value_of(message, name, functions)})
            print(message["verdict"])
        finally:
            self._busy.release()

    def _value_of(self, question: dict[str, Any], name: str, functions: list[Any]) -> dict[str, Any]:
        """What a function of the learner gives, or how it failed."""
        measure = self._measures[name] if question["measured"] else Measure(call, ())
        measure.load()  # before the clock starts
        arguments = [unpacked(each) for each in question["arguments"]]

        def value() -> Any:
            came = measure.function(functions[question["function"]], *arguments)
            nothing = any(came is each for each in NOTHING.values())
            return packed(came if nothing else as_values(came))

        try:
            return {"value": call_within(question["seconds"], value)}
        except TookTooLong:
            return {"failed": "late"}
        except NotImplementedError:
            return {"failed": "nothing"}
        except BadInput as error:
            return {"failed": "unfit", "text": str(error)}
        except BaseException as error:
            return {"failed": "error", "text": what_stopped(error)}


class HandedIn:
    """What stands for an exercise in the learner's process: it has a name, and no inputs, results or verdict."""

    passed, attempts = False, 0
    name: str
    _judge: Judge

    def __init__(self, name: str, judge: Judge) -> None:
        self.__dict__.update(name=name, _judge=judge)

    def __setattr__(self, name: str, value: Any) -> None:
        self._judge.notice(f"sets .{name}")

    def check(self, answer: Any) -> None:
        """Hand in ``answer``."""
        self._judge.hand_in(self.name, answer)

    def hint(self) -> None:
        """There are no hints while a notebook is graded."""

    def solution(self) -> None:
        """There are no solutions while a notebook is graded."""


def stand_in(names: list[str], chapters: list[str], judge: Judge) -> ModuleType:
    """A module in the place of :mod:`companion.exercises`."""
    module = ModuleType("companion.exercises", "The exercises, while a notebook is graded.")
    by_name = {name: HandedIn(name, judge) for name in names}
    module.__dict__.update(by_name)
    of = list(zip(chapters, names, strict=True))
    module.names = lambda chapter=None: [  # type: ignore[attr-defined]
        name for number, name in of if chapter is None or number == f"{int(chapter):02}"
    ]
    module.of_chapter = lambda chapter: [by_name[name] for number, name in of if number == chapter]  # type: ignore[attr-defined]
    module.progress = lambda chapter: None  # type: ignore[attr-defined]
    return module


def run(texts: list[str], send: Send) -> None:
    """Run the texts one after another in one namespace, and report each that fails."""
    names: dict[str, Any] = {"__name__": "__main__"}
    own = os.getpid()
    for number, text in enumerate(texts):
        try:
            exec(compile(text, "<submission>", "exec"), names)
        except BaseException as error:  # whatever a learner's cell raises, the next one runs
            if os.getpid() == own:
                send({"cell": number, "text": what_stopped(error)})
        if os.getpid() != own:
            os._exit(0)  # a copy that the notebook made of its process; one is enough
    send({"end": True})


def main() -> None:
    """Take the two pipes off standard input and output, prepare, and run."""
    import json

    own, lock = os.getpid(), threading.Lock()
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)

    def send(message: dict[str, Any]) -> None:
        line = json.dumps(message).encode() + b"\n"
        with lock:
            while line and os.getpid() == own:
                line = line[os.write(answers, line) :]

    def receive() -> dict[str, Any]:
        return json.loads(requests.readline())

    task = receive()
    judge = Judge(send, receive, measures_of(task["measured"]))
    keep_away(judge.notice)
    module = stand_in(task["names"], task["chapters"], judge)
    sys.modules["companion.exercises"] = companion.exercises = module
    run(task["texts"], send)
    os._exit(0)  # threads and exit handlers of the notebook have nothing more to say


if __name__ == "__main__":
    main()
