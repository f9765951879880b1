"""Batches for ``model.fit`` that are a function of (seed, epoch), so that a resumed run goes on as if never stopped.

This module imports Keras; ``companion.data`` therefore imports it only when :class:`Batches` is first asked for.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from companion.data.binarization import BINARIZATIONS, as_stack_of_images, binarize, generator
from companion.errors import BadInput, check_choice, check_whole_number


class Batches(keras.utils.PyDataset):
    """Shuffled, binarised batches for ``model.fit(batches)``; what an epoch holds follows from (seed, epoch).

    Each epoch shows every image once, in an order of its own; with ``how="dynamic"`` it is binarised afresh, exactly as
    ``binarize(images, "dynamic", seed, epoch)`` does. A last batch that is smaller is kept. An item is the tuple
    ``(x,)``, or ``((x, labels),)`` where labels are given: Keras reads the first element as the model's input.

    ``images`` has shape ``(n, ...)`` with values in [0, 1]; ``labels`` has shape ``(n, ...)`` or is ``None``;
    ``epoch`` is where counting starts.

    ``epoch`` is the epoch that the batches now belong to. It goes up by one whenever Keras has gone through all of
    them, by ``fit`` or by ``evaluate``: evaluate on ``Batches`` of their own, since an evaluation on these would use up
    an epoch. To resume after k epochs, pass ``epoch=k`` or set ``batches.epoch = k``, and ``fit(initial_epoch=k)``.
    Do not use them with ``predict``, whose rows would come in shuffled order, nor with ``steps_per_epoch``.

    Raises :class:`~companion.errors.BadInput` for images outside [0, 1], labels of another length, an unknown ``how``,
    and for numbers that are not whole or too small. Taught in chapter 04.
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
        # One worker: Keras then asks for batches one after the other, which __getitem__ relies on.
        super().__init__(workers=1, use_multiprocessing=False)
        self.images = as_stack_of_images(images)
        self.batch_size = check_whole_number("batch_size", batch_size)
        self.how = check_choice("how", how, BINARIZATIONS)
        self.seed = check_whole_number("seed", seed, at_least=0)
        self.labels = None if labels is None else np.asarray(labels)
        if self.labels is not None and (self.labels.ndim == 0 or len(self.labels) != len(self.images)):
            raise BadInput(
                f"labels have shape {self.labels.shape}: expected one for each of {len(self.images)} images; "
                "pass labels and images of the same length."
            )
        self.epoch = epoch

    @property
    def epoch(self) -> int:
        """The epoch that the batches belong to; set it to start or resume elsewhere."""
        return self._epoch

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch = check_whole_number("epoch", epoch, at_least=0)
        self._running = False
        self._position_of: dict[int, int] = {}
        self._pixels: np.ndarray | None = None
        self._order: np.ndarray | None = None

    def __len__(self) -> int:
        """Number of batches in an epoch, the smaller last one included."""
        return math.ceil(len(self.images) / self.batch_size)

    def __getitem__(self, index: int) -> tuple:
        """Return batch ``index`` of the present epoch, or, while Keras runs through an epoch, the next one.

        ``fit`` shuffles the indices by Python's global random state, which a resumed run does not share. So within a
        running epoch the first index that is asked for gets batch 0, the second batch 1, and so on.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        if self._running:
            index = self._position_of.setdefault(int(index), len(self._position_of))
        if self._order is None:
            self._order = generator(self.seed, "order", self.epoch).permutation(len(self.images))
        rows = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        images = self._binarized()[rows].astype("float32", copy=False)
        return (images,) if self.labels is None else ((images, self.labels[rows]),)

    def _binarized(self) -> np.ndarray:
        """This epoch's pixels in the original order; kept as bytes, a quarter of their size, where they are binary."""
        if self.how == "none":
            return self.images
        if self._pixels is None:
            self._pixels = binarize(self.images, self.how, self.seed, self.epoch).astype("uint8")
        return self._pixels

    def on_epoch_begin(self) -> None:
        """Keras is about to go through the batches."""
        self._running = True
        self._position_of = {}

    def on_epoch_end(self) -> None:
        """Keras has gone through the batches: go on to the next epoch.

        Keras also calls this once before the first epoch, to reset its iterator; that call is not counted.
        """
        if self._running:
            pixels = self._pixels if self.how != "dynamic" else None
            self.epoch = self.epoch + 1
            self._pixels = pixels
