"""What a check can ask of a reason: that it is a sentence of the learner's own and names what the question is about."""

import re
from typing import Any

from companion.exercises.exercise import Demand, reason_of

DIFFERENT, OWN = 6, 3


def in_own_words(question: str, about: str, *names: str) -> tuple[Demand, ...]:
    """The demands on the reason under ``because``: long enough, no filler, not the ``question``, and to the point.

    ``about`` says in words what the reason has to name; it names it where it holds one of ``names``, which are regular
    expressions for the beginnings of words. Whether the reason is a good one remains for discussion.
    """
    asked = _words(question)

    def is_own(answer: Any) -> bool:
        words = _words(answer["because"])
        return len(words) >= DIFFERENT and len(words - asked) >= OWN

    def is_to_the_point(answer: Any) -> bool:
        return any(re.match(name, word) for word in _words(answer["because"]) for name in names)

    return (
        reason_of(),
        Demand(
            is_own,
            "a reason in your own words under 'because'",
            "Write a sentence of your own, neither the question again nor one word many times.",
        ),
        Demand(
            is_to_the_point,
            f"a reason that names {about}",
            f"What led you to your conclusion? Your sentence should name {about}.",
        ),
    )


def _words(text: Any) -> set[str]:
    return set(re.findall(r"\w+", str(text).lower()))
