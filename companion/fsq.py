"""Tokens beside VQ: finite scalar quantisation, residual quantisation, and the rotation trick. Chapter 16."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from companion.errors import BadInput, check_whole_number
from companion.layers import straight_through
from companion.tensors import Tensor
from companion.vq_vae import VQVAE, VectorQuantizer

LEVELS = (4, 4, 4)  # 64 codes, as many as the VQ-VAE of chapter 09 has
ALMOST = 1e-3  # the outermost levels lie just inside the range of tanh
NO_LENGTH = 1e-6


def bounded(z: Tensor, levels: Sequence[int]) -> Tensor:
    """Each coordinate of ``z`` ``(..., len(levels))`` between its lowest and its highest whole number.

    With L levels these are L whole numbers around 0: -1, 0, 1 for L = 3 and -2, -1, 0, 1 for L = 4. An input of 0 stays
    near 0. Source: Mentzer et al. (2024), section 3.1. Taught in chapter 16.
    """
    half = (np.asarray(levels, "float32") - 1.0) * (1.0 + ALMOST) / 2.0
    offset = np.where(np.asarray(levels) % 2 == 0, 0.5, 0.0).astype("float32")
    # By the backend's operations: PyTorch's tensors do not take an array of NumPy as the other operand.
    moved = ops.add(z, np.arctanh(offset / half))
    return ops.subtract(ops.multiply(half, ops.tanh(moved)), offset)


@keras.saving.register_keras_serializable(package="companion")
class FiniteScalarQuantizer(layers.Layer):
    """Rounds each coordinate to one of a few levels: there is no codebook to learn.

    Called on ``(..., len(levels))``; returns the dict of :class:`~companion.vq_vae.VectorQuantizer`: ``codes``
    ``(...)``, whole numbers below the product of ``levels``; ``embedded``, the rounded coordinates, brought to
    [-1, 1]; and ``z``, their values with the gradient of the coordinates before rounding.
    Raises :class:`~companion.errors.BadInput` unless there is at least one level count and each is 2 or more.
    Source: Mentzer et al. (2024). Taught in chapter 16.
    """

    codebook, shift = "fixed", None  # as VQVAE asks of a quantiser: nothing of it is trained

    def __init__(self, levels: Sequence[int] = LEVELS, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.levels = check_levels(levels)
        self.num_embeddings, self.embedding_dim = math.prod(self.levels), len(self.levels)
        self.half = np.array([level // 2 for level in self.levels], "float32")
        self.places = np.cumprod([1, *self.levels[:-1]]).astype("int32")  # of each coordinate in the code
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        if inputs.shape[-1] != self.embedding_dim:
            raise BadInput(
                f"vectors have {inputs.shape[-1]} coordinates: expected {self.embedding_dim}, one for each of the "
                f"levels {self.levels}; build the encoder with embedding_dim={self.embedding_dim}."
            )
        inside = bounded(inputs, self.levels)
        whole = ops.round(inside)
        digits = ops.cast(ops.add(whole, self.half), "int32")
        return {
            "codes": ops.sum(ops.multiply(digits, self.places), axis=-1),  # (...)
            "embedded": ops.divide(ops.stop_gradient(whole), self.half),
            "z": ops.divide(straight_through(inside, whole), self.half),
        }

    def look_up(self, codes: Tensor) -> Tensor:
        """The coordinates that whole numbers ``codes`` ``(...)`` stand for: ``(..., len(levels))`` in [-1, 1]."""
        shifted = ops.floor_divide(ops.cast(codes, "int32")[..., None], self.places)
        digits = ops.mod(shifted, np.asarray(self.levels, "int32"))
        return ops.divide(ops.subtract(ops.cast(digits, "float32"), self.half), self.half)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "levels": self.levels}


@keras.saving.register_keras_serializable(package="companion")
class FSQVAE(VQVAE):
    """A VQ-VAE with :class:`FiniteScalarQuantizer`: no codebook, no commitment loss, no running means, no resets.

    ``levels`` gives the number of levels of each coordinate of the encoder's vectors; their product is the number of
    codes. Other arguments are those of :class:`~companion.vq_vae.VQVAE`, without those of its codebook. ``commitment``
    in ``terms``, the distance to the rounded vectors, is reported and not trained.
    Raises :class:`~companion.errors.BadInput` for levels below 2 and networks of another width.
    Source: Mentzer et al. (2024). Taught in chapter 16.
    """

    def __init__(self, *networks: Any, levels: Sequence[int] = LEVELS, **kwargs: Any):
        self.levels = check_levels(levels)
        own = {"num_embeddings": math.prod(self.levels), "embedding_dim": len(self.levels), "commitment": 0.0}
        for name in own.keys() & kwargs.keys():
            raise BadInput(f"{name}={kwargs[name]!r} with FSQ: expected levels alone; leave {name} out.")
        super().__init__(*networks, **{**kwargs, **own})
        if self.latent_dim != len(self.levels):
            raise BadInput(
                f"the networks have vectors of {self.latent_dim} coordinates: expected {len(self.levels)}, one for "
                f"each of the levels {self.levels}; build both with embedding_dim={len(self.levels)}."
            )

    def get_config(self) -> dict[str, Any]:
        prior = keras.saving.serialize_keras_object(self.prior)
        return {**super(VQVAE, self).get_config(), "levels": self.levels, "prior": prior}

    @classmethod
    def build_networks(
        cls, *shape: Any, levels: Sequence[int] | None = None, **how: Any
    ) -> dict[str, keras.Model]:
        """``encoder`` and ``decoder`` of a VQ-VAE whose vectors have one coordinate for each of the ``levels``."""
        width = {} if levels is None else {"embedding_dim": len(check_levels(levels))}
        return super().build_networks(*shape, **{**how, **width})

    def _build_quantizer(self, num_embeddings: int, **how: Any) -> FiniteScalarQuantizer:
        return FiniteScalarQuantizer(self.levels, name="quantizer")


def check_levels(levels: Any, name: str = "levels") -> tuple[int, ...]:
    """``levels`` as whole numbers of at least 2; raises :class:`~companion.errors.BadInput` for anything else."""
    if not isinstance(levels, (tuple, list)) or not levels:
        raise BadInput(
            f"{name}={levels!r}: expected several whole numbers; pass for example {name}={LEVELS}."
        )
    return tuple(check_whole_number(name, level, at_least=2) for level in levels)


@keras.saving.register_keras_serializable(package="companion")
class ResidualQuantizer(layers.Layer):
    """Several quantisers in a row, each for what the ones before have left over.

    ``stages`` gives the size of each codebook. A code is one whole number below their product, and its vector the sum
    of one row per stage. ``how`` goes to every :class:`~companion.vq_vae.VectorQuantizer`, whose dict it returns.
    Source: Zeghidour et al. (2021), algorithm 1. Taught in chapter 16.
    """

    codebook, shift = "ema", None

    def __init__(self, stages: Sequence[int], embedding_dim: int, *, seed: int | None = None, **kwargs: Any):
        how = {name: kwargs.pop(name) for name in ("decay", "reset", "data_init") if name in kwargs}
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.stages, self.embedding_dim, self.seed = check_levels(stages, "stages"), embedding_dim, seed
        self.num_embeddings = math.prod(self.stages)
        self.places = np.cumprod([1, *self.stages[:-1]]).astype("int32")
        self.quantizers = [
            VectorQuantizer(
                size, embedding_dim, seed=None if seed is None else len(self.stages) * seed + place, **how
            )
            for place, size in enumerate(self.stages)
        ]
        first = self.quantizers[0]
        self.reset, self.decay, self.data_init = first.reset, first.decay, first.data_init
        self.built = True

    def call(self, inputs: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        left, codes, embedded = inputs, 0, 0.0
        for place, quantizer in zip(self.places.tolist(), self.quantizers, strict=True):
            found = quantizer(left, training=training)
            codes = codes + place * ops.cast(found["codes"], "int32")  # (...)
            embedded = embedded + found["embedded"]  # (..., embedding_dim)
            left = inputs - ops.stop_gradient(embedded)
        return {"codes": codes, "embedded": embedded, "z": straight_through(inputs, embedded)}

    def look_up(self, codes: Tensor) -> Tensor:
        """The sums of rows that whole numbers ``codes`` ``(...)`` stand for: ``(..., embedding_dim)``."""
        parts = zip(self.places.tolist(), self.stages, self.quantizers, strict=True)
        rows = [
            quantizer.look_up(ops.cast(codes, "int32") // place % size) for place, size, quantizer in parts
        ]
        return sum(rows[1:], rows[0])

    def get_config(self) -> dict[str, Any]:
        names = ("stages", "embedding_dim", "seed", "reset", "decay", "data_init")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="companion")
class ResidualVQVAE(VQVAE):
    """A VQ-VAE with a :class:`ResidualQuantizer`; ``stages`` are the sizes of its codebooks, with running means.

    Raises :class:`~companion.errors.BadInput` for stages below 2 and another ``codebook`` than ``"ema"``.
    Source: Zeghidour et al. (2021). Taught in chapter 16.
    """

    def __init__(self, *networks: Any, stages: Sequence[int] = (8, 8), **kwargs: Any):
        self.stages = check_levels(stages, "stages")
        if kwargs.get("codebook", "ema") != "ema":
            raise BadInput(
                f"codebook={kwargs['codebook']!r}: expected 'ema' with several stages; leave it out."
            )
        super().__init__(*networks, **{**kwargs, "num_embeddings": math.prod(self.stages)})

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stages": self.stages}

    def _build_quantizer(
        self, num_embeddings: int, *, codebook: str = "ema", **how: Any
    ) -> ResidualQuantizer:
        return ResidualQuantizer(self.stages, self.latent_dim, seed=self.seed, name="quantizer", **how)


def rotation_trick(encoded: Tensor, embedded: Tensor) -> Tensor:
    """The value of ``embedded``, with the gradient turned and scaled as ``encoded`` is to reach it.

    Both are ``(..., embedding_dim)``. With R the rotation that takes the direction of ``encoded`` to that of
    ``embedded``, the result is R encoded times the ratio of their lengths, where R and the ratio count as constants.
    The straight-through estimator passes a gradient on as it is, wherever in its cell the vector lies.
    Source: Fifty et al. (2025). Taught in chapter 16.
    """
    encoded, fixed = ops.cast(encoded, "float32"), ops.stop_gradient(ops.cast(embedded, "float32"))
    start, length = _direction(ops.stop_gradient(encoded))
    end, new_length = _direction(fixed)
    between, _ = _direction(start + end)
    along_between = ops.sum(between * encoded, axis=-1, keepdims=True)
    along_start = ops.sum(start * encoded, axis=-1, keepdims=True)
    return new_length / length * (encoded - 2.0 * along_between * between + 2.0 * along_start * end)


def _direction(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors and lengths ``(..., 1)``."""
    length = ops.sqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True)) + NO_LENGTH
    return vectors / length, length


@keras.saving.register_keras_serializable(package="companion")
class RotatingQuantizer(VectorQuantizer):
    """A :class:`~companion.vq_vae.VectorQuantizer` with :func:`rotation_trick` for the straight-through step."""

    def call(self, inputs: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        found = super().call(inputs, training=training)
        return {**found, "z": rotation_trick(inputs, found["embedded"])}


@keras.saving.register_keras_serializable(package="companion")
class RotatingVQVAE(VQVAE):
    """A VQ-VAE whose encoder learns by :func:`rotation_trick`. Source: Fifty et al. (2025). Taught in chapter 16."""

    def _build_quantizer(self, num_embeddings: int, **how: Any) -> RotatingQuantizer:
        return RotatingQuantizer(num_embeddings, self.latent_dim, **how, seed=self.seed, name="quantizer")
