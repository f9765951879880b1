"""Evaluation: whether the figures that were looked at say what they seem to say."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from companion.diagnosis.examination import Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.report import NOTE, Finding

SMALL = 16  # images per batch, so that a small set has several batches
FEWEST = 4
SIZES = (16, 32, 64)  # of the batches of an evaluation
LIKE_LAST = 0.25  # of the way from the last batch to the mean: what lies nearer to the last batch is its loss
DIFFERENT = 0.05  # relative: how far the last batch must lie from the mean


class Evaluated(NamedTuple):
    """What ``evaluate`` gives for two kinds of images, the mean of what it gives for each, and for the second alone."""

    both: float
    mean: float
    last: float

    def is_of_the_last(self) -> bool:
        """Whether it is the figure of the second kind; not where the two kinds hardly differ."""
        gap = abs(self.last - self.mean)
        return gap > DIFFERENT * abs(self.mean) and abs(self.both - self.last) < LIKE_LAST * gap


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
            bars=(("training", float(a.mean())), ("validation", float(b.mean()))),
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
            bars=tuple((f"epoch {number}", float(value)) for number, value in enumerate(values, start=1)),
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


def evaluation_is_over_all_images(x: Examination) -> Iterator[Finding]:
    """The loss of images followed by others, in batches of three sizes, beside that of the others and of both."""
    half = x.some[: max(SIZES)]
    if not isinstance(x.patient, KerasPatient) or len(half) < max(SIZES):
        return
    exchanged = half.min() + half.max() - half
    seen = {}
    for size in SIZES:
        pair = [x.patient.loss_of_all(images, size) for images in (half, exchanged)]
        both = x.patient.loss_of_all(np.concatenate([half, exchanged]), size)
        if both is None or pair[0] is None or pair[1] is None:
            return
        seen[size] = Evaluated(both, float(np.mean([pair[0], pair[1]])), pair[1])
        if not seen[size].is_of_the_last():
            return
    said = ", ".join(f"{each.both:.4g} in batches of {size}" for size, each in seen.items())
    mean = seen[min(SIZES)].mean
    yield Finding(
        name="an evaluation of the last batch",
        stage="evaluation",
        figure=f"on {len(half)} images and as many with black and white exchanged, evaluate gives {said}, as on the "
        f"last batch alone; the mean is {mean:.4g}",
        healthy="the mean over all images, in batches of any size",
        meaning="What test_step returns is the loss of one batch, and Keras keeps what came last. So the validation "
        "loss is that of a few images, and noisy.",
        mend="self.loss_tracker.update_state(loss), and return {m.name: m.result() for m in self.metrics}",
        chapter="11",
        bars=(*((f"batches of {size}", each.both) for size, each in seen.items()), ("the mean", mean)),
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


EXAMINE = (
    the_history_is_the_loss,
    evaluation_is_over_all_images,
    the_model_generalises,
    the_loss_is_explained,
)
