"""Intervals of whole numbers as salted digests: one can ask whether a number lies inside, and not read the number.

An interval is cut into blocks of 1, 2, 4, ... numbers that begin at multiples of their length, at most two of each
length, and each block becomes the beginning of the SHA-256 of salt, length and place. A number lies inside where the
digest of one of the blocks around it is among them. ``front/judge.js`` asks in the same way.

This obscures and keeps no secret: whoever computes the digests of all numbers finds the right one.
"""

from base64 import b64encode
from hashlib import sha256

#: Blocks have 1 to 2 ** (LEVELS - 1) numbers, for every interval, so that the digests do not tell how wide it is.
LEVELS = 24
BYTES = 5


def digest(salt: str, level: int, place: int) -> bytes:
    """The digest of the block of ``2 ** level`` numbers that begins at ``place * 2 ** level``."""
    return sha256(f"{salt}:{level}:{place}".encode()).digest()[:BYTES]


def blocks(low: int, high: int) -> list[tuple[int, int]]:
    """The fewest blocks, as level and place, that together hold the numbers from ``low`` to ``high`` and no other."""
    found: list[tuple[int, int]] = []
    for level in range(LEVELS - 1):
        if low > high:
            return found
        if low % 2:
            found.append((level, low))
        if high % 2 == 0 and high >= low + low % 2:
            found.append((level, high))
        low, high = (low + 1) // 2, (high - 1) // 2
    return [*found, *((LEVELS - 1, place) for place in range(low, high + 1))]


def sealed(salt: str, low: int, high: int) -> str:
    """The digests of the numbers from ``low`` to ``high``, in an order that tells nothing, as base64."""
    return b64encode(b"".join(sorted(digest(salt, *block) for block in blocks(low, high)))).decode("ascii")
