"""Distributions over maps of codes: all equally probable, or a PixelCNN that predicts each code from those before it.

A map has shape ``(height, width)``; "before" means in reading order, row by row. Taught in chapter 09.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops, random

from companion.errors import BadInput, check_choice, check_seed, check_whole_number
from companion.networks import _glorot, _seeds
from companion.tensors import Tensor

PRIORS = ("uniform", "pixel_cnn")
STACKS = ("vertical", "horizontal")


@keras.saving.register_keras_serializable(package="companion")
class UniformPrior(layers.Layer):
    """Every map of codes is equally probable: -log p(codes) is height × width × log ``num_embeddings`` nats.

    It has nothing to learn, and is the base class of priors that learn other logits. Called on codes
    ``(batch, height, width)``, a prior returns logits ``(batch, height, width, num_embeddings)``, those of each cell
    computed from the cells before it.
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers. Taught in chapter 09.
    """

    def __init__(self, num_embeddings: int, grid_shape: Sequence[int], **kwargs: Any):
        super().__init__(**kwargs)
        self.num_embeddings = check_whole_number("num_embeddings", num_embeddings)
        height, width = grid_shape
        self.grid_shape = (check_whole_number("height", height), check_whole_number("width", width))
        self.built = True

    def call(self, codes: Tensor) -> Tensor:
        return ops.zeros((*ops.shape(codes), self.num_embeddings))

    def log_prob(self, codes: Tensor) -> Tensor:
        """Log probability of maps ``codes`` ``(batch, height, width)``: shape ``(batch,)``, in nats."""
        return -cross_entropy(codes, self(codes))

    def in_reading_order(self, n: int, choose: Callable[[int, int, np.ndarray], np.ndarray]) -> np.ndarray:
        """``n`` maps filled cell by cell: ``(n, height, width)``, int32.

        ``choose(row, column, logits)`` gives the codes ``(n,)`` of a cell, from the prior's logits ``(n,
        num_embeddings)`` given the cells filled so far. Drawing, compressing and decompressing differ only in
        ``choose``.
        """
        codes = np.zeros((n, *self.grid_shape), "int32")
        for row, column in np.ndindex(*self.grid_shape):
            logits = ops.convert_to_numpy(self(codes))[:, row, column]
            codes[:, row, column] = choose(row, column, logits)
        return codes

    def sample(self, n: int, seed: Any = None) -> np.ndarray:
        """``n`` maps drawn from the prior: ``(n, height, width)``, int32. ``seed``: an int or a ``SeedGenerator``."""
        seed = check_seed(seed)
        generator = keras.random.SeedGenerator(seed) if seed is None or isinstance(seed, int) else seed

        def draw(row: int, column: int, logits: np.ndarray) -> np.ndarray:
            return ops.convert_to_numpy(random.categorical(logits, 1, seed=generator))[:, 0]

        return self.in_reading_order(check_whole_number("n", n), draw)

    def get_config(self) -> dict[str, Any]:
        sizes = {"num_embeddings": self.num_embeddings, "grid_shape": self.grid_shape}
        return {**super().get_config(), **sizes}


@keras.saving.register_keras_serializable(package="companion")
class PixelCNN(UniformPrior):
    """A prior in which each code is predicted from those above it and to its left, by masked convolutions.

    ``filters`` and ``num_layers`` are the width and depth of both stacks of
    :func:`~companion.vq_vae.build_pixel_cnn`; ``seed`` fixes the first weights. Source: van den Oord et al. (2016).
    Taught in chapter 09.
    """

    def __init__(
        self,
        num_embeddings: int,
        grid_shape: Sequence[int],
        *,
        filters: int = 32,
        num_layers: int = 4,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(num_embeddings, grid_shape, **kwargs)
        self.filters, self.num_layers, self.seed = filters, num_layers, check_seed(seed, generator=False)
        self.network = build_pixel_cnn(
            num_embeddings, self.grid_shape, filters=filters, num_layers=num_layers, seed=seed
        )

    def call(self, codes: Tensor) -> Tensor:
        return self.network(codes)

    def fit(self, codes: np.ndarray, *, learning_rate: float = 2e-3, **how: Any) -> keras.callbacks.History:
        """Minimise the :func:`~companion.vq_vae.cross_entropy` of maps ``codes`` ``(n, height, width)``.

        ``how`` goes to Keras's ``fit``. The history's ``loss`` is in nats per map. The optimizer is a new one at every
        call.
        """
        # A separate model over the same layers: if the prior itself were compiled, its loss would be added to that of
        # the model it is part of.
        trainer = keras.Model(self.network.inputs, self.network.outputs)
        trainer.compile(keras.optimizers.Adam(learning_rate), loss=cross_entropy)
        return trainer.fit(codes, codes, **how)

    def get_config(self) -> dict[str, Any]:
        own = {"filters": self.filters, "num_layers": self.num_layers, "seed": self.seed}
        return {**super().get_config(), **own}


def cross_entropy(codes: Tensor, logits: Tensor) -> Tensor:
    """Minus the log probability of each map under ``logits``, summed over its cells: shape ``(batch,)``, in nats.

    ``codes`` has shape ``(batch, height, width)`` and ``logits`` ``(batch, height, width, num_embeddings)``.
    """
    log_probs = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)  # (batch, height, width, codes)
    index = ops.cast(codes, "int32")[..., None]  # (batch, height, width, 1)
    chosen = ops.take_along_axis(log_probs, index, axis=-1)  # (batch, height, width, 1)
    return -ops.sum(chosen, axis=(1, 2, 3))


def as_prior(
    prior: str | UniformPrior, num_embeddings: int, grid_shape: Sequence[int], seed: int | None
) -> UniformPrior:
    """A prior over maps of these sizes by its name, ``uniform`` or ``pixel_cnn``, or the prior that is given.

    Raises :class:`~companion.errors.BadInput` for another name, and for a prior over other maps.
    """
    sizes = (num_embeddings, tuple(grid_shape))
    if not isinstance(prior, UniformPrior):
        check_choice("prior", prior, PRIORS)
        return UniformPrior(*sizes) if prior == "uniform" else PixelCNN(*sizes, seed=seed)
    if (prior.num_embeddings, prior.grid_shape) != sizes:
        raise BadInput(
            f"prior is for {prior.num_embeddings} codes on {prior.grid_shape} cells: expected {sizes[0]} on "
            f"{sizes[1]}; pass PixelCNN({sizes[0]}, {sizes[1]})."
        )
    return prior


def build_pixel_cnn(
    num_embeddings: int,
    grid_shape: Sequence[int],
    *,
    filters: int = 32,
    num_layers: int = 4,
    seed: int | None = None,
) -> keras.Model:
    """Two stacks of masked convolutions: codes ``(batch, height, width)`` to logits ``(..., num_embeddings)``.

    The vertical stack sees all rows above a cell, the horizontal one the cell's own row to the left, and each layer
    adds the features of the first to those of the second. A single stack of masked convolutions has a blind spot on the
    upper right, however deep it is. Masks of type A, which hide the cell itself, are used in the first layer only: its
    output at a cell does not depend on that cell's code, so later layers may use it (type B).
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers.
    Source: van den Oord et al. (2016), Conditional image generation with PixelCNN decoders. Taught in chapter 09.
    """
    filters, num_layers = check_whole_number("filters", filters), check_whole_number("num_layers", num_layers)
    seeds = _seeds(seed)

    def masked(size: int, stack: str, mask_type: str, name: str) -> "MaskedConv2D":
        return MaskedConv2D(filters, size, stack, mask_type, kernel_initializer=_glorot(seeds), name=name)

    def pointwise(units: int) -> layers.Dense:
        return layers.Dense(units, kernel_initializer=_glorot(seeds))

    codes = keras.Input(tuple(grid_shape), dtype="int32", name="codes")  # (batch, height, width)
    first = keras.initializers.RandomNormal(stddev=0.3, seed=next(seeds))
    # (batch, height, width, filters) from here to the logits
    h = layers.Embedding(num_embeddings, filters, embeddings_initializer=first)(codes)
    above = ops.relu(masked(5, "vertical", "A", "above_1")(h))
    left = ops.relu(masked(5, "horizontal", "A", "left_1")(h) + pointwise(filters)(above))
    for layer in range(2, num_layers + 1):
        above = above + ops.relu(masked(3, "vertical", "B", f"above_{layer}")(above))
        beside = masked(3, "horizontal", "B", f"left_{layer}")(left)
        left = left + ops.relu(beside + pointwise(filters)(above))
    logits = pointwise(num_embeddings)(ops.relu(pointwise(2 * filters)(left)))
    return keras.Model(codes, logits, name="pixel_cnn")


@keras.saving.register_keras_serializable(package="companion")
class MaskedConv2D(layers.Conv2D):
    """A convolution that sees only cells before its own: ``(batch, height, width, channels)`` in and out.

    ``stack="vertical"`` sees the rows above, with a square kernel of ``kernel_size``; ``"horizontal"`` the cells to the
    left in the same row. ``mask_type="B"`` adds the row, or the cell, that ``"A"`` hides. See :func:`causal_mask`.
    Source: van den Oord et al. (2016). Taught in chapter 09.
    """

    def __init__(self, filters: int, kernel_size: Any, stack: str, mask_type: str, **kwargs: Any):
        size = max(kernel_size) if isinstance(kernel_size, (tuple, list)) else kernel_size
        mask = causal_mask(size, stack, mask_type)
        super().__init__(filters, mask.shape, **{"padding": "same", **kwargs})
        self.stack, self.mask_type, self.causal_mask = stack, mask_type, mask

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        mask = ops.cast(self.causal_mask[:, :, None, None], kernel.dtype)
        return super().convolution_op(inputs, kernel * mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stack": self.stack, "mask_type": self.mask_type}


def causal_mask(size: int, stack: str, mask_type: str) -> np.ndarray:
    """A mask for a kernel, 1 where it may look: ``(size, size)`` for the vertical stack, ``(1, size)`` otherwise.

    Type A ends before the centre, type B includes it: the centre row of the vertical stack, the centre cell of the
    horizontal one. ``size`` is odd. Raises :class:`~companion.errors.BadInput` for other names.
    """
    seen = np.arange(size) < size // 2 + (check_choice("mask_type", mask_type, ("A", "B")) == "B")
    vertical = check_choice("stack", stack, STACKS) == "vertical"
    return (
        np.repeat(seen[:, None], size, axis=1).astype("float32") if vertical else seen[None].astype("float32")
    )
