"""Data: whether the images are what the loss takes them for."""

from collections.abc import Iterator

import numpy as np

from companion.diagnosis.examination import Examination
from companion.diagnosis.report import NOTE, Finding

CROSS_ENTROPY = "cross-entropy"
TWINS = 0.05  # of the validation images; small black and white pictures coincide by chance


def values_are_finite(x: Examination) -> Iterator[Finding]:
    """NaN and infinity spoil every sum."""
    bad = int(np.sum(~np.isfinite(x.images)))
    if bad:
        yield Finding(
            name="pixels that are no numbers",
            stage="data",
            figure=f"{bad:,} of {x.images.size:,} pixel values are NaN or infinite",
            healthy="none",
            meaning="One such value makes the loss of its whole batch NaN, and the weights after it.",
            mend="images = images[np.isfinite(images).reshape(len(images), -1).all(axis=1)]",
            chapter="13",
        )


def values_lie_between_0_and_1(x: Examination) -> Iterator[Finding]:
    """A cross-entropy is a likelihood of values between 0 and 1 alone."""
    low, high = float(np.nanmin(x.images)), float(np.nanmax(x.images))
    if low >= 0 and high <= 1:
        return
    fit = x.fit if np.isfinite(x.images).all() else None
    if fit is not None and CROSS_ENTROPY not in fit.reconstruction and high <= 20:
        return  # standardised data with a squared error
    bytes_ = low >= 0 and high > 20
    yield Finding(
        name="pixels outside 0 to 1",
        stage="data",
        figure=f"values from {low:.4g} to {high:.4g}",
        healthy="from 0 to 1 for a cross-entropy",
        meaning="For a pixel above 1 or below 0 the cross-entropy has no minimum, so the loss falls without end "
        "or is NaN.",
        mend="images = images / 255.0" if bytes_ else f"images = (images - {low:.4g}) / {high - low:.4g}",
        chapter="04",
    )


def grey_pixels_have_a_floor(x: Examination) -> Iterator[Finding]:
    """The cross-entropy of grey pixels cannot fall below the entropy of their grey levels."""
    if x.fit is None or CROSS_ENTROPY not in x.fit.reconstruction or not np.isfinite(x.some).all():
        return
    p = x.some.reshape(len(x.some), -1)
    if p.min() < 0 or p.max() > 1:
        return
    safe = np.clip(p, 1e-12, 1 - 1e-12)
    floor = float(-(p * np.log(safe) + (1 - p) * np.log(1 - safe)).sum(axis=1).mean())
    if floor > 0.05 * x.pixels * np.log(2):
        yield Finding(
            name="a floor under the cross-entropy",
            stage="data",
            figure=f"{floor:.1f} nats per image, whatever the model does",
            healthy="0 for black and white pixels",
            meaning="Grey pixels have an entropy of their own, so the reconstruction error stops there. It is no "
            "fault, but figures on grey and on binarised images cannot be compared.",
            mend='images = companion.data.binarize(images, "threshold"), or likelihood="continuous_bernoulli"',
            chapter="04",
            level=NOTE,
        )


def training_and_validation_are_apart(x: Examination) -> Iterator[Finding]:
    """A validation image that is also trained on does not test anything."""
    if x.validation is None:
        return
    known = {np.round(image, 6).tobytes() for image in x.images.reshape(len(x.images), -1).astype("float32")}
    others = x.validation.reshape(len(x.validation), -1).astype("float32")
    twins = sum(np.round(image, 6).tobytes() in known for image in others)
    if twins > TWINS * len(others):
        yield Finding(
            name="validation images among the training images",
            stage="data",
            figure=f"{twins:,} of {len(others):,} validation images are in the training set, too",
            healthy="none",
            meaning="The validation loss then measures memory, and overfitting cannot be seen.",
            mend="split once, before any copy is made: images[:n], images[n:]",
            chapter="01",
        )


def outputs_have_the_shape_of_images(x: Examination) -> Iterator[Finding]:
    """Three strides of two turn 28 pixels into 32."""
    if x.encoded is None:
        return
    outputs = x.decoded(x.encoded[0][:2])
    if outputs is not None and outputs[0].size != x.pixels:
        yield Finding(
            name="outputs of another size than the images",
            stage="data",
            figure=f"the decoder gives {outputs.shape[1:]} for images {x.images.shape[1:]}",
            healthy="the same shape",
            meaning="Padding or strides have changed the size, so pixels are compared with their neighbours or "
            "not at all.",
            mend="crop the outputs, or use companion.networks.build_conv_decoder(latent_dim, image_shape)",
            chapter="02",
        )


EXAMINE = (
    values_are_finite,
    outputs_have_the_shape_of_images,
    values_lie_between_0_and_1,
    training_and_validation_are_apart,
    grey_pixels_have_a_floor,
)
