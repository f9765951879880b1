"""Sampling: whether codes are drawn as z = mean + sd * noise, with noise of their own for each image and call."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import Examination
from companion.diagnosis.report import Finding
from companion.diagnosis.spread import STANDARD_DEVIATIONS

LINE = "z = z_mean + ops.exp(0.5 * z_log_var) * random.normal(ops.shape(z_mean), seed=self.seed_generator)"


def codes_are_drawn(x: Examination) -> Iterator[Finding]:
    """Two calls give two draws, and different images different noise."""
    drawn = x.patient.draws(x.some, times=2) if x.patient.has("encode") else None
    if drawn is None:
        return
    (mean, spread, z), second = drawn
    noise = z - mean
    if np.allclose(noise, 0.0, atol=1e-6):
        yield Finding(
            name="codes without noise",
            stage="sampling",
            figure="z equals the mean in every draw",
            healthy="z = mean + sd * noise",
            meaning="The model is an autoencoder; its decoder never sees the width of a cloud, and the KL has "
            "no counterpart.",
            mend=LINE,
            chapter="03",
        )
        return
    if np.allclose(second.z, z):
        yield Finding(
            name="the same noise at every call",
            stage="sampling",
            figure="two calls on the same images give equal codes",
            healthy="two draws",
            meaning="A whole number as a seed repeats its noise, so the decoder can learn the draws by heart.",
            mend="make one keras.random.SeedGenerator in __init__, and pass it as seed= to every draw",
            chapter="03",
        )
        return
    with np.errstate(all="ignore"):
        standard = noise / STANDARD_DEVIATIONS[x.kind](spread)
    varies = float(np.std(standard, axis=0).mean()) if np.isfinite(standard).all() else 1.0
    if varies < 0.1:
        yield Finding(
            name="one noise for the whole batch",
            stage="sampling",
            figure=f"from image to image the noise of a unit has a standard deviation of {varies:.2g}",
            healthy="1",
            meaning="All images of a batch are moved by the same vector, so their gradients share its chance.",
            mend=LINE,
            chapter="03",
        )


def draws_have_the_width_they_should(x: Examination) -> Iterator[Finding]:
    """The standard deviation of the draws over the one that the second output gives."""
    found = x.spread_kind
    if found is None or abs(np.log(found.ratio)) < 0.1 or (found.misfit > 0.2 and x.told is None):
        return
    yield Finding(
        name="draws of another width",
        stage="sampling",
        figure=f"draws are {found.ratio:.2f} times as wide as a {found.kind} says",
        healthy="1 time",
        meaning="The noise has a factor of its own, so the KL belongs to another distribution than the draws.",
        mend=LINE,
        chapter="03",
        bars=(("draws", found.ratio), (found.kind, 1.0)),
        after=(
            "one noise for the whole batch",
            "the same noise at every call",
            "KL and draw disagree about the spread",
        ),
    )


EXAMINE = (codes_are_drawn, draws_have_the_width_they_should)
