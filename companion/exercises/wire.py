"""Answers as data: what may travel between the learner's process and the judge's, and in which form.

Everything is JSON, so that reading it runs no code. A value is a number, a truth value or a text as it is, or a list
whose first item names its kind: ``["array", "float32", [3, 2], [...]]``. A function stays where it is; its number
travels, and the other side may ask for its value. Anything else travels as the name of its type and a short text.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

DTYPES = (
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
)
DEEPEST, LONGEST_TEXT = 20, 10_000
NOTHING: dict[str, Any] = {"None": None, "...": ...}


class Foreign:
    """A value of a type that does not travel; it shows the text that the original showed."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def packed(value: Any, functions: list[Any] | None = None, depth: int = 0) -> Any:
    """``value`` as JSON; functions in it are added to the list ``functions`` where there is one."""
    if depth > DEEPEST:
        return ["other", "list", "lists within lists, too deep to be compared"]
    for name, nothing in NOTHING.items():
        if value is nothing:
            return ["nothing", name]
    if isinstance(value, str):
        return str(value)[:LONGEST_TEXT]
    if type(value) in (bool, float) or (type(value) is int and abs(value) < 2**63):
        return value
    if isinstance(value, Mapping):
        pairs = [[packed(each, functions, depth + 1) for each in pair] for pair in value.items()]
        return ["dict", pairs]
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return [kind, [packed(each, functions, depth + 1) for each in value]]
    if functions is not None and callable(value):
        functions.append(value)
        return ["function", len(functions) - 1]
    return _packed_array(value) or ["other", type(value).__name__, repr(value)[:100]]


def _packed_array(value: Any) -> list[Any] | None:
    """An array or a tensor as JSON; None for what is neither."""
    value = value.detach().cpu() if hasattr(value, "detach") else value  # PyTorch
    value = value.numpy() if hasattr(value, "numpy") and callable(value.numpy) else value
    if not hasattr(value, "__array__"):
        return None
    array = np.asarray(value)
    if array.dtype.name not in DTYPES:
        if "float" not in array.dtype.name:  # bfloat16 is a type of its own
            return None
        array = array.astype("float64")
    return ["array", array.dtype.name, list(array.shape), array.ravel().tolist()]


def unpacked(tree: Any, function: Callable[[int], Any] | None = None, depth: int = 0) -> Any:
    """The value that was packed; ``function`` gives what stands for the function of a number.

    Raises ``ValueError`` for anything that :func:`packed` does not write.
    """
    if isinstance(tree, bool | int | float | str):
        return tree
    try:
        kind, *rest = tree
        if depth > DEEPEST + 1:
            raise ValueError("too deep")
        return _of_kind(kind, rest, function, depth)
    except (TypeError, KeyError, IndexError, OverflowError) as error:
        raise ValueError(f"it has another form: {error}") from None


def _of_kind(kind: Any, rest: list[Any], function: Callable[[int], Any] | None, depth: int) -> Any:
    if kind == "nothing":
        return NOTHING[rest[0]]
    if kind in ("list", "tuple"):
        items = [unpacked(each, function, depth + 1) for each in rest[0]]
        return items if kind == "list" else tuple(items)
    if kind == "dict":
        return {
            unpacked(name, function, depth + 1): unpacked(each, function, depth + 1) for name, each in rest[0]
        }
    if kind == "array":
        return _unpacked_array(*rest)
    if kind == "other":
        return type(str(rest[0])[:60].replace("\0", ""), (Foreign,), {})(str(rest[1])[:100])
    if kind == "function" and function is not None and type(rest[0]) is int and rest[0] >= 0:
        return function(rest[0])
    raise ValueError(f"{kind!r} is no kind of value")


def _unpacked_array(dtype: Any, shape: Any, numbers: Any) -> Any:
    whole = all(type(size) is int and size >= 0 for size in shape)
    if dtype not in DTYPES or not whole or len(shape) > DEEPEST or math.prod(shape) != len(numbers):
        raise ValueError("an array's size differs from its numbers")
    if not all(type(each) in (bool, int, float) for each in numbers):
        raise ValueError("an array holds something else than numbers")
    array = np.array(numbers, dtype=dtype).reshape(shape)
    return array if shape else array[()]
