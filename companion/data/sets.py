"""Loading all data by one function: by a known name, by the path of a file, or by the variable ``DATASET``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from companion.data import drawn_shapes
from companion.data.dataset import Dataset
from companion.data.files import load_own_file
from companion.data.standard import (
    DIR_VARIABLE,
    FASHION_MNIST,
    MNIST,
    STANDARD_SETS,
    StandardSet,
    file_in_data_dir,
    is_in_keras_cache,
    keras_cache,
    load_standard,
)
from companion.data.uci_digits import LICENCE, N_DIGITS, N_TEST, WHAT, WHAT_8X8, load_digits, load_digits_8x8
from companion.errors import BadInput, check_whole_number

NAMES = ("digits", "digits_8x8", *STANDARD_SETS, "shapes")


class Source(NamedTuple):
    """One row of :func:`sources`: a set, what it shows, how many images, where it would come from now, its licence.

    ``present`` is true where loading would need no network.
    """

    name: str
    what: str
    images: str
    origin: str
    licence: str
    present: bool


def load(name_or_path: str | os.PathLike[str] | None = None, *, seed: int = 0) -> Dataset:
    """Return a data set by its name, one of ``NAMES``, or by the path of your own .npz file.

    With ``None`` the name or path comes from the environment variable ``DATASET``, or is ``digits`` if that is not set.
    The images are float32 of shape ``(n, height, width, channels)`` in [0, 1], the labels int64 of shape ``(n,)``.
    ``seed`` fixes how digits and your own images are split into training and test, and which shapes are drawn; MNIST
    and Fashion-MNIST have a fixed split. :func:`from_arrays` says what your own file must contain.

    Raises :class:`~companion.errors.BadInput` for a name that is neither known nor an existing file, for a file that is
    truncated, changed or in another layout, and where a download is needed but there is no network. Taught in
    chapter 01.
    """
    seed = check_whole_number("seed", seed, at_least=0)
    wanted, said = name_or_path, "name_or_path"
    if wanted is None:
        wanted, said = os.environ.get("DATASET") or "digits", "DATASET"
    if not isinstance(wanted, str | os.PathLike):
        raise BadInput(
            f"{said}={wanted!r}: expected one of {', '.join(NAMES)}, or the path of an .npz file; pass a string."
        )
    if wanted == "digits":
        return load_digits(seed)
    if wanted == "digits_8x8":
        return load_digits_8x8(seed)
    if wanted == "shapes":
        return drawn_shapes.load_shapes(seed)
    if wanted in STANDARD_SETS:
        return load_standard(STANDARD_SETS[str(wanted)])
    path = Path(wanted).expanduser()
    if not str(wanted) or not path.exists():
        raise BadInput(
            f"{said}={str(wanted)!r} is neither a known data set nor an existing file: "
            f"expected one of {', '.join(NAMES)}, or the path of an .npz file; correct the name or the path."
        )
    return load_own_file(path, seed)


def digits(*, seed: int = 0) -> Dataset:
    """Return scikit-learn's 1,797 digits at 28x28x1, 1,500 for training and 297 for testing, split by ``seed``.

    Needs no network. Raises :class:`~companion.errors.BadInput` for a bad seed. Data: CC BY 4.0. Taught in chapter 01.
    """
    return load_digits(seed)


def digits_8x8(*, seed: int = 0) -> Dataset:
    """Return the same digits at 8x8x1 in black and white, 0 or 1, split as :func:`digits` are: for training in a page.

    A pixel is 1 where its grey level is at least 0.5. Needs no network. Raises :class:`~companion.errors.BadInput` for
    a bad seed. Data: CC BY 4.0. Taught in chapter 00.
    """
    return load_digits_8x8(seed)


def mnist() -> Dataset:
    """Return the full MNIST, 60,000 training and 10,000 test images of 28x28x1, checked by their digests.

    From ``mnist.npz`` in the folder ``COMPANION_DATA_DIR``, else through ``keras.datasets``. Raises
    :class:`~companion.errors.BadInput` for a damaged copy and where neither is available. Licence of the data: CC BY-SA
    3.0, as Keras's documentation states it. Taught in chapter 01.
    """
    return load_standard(MNIST)


def fashion_mnist() -> Dataset:
    """Return the full Fashion-MNIST, 60,000 training and 10,000 test images of 28x28x1, checked by digest.

    From ``fashion_mnist.npz`` in the folder ``COMPANION_DATA_DIR``, else through ``keras.datasets``. Raises
    :class:`~companion.errors.BadInput` for a damaged copy and where neither is available. Licence of the data: MIT.
    Taught in chapter 01.
    """
    return load_standard(FASHION_MNIST)


def sources() -> list[Source]:
    """Return a row for each known set that says where :func:`load` would take it from now.

    Nothing is loaded or downloaded, and no file is opened. Raises :class:`~companion.errors.BadInput` where
    ``COMPANION_DATA_DIR`` is not a folder.
    """
    counts = f"{N_DIGITS - N_TEST:,} + {N_TEST}"
    rows = [Source("digits", WHAT, counts, "inside scikit-learn", LICENCE, True)]
    rows += [Source("digits_8x8", WHAT_8X8, counts, "inside scikit-learn", LICENCE, True)]
    rows += [_standard_source(spec) for spec in (MNIST, FASHION_MNIST)]
    shapes = Source(
        "shapes", drawn_shapes.WHAT, drawn_shapes.COUNTS, drawn_shapes.ORIGIN, drawn_shapes.LICENCE, True
    )
    return [*rows, shapes]


def _standard_source(spec: StandardSet) -> Source:
    """The row of a set that may be in the data folder, in Keras's cache, or on the network."""
    path, cache = file_in_data_dir(spec), keras_cache(spec)
    if path is not None:
        origin, present = f"{path} ({DIR_VARIABLE})", True
    elif is_in_keras_cache(spec):
        origin, present = f"{cache} (Keras's cache)", True
    else:
        origin, present = "a download through keras.datasets", False
    return Source(spec.name, spec.what, "60,000 + 10,000", origin, spec.licence, present)
