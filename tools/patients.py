"""The record of the patients, ``results/patients.json``, as the command and the book's page read it.

``tests/patients/record.py`` writes it. Pictures of 8 by 8 pixels are kept as a hexadecimal digit per pixel, so
that a row of eight pictures takes 512 characters.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

SIDE, LEVELS = 8, 16
COLUMNS = ("Fault of the model", "Models", "Its finding comes first", "Reported as well")
HEALTHY = "nothing (the healthy models)"


def packed(images: Any) -> str:
    """Pictures ``(n, 8, 8)`` with values in [0, 1] as ``64 n`` hexadecimal digits; values outside are clipped."""
    values = np.clip(np.nan_to_num(np.asarray(images, dtype="float64")), 0.0, 1.0)
    return "".join(f"{level:x}" for level in np.rint((LEVELS - 1) * values).astype(int).ravel())


def unpacked(digits: str) -> np.ndarray:
    """The pictures ``(n, 8, 8)`` of :func:`packed`, with values in [0, 1]."""
    return np.array([int(digit, LEVELS) for digit in digits]).reshape(-1, SIDE, SIDE) / (LEVELS - 1)


def is_right(row: dict[str, Any]) -> bool:
    """Whether a sick model's own fault came first, or, for a pair of faults, whether both were found."""
    expected = row["expected"]
    return expected == row["found"][:1] if len(expected) == 1 else set(expected) <= set(row["found"])


def matrix(record: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """The confusion matrix by its filled cells, in the order of :data:`COLUMNS`: a row for each fault, one for none."""
    single = [row for row in record["sick"].values() if len(row["expected"]) == 1]
    rows = []
    for fault in dict.fromkeys(row["expected"][0] for row in single):
        mine = [row for row in single if row["expected"] == [fault]]
        others = [name for row in mine for name in row["found"] if name != fault]
        rows.append((fault, str(len(mine)), str(sum(map(is_right, mine))), _counted(others)))
    pairs = [row for row in record["sick"].values() if len(row["expected"]) > 1]
    if pairs:
        others = [name for row in pairs for name in row["found"] if name not in row["expected"]]
        both = f"both found in {sum(map(is_right, pairs))}"
        rows.append(("two faults at once", str(len(pairs)), both, _counted(others)))
    healthy = list(record["healthy"].values())
    none = sum(not row["found"] for row in healthy)
    rows.append(
        (
            HEALTHY,
            str(len(healthy)),
            f"no fault in {none}",
            _counted([n for r in healthy for n in r["found"]]),
        )
    )
    return rows


def _counted(names: Iterable[str]) -> str:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return "; ".join(f"{name} ({count})" for name, count in counts.items()) or "nothing"
