"""Two generators that train no network, to compare with: an n-gram model, and symbols drawn at random. Chapter 14."""

from collections import Counter, defaultdict
from typing import Any

import numpy as np

from companion.errors import check_seed, check_whole_number
from companion.molecules.strings import END


class NGram:
    """The next symbol depends on the ``order - 1`` symbols before it alone; its probabilities are counted.

    ``fit(rows)`` counts in rows ``(n, length)`` of an :class:`~companion.molecules.Alphabet`; ``sample(n)`` draws new
    rows. Nothing is smoothed, so every window of ``order`` symbols in a sample occurs in the training set. With
    ``order=1`` symbols are drawn by their frequency alone.
    Source: Shannon (1948). Taught in chapter 14.
    """

    def __init__(self, order: int = 3):
        self.order = check_whole_number("order", order)
        self.counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        self.length = 0

    def fit(self, rows: Any) -> "NGram":
        """Count what follows what in ``rows`` ``(n, length)``."""
        rows = np.asarray(rows)
        self.length = rows.shape[1]
        for row in rows.tolist():
            before = self._start()
            for symbol in row:
                self.counts[before][symbol] += 1
                before = (*before, symbol)[1:]
                if symbol == END:
                    break
        return self

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """``n`` new rows ``(n, length)``, int32; one that has not ended by then is cut."""
        rng = np.random.default_rng(check_seed(seed, generator=False))
        rows = np.full((check_whole_number("n", n), self.length), END, "int32")
        for row in rows:
            before = self._start()
            for place in range(self.length):
                follows = self.counts[before]
                shares = np.array(list(follows.values())) / follows.total()
                row[place] = rng.choice(list(follows), p=shares)
                before = (*before, int(row[place]))[1:]
                if row[place] == END:
                    break
        return rows

    def _start(self) -> tuple[int, ...]:
        """What stands before the first symbol: ends of earlier strings."""
        return (END,) * (self.order - 1) if self.order > 1 else ()


def random_rows(like: Any, num_symbols: int, n: int, seed: int | None = None) -> np.ndarray:
    """``n`` rows ``(n, length)`` of symbols drawn uniformly, whose lengths are drawn from the rows ``like``.

    ``num_symbols``: the size of the alphabet, with the end.
    """
    like = np.asarray(like)
    rng = np.random.default_rng(check_seed(seed, generator=False))
    lengths = rng.choice((like != END).sum(axis=1), size=n)
    rows = rng.integers(1, num_symbols, size=(n, like.shape[1])).astype("int32")
    rows[np.arange(like.shape[1]) >= lengths[:, None]] = END
    return rows
