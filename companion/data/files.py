"""Reading .npz files safely, and turning your own arrays into a :class:`~companion.data.Dataset`."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from companion import advice
from companion.data.dataset import Dataset, read_only
from companion.errors import BadInput, check_images, check_whole_number, is_real_dtype

FOUR_ARRAYS = ("x_train", "y_train", "x_test", "y_test")
#: What a truncated, damaged or strange archive raises, depending on where it is damaged.
UNREADABLE = (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error)
_ALLOWED = "images (and labels), or x_train and x_test (and y_train, y_test)"
_SAVE = "np.savez_compressed('my.npz', images=images, labels=labels)"
# Of your own images, one in six is kept for the test: the proportion of the digits (297 of 1,797).
_TEST_SHARE = 1 / 6


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the .npz file ``path``; pickled objects are never loaded.

    Every array is read to its end, so that the checksums of the archive are compared.
    Raises :class:`~companion.errors.BadInput`, naming the file and the array, for a damaged or incomplete archive.
    """
    if path.is_dir():
        raise BadInput(
            f"{path} is a folder: expected a .npz file; pass the path of the file, for example {path / 'my.npz'}."
        )
    try:
        archive = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"{path} cannot be read as .npz ({error}): it is truncated, or another kind of file; expected arrays saved "
            f"with {_SAVE}; save or download the file again."
        ) from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise BadInput(
            f"{path} is a single array (.npy): expected an .npz file with {_ALLOWED}; save it with {_SAVE}."
        )
    with archive:
        return {key: _read_member(archive, key, path) for key in archive.files}


def _read_member(archive: Any, key: str, path: Path) -> np.ndarray:
    """Read one array of an open archive."""
    try:
        array = archive[key]
    except UNREADABLE as error:
        if "allow_pickle" in str(error):
            mend = "stack the images into one uint8 or float32 array"
            if key == "labels" or key.startswith("y_"):
                mend = f"number the classes with np.unique({key}.astype(str), return_inverse=True)[1]"
            raise BadInput(
                f"{path}: array {key} holds pickled Python objects, which are never loaded, for they can run code; "
                f"expected numbers; {mend} and save with {_SAVE}."
            ) from error
        raise BadInput(
            f"{path}: array {key} is damaged ({error}); save or download the file again."
        ) from error
    if not isinstance(array, np.ndarray):
        raise BadInput(f"{path}: member {key} is not an array; expected {_ALLOWED}; save them with {_SAVE}.")
    return array


def load_own_file(path: Path, seed: int) -> Dataset:
    """Return your own .npz file as a data set with the name of the file, without its ending."""
    return from_arrays(read_npz(path), name=path.stem, seed=seed, source=path.name, where=str(path))


def from_arrays(
    arrays: Mapping[str, Any],
    *,
    name: str = "arrays",
    seed: int = 0,
    source: str = "memory",
    where: str | None = None,
) -> Dataset:
    """Make a data set from your own arrays, under the names that they would have in a file.

    Either ``images`` and optionally ``labels``: the images are shuffled by ``seed`` and one in six becomes a test
    image. Or ``x_train``, ``x_test`` and optionally ``y_train``, ``y_test``, which keep their split.
    Images have shape ``(n, height, width)`` or ``(n, height, width, channels)`` and are uint8 from 0 to 255, floats in
    [0, 1], or booleans. Labels are whole numbers, at least 0, of shape ``(n,)``; the values that occur become the
    class names, and the labels their positions among them.

    Raises :class:`~companion.errors.BadInput`, naming the array, for anything else. ``where`` is the name of the
    arrays' origin in the message, by default ``name``.

    Taught in chapter 01.
    """
    seed = check_whole_number("seed", seed, at_least=0)
    place = where or name
    parts = _split(arrays, place, seed) if _has_one_stack(arrays, place) else _given_split(arrays, place)
    x_train, y_train, x_test, y_test = parts
    class_names: tuple[str, ...] = ()
    if y_train is not None and y_test is not None:
        values, positions = np.unique(np.concatenate([y_train, y_test]), return_inverse=True)
        class_names = tuple(str(value) for value in values)
        y_train, y_test = (read_only(part) for part in np.split(positions.astype("int64"), [len(y_train)]))
    return Dataset(name, read_only(x_train), read_only(x_test), y_train, y_test, class_names, source)


def _has_one_stack(arrays: Mapping[str, Any], place: str) -> bool:
    """Whether the arrays are ``images, labels``; raise unless they have exactly one of the two layouts."""
    one_stack, given_split = "images" in arrays, {"x_train", "x_test"} <= set(arrays)
    if one_stack == given_split:
        found = ", ".join(sorted(arrays)) or "no array at all"
        what = "both layouts at once" if one_stack else "neither layout"
        raise BadInput(f"{place} has {found} ({what}): expected {_ALLOWED}; save them with {_SAVE}.")
    return one_stack


def _split(arrays: Mapping[str, Any], place: str, seed: int) -> tuple:
    """Shuffle ``images`` and ``labels`` by ``seed`` and keep one in six for the test."""
    images = as_pixels(arrays["images"], f"{place}: array images")
    labels = (
        _as_labels(arrays["labels"], len(images), f"{place}: array labels") if "labels" in arrays else None
    )
    if len(images) < 2:
        raise BadInput(
            f"{place}: array images holds 1 image: expected 2 or more, for training and testing; add images."
        )
    order = np.random.default_rng(seed).permutation(len(images))
    n_test = max(1, round(len(images) * _TEST_SHARE))
    train, test = order[n_test:], order[:n_test]
    if labels is None:
        return images[train], None, images[test], None
    return images[train], labels[train], images[test], labels[test]


def _given_split(arrays: Mapping[str, Any], place: str) -> tuple:
    """Use ``x_train, y_train, x_test, y_test`` unchanged; both label arrays may be absent, but not one of them."""
    x_train, x_test = (as_pixels(arrays[key], f"{place}: array {key}") for key in ("x_train", "x_test"))
    if x_train.shape[1:] != x_test.shape[1:]:
        raise BadInput(
            f"{place}: x_train has images of shape {x_train.shape[1:]} and x_test of {x_test.shape[1:]}: expected the "
            "same shape; resize one of them."
        )
    if ("y_train" in arrays) != ("y_test" in arrays):
        present, absent = ("y_train", "y_test") if "y_train" in arrays else ("y_test", "y_train")
        raise BadInput(f"{place} has {present} without {absent}: expected both or neither; add {absent}.")
    if "y_train" not in arrays:
        return x_train, None, x_test, None
    y_train = _as_labels(arrays["y_train"], len(x_train), f"{place}: array y_train")
    return x_train, y_train, x_test, _as_labels(arrays["y_test"], len(x_test), f"{place}: array y_test")


def as_pixels(array: Any, what: str) -> np.ndarray:
    """Return images as float32 of shape ``(n, height, width, channels)`` in [0, 1]."""
    images, name = np.asarray(array), what.split()[-1]
    if images.dtype != np.uint8 and (images.dtype.kind in "iu" or not is_real_dtype(images.dtype)):
        raise BadInput(
            f"{what} has dtype {images.dtype}: expected uint8 from 0 to 255, floats in [0, 1] or booleans; "
            f"pass {_as_floats(images, name)}."
        )
    if images.ndim not in (3, 4):
        raise BadInput(
            f"{what} has shape {images.shape}: expected (n, height, width) or (n, height, width, channels); "
            f"{_as_pictures(images, name)}."
        )
    if images.size == 0:
        raise BadInput(
            f"{what} has shape {images.shape}, which is empty: expected at least one image; fill the array."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.dtype != np.uint8:
        return check_images(images, images.shape[1:], what)
    if images.max() <= 1:
        # Binarised images saved as bytes are common; divided by 255 they would all be nearly black.
        raise BadInput(
            f"{what} is uint8 but no value exceeds 1: expected 0 to 255; "
            f"if the pixels are binary, pass {name}.astype('float32')."
        )
    return images.astype("float32") / np.float32(255)


def _as_floats(images: np.ndarray, name: str) -> str:
    """How to make floats in [0, 1] of whole numbers other than uint8, on their own scale, or of another type."""
    if images.dtype.kind not in "iu":
        return advice.to_real_numbers(images, name)
    if not images.size or (images.min() >= 0 and images.max() <= 1):
        return f"{name}.astype('float32')"
    # A camera's 12 bits lie in uint16: astype('uint8') would keep the last 8 of them.
    return advice.to_unit_interval(images, name)


def _as_pictures(images: np.ndarray, name: str) -> str:
    """How to bring images of another rank to (n, height, width)."""
    side = math.isqrt(images.shape[1]) if images.ndim == 2 else 0
    if images.ndim == 2 and images.shape[0] == images.shape[1]:
        return f"if that is one image, pass {name}[None]"
    if side and side * side == images.shape[1]:
        return f"pass {name}.reshape((-1, {side}, {side}))"
    if images.ndim > 4 and 1 in images.shape[1:]:
        return f"pass np.squeeze({name})"
    return f"use {name}.reshape((-1, height, width)) with the height and width of your images"


def _as_labels(array: Any, n_images: int, what: str) -> np.ndarray:
    """Return labels as int64 of shape ``(n_images,)``."""
    labels, name = np.asarray(array), what.split()[-1]
    if labels.dtype.kind not in "iu" or labels.ndim == 2:
        expected = f"({n_images},) whole numbers"
        raise BadInput(
            f"{what} has dtype {labels.dtype} and shape {labels.shape}: expected {expected}; "
            f"{_as_numbers(labels, name)}."
        )
    if labels.shape != (n_images,):
        raise BadInput(
            f"{what} has shape {labels.shape}: expected ({n_images},), one label for each of {n_images} images; "
            "make the two agree."
        )
    if labels.min() < 0:
        raise BadInput(
            f"{what} holds {labels.min()}: expected labels of at least 0; {_as_numbers(labels, name)}."
        )
    return labels.astype("int64")


def _as_numbers(labels: np.ndarray, name: str) -> str:
    """How to number classes; those of a given split must be numbered together, or they would not agree."""
    mended = advice.to_class_numbers(labels, name)
    if name in ("y_train", "y_test") and mended.startswith("np.unique"):
        return (
            "number the classes of both parts together: numbers = np.unique(np.append(y_train, y_test), "
            "return_inverse=True)[1]; pass numbers[:len(y_train)] as y_train, numbers[len(y_train):] as y_test"
        )
    return f"pass {mended}"
