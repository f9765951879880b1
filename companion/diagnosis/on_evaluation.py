"""Evaluation: whether the figures that were looked at say what they seem to say."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import Examination
from companion.diagnosis.report import NOTE, Finding

SMALL = 16  # images per batch, so that a small set has several batches
FEWEST = 4


def the_model_generalises(x: Examination) -> Iterator[Finding]:
    """The loss on validation images over that on as many training images, with its standard error."""
    if x.validation is None:
        return
    batches = min(len(x.validation), len(x.images), 32 * SMALL) // SMALL
    train = [
        x.patient.observe(x.images[i * SMALL : (i + 1) * SMALL].astype("float64")) for i in range(batches)
    ]
    other = [
        x.patient.observe(x.validation[i * SMALL : (i + 1) * SMALL].astype("float64")) for i in range(batches)
    ]
    if batches < FEWEST or None in train or None in other:
        return
    a, b = (np.array([each.loss for each in side if each is not None]) for side in (train, other))
    gap, error = float(b.mean() - a.mean()), float(np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))
    share = gap / abs(float(a.mean()))
    if gap > 4 * error and share > 0.1:
        yield Finding(
            name="overfitting",
            stage="evaluation",
            figure=f"the loss is {gap:.3g} higher on validation images (standard error {error:.2g}), {share:.0%}",
            healthy="a few per cent",
            meaning="The model knows its training images better than others of their kind.",
            mend="keras.callbacks.EarlyStopping(restore_best_weights=True), a smaller network, or more images",
            chapter="11",
            sure="likely",
        )


def the_history_is_the_loss(x: Examination) -> Iterator[Finding]:
    """The last training loss of the history beside the loss now."""
    values = (x.history or {}).get("loss") or (x.history or {}).get("total_loss")
    if not values:
        return
    values = np.asarray(values, dtype="float64")
    if len(values) > 1 and np.ptp(values) == 0:
        yield Finding(
            name="a history that stands still",
            stage="evaluation",
            figure=f"the loss is {values[0]:.4g} in every epoch",
            healthy="a curve",
            meaning="What is recorded is not what is minimised: a metric that is never updated, or a constant.",
            mend="self.loss_tracker.update_state(loss) in train_step, and list it under metrics",
            chapter="05",
        )
    elif not np.isfinite(values).all():
        yield Finding(
            name="a loss that became NaN",
            stage="learning",
            figure=f"first in epoch {int(np.argmax(~np.isfinite(values))) + 1} of {len(values)}",
            healthy="finite in every epoch",
            meaning="The weights hold NaN from then on, and nothing that is decoded with them means anything.",
            mend="a smaller learning rate, clipnorm=1.0, logits instead of a sigmoid, a bounded log variance",
            chapter="11",
            after=("extreme log variances", "pixels outside 0 to 1", "pixels that are no numbers"),
        )


def the_loss_is_explained(x: Examination) -> Iterator[Finding]:
    """What remains of the loss beside the two terms."""
    if x.fit is not None and not x.fit.is_sure:
        yield Finding(
            name="a loss with further terms",
            stage="loss",
            figure=f"{x.fit.reconstruction} and {x.fit.kl} explain {x.fit.explained:.1%} of its variation",
            healthy="99.9 % or more",
            meaning="Something else moves the loss, for example a penalty, a learned scale or another likelihood, "
            "so its weights cannot be told.",
            mend="pass loss=, the function of your two terms alone",
            chapter="04",
            sure="possible",
            level=NOTE,
        )


EXAMINE = (the_history_is_the_loss, the_model_generalises, the_loss_is_explained)
