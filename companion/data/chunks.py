"""The images of an .npz file, a chunk at a time: memory does not grow with their number. Chapter 13."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from companion.data.files import UNREADABLE, as_pixels
from companion.errors import BadInput, check_whole_number

CHUNK = 256
ENDING = ".npy"
_SAVE = "np.savez_compressed('my.npz', images=images)"
_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class ImageChunks:
    """The images of one array of the .npz file ``path``, as float32 chunks ``(at most size, height, width, channels)``.

    The array is ``images``, or the only one of the file, or the one named ``array``. It is read from the archive as it
    is unpacked, so at most one chunk is in memory; the checks are those of :func:`companion.data.from_arrays`, made
    chunk by chunk, and the archive's checksum is compared at the end. ``len`` is the number of images.

    Raises :class:`~companion.errors.BadInput`, naming the file and the array, for a file that is missing, damaged or of
    another kind, and for an array that holds no images; while chunks are read, for pixels that do not fit.
    """

    def __init__(self, path: Path | str, *, array: str | None = None, size: int = CHUNK) -> None:
        self.path, self.size = Path(path).expanduser(), check_whole_number("size", size)
        if not self.path.is_file():
            raise BadInput(f"{self.path} is no file: expected an .npz file; save one with {_SAVE}.")
        with _faults_named(str(self.path)), zipfile.ZipFile(self.path) as archive:
            self.array = self._chosen(archive, array)
            with archive.open(self.array + ENDING) as member:
                self.shape, self.dtype = self._header(member)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape of one image, (height, width, channels)."""
        return (*self.shape[1:], 1) if len(self.shape) == 3 else self.shape[1:]

    def __iter__(self) -> Iterator[np.ndarray]:
        what, largest = f"{self.path}: array {self.array}", 0
        with (
            _faults_named(what),
            zipfile.ZipFile(self.path) as archive,
            archive.open(self.array + ENDING) as member,
        ):
            self._header(member)
            for start in range(0, len(self), self.size):
                raw = self._rows(member, min(self.size, len(self) - start))
                if self.dtype == np.uint8:
                    # Whether bytes are binary is known only after the last chunk.
                    largest = max(largest, int(raw.max()))
                    yield _with_channel(raw).astype("float32") / np.float32(255)
                else:
                    yield as_pixels(raw, what)
            if member.read(1):
                raise BadInput(f"{what} is longer than its header says; save or download the file again.")
        if self.dtype == np.uint8 and largest <= 1:
            as_pixels(raw, what)  # which says what to do with binary bytes

    def _chosen(self, archive: zipfile.ZipFile, array: str | None) -> str:
        """The array that holds the images."""
        found = [name.removesuffix(ENDING) for name in archive.namelist() if name.endswith(ENDING)]
        wanted = array or ("images" if "images" in found or len(found) != 1 else found[0])
        if wanted not in found:
            raise BadInput(
                f"{self.path} has {', '.join(found) or 'no array at all'}, and no {wanted}: expected an array of "
                f"images; pass array= with the name of one of them, or save it with {_SAVE}."
            )
        return wanted

    def _header(self, member: Any) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of the array, whose numbers are the next thing that ``member`` gives."""
        what = f"{self.path}: array {self.array}"
        shape, fortran_order, dtype = _READERS[npy.read_magic(member)](member)
        if dtype.hasobject:
            raise BadInput(
                f"{what} holds pickled Python objects, which are never loaded, for they can run code; expected "
                f"numbers; stack the images into one uint8 or float32 array and save with {_SAVE}."
            )
        if fortran_order:
            raise BadInput(
                f"{what} is stored column by column: expected rows, which can be read one after another; save "
                f"np.ascontiguousarray(images)."
            )
        if len(shape) not in (3, 4) or not math.prod(shape):
            as_pixels(np.zeros(shape, dtype), what)  # which says what a stack of images is
        return tuple(shape), dtype

    def _rows(self, member: Any, rows: int) -> np.ndarray:
        wanted = rows * math.prod(self.shape[1:]) * self.dtype.itemsize
        given = member.read(wanted)
        if len(given) != wanted:
            raise EOFError(f"{len(given)} of {wanted} bytes")
        return np.frombuffer(given, self.dtype).reshape(rows, *self.shape[1:])


def _with_channel(images: np.ndarray) -> np.ndarray:
    return images[..., np.newaxis] if images.ndim == 3 else images


@contextmanager
def _faults_named(what: str) -> Iterator[None]:
    """Say which file, or which array of it, is damaged."""
    try:
        yield
    except BadInput:
        raise
    except UNREADABLE as error:
        raise BadInput(
            f"{what} cannot be read as .npz ({error}): it is truncated, damaged or another kind of file; expected "
            f"arrays saved with {_SAVE}; save or download the file again."
        ) from error
