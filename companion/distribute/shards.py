"""Images in files of a few thousand each, read one file at a time, so that memory stays constant. Chapter 15."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import BadInput, check_whole_number

INDEX = "shards.json"
SHARD_SIZE = 4096
_SCHEMA = 1
_WRITE = "write_shards(images, 'my_shards')"


def write_shards(
    images: np.ndarray | Iterable[np.ndarray], folder: Path | str, *, shard_size: int = SHARD_SIZE
) -> Shards:
    """Write ``images`` as files of ``shard_size`` images each into the new ``folder``, and return them.

    ``images``: an array ``(n, height, width, channels)`` of bytes, or of numbers in [0, 1], which are rounded to bytes;
    or any iterable of such arrays, such as :class:`companion.data.chunks.ImageChunks`, so that they never have to be in
    memory together. The index is written last: a folder that has one is complete.

    Raises :class:`~companion.errors.BadInput` for a folder that is not empty, arrays of other or differing shapes,
    and pixels outside [0, 1]. Taught in chapter 15.
    """
    path, size = Path(folder).expanduser(), check_whole_number("shard_size", shard_size)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise BadInput(f"folder={path} is not empty: expected a new one for shards; pass another path.")
    path.mkdir(parents=True, exist_ok=True)
    sizes, shape = [], None
    for number, shard in enumerate(_regrouped(images, size)):
        shape = shard.shape[1:]
        # Plain bytes: the file's length says how many images it holds.
        (path / _name(number)).write_bytes(shard.tobytes())
        sizes.append(len(shard))
    if shape is None:
        raise BadInput("images are none: expected at least one array of them; pass a stack of images.")
    index = {"schema": _SCHEMA, "image_shape": list(shape), "sizes": sizes}
    partial = path / f".partial-{INDEX}"
    partial.write_text(json.dumps(index), encoding="utf-8")
    os.replace(partial, path / INDEX)
    return Shards(path)


class Shards:
    """The images in a folder that :func:`write_shards` wrote. ``len`` is their number.

    Raises :class:`~companion.errors.BadInput` for a folder without an index, and where a file is missing or of another
    length than the index says.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).expanduser()
        try:
            index = json.loads((self.folder / INDEX).read_text(encoding="utf-8"))
            self.image_shape, self.sizes = (
                tuple(map(int, index["image_shape"])),
                tuple(map(int, index["sizes"])),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"{self.folder} has no readable {INDEX} ({error}): expected a folder of shards; write it with "
                f"{_WRITE}."
            ) from error
        self.image_bytes = math.prod(self.image_shape)
        for number, size in enumerate(self.sizes):
            path = self.folder / _name(number)
            found = path.stat().st_size if path.is_file() else None
            if found != size * self.image_bytes:
                state = "is missing" if found is None else f"has {found} bytes"
                raise BadInput(
                    f"{path} {state}: expected {size * self.image_bytes} bytes, {size} images; write the shards anew "
                    f"with {_WRITE}."
                )

    def __len__(self) -> int:
        return sum(self.sizes)

    def batches_per_epoch(self, batch_size: int) -> int:
        """The number of batches, including a smaller last one."""
        return math.ceil(len(self) / check_whole_number("batch_size", batch_size))

    def order(self, seed: int, epoch: int) -> list[tuple[int, int]]:
        """The shards of an epoch in their order, each with the seed that orders its images."""
        draws = np.random.default_rng([check_whole_number("seed", seed, at_least=0), 15, epoch])
        shards = draws.permutation(len(self.sizes))
        seeds = draws.integers(0, 2**31, len(self.sizes))
        return [(int(shard), int(own)) for shard, own in zip(shards, seeds, strict=True)]

    def dataset(self, batch_size: int = 128, *, seed: int = 0, epoch: int = 0, start: int = 0) -> Any:
        """One epoch as a ``tf.data.Dataset`` of float32 batches ``(batch_size, *image_shape)`` in [0, 1].

        The order follows from ``(seed, epoch)``: the shards are shuffled, and the images within each shard. So an epoch
        can be taken up again in the middle: ``start`` is the number of batches that are done, and the files before them
        are not read. At most three shards are in memory. Images of different shards meet in a batch only where one
        shard ends, which is why a shard should hold many batches and be shuffled when it is written.
        """
        import tensorflow as tf

        size = check_whole_number("batch_size", batch_size)
        todo = self._from(check_whole_number("start", start, at_least=0) * size, seed, epoch)
        if not todo:
            raise BadInput(
                f"start={start}: expected less than {self.batches_per_epoch(size)}, the batches of an epoch; pass "
                f"epoch={epoch + 1}, start=0 for the next one."
            )
        paths, sizes, seeds, skipped = map(list, zip(*todo, strict=True))

        def read(path: Any, n: Any, own: Any, skip: Any) -> Any:
            pixels = tf.io.decode_raw(tf.io.read_file(path), tf.uint8)
            images = tf.reshape(pixels, (n, *self.image_shape))
            rows = tf.random.experimental.stateless_shuffle(tf.range(n), seed=tf.stack([own, 0]))
            return tf.gather(images, rows[skip:])

        def as_float(images: Any) -> Any:
            return tf.cast(images, tf.float32) / 255.0

        shards = tf.data.Dataset.from_tensor_slices((paths, sizes, seeds, skipped)).map(read)
        batches = shards.rebatch(size).map(as_float).prefetch(2)
        # Each thread keeps some of the memory that it has freed: few threads keep little.
        options = tf.data.Options()
        options.threading.private_threadpool_size = 2
        batches = batches.with_options(options)
        left = math.ceil((sum(sizes) - sum(skipped)) / size)
        return batches.apply(tf.data.experimental.assert_cardinality(left))

    def _from(self, images: int, seed: int, epoch: int) -> list[tuple[str, int, int, int]]:
        """Path, size, seed and number of images to leave out of each shard that is left after ``images``."""
        todo = []
        for shard, own in self.order(seed, epoch):
            size = self.sizes[shard]
            if images < size:
                todo.append((str(self.folder / _name(shard)), size, own, images))
            images = max(images - size, 0)
        return todo


def _name(number: int) -> str:
    return f"shard-{number:05d}.raw"


def _regrouped(images: Any, size: int) -> Iterator[np.ndarray]:
    """The images in arrays of ``size``, the last one smaller, as bytes."""
    waiting: list[np.ndarray] = []
    shape = None
    for part in [images] if isinstance(images, np.ndarray) else images:
        pixels = _as_bytes(np.asarray(part))
        shape = shape or pixels.shape[1:]
        if pixels.shape[1:] != shape:
            raise BadInput(
                f"images have shapes {shape} and {pixels.shape[1:]}: expected one; resize them before they are written."
            )
        waiting.append(pixels)
        while sum(map(len, waiting)) >= size:
            joined = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
            yield joined[:size]
            waiting = [joined[size:]]
    rest = np.concatenate(waiting) if waiting else np.zeros(0)
    if len(rest):
        yield rest


def _as_bytes(images: np.ndarray) -> np.ndarray:
    if images.ndim != 4 or not images.shape[0]:
        raise BadInput(
            f"images have shape {images.shape}: expected (n, height, width, channels) with n of at least 1; add the "
            f"channel with images[..., np.newaxis]."
        )
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind != "f" or not (images.min() >= 0 and images.max() <= 1):  # False for NaN
        raise BadInput(
            f"images have dtype {images.dtype}, values from {images.min()} to {images.max()}: expected bytes, or "
            f"floats in [0, 1]; divide by the largest possible value."
        )
    return np.round(images * np.float32(255)).astype(np.uint8)
