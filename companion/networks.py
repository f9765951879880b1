"""The encoder and decoder networks: a dense pair and a convolutional pair. Chapter 02 builds them layer by layer.

Encoders give ``[z_mean, z_log_var, z]``, or one code with ``variational=False``. Decoders give logits; pass
``activation="sigmoid"`` to get pixels. Flattening, padding and cropping happen inside, so that images of any height and
width go in and come out in their own size, and sums over pixels run over the image alone.

With a :class:`Condition` a network takes ``[images, condition]`` or ``[codes, condition]``. The condition is flattened
and concatenated to the output of the first hidden layer, scaled so that it has as much influence as that output; next
to a feature map each of its numbers becomes a constant channel (chapter 07).
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from numbers import Integral
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from companion.errors import BadInput, check_whole_number
from companion.layers import Sampling
from companion.tensors import Tensor

Shape = Sequence[int]

HIDDEN = (512, 256)  # widths of the dense encoder, next to the pixels first; the decoder mirrors them
LOG_VAR_BOUND = 10.0  # exp(10) is safe in half precision, where exp(12) is infinite


class Condition(NamedTuple):
    """The second input of a network: arrays of this ``shape``, without the batch axis.

    ``length`` is the Euclidean norm that such an array usually has: 1 for a one-hot label, sqrt(size) for numbers of
    magnitude 1. Taught in chapter 07.
    """

    shape: Shape
    length: float


def build_encoder(
    input_shape: Shape = (784,),
    latent_dim: int = 2,
    *,
    hidden: Sequence[int] = HIDDEN,
    variational: bool = True,
    condition: Condition | None = None,
    hidden_activation: str = "relu",
    batch_norm: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """The dense encoder, 784 -> 512 -> 256 -> heads: 534,276 parameters with latent_dim 2.

    ``input_shape`` without the batch axis: ``(784,)`` or ``(28, 28, 1)``, which is flattened inside. Maps
    ``(batch, *input_shape)`` to ``[z_mean, z_log_var, z]``, each ``(batch, latent_dim)``; with ``variational=False`` to
    one code ``(batch, latent_dim)``. ``hidden_activation`` is Keras's name of the nonlinearity;
    ``batch_norm`` normalises its inputs over the batch. ``seed`` fixes weights and noise.
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers. Taught in chapter 02.
    """
    shape, latent_dim = _check_shape(input_shape), check_whole_number("latent_dim", latent_dim)
    beside = _beside(condition)
    hidden, seeds = _check_widths("hidden", hidden, at_least=len(beside)), _seeds(seed)
    images = keras.Input(shape, name="images")
    h = images if len(shape) == 1 else layers.Flatten()(images)  # (batch, pixels)
    h = _dense_layers(h, hidden, beside, seeds, hidden_activation, batch_norm)  # (batch, hidden[-1])
    return keras.Model(_inputs(images, beside), _heads(h, latent_dim, variational, seeds), name="encoder")


def build_decoder(
    latent_dim: int = 2,
    output_shape: int | Shape = 784,
    *,
    hidden: Sequence[int] = HIDDEN[::-1],
    activation: str | None = None,
    condition: Condition | None = None,
    hidden_activation: str = "relu",
    batch_norm: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """The dense decoder, latent_dim -> 256 -> 512 -> pixels: 534,544 parameters for 784 pixels and latent_dim 2.

    Maps codes ``(batch, latent_dim)`` to logits ``(batch, *output_shape)``; an integer ``output_shape`` means a flat
    image. ``activation="sigmoid"`` gives pixels instead. ``hidden_activation`` and ``batch_norm`` as in
    :func:`build_encoder`.
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers. Taught in chapter 02.
    """
    latent_dim = check_whole_number("latent_dim", latent_dim)
    shape = _check_shape(output_shape)
    beside = _beside(condition)
    hidden, seeds = _check_widths("hidden", hidden, at_least=len(beside)), _seeds(seed)
    codes = keras.Input((latent_dim,), name="codes")
    h = _dense_layers(codes, hidden, beside, seeds, hidden_activation, batch_norm)  # (batch, hidden[-1])
    h = _dense(math.prod(shape), seeds, activation=activation, name="pixels")(h)  # (batch, pixels)
    outputs = h if len(shape) == 1 else layers.Reshape(shape)(h)  # (batch, *output_shape)
    return keras.Model(_inputs(codes, beside), outputs, name="decoder")


def build_conv_encoder(
    input_shape: Shape = (28, 28, 1),
    latent_dim: int = 2,
    *,
    filters: Sequence[int] = (32, 64, 128),
    variational: bool = True,
    condition: Condition | None = None,
    seed: int | None = None,
) -> keras.Model:
    """The convolutional encoder: 3x3 convolutions of stride 2, then the heads: 100,868 parameters with latent_dim 2.

    Images ``(batch, height, width, channels)`` are padded inside with zeros to a size that every stride divides: 28 to
    32 with three layers. Returns what :func:`build_encoder` returns.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 02.
    """
    shape, latent_dim = _check_shape(input_shape, rank=3), check_whole_number("latent_dim", latent_dim)
    filters, seeds = _check_widths("filters", filters), _seeds(seed)
    images = keras.Input(shape, name="images")  # for example (batch, 28, 28, 1)
    h = layers.ZeroPadding2D(_margins(shape, len(filters)), name="pad")(images)  # (batch, 32, 32, 1)
    beside = _beside(condition)
    for position, channels in enumerate(filters):  # to (batch, 4, 4, 128)
        h = layers.Conv2D(channels, 3, 2, "same", activation="relu", kernel_initializer=_glorot(seeds))(h)
        h = _joined(h, beside) if position == 0 else h
    h = layers.Flatten()(h)  # (batch, 2048)
    return keras.Model(
        _inputs(images, beside), _heads(h, latent_dim, variational, seeds), name="conv_encoder"
    )


def build_conv_decoder(
    latent_dim: int = 2,
    output_shape: Shape = (28, 28, 1),
    *,
    filters: Sequence[int] = (128, 64, 32),
    activation: str | None = None,
    condition: Condition | None = None,
    seed: int | None = None,
) -> keras.Model:
    """The convolutional decoder: transposed 3x3 convolutions of stride 2, 246,273 parameters with latent_dim 2.

    Mirrors :func:`build_conv_encoder`: codes ``(batch, latent_dim)`` grow to the padded size, 32x32 for images of
    28x28, and the margin is cropped inside, so that logits have shape ``(batch, *output_shape)``.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 02.
    """
    shape, latent_dim = _check_shape(output_shape, rank=3), check_whole_number("latent_dim", latent_dim)
    filters, seeds = _check_widths("filters", filters), _seeds(seed)
    margins = _margins(shape, len(filters))
    small = [
        (size + sum(margin)) // 2 ** len(filters) for size, margin in zip(shape[:2], margins, strict=True)
    ]
    codes = keras.Input((latent_dim,), name="codes")
    h = _dense(small[0] * small[1] * filters[0], seeds)(codes)  # (batch, 2048) for 28x28x1
    beside = _beside(condition)
    h = _joined(layers.Reshape((*small, filters[0]))(h), beside)  # (batch, 4, 4, 128)
    for channels in filters:  # to (batch, 32, 32, 32)
        h = layers.Conv2DTranspose(
            channels, 3, 2, "same", activation="relu", kernel_initializer=_glorot(seeds)
        )(h)
    h = layers.Conv2D(
        shape[2], 3, 1, "same", activation=activation, kernel_initializer=_glorot(seeds), name="pixels"
    )(h)
    return keras.Model(
        _inputs(codes, beside), layers.Cropping2D(margins, name="crop")(h), name="conv_decoder"
    )


def _beside(condition: Condition | None) -> list[tuple[Tensor, float]]:
    """The input for a condition and its length, in a list; an empty list without a condition."""
    if condition is None:
        return []
    return [(keras.Input(_check_shape(condition.shape), name="condition"), condition.length)]


def _inputs(first: Tensor, beside: list[tuple[Tensor, float]]) -> Tensor | list[Tensor]:
    return [first, *(given for given, _ in beside)] if beside else first


def _joined(h: Tensor, beside: list[tuple[Tensor, float]]) -> Tensor:
    """``h`` with the condition beside it: as further units, or as further channels where ``h`` is a feature map."""
    for given, length in beside:
        flat = given if len(given.shape) == 2 else layers.Flatten()(given)  # (batch, size)
        # As long as a vector of ones with an entry per unit: a single 1 among hundreds of units has little influence.
        joined = layers.Rescaling(math.sqrt(h.shape[-1]) / length)(flat)
        if len(h.shape) == 4:
            height, width = h.shape[1:3]
            joined = layers.RepeatVector(height * width)(joined)  # (batch, height * width, size)
            joined = layers.Reshape((height, width, joined.shape[-1]))(joined)  # (batch, height, width, size)
        h = layers.Concatenate()([h, joined])  # (batch, ..., units + size)
    return h


def _dense_layers(
    h: Tensor,
    hidden: Sequence[int],
    beside: list[tuple[Tensor, float]],
    seeds: Iterator[int | None],
    activation: str,
    batch_norm: bool,
) -> Tensor:
    """Hidden layers of these widths; the condition is concatenated after the first."""
    for position, units in enumerate(hidden):
        if batch_norm:
            h = layers.Activation(activation)(layers.BatchNormalization()(_dense(units, seeds)(h)))
        else:
            h = _dense(units, seeds, activation=activation)(h)
        h = _joined(h, beside) if position == 0 else h
    return h


def _heads(
    h: Tensor, latent_dim: int, variational: bool, seeds: Iterator[int | None]
) -> Tensor | list[Tensor]:
    """One head for a plain code; two for a distribution, and a draw from it: each ``(batch, latent_dim)``."""
    if not variational:
        return _dense(latent_dim, seeds, name="code")(h)
    z_mean = _dense(latent_dim, seeds, name="z_mean")(h)
    raw = _dense(latent_dim, seeds, name="raw_log_var")(h)
    # Close to the identity around 0. Unlike a clip it has a gradient everywhere.
    z_log_var = LOG_VAR_BOUND * ops.tanh(raw / LOG_VAR_BOUND)
    return [z_mean, z_log_var, Sampling(seed=next(seeds), name="z")([z_mean, z_log_var])]


def _dense(units: int, seeds: Iterator[int | None], **kwargs: Any) -> layers.Dense:
    return layers.Dense(units, kernel_initializer=_glorot(seeds), **kwargs)


def _glorot(seeds: Iterator[int | None]) -> keras.initializers.Initializer:
    return keras.initializers.GlorotUniform(seed=next(seeds))


def _seeds(seed: int | None) -> Iterator[int | None]:
    """A different seed for every layer: with one seed, two layers of the same shape would get equal weights."""
    if seed is None:
        return itertools.repeat(None)
    return itertools.count(1000 * check_whole_number("seed", seed, at_least=0))


def _margins(shape: tuple[int, ...], halvings: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows and columns of zeros on each side that make height and width multiples of 2**halvings."""
    extra = [-size % 2**halvings for size in shape[:2]]
    top, left = (e // 2 for e in extra)
    return (top, extra[0] - top), (left, extra[1] - left)


def _check_widths(name: str, widths: Sequence[int], at_least: int = 1) -> tuple[int, ...]:
    """Units or filters of each layer; ``at_least`` is how many layers there must be."""
    if not isinstance(widths, (tuple, list)) or len(widths) < at_least:
        raise BadInput(
            f"{name}={widths!r}: expected one whole number per layer; pass a tuple such as {name}=(32, 64)."
        )
    return tuple(check_whole_number(name, width) for width in widths)


def _check_shape(shape: int | Shape, rank: int | None = None) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    whole = all(isinstance(size, Integral) and not isinstance(size, bool) and int(size) > 0 for size in sizes)
    if not sizes or not whole or (rank is not None and len(sizes) != rank):
        wanted = (
            "(height, width, channels)"
            if rank == 3
            else "whole positive numbers such as (784,) or (28, 28, 1)"
        )
        raise BadInput(
            f"shape {shape!r}: expected {wanted}; pass the shape of one image, without the batch axis."
        )
    return tuple(int(size) for size in sizes)
