"""A worker's half of the conversation: it reads "round" or "stop" from a line and answers with a line of JSON.

Nothing here needs more than Python, for every environment has to import it.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "jax", "jaxlib", "torch", "pythae", "numpy")


class Talk:
    """The worker's orders in ``spec``, and what it will tell of itself at the end in ``facts``."""

    def __init__(self) -> None:
        self.spec: dict[str, Any] = json.loads(sys.argv[1])
        # From the start of the process until all that it imports is there.
        self.facts: dict[str, Any] = {"import_s": time.time() - self.spec["spawned"], "first_step_s": None}
        # What a library prints must not come between the answers.
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._asked = False

    def first_step(self, seconds: float) -> None:
        """Note how long it took from building the model to the end of the first step."""
        self.facts["first_step_s"] = seconds

    def next_round(self, seconds: float | None = None) -> bool:
        """Say that all is ready, or how long the last round took; wait. True: run a round. False: end."""
        self._say({"seconds": seconds} if self._asked else {"ready": True})
        self._asked = True
        if sys.stdin.readline().strip() == "round":
            return True
        # A worker whose work is done by another process has noted that one's memory.
        self.facts.setdefault("peak_memory_mb", peak_memory_mb())
        self._say({"facts": {**self.facts, "versions": versions()}})
        return False

    def serve(self, one_round: Callable[[], None]) -> None:
        """Run ``one_round`` as often as it is asked for."""
        seconds = None
        while self.next_round(seconds):
            began = time.perf_counter()
            one_round()
            seconds = time.perf_counter() - began

    def _say(self, answer: dict[str, Any]) -> None:
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()


def peak_memory_mb() -> int:
    """The most memory that this process has held, in units of 10^6 bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6)


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide a figure, where they are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
