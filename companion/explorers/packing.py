"""Arrays as a few bytes each: float16, or int8 with one scale for each column. The front end unpacks the same bytes.

A packed set is one string of bytes and a list of entries, one an array, that say where it begins and how it is kept.
An int8 array is preceded by the scales of its columns, its last axis, as little-endian float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from companion.errors import BadInput, as_array, check_choice

#: Two bytes a number, or one byte a number and four a column.
FORMATS = ("float16", "int8")
#: From how many numbers on an array is worth the rounding of int8.
INT8_FROM = 10_000
_LARGEST = 127  # int8 reaches from -128; without that value the two signs are alike

Entry = dict[str, Any]


def pack(
    arrays: Sequence[Any], kept_as: str = "float16", int8_from: int = INT8_FROM
) -> tuple[bytes, list[Entry]]:
    """Return ``arrays`` as bytes, and for each an entry ``{"shape", "kept_as", "at"}``, ``at`` its first byte.

    ``kept_as="int8"`` rounds each column to 255 steps between its largest value and that value's negative. Arrays of
    fewer than ``int8_from`` numbers, and those with one axis, such as biases, are float16 in either case: there is
    little to save, and what the first layers round off, the last ones enlarge.
    Raises :class:`~companion.errors.BadInput` for an unknown format, and for numbers that are not finite or too large.
    """
    check_choice("kept_as", kept_as, FORMATS)
    content, entries = b"", []
    for position, given in enumerate(arrays):
        array = _checked(given, position)
        as_int8 = kept_as == "int8" and array.ndim > 1 and array.size >= int8_from
        entries.append(
            {"shape": list(array.shape), "kept_as": "int8" if as_int8 else "float16", "at": len(content)}
        )
        content += _as_int8(array) if as_int8 else array.astype("<f2").tobytes()
    return content, entries


def unpack(content: bytes, entries: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
    """Return the float32 arrays that :func:`pack` made ``content`` and ``entries`` from, as exactly as they were kept.

    Raises :class:`~companion.errors.BadInput` where ``content`` is shorter than its entries say.
    """
    return [_unpacked(content, entry) for entry in entries]


def _as_int8(array: np.ndarray) -> bytes:
    columns = array.reshape(-1, array.shape[-1])
    # A column of zeros needs a scale all the same, or it would be divided by nothing.
    scales = np.maximum(np.abs(columns).max(axis=0, initial=0.0) / _LARGEST, np.finfo("<f4").tiny)
    scales = scales.astype("<f4")
    steps = np.clip(np.rint(columns / scales), -_LARGEST, _LARGEST).astype("<i1")
    return scales.tobytes() + steps.tobytes()


def _unpacked(content: bytes, entry: Mapping[str, Any]) -> np.ndarray:
    shape = tuple(entry["shape"])
    count, at = int(np.prod(shape)), int(entry["at"])
    try:
        if entry["kept_as"] == "float16":
            return np.frombuffer(content, "<f2", count, at).astype("float32").reshape(shape)
        scales = np.frombuffer(content, "<f4", shape[-1], at)
        steps = np.frombuffer(content, "<i1", count, at + scales.nbytes)
    except ValueError as error:
        raise BadInput(
            f"{len(content)} packed bytes hold no array {shape} at {at}: expected what pack returned; pass both of its "
            f"results unchanged."
        ) from error
    return (steps.reshape(-1, shape[-1]) * scales).reshape(shape)


def _checked(given: Any, position: int) -> np.ndarray:
    array = as_array(given, f"array {position}").astype("float32")
    largest = float(np.abs(array).max(initial=0.0))
    if not largest <= float(np.finfo("float16").max):
        raise BadInput(
            f"array {position} holds {largest:g} in size: expected finite numbers up to {np.finfo('float16').max:g}; "
            f"train the network again."
        )
    return array
