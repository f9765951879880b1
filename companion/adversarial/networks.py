"""The discriminators: one judges codes, the other images. Chapter 11."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from companion.base import check_is_built, output_of, takes
from companion.errors import BadInput, check_whole_number

SLOPE = 0.2  # of a leaky ReLU below zero: a plain one passes no gradient there, and the generator learns through it


def build_code_discriminator(
    latent_dim: int = 2, *, hidden: Sequence[int] = (128, 128), seed: int | None = None
) -> keras.Model:
    """Codes ``(batch, latent_dim)`` to logits ``(batch, 1)``: the log odds that a code was drawn from the prior.

    ``hidden``: units of each layer. ``seed`` fixes the first weights. Raises :class:`~companion.errors.BadInput` for
    sizes that are not whole positive numbers. Source: Makhzani et al. (2015). Taught in chapter 11.
    """
    codes = keras.Input((check_whole_number("latent_dim", latent_dim),), name="codes")
    h = _hidden(codes, hidden, seed)  # (batch, hidden[-1])
    return keras.Model(codes, _dense(1, seed, len(hidden), "logit")(h), name="code_discriminator")


def build_image_discriminator(
    input_shape: Sequence[int] = (28, 28, 1), *, hidden: Sequence[int] = (256, 128), seed: int | None = None
) -> keras.Model:
    """Images ``(batch, *input_shape)`` to ``[logits, features]``, ``(batch, 1)`` and ``(batch, hidden[-1])``.

    The logit is the log odds that an image is real; the features are those of the last hidden layer, by which a VAE-GAN
    compares an image with its reconstruction. Arguments and errors as of :func:`build_code_discriminator`.
    Source: Larsen et al. (2016). Taught in chapter 11.
    """
    shape = tuple(check_whole_number("input_shape", size) for size in input_shape)
    images = keras.Input(shape, name="images")
    features = _hidden(layers.Flatten()(images), hidden, seed)  # (batch, hidden[-1])
    logits = _dense(1, seed, len(hidden), "logit")(features)  # (batch, 1)
    return keras.Model(images, [logits, features], name="image_discriminator")


def check_discriminator(network: Any, shape: Sequence[int], outputs: int, call: str) -> keras.Model:
    """``network``, checked: it takes ``(batch, *shape)`` and gives ``outputs`` tensors, the first ``(batch, 1)``.

    ``call`` is what to write instead. Raises :class:`~companion.errors.BadInput` for anything else.
    """
    check_is_built("discriminator", network)
    found = output_of(network)
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    gives = [tuple(each.shape[1:]) for each in found if hasattr(each, "shape")]
    fits = len(gives) == outputs and gives[0] == (1,) and all(len(each) == 1 for each in gives)
    if takes(network) != tuple(shape) or not fits:
        wanted = "one logit" if outputs == 1 else "[logit, features]"
        raise BadInput(
            f"discriminator maps {takes(network)} to {gives}: expected {tuple(shape)} to {wanted}, shapes "
            f"{'(1,)' if outputs == 1 else '(1,) and (units,)'}; pass {call}."
        )
    return network


def _hidden(h: Any, hidden: Sequence[int], seed: int | None) -> Any:
    if not isinstance(hidden, (tuple, list)) or not hidden:
        raise BadInput(
            f"hidden={hidden!r}: expected one whole number per layer; pass a tuple such as hidden=(128, 128)."
        )
    for position, units in enumerate(hidden):
        h = _dense(check_whole_number("hidden", units), seed, position)(h)
        h = layers.LeakyReLU(SLOPE)(h)
    return h


def _dense(units: int, seed: int | None, position: int, name: str | None = None) -> layers.Dense:
    """A dense layer; with one seed for all, two layers of the same shape would get equal weights."""
    own = None if seed is None else 1000 * check_whole_number("seed", seed, at_least=0) + position
    return layers.Dense(units, kernel_initializer=keras.initializers.GlorotUniform(seed=own), name=name)
