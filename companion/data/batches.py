"""Batches for ``model.fit`` that depend only on (seed, epoch), so that a resumed run equals an uninterrupted one.

This module imports Keras, so ``companion.data`` imports it only when :class:`Batches` is first used.
"""

from __future__ import annotations

import math
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from companion.data.binarization import (
    BINARIZATIONS,
    as_stack_of_images,
    binarize,
    draw_dynamic,
    generator,
)
from companion.errors import BadInput, check_choice, check_whole_number


class Batches(keras.utils.PyDataset):
    """Shuffled, binarised batches for ``model.fit(batches)``; the batches of an epoch follow from (seed, epoch).

    Each epoch contains every image once, in a new order; with ``how="dynamic"`` the images are binarised again, exactly
    as by ``binarize(images, "dynamic", seed, epoch)``. A smaller last batch is kept. An item is the tuple ``(x,)``, or
    ``((x, labels),)`` with labels: Keras reads the first element as the model's input.

    ``images`` has shape ``(n, ...)`` with values in [0, 1]; ``labels`` has shape ``(n, ...)`` or is ``None``;
    ``epoch`` is the first epoch.

    The attribute ``epoch`` is the current epoch. It grows by one whenever Keras has gone through all batches, in
    ``fit`` or ``evaluate``, so evaluate on separate ``Batches``. To resume after k epochs, pass ``epoch=k`` or set
    ``batches.epoch = k``, and call ``fit(initial_epoch=k)``. Do not use them with ``predict``, whose rows would come in
    shuffled order, nor with ``steps_per_epoch``.

    Raises :class:`~companion.errors.BadInput` for images outside [0, 1], labels of another length, an unknown ``how``,
    and numbers that are not whole or too small. Taught in chapter 04.
    """

    def __init__(
        self,
        images: Any,
        batch_size: int = 128,
        how: str = "none",
        seed: int = 0,
        labels: Any = None,
        *,
        epoch: int = 0,
    ) -> None:
        # One worker: then Keras asks for batches one after another, which __getitem__ relies on.
        super().__init__(workers=1, use_multiprocessing=False)
        self.images = as_stack_of_images(images)
        self.batch_size = check_whole_number("batch_size", batch_size)
        self.how = check_choice("how", how, BINARIZATIONS)
        self.seed = check_whole_number("seed", seed, at_least=0)
        self.labels = None if labels is None else np.asarray(labels)
        if self.labels is not None and (self.labels.ndim == 0 or len(self.labels) != len(self.images)):
            raise BadInput(
                f"labels have shape {self.labels.shape}: expected one for each of {len(self.images)} images; pass "
                "labels and images of the same length."
            )
        self.epoch = epoch

    @property
    def epoch(self) -> int:
        """The current epoch; set it to start or resume at another one."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = check_whole_number("epoch", epoch, at_least=0)
        self._running = False
        self._position_of: dict[int, int] = {}
        self._pixels: np.ndarray | None = None
        self._order: np.ndarray | None = None
        self._ahead: Future[np.ndarray] | None = None

    def __len__(self) -> int:
        """Number of batches in an epoch, including a smaller last one."""
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index: int) -> tuple:
        """Return batch ``index`` of the current epoch, or, while Keras goes through an epoch, the next one.

        ``fit`` shuffles the indices with Python's global random state, which a resumed run does not share. So within a
        running epoch the first index that is requested gets batch 0, the second batch 1, and so on.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        if self._running:
            index = self._position_of.setdefault(int(index), len(self._position_of))
        rows = self._shuffled()[index * self.batch_size : (index + 1) * self.batch_size]
        images = self._binarized()[rows].astype("float32", copy=False)
        return (images,) if self.labels is None else ((images, self.labels[rows]),)

    def whole_epoch(self) -> tuple[np.ndarray, np.ndarray]:
        """The current epoch at once: images ``(n, ...)`` in the original order, and the order ``(n,)`` to take them in.

        Binary images are bytes.
        """
        return self._binarized(), self._shuffled()

    def _shuffled(self) -> np.ndarray:
        """The order of this epoch."""
        if self._order is None:
            self._order = generator(self.seed, "order", self.epoch).permutation(len(self.images))
        return self._order

    def _binarized(self) -> np.ndarray:
        """The pixels of this epoch in the original order, as bytes where they are binary."""
        if self.how == "none":
            return self.images
        if self._pixels is None and self.how == "dynamic":
            ahead, self._ahead = self._ahead, None
            self._pixels = ahead.result() if ahead else self._drawn(self.epoch)
        elif self._pixels is None:
            self._pixels = binarize(self.images, self.how, self.seed).astype("uint8")
        return self._pixels

    def _drawn(self, epoch: int) -> np.ndarray:
        return draw_dynamic(self.images, self.seed, epoch, "uint8")

    def on_epoch_begin(self) -> None:
        """Keras is about to go through the batches."""
        self._running = True
        self._position_of = {}

    def on_epoch_end(self) -> None:
        """Keras has gone through the batches: go on to the next epoch.

        Keras also calls this once before the first epoch, to reset its iterator; that call is not counted.
        """
        if self._running:
            self.next_epoch()

    def next_epoch(self) -> None:
        """Go on to the next epoch. Its dynamic draw begins at once, beside whatever the program does next.

        After an epoch that is most often a checkpoint, which keeps one core busy for about as long as the draw.
        """
        pixels = self._pixels if self.how != "dynamic" else None
        self.epoch = self.epoch + 1
        self._pixels = pixels
        if self.how == "dynamic":
            thread = ThreadPoolExecutor(1)
            self._ahead = thread.submit(self._drawn, self.epoch)
            thread.shutdown(wait=False)
