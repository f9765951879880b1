"""Rounds of a Keras model's ``fit``: each epoch is a round, and between two epochs the model waits for the next order.

So what ``fit`` does before its first epoch is paid once, and contestants take turns epoch by epoch.
"""

from __future__ import annotations

import time
from typing import Any

import keras

from benchmarks.workers.talk import Talk

FOREVER = 10**9


class FirstStep(keras.callbacks.Callback):
    """Notes when the first step, or the first group of steps that run as one, has ended."""

    def __init__(self, talk: Talk, began: float) -> None:
        super().__init__()
        self.talk, self.began = talk, began

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.talk.facts["first_step_s"] is None:
            self.talk.first_step(time.perf_counter() - self.began)


class Rounds(keras.callbacks.Callback):
    """Lets an epoch run for each round that is asked for. It has no hook at batches, which would slow them down."""

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self.talk, self.began = talk, 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self.talk.next_round()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self.talk.next_round(time.perf_counter() - self.began):
            self.model.stop_training = True


def serve_fit(talk: Talk, model: keras.Model, images: Any, began: float, **how: Any) -> None:
    """Train for one epoch, in which everything is compiled, then for as many as are asked for.

    ``began`` is when the model began to be built; ``how`` goes to ``fit``.
    """
    model.fit(images, epochs=1, verbose=0, callbacks=[FirstStep(talk, began)], **how)
    model.fit(images, epochs=FOREVER, verbose=0, callbacks=[Rounds(talk)], **how)
