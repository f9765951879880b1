"""Bounds: whether a loss made of several draws' weights is a bound on log p(x)."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.bounds import bound_of, log_mean_exp, read, weights
from companion.diagnosis.examination import Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.report import Finding
from companion.diagnosis.spread import STANDARD_DEVIATIONS

WHOLE = 120  # images, a number that groups of 2, 3, 4, 5, 6, 8, 10, 12 and more divide
SHIFTS = ((0.0, 0.0), (0.6, 0.0), (0.0, -0.7))  # of mean and spread, so that a reading that fits is no chance
OWN = 64  # draws per image for a bound of our own


def the_bound_is_below_log_p(x: Examination) -> Iterator[Finding]:
    """The loss, as it follows from the weights of its own draws; only where the two terms do not explain it."""
    if not isinstance(x.patient, KerasPatient) or x.encoded is None or (x.fit is not None and x.fit.is_sure):
        return
    images = x.some[: min(WHOLE, len(x.some))]
    seen = [x.patient.observe(images, *shift) for shift in SHIFTS]
    observations = [each for each in seen if each is not None]
    if len(observations) < len(SHIFTS):
        return
    found = read(observations, (x.kind, *(kind for kind in STANDARD_DEVIATIONS if kind != x.kind)))
    if found is None or not found[2].wrong:
        return
    error, kind, reading = found
    first = observations[0]
    w = weights(first, error, kind)
    own = np.nan if w is None else float(log_mean_exp(w.drawn).mean())
    noise = x.rng.normal(size=(OWN, *first.mean.shape))
    many = bound_of(first.mean, first.spread, images, x.patient.decode, (error, kind), noise)
    yield Finding(
        name="a bound better than log p(x) allows",
        stage="loss",
        figure=f"the loss says {-first.loss:.1f} nats per image; the weights that it is made of give a bound of "
        f"{own:.1f}, {OWN} draws per image {many:.1f}. It is {reading.wrong}",
        healthy="at most the bound of the same weights, and less than with more draws",
        meaning="A k-sample bound is the log of the mean of the k weights of one image, and then the mean over images. "
        "Anything else may lie above log p(x), so that such figures cannot be compared with others.",
        mend="loss = -ops.mean(ops.logsumexp(log_weights, axis=0) - ops.log(k)), log_weights (k, batch); or "
        "companion.iwae.IWAE(num_samples=k)",
        chapter="10",
        bars=(("the loss says", -first.loss), ("its own weights", own), (f"{OWN} draws", many)),
    )


EXAMINE = (the_bound_is_below_log_p,)
