"""One line of JSON after another, between two processes of which the other one may do its worst.

A channel never blocks its owner: one thread reads, another one writes. It takes no line longer than its limit, and it
says in words how it ended. Both pipes are the process's standard input and output, under other numbers.
"""

import json
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

GLANCE = 0.1
LONGEST_LINE = 8 * 10**6
PIECE = 2**16
_CLOSED, _TOO_LONG = object(), object()


class Ended(Exception):
    """Nothing more will come; the text says why."""


class Channel:
    """Messages to and from another process.

    ``trouble`` is called several times per second while a message is awaited; a text that it returns ends the channel.
    """

    def __init__(
        self, reads: int, writes: int, trouble: Callable[[], str], longest: int = LONGEST_LINE
    ) -> None:
        self._trouble, self._longest = trouble, longest
        self._came: queue.Queue[Any] = queue.Queue(100)
        self._to_go: queue.Queue[bytes] = queue.Queue()
        self.ended = ""
        threading.Thread(target=self._read, args=(reads,), daemon=True).start()
        threading.Thread(target=self._write, args=(writes,), daemon=True).start()

    def send(self, message: dict[str, Any]) -> None:
        """Send ``message``; return at once, whether or not the other side reads it."""
        self._to_go.put(json.dumps(message).encode() + b"\n")

    def receive(self) -> dict[str, Any]:
        """The next message. Raises :class:`Ended` where there will be none, then and ever after."""
        trouble = ""
        while not self.ended:
            try:
                line = self._came.get(timeout=GLANCE)
            except queue.Empty:
                # What was sent just before the trouble gets one more look.
                self.ended, trouble = trouble, self._trouble()
                continue
            if line is _CLOSED:
                self.ended = self._why_closed()
            elif line is _TOO_LONG:
                self.ended = f"an answer took more than {self._longest / 1e6:g} MB"
            else:
                message = _message_in(line)
                if message is not None:
                    return message
                self.ended = "tampering: something else than answers was written into their channel"
        raise Ended(self.ended)

    def _why_closed(self) -> str:
        last = time.monotonic() + 20 * GLANCE  # a process closes its channel a moment before it ends
        while not (trouble := self._trouble()) and time.monotonic() < last:
            time.sleep(GLANCE)
        return trouble or "tampering: the channel of the answers was closed"

    def _read(self, descriptor: int) -> None:
        held: list[bytes] = []
        size = 0
        while piece := _read_some(descriptor):
            *lines, rest = piece.split(b"\n")
            for line in lines:
                self._came.put(b"".join([*held, line]))
                held, size = [], 0
            held.append(rest)
            size += len(rest)
            if size > self._longest:
                self._came.put(_TOO_LONG)
                return
        self._came.put(_CLOSED)

    def _write(self, descriptor: int) -> None:
        try:
            while line := self._to_go.get():
                while line:
                    line = line[os.write(descriptor, line) :]
        except OSError:  # the other side is gone, which the reader will notice
            return


def _read_some(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, PIECE)
    except OSError:
        return b""


def _message_in(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
