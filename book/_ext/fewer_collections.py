"""Let Python look for garbage less often while the book is built: a document tree is millions of objects that stay.

Measured on this book: 26 processor seconds instead of 32, with the same pages.
"""

from __future__ import annotations

import gc

from sphinx.application import Sphinx

# New objects until the youngest are looked through (Python's own: 700), and how many such rounds until older ones are.
THRESHOLD = (200_000, 20, 100)


def setup(app: Sphinx) -> dict[str, object]:
    """Set the threshold for the process that builds the book."""
    gc.set_threshold(*THRESHOLD)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
