"""``python -m companion run`` with dynamic binarisation and a checkpoint after every epoch, as a process that waits.

A run writes ``run.json`` when an epoch and its checkpoint are safe. Between two rounds the process is stopped by a
signal, so a round is the time until the next epoch is safe: training, checkpoint and record together. ``run`` decides
by itself what to import and in which order, so its seconds to the first step begin with the start of the process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.workers.talk import Talk
from companion import machine

LOOK_EVERY = 0.004  # seconds


def command(spec: dict, out: Path) -> list[str]:
    """The command line of the run; everything it leaves out is at its default."""
    settings = {
        "dataset": Path(spec["images"]).with_suffix(".npz"),
        "latent-dim": spec["latent_dim"],
        "hidden": ",".join(map(str, spec["hidden"])),
        "batch-size": spec["batch"],
        "binarize": "dynamic",
        "epochs": 10**6,
        "out": out,
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "companion", "run", "vae", *options]


class Run:
    """The process of a run, and how far its ``run.json`` says that it has come."""

    def __init__(self, spec: dict, out: Path) -> None:
        self.record = out / "run.json"
        self.process = subprocess.Popen(command(spec, out), stdin=subprocess.DEVNULL)
        self.epochs, self.written = 0, 0

    def next_epoch(self) -> int:
        """Let the process go on until one more epoch is safe, then stop it; how many epochs that were."""
        self.process.send_signal(signal.SIGCONT)
        before = self.epochs
        while self.epochs == before:
            time.sleep(LOOK_EVERY)
            if self.process.poll() is not None:
                raise RuntimeError(f"the run ended with exit code {self.process.returncode}")
            self._look()
        self.process.send_signal(signal.SIGSTOP)
        return self.epochs - before

    def _look(self) -> None:
        try:
            changed = os.stat(self.record).st_mtime_ns
        except FileNotFoundError:
            return
        if changed != self.written:
            self.written = changed
            self.epochs = json.loads(self.record.read_text(encoding="utf-8"))["epochs_done"]


def main() -> None:
    """Let the run go on, epoch by epoch, until told to stop."""
    talk = Talk()
    folder = Path(tempfile.mkdtemp(dir=Path(talk.spec["images"]).parent))
    began = time.perf_counter()
    run = Run(talk.spec, folder / "run")
    try:
        run.next_epoch()
        first_epoch = time.perf_counter() - began
        seconds: list[float] = []
        while talk.next_round(seconds[-1] if seconds else None):
            began = time.perf_counter()
            epochs = run.next_epoch()
            seconds.append((time.perf_counter() - began) / epochs)
            talk.first_step(first_epoch - min(seconds))
            talk.facts["peak_memory_mb"] = machine.peak_memory_mb(run.process.pid)
    finally:
        run.process.kill()
        run.process.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
