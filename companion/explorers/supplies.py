"""The images that an explorer trains on. They are packed where it is shown, so that no copy of the data is kept."""

from base64 import b64encode
from typing import Any

import numpy as np

from companion import data


def images_of(name: str) -> dict[str, Any]:
    """The black and white data set ``name`` for the front end: ``images``, ``labels``, and ``train``, a count.

    ``images`` are the training images and after them the held-out ones, a bit per pixel, in base64; ``labels`` are one
    character each. Raises :class:`~companion.errors.BadInput` for a set that :func:`companion.data.load` does not know.
    """
    small = data.load(name)
    images = np.concatenate([small.x_train, small.x_test]).reshape(len(small.x_train) + len(small.x_test), -1)
    labels = [] if small.y_train is None or small.y_test is None else [*small.y_train, *small.y_test]
    bits = np.packbits(images.astype(bool), axis=1)
    return {
        "images": b64encode(bits.tobytes()).decode("ascii"),
        "labels": "".join(str(int(label)) for label in labels),
        "train": len(small.x_train),
    }
