"""The progress of a run: a bar on a terminal, one line per epoch where the output goes to a file."""

import sys
import time
from typing import Any

import keras
from tqdm.auto import tqdm

Logs = dict[str, float] | None


def say(line: str) -> None:
    """Print a line on stderr; figures for other programs are in run.json."""
    print(line, file=sys.stderr, flush=True)


def progress_callbacks(quiet: bool, done: int, epochs: int, batches: int) -> list[keras.callbacks.Callback]:
    """Callbacks that show the progress of ``fit``: none if ``quiet``, else a bar on a terminal and lines elsewhere."""
    if quiet:
        return []
    return [Bar(done, epochs, batches)] if sys.stderr.isatty() else [Lines(epochs)]


class Bar(keras.callbacks.Callback):
    """One bar over all batches of all epochs, with the negative ELBO so far in the current epoch."""

    needs_every_batch = False  # it may be called after several at once

    def __init__(self, done: int, epochs: int, batches: int) -> None:
        super().__init__()
        self.epochs, self.epoch, self.batches = epochs, done, batches
        self.span = {"total": epochs * batches, "initial": done * batches}

    def on_train_begin(self, logs: Logs = None) -> None:
        self.bar = tqdm(**self.span, unit="batch", file=sys.stderr, dynamic_ncols=True)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self.bar.set_postfix_str(f"epoch {self.epoch + 1}/{self.epochs}, {_figure(logs)}", refresh=False)
        done = self.epoch * self.batches + min(batch + 1, self.batches)
        self.bar.update(done - self.bar.n)

    def on_train_end(self, logs: Logs = None) -> None:
        self.bar.close()


class Lines(keras.callbacks.Callback):
    """One line per epoch."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs, self.started = epochs, 0.0

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        say(
            f"epoch {epoch + 1}/{self.epochs}: {_figure(logs)}, {time.perf_counter() - self.started:.1f} seconds"
        )


def _figure(logs: dict[str, Any] | None) -> str:
    """The negative ELBO, or the loss of a model that reports none."""
    name = "neg_elbo" if logs and "neg_elbo" in logs else "loss"
    return f"{name} {float((logs or {}).get(name, float('nan'))):.2f} nats/image"
