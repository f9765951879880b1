"""Images in few bytes: the codes of a VQ-VAE, each stored in about -log2 p bits under its prior. Chapter 09."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from companion.batching import batches
from companion.errors import BadInput

PRECISION = 16
TOTAL = 1 << PRECISION  # frequencies are whole numbers with this sum
HEADER = 4  # bytes for the number of images, and for the length of each block
IMAGES_A_BLOCK = 500


def compress(model: Any, images: Any) -> bytes:
    """The codes of ``images`` ``(n, *image_shape)`` as bytes, from which :func:`decompress` restores the images.

    ``model`` is a :class:`~companion.vq_vae.VQVAE`. The codes come back without loss; the images come back as the
    model's reconstructions. The size in bytes is close to the sum over images of -log2 p(codes) / 8 under the model's
    prior, plus a few. Raises :class:`~companion.errors.BadInput` for images that do not fit the model, and for a
    codebook of more than 2^15 codes.
    Source: Duda (2013), asymmetric numeral systems. Taught in chapter 09.
    """
    if model.num_embeddings > TOTAL // 2:
        raise BadInput(
            f"num_embeddings={model.num_embeddings}: expected at most {TOTAL // 2}, so that their frequencies can be "
            f"told apart; train a model with fewer."
        )
    codes = model.encode(images)
    blocks = [_write(model.prior_of(None), block) for (block,) in batches(codes, batch_size=IMAGES_A_BLOCK)]
    return _as_bytes(len(codes)) + b"".join(_as_bytes(len(block)) + block for block in blocks)


def decompress(model: Any, data: bytes) -> np.ndarray:
    """The images that :func:`compress` stored: ``(n, *image_shape)``, equal to the model's reconstructions.

    It needs the same model with the same prior, computed in the same way: if the prior's probabilities differ in the
    last bit, as they may on another processor, other codes are read.
    Raises :class:`~companion.errors.BadInput` for bytes that are damaged or come from another model. Taught in
    chapter 09.
    """
    n, data = _whole(data[:HEADER]), data[HEADER:]
    codes = []
    for start in range(0, n, IMAGES_A_BLOCK):
        length, data = _whole(data[:HEADER]), data[HEADER:]
        codes.append(_read(model.prior_of(None), data[:length], min(IMAGES_A_BLOCK, n - start)))
        data = data[length:]
    if not codes or data:
        raise _damaged()
    return model.decode(np.concatenate(codes))


def _write(prior: Any, codes: np.ndarray) -> bytes:
    """Maps of codes as one whole number, to which each code adds about -log2 p(code) bits."""
    slots: list[tuple[int, int]] = []

    def note(row: int, column: int, logits: np.ndarray) -> np.ndarray:
        chosen = codes[:, row, column]
        slots.extend(_slots(frequencies(logits), chosen))
        return chosen

    prior.in_reading_order(len(codes), note)
    state = 1
    # A stack: the code that is read first must be written last.
    for start, size in reversed(slots):
        state = (state // size << PRECISION) + start + state % size
    return state.to_bytes((state.bit_length() + 7) // 8, "little")


def _read(prior: Any, data: bytes, n: int) -> np.ndarray:
    """The ``n`` maps that :func:`_write` stored."""
    state = int.from_bytes(data, "little")

    def take_out(row: int, column: int, logits: np.ndarray) -> np.ndarray:
        nonlocal state
        chosen = np.zeros(n, "int32")
        for image, table in enumerate(frequencies(logits)):
            ends = np.cumsum(table)
            place = state & (TOTAL - 1)
            code = int(np.searchsorted(ends, place, side="right"))
            size = int(table[code])
            state = size * (state >> PRECISION) + place - (int(ends[code]) - size)
            chosen[image] = code
        return chosen

    codes = prior.in_reading_order(n, take_out)
    if state != 1:  # the state that _write starts from
        raise _damaged()
    return codes


def frequencies(logits: np.ndarray) -> np.ndarray:
    """Whole numbers of at least 1 with sum ``TOTAL``, in proportion to the softmax of ``logits`` ``(n, num_codes)``."""
    logits = np.asarray(logits, "float64")
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    table = 1 + np.floor(shares * (TOTAL - logits.shape[1])).astype("int64")
    # Rounding down leaves a remainder, which goes to the most probable code.
    table[np.arange(len(table)), table.argmax(axis=1)] += TOTAL - table.sum(axis=1)
    return table


def _slots(tables: np.ndarray, chosen: np.ndarray) -> Iterable[tuple[int, int]]:
    """For each image, where the chosen code's share of ``TOTAL`` starts, and its size."""
    rows = np.arange(len(tables))
    sizes = tables[rows, chosen]
    starts = np.cumsum(tables, axis=1)[rows, chosen] - sizes
    return zip(starts.tolist(), sizes.tolist(), strict=True)


def _as_bytes(number: int) -> bytes:
    return number.to_bytes(HEADER, "little")


def _whole(data: bytes) -> int:
    if len(data) < HEADER:
        raise _damaged()
    return int.from_bytes(data, "little")


def _damaged() -> BadInput:
    return BadInput(
        "these bytes do not hold codes of this model: they are damaged, or another model or prior wrote them; pass "
        "what compress(model, images) returned, and the same model."
    )
