"""``companion`` as users run it by default: ``compile("adam")`` and ``fit`` on an array or on a ``tf.data`` set."""

from __future__ import annotations

import time

from benchmarks.images import read
from benchmarks.workers.companion_models import build
from benchmarks.workers.keras_rounds import serve_fit
from benchmarks.workers.talk import Talk


def main() -> None:
    """Train until told to stop."""
    talk = Talk()
    spec = talk.spec
    images = read(spec["images"], spec["count"])
    began = time.perf_counter()
    model = build(spec)
    if spec.get("stream"):
        import tensorflow as tf

        stream = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(spec["batch"])
        serve_fit(talk, model, stream.prefetch(tf.data.AUTOTUNE), began)
    else:
        serve_fit(talk, model, images, began, batch_size=spec["batch"])


if __name__ == "__main__":
    main()
