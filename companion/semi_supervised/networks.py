"""The classifier q(y|x) of a semi-supervised VAE. Chapter 12."""

from collections.abc import Sequence

import keras

from companion.errors import BadInput, check_choice
from companion.networks import build_conv_encoder, build_encoder

Shape = Sequence[int]

NETWORKS = ("dense", "conv")
CLASSIFIER_HIDDEN = (256,)


def build_classifier(
    input_shape: Shape = (784,),
    num_classes: int = 10,
    *,
    network: str = "dense",
    hidden: Sequence[int] = CLASSIFIER_HIDDEN,
    seed: int | None = None,
) -> keras.Model:
    """q(y|x): maps images ``(batch, *input_shape)`` to logits ``(batch, num_classes)``, one per class.

    ``network``: ``dense``, with ``hidden`` layers, 203,530 parameters for 784 pixels and 10 classes; or ``conv``, the
    layers of :func:`~companion.networks.build_conv_encoder`. ``seed`` fixes the weights.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 12.
    """
    if check_choice("network", network, NETWORKS) == "conv":
        inner = build_conv_encoder(input_shape, num_classes, variational=False, seed=seed)
    else:
        inner = build_encoder(input_shape, num_classes, hidden=hidden, variational=False, seed=seed)
    return keras.Model(inner.inputs[0], inner.outputs[0], name="classifier")


def check_classifier(classifier: keras.Model, image_shape: Shape, num_classes: int) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``classifier`` maps images to one logit per class."""
    takes, gives = classifier.input_shape, classifier.output_shape
    wanted = (None, *image_shape), (None, num_classes)
    if (takes, gives) != wanted:
        raise BadInput(
            f"classifier maps {takes} to {gives}: expected {wanted[0]} to {wanted[1]}, one logit per class; build it "
            f"with build_classifier({tuple(image_shape)}, {num_classes})."
        )
