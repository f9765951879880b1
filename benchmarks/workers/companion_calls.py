"""What a trained model of ``companion`` is asked for: samples, codes, the k-sample bound on the log likelihood."""

from __future__ import annotations

import time

from benchmarks.images import read
from benchmarks.workers.companion_models import build
from benchmarks.workers.talk import Talk
from companion import evaluation


def main() -> None:
    """Call until told to stop."""
    talk = Talk()
    spec = talk.spec
    images = read(spec["images"], spec["count"])
    began = time.perf_counter()
    model = build(spec)
    call = {
        "sample": lambda: model.sample(len(images)),
        "encode": lambda: model.encode(images),
        "log_likelihood": lambda: evaluation.log_likelihood(model, images, k=spec["num_samples"]),
    }[spec["call"]]
    call()
    talk.first_step(time.perf_counter() - began)

    def one_round() -> None:
        for _ in range(spec["steps"]):
            call()

    talk.serve(one_round)


if __name__ == "__main__":
    main()
