"""The networks of the VQ-VAE: from an image to a map of vectors, and back. Chapter 09."""

from collections.abc import Sequence

import keras
from keras import layers

from companion.errors import BadInput, check_whole_number
from companion.networks import _check_shape, _check_widths, _glorot, _margins, _seeds

FILTERS = (32, 64)  # two halvings: 28x28 pixels become 7x7 codes


def build_vqvae_encoder(
    input_shape: Sequence[int] = (28, 28, 1),
    embedding_dim: int = 16,
    *,
    filters: Sequence[int] = FILTERS,
    seed: int | None = None,
) -> keras.Model:
    """Images ``(batch, height, width, channels)`` to a map of vectors, 28x28 pixels to 7x7 of them.

    4x4 convolutions of stride 2, one for each of ``filters``, then 1x1 to ``embedding_dim``: the map has shape
    ``(batch, 7, 7, embedding_dim)``. Images are padded inside to a size that every stride divides: 28 to 32 with
    three filters, for a map of 4x4. A batch normalisation without parameters keeps the scale of the vectors fixed.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 09.
    """
    shape, embedding_dim = (
        _check_shape(input_shape, rank=3),
        check_whole_number("embedding_dim", embedding_dim),
    )
    filters, seeds = _check_widths("filters", filters), _seeds(seed)
    images = keras.Input(shape, name="images")  # for example (batch, 28, 28, 1)
    h = layers.ZeroPadding2D(_margins(shape, len(filters)), name="pad")(images)
    for channels in filters:  # to (batch, 7, 7, 64); the map of vectors is (batch, 7, 7, 16)
        h = layers.Conv2D(channels, 4, 2, "same", activation="relu", kernel_initializer=_glorot(seeds))(h)
    h = layers.Conv2D(embedding_dim, 1, kernel_initializer=_glorot(seeds), name="vectors")(h)
    h = layers.BatchNormalization(momentum=0.9, center=False, scale=False, name="scale")(h)
    return keras.Model(images, h, name="vqvae_encoder")


def build_vqvae_decoder(
    embedding_dim: int = 16,
    output_shape: Sequence[int] = (28, 28, 1),
    *,
    filters: Sequence[int] = FILTERS[::-1],
    seed: int | None = None,
) -> keras.Model:
    """A map of vectors back to logits ``(batch, *output_shape)``: the mirror of :func:`build_vqvae_encoder`.

    A 3x3 convolution, then 4x4 transposed convolutions of stride 2, as many as ``filters``; the margin that the encoder
    added is cropped. The map has the size that the encoder gives: 7x7 for 28x28 pixels and two filters, 4x4 for three.
    Raises :class:`~companion.errors.BadInput` for sizes that do not fit. Taught in chapter 09.
    """
    shape, embedding_dim = (
        _check_shape(output_shape, rank=3),
        check_whole_number("embedding_dim", embedding_dim),
    )
    filters, seeds = _check_widths("filters", filters), _seeds(seed)
    margins = _margins(shape, len(filters))
    grid = [(size + sum(m)) // 2 ** len(filters) for size, m in zip(shape[:2], margins, strict=True)]
    codes = keras.Input((*grid, embedding_dim), name="embedded_codes")  # for example (batch, 7, 7, 16)
    h = layers.Conv2D(filters[0], 3, 1, "same", activation="relu", kernel_initializer=_glorot(seeds))(codes)
    for channels in filters[1:]:  # to (batch, 14, 14, 32)
        h = layers.Conv2DTranspose(
            channels, 4, 2, "same", activation="relu", kernel_initializer=_glorot(seeds)
        )(h)
    h = layers.Conv2DTranspose(shape[2], 4, 2, "same", kernel_initializer=_glorot(seeds), name="pixels")(h)
    return keras.Model(codes, layers.Cropping2D(margins, name="crop")(h), name="vqvae_decoder")


def check_maps_agree(encoder: keras.Model, decoder: keras.Model) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``decoder`` takes maps of the shape that ``encoder`` gives."""
    gives, takes = tuple(encoder.output_shape[1:]), tuple(decoder.input_shape[1:])
    if gives != takes:
        raise BadInput(
            f"encoder gives maps {gives} and the decoder takes {takes}: expected equal shapes; build both with the "
            f"same embedding_dim and the same number of filters."
        )
