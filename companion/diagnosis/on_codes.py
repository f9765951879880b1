"""Codes: whether the code is used, and whether it lies where the prior draws."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import Examination
from companion.diagnosis.report import NOTE, Finding
from companion.diagnosis.spread import STANDARD_DEVIATIONS

UNUSED = 0.01  # nats: a unit with a smaller KL carries nothing
CAUSES = (
    "reconstruction averaged over pixels",
    "a sigmoid before a loss of logits",
    "weights that do not learn",
)


def the_code_is_used(x: Examination) -> Iterator[Finding]:
    """The KL of each unit to its prior."""
    kl = x.kl_per_unit
    if kl is None or not np.isfinite(kl).all():
        return
    unused = int(np.sum(kl < UNUSED))
    bars = tuple((f"unit {number}", float(value)) for number, value in enumerate(kl))
    if unused == len(kl):
        yield Finding(
            name="posterior collapse",
            stage="codes",
            figure=f"no unit of {len(kl)} has a KL above {UNUSED} nats; the total is {kl.sum():.2g} nats per image",
            healthy="a few nats per image",
            meaning="The code says nothing about its image, so every reconstruction is the same picture.",
            mend="check the weights of both terms first; then a warm-up of the KL, or free bits",
            chapter="11",
            sure="likely",
            after=CAUSES,
            bars=bars,
        )
    elif unused:
        yield Finding(
            name="unused units of the code",
            stage="codes",
            figure=f"{unused} of {len(kl)} units have a KL below {UNUSED} nats",
            healthy="none, or as many as the data do not need",
            meaning="These units equal the prior for every image. It is no fault by itself; plots of the code "
            "should show the others.",
            mend="a smaller latent_dim, a weight below 1 on the KL, or free bits",
            chapter="06",
            sure="likely",
            level=NOTE,
            bars=bars,
        )


def codes_lie_where_the_prior_draws(x: Examination) -> Iterator[Finding]:
    """The aggregated posterior's mean and standard deviation, unit by unit, against N(0, 1)."""
    if x.encoded is None:
        return
    mean, spread = x.encoded
    with np.errstate(all="ignore"):
        variance = STANDARD_DEVIATIONS[x.kind](spread) ** 2
    total = np.sqrt(mean.var(axis=0) + variance.mean(axis=0))
    if not np.isfinite(total).all():
        return
    widest, farthest = float(total.max()), float(np.abs(mean.mean(axis=0)).max())
    if widest > 2.5 or farthest > 4.0:
        yield Finding(
            name="codes far from the prior",
            stage="codes",
            figure=f"standard deviation of a unit up to {widest:.2f}, mean up to {farthest:.2f}",
            healthy="about 1 and 0 for each unit",
            meaning="The decoder never saw codes where the prior draws them, so samples look worse than "
            "reconstructions.",
            mend="a KL of full weight; or fit a mixture to the codes and sample from that",
            chapter="05",
            sure="likely",
            after=(
                "no KL in the loss",
                "the KL has the wrong sign",
                "KL averaged over the code",
                "codes without noise",
            ),
            bars=(
                *((f"unit {number}", float(value)) for number, value in enumerate(total)),
                ("the prior", 1.0),
            ),
        )


def clouds_have_a_width(x: Examination) -> Iterator[Finding]:
    """Standard deviations that are almost zero, or log variances that overflow."""
    if x.encoded is None:
        return
    spread = x.encoded[1]
    farthest = float(spread.ravel()[np.abs(spread).argmax()])
    if "log" in x.kind and abs(farthest) > 20:
        yield Finding(
            name="extreme log variances",
            stage="learning",
            figure=f"the second output of the encoder reaches {farthest:.3g}",
            healthy="between -10 and 2",
            meaning="exp of such a number overflows or vanishes, and the loss becomes NaN, in half precision "
            "from 11 on.",
            mend="z_log_var = ops.clip(z_log_var, -10, 10), and a smaller learning rate",
            chapter="11",
            after=("no KL in the loss",),
        )


EXAMINE = (clouds_have_a_width, the_code_is_used, codes_lie_where_the_prior_draws)
