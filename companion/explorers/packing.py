"""Arrays in few bytes: float16, or int8 with one scale per column. The front end unpacks the same bytes.

A packed set is one string of bytes and a list of entries, one per array, that say where it begins and how it is stored.
An int8 array is preceded by the scales of its columns (its last axis) as little-endian float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from companion.errors import BadInput, as_array, check_choice

#: Two bytes per number, or one byte per number and four per column.
FORMATS = ("float16", "int8")
#: The smallest size of an array that is stored as int8.
INT8_FROM = 10_000
_LARGEST = 127  # int8 begins at -128, which is not used, so that both signs have the same range

Entry = dict[str, Any]


def pack(
    arrays: Sequence[Any], kept_as: str = "float16", int8_from: int = INT8_FROM
) -> tuple[bytes, list[Entry]]:
    """Return ``arrays`` as bytes, and for each an entry ``{"shape", "kept_as", "at"}``, ``at`` its first byte.

    ``kept_as="int8"`` rounds each column to 255 steps between its largest absolute value and the negative of that.
    Arrays of fewer than ``int8_from`` numbers, and those with one axis, such as biases, are float16 in either case:
    little would be saved, and later layers would amplify the rounding errors.
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
    """Return the float32 arrays that :func:`pack` made ``content`` and ``entries`` from, up to its rounding.

    Raises :class:`~companion.errors.BadInput` where ``content`` is shorter than its entries say.
    """
    return [_unpacked(content, entry) for entry in entries]


def _as_int8(array: np.ndarray) -> bytes:
    columns = array.reshape(-1, array.shape[-1])
    # A column of zeros needs a scale, too, or it would be divided by zero.
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
            f"{len(content)} packed bytes hold no array of shape {shape} at byte {at}: expected what pack returned; "
            f"pass both of its results unchanged."
        ) from error
    return (steps.reshape(-1, shape[-1]) * scales).reshape(shape)


def _checked(given: Any, position: int) -> np.ndarray:
    array = as_array(given, f"array {position}").astype("float32")
    largest = float(np.abs(array).max(initial=0.0))
    if not largest <= float(np.finfo("float16").max):
        raise BadInput(
            f"array {position} holds an absolute value of {largest:g}: expected finite numbers up to "
            f"{np.finfo('float16').max:g}; train the network again."
        )
    return array
