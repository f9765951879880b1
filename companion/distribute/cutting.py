"""How a batch is cut into equal parts for replicas and workers."""

from __future__ import annotations

from typing import Any

import keras

from companion.distribute.plan import Plan


class Parts(keras.utils.PyDataset):
    """What one worker takes of each batch in ``batches``: its rank's share, of equal size for every device.

    A last batch that cannot be cut evenly loses up to ``in_sync - 1`` images; the order, and so which, changes from
    epoch to epoch.
    """

    def __init__(self, batches: Any, plan: Plan) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.batches, self.plan = batches, plan
        self.batch_size = batches.batch_size

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Any:
        workers = len(self.plan.workers) or 1
        return part_of(self.batches[index], self.plan.rank, workers, self.plan.in_sync)

    def on_epoch_begin(self) -> None:
        """Keras is about to go through the batches."""
        self.batches.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Keras has gone through the batches."""
        self.batches.on_epoch_end()


def part_of(batch: Any, number: int, parts: int, in_sync: int | None = None) -> Any:
    """Part ``number`` of ``parts`` equal ones of the arrays in ``batch``, whose rows are trimmed to fit ``in_sync``."""

    def rows(array: Any) -> Any:
        size = len(array) // (in_sync or parts) * (in_sync or parts) // parts
        return array[number * size : (number + 1) * size]

    return keras.tree.map_structure(rows, batch)
