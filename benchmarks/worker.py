"""A contestant's process, seen from the benchmark: started once, told "run one round" by a line, stopped at the end.

The process answers each line with a line of JSON. What it prints beside that goes to a log, whose last lines are the
reason that is recorded where it dies.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from benchmarks.environment import ROOT, Missing, interpreter, variables

PATIENCE = 600  # seconds for any one answer
CLEANING = 20  # seconds in which a process that was told to stop may put away what it made


class Worker:
    """The process that runs ``benchmarks.workers.MODULE`` in an environment, with what it has to do in ``spec``.

    Raises :class:`~benchmarks.environment.Missing` where it cannot be started, and :meth:`round` where it dies.
    """

    def __init__(
        self, environment: str, module: str, spec: dict[str, Any], log: Path, backend: str = "tensorflow"
    ):
        python = interpreter(environment)
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        spec = {**spec, "backend": backend, "spawned": time.time()}
        with log.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                [str(python), "-m", f"benchmarks.workers.{module}", json.dumps(spec)],
                cwd=ROOT,
                env=variables(backend, spec["threads"]),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._answer("ready")

    def round(self) -> float:
        """Have one round run; the seconds that it took."""
        self._say("round")
        return float(self._answer("seconds"))

    def stop(self) -> dict[str, Any]:
        """End the process; what it knows of itself: seconds to import and to the first step, memory, versions."""
        self._say("stop")
        facts = self._answer("facts")
        with suppress(subprocess.TimeoutExpired):
            self.process.communicate(timeout=CLEANING)
        self.close()
        return facts

    def close(self) -> None:
        """End the process and all that it started, whatever they do."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _say(self, word: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except OSError as error:
            raise self._death() from error

    def _answer(self, key: str) -> Any:
        stdout = self.process.stdout
        assert stdout is not None
        if not select.select([stdout], [], [], PATIENCE)[0]:
            self.close()
            raise Missing(f"it gave no answer within {PATIENCE} seconds")
        line = stdout.readline()
        if not line:
            raise self._death()
        return json.loads(line)[key]

    def _death(self) -> Missing:
        self.process.wait()
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        # Some libraries print advice below the exception.
        errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|BadInput)\b", line)]
        last = (errors or lines)[-1:]
        return Missing(last[0] if last else f"its process ended with code {self.process.returncode}")
