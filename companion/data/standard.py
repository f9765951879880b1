"""MNIST and Fashion-MNIST: read from a folder or downloaded through Keras, and checked before they are used."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import importlib
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.data.dataset import Dataset, read_only
from companion.data.files import FOUR_ARRAYS, read_npz
from companion.errors import BadInput

DIR_VARIABLE = "COMPANION_DATA_DIR"
_SHAPES = {"x_train": (60000, 28, 28), "y_train": (60000,), "x_test": (10000, 28, 28), "y_test": (10000,)}


@dataclass(frozen=True)
class StandardSet:
    """What is known about a published set: enough to tell it from any other, and from a damaged copy.

    ``digests`` are SHA-256 sums of the arrays in the original distribution's IDX layout, header included: the sums of
    the four uncompressed files that the authors publish, so that anyone can compare them with ``sha256sum``.
    """

    name: str
    what: str
    licence: str
    class_names: tuple[str, ...]
    class_counts: Mapping[str, tuple[int, ...]]
    digests: Mapping[str, str]
    # The path of Keras's copy, below its own folder.
    keras_cache: str


MNIST = StandardSet(
    name="mnist",
    what="handwritten digits, 28x28 grey (LeCun, Cortes and Burges)",
    licence="CC BY-SA 3.0, as Keras's documentation states it",
    class_names=tuple("0123456789"),
    class_counts={
        "y_train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
        "y_test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    },
    digests={
        "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "y_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "y_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    },
    keras_cache="mnist.npz",
)

FASHION_MNIST = StandardSet(
    name="fashion_mnist",
    what="articles of clothing, 28x28 grey (Xiao, Rasul and Vollgraf, Zalando Research)",
    licence="MIT",
    class_names=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    class_counts={"y_train": (6000,) * 10, "y_test": (1000,) * 10},
    digests={
        "x_train": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "y_train": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "x_test": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "y_test": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
    keras_cache="fashion-mnist",
)

STANDARD_SETS = {spec.name: spec for spec in (MNIST, FASHION_MNIST)}


def load_standard(spec: StandardSet) -> Dataset:
    """Return the full set from the folder in ``COMPANION_DATA_DIR``, or else through ``keras.datasets``.

    Raises :class:`~companion.errors.BadInput` for a copy that is damaged or is not this set, and where there is
    neither a file nor a network.
    """
    path = file_in_data_dir(spec)
    if path is not None:
        arrays, source = read_npz(path), f"{path.name} in {DIR_VARIABLE}"
        check_standard(
            spec, arrays, f"{path}", f"put the original {path.name} there, or load yours by its path"
        )
    else:
        arrays, source = fetch_with_keras(spec), "keras.datasets"
        check_standard(spec, arrays, "keras.datasets", f"delete {keras_cache(spec)} and load again")
    x_train, x_test = (_scale(arrays[key]) for key in ("x_train", "x_test"))
    y_train, y_test = (read_only(arrays[key].astype("int64")) for key in ("y_train", "y_test"))
    return Dataset(spec.name, x_train, x_test, y_train, y_test, spec.class_names, source)


def _scale(pixels: np.ndarray) -> np.ndarray:
    """Bytes of shape (n, 28, 28) as read-only float32 of shape (n, 28, 28, 1) in [0, 1]."""
    scaled = pixels[..., np.newaxis].astype("float32")
    scaled /= np.float32(255)
    return read_only(scaled)


def file_in_data_dir(spec: StandardSet) -> Path | None:
    """Return ``NAME.npz`` in the folder that ``COMPANION_DATA_DIR`` names, or ``None`` where there is no such file."""
    folder = os.environ.get(DIR_VARIABLE)
    if not folder:
        return None
    if not Path(folder).expanduser().is_dir():
        raise BadInput(
            f"{DIR_VARIABLE}={folder} is not a folder: expected one that holds {spec.name}.npz; "
            "correct the variable or unset it."
        )
    path = Path(folder).expanduser() / f"{spec.name}.npz"
    return path if path.exists() else None


def keras_cache(spec: StandardSet) -> Path:
    """Where Keras stores its downloads, by the same rule as Keras, so that Keras need not be imported."""
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    return Path(home).expanduser() / "datasets" / spec.keras_cache


def is_in_keras_cache(spec: StandardSet) -> bool:
    """Whether Keras would need no network: it stores MNIST in one file and Fashion-MNIST in four."""
    cache = keras_cache(spec)
    return cache.is_file() or len(list(cache.glob("*.gz"))) == len(FOUR_ARRAYS)


def fetch_with_keras(spec: StandardSet) -> dict[str, np.ndarray]:
    """Return the four arrays from ``keras.datasets``, which downloads them at first use and shows a progress bar."""
    keras = importlib.import_module("keras")
    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, spec.name).load_data()
    except (EOFError, ValueError, KeyError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        # An interrupted download can be in Keras's cache; Keras compares a checksum for MNIST only.
        raise BadInput(
            f"Keras's copy of {spec.name} is damaged ({error}): expected the whole set; delete {keras_cache(spec)} and "
            f"load again."
        ) from error
    except Exception as error:
        # Keras raises a plain Exception for a failed download, so nothing narrower can be caught here.
        failed_fetch = isinstance(error, OSError | http.client.HTTPException) or "URL fetch" in str(error)
        if not failed_fetch:
            raise
        raise BadInput(
            f"{spec.name} could not be downloaded ({error}): without a network, put {spec.name}.npz (arrays "
            f"{', '.join(FOUR_ARRAYS)}) into a folder and set {DIR_VARIABLE} to that folder, or use DATASET=digits, "
            "which comes with scikit-learn."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def check_standard(spec: StandardSet, arrays: Mapping[str, np.ndarray], where: str, advice: str) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``arrays`` are exactly the published set.

    Shapes and types are checked first, then class counts, then digests, so that the message names the clearest
    difference.
    """
    for key in FOUR_ARRAYS:
        if key not in arrays:
            found = ", ".join(sorted(arrays)) or "no array at all"
            raise BadInput(f"{where} has {found}, but no {key}: expected {', '.join(FOUR_ARRAYS)}; {advice}.")
        array = arrays[key]
        if array.dtype != np.uint8 or array.shape != _SHAPES[key]:
            raise BadInput(
                f"{where}: array {key} is {array.dtype} of shape {array.shape}: "
                f"expected uint8 of shape {_SHAPES[key]} for {spec.name}; {advice}."
            )
    for key, expected in spec.class_counts.items():
        counts = tuple(np.bincount(arrays[key], minlength=10).tolist())
        if counts != expected:
            raise BadInput(
                f"{where}: array {key} has class counts {counts}: expected {expected} for {spec.name}; {advice}."
            )
    for key, expected_digest in spec.digests.items():
        digest = idx_digest(arrays[key])
        if digest != expected_digest:
            raise BadInput(
                f"{where}: array {key} has SHA-256 {digest[:12]}..., so it is not {spec.name}: expected "
                f"{expected_digest[:12]}...; {advice}."
            )


def idx_digest(array: np.ndarray) -> str:
    """SHA-256 of a uint8 array in IDX layout: two zero bytes, 8 for uint8, the rank, the sizes, then the bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
