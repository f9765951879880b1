"""The verdict of a check on an answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether an answer passed, the text to print, the hint in it, and whether the answer counts as an attempt."""

    passed: bool
    text: str
    hint: str = ""
    is_attempt: bool = True


def passed(name: str, remark: str = "") -> Verdict:
    """The verdict on a right answer."""
    return Verdict(True, f"{name}: passed. {remark}".rstrip())


def not_tried(name: str) -> Verdict:
    """The verdict on a stub, which does not count as an attempt."""
    return Verdict(False, f"{name}: nothing to check yet. Put your answer in the place of `...`.", "", False)


def as_handed_out(name: str) -> Verdict:
    """The verdict on broken code that was not mended yet: no attempt, and nothing that would give the answer away."""
    advice = f"This is the code as it was handed out; `exercises.{name}.hint()` gives a first hint."
    return Verdict(False, f"{name}: not yet. {advice}", "", False)


def failed(name: str, says: str, came: str, expected: str, hint: str) -> Verdict:
    """The verdict on a wrong answer: the input, what came, what was expected, and a hint."""
    rows = {"input": says, "came": came, "expected": expected, "hint": hint}
    lines = [f"  {row + ':':10}{_on_one_line(text)}" for row, text in rows.items() if text]
    return Verdict(False, "\n".join([f"{name}: not yet.", *lines]), hint)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
