"""Amortisation: whether the encoder finds codes that are about as good as the best ones for each image."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import BATCH, BEGUN, Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.refining import DRAWS, STEPS, Codes, loss_of
from companion.diagnosis.report import FAULT, NOTE, Finding
from companion.diagnosis.spread import STANDARD_DEVIATIONS

LARGE, SHARE = 1.0, 0.05  # nats per image, and a part of the loss: healthy patients show at most 0.8 and 0.02


def the_encoder_keeps_up(x: Examination) -> Iterator[Finding]:
    """What gradient steps on mean and log variance gain per image, while the decoder stays as it is.

    For other losses than a cross-entropy it is a note: a small pixel noise makes any slip of the encoder large.
    """
    if not isinstance(x.patient, KerasPatient) or x.patient.steps_taken < BEGUN:
        return
    found = gained(x)
    if found is None or x.fit is None:
        return
    before, after = found
    gap = float(np.mean(before - after))
    error = float(np.std(before - after, ddof=1) / np.sqrt(len(before)))
    if not np.isfinite(gap) or gap < max(LARGE, SHARE * abs(float(before.mean())), 4 * error):
        return
    yield Finding(
        name="an amortisation gap",
        stage="evaluation",
        figure=f"{STEPS} gradient steps on the mean and log variance of each image lower the loss by {gap:.2f} nats "
        f"per image (standard error {error:.2f}), from {before.mean():.1f} to {after.mean():.1f}",
        healthy=f"less than {LARGE:g} nat, and less than {SHARE:.0%} of the loss",
        meaning="The decoder could do better with codes that the encoder does not find. So the encoder is too weak, "
        "learns too slowly, or does not belong to this decoder.",
        mend="a wider or deeper encoder, trained as long and as fast as the decoder: build_conv_encoder(...)",
        chapter="10",
        sure="likely",
        level=FAULT if "cross-entropy" in x.fit.reconstruction else NOTE,
        bars=(("by the encoder", float(before.mean())), ("after the steps", float(after.mean()))),
    )


def gained(x: Examination) -> tuple[np.ndarray, np.ndarray] | None:
    """The loss of some images in nats, ``(n,)``, by the encoder's codes and after steps; None without two terms."""
    fit = x.fit
    if not isinstance(x.patient, KerasPatient) or x.encoded is None:
        return None
    if fit is None or not fit.is_sure or fit.a <= 0 or fit.b <= 0:
        return None
    images = x.some[:BATCH]
    mean, spread = (part[:BATCH] for part in x.encoded)
    with np.errstate(all="ignore"):
        codes = Codes(mean, 2 * np.log(STANDARD_DEVIATIONS[x.kind](spread)))
    if not all(np.isfinite(part).all() for part in codes):
        return None
    noise = x.rng.normal(size=(DRAWS, *mean.shape))
    better = x.patient.refined_codes(images, codes, fit, x.rng)
    if better is None:
        return None
    before, after = (loss_of(x.patient.decode, images, each, fit, noise) for each in (codes, better))
    return before, after


EXAMINE = (the_encoder_keeps_up,)
