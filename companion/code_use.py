"""How many codes are in use: whole numbers of a VQ-VAE (chapter 09), coordinates of layers of codes (chapter 08)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from companion.batching import count, map_batches
from companion.distributions import DiagonalNormal
from companion.errors import BadInput, check_whole_number
from companion.tensors import Tensor

INK = 0.5  # a cell of a map counts as inked if a pixel under it is above this value
IN_USE = 0.01  # nats: a coordinate with a larger KL to its prior counts as used
DRAWS = 10  # of the codes of each image


def code_counts(codes: Any, num_embeddings: int) -> np.ndarray:
    """How often each code occurs in whole numbers ``codes`` of any shape: shape ``(num_embeddings,)``."""
    return np.bincount(np.asarray(codes).ravel(), minlength=num_embeddings)


def perplexity(counts: Any) -> float:
    """The number of equally frequent codes that would be as hard to guess: exp of the entropy of ``counts``.

    ``counts`` has shape ``(num_embeddings,)`` and should be those of a whole epoch or test set: the mean of the
    perplexities of batches is smaller. Between 1 and the number of codes in use; its base-2 logarithm is the smallest
    number of bits per code that a table of frequencies allows. Taught in chapter 09.
    """
    shares = np.asarray(counts, "float64") / np.sum(counts)
    used = shares[shares > 0]
    return float(np.exp(-np.sum(used * np.log(used))))


@keras.saving.register_keras_serializable(package="companion")
class Perplexity(keras.metrics.Metric):
    """:func:`perplexity` of all codes since the last reset, which Keras does at the start of every epoch."""

    def __init__(self, num_embeddings: int, name: str = "perplexity", **kwargs: Any):
        super().__init__(name=name, **{**kwargs, "dtype": "float32"})
        self.num_embeddings = num_embeddings
        self.counts = self.add_weight(name="counts", shape=(num_embeddings,), initializer="zeros")

    def update_state(self, codes: Tensor, sample_weight: Tensor = None) -> None:
        """Count ``codes``, whole numbers of any shape."""
        chosen = ops.one_hot(ops.reshape(codes, (-1,)), self.num_embeddings)
        self.counts.assign(self.counts + ops.sum(chosen, axis=0))

    def result(self) -> Tensor:
        shares = self.counts / ops.maximum(ops.sum(self.counts), 1.0)
        logs = ops.log(ops.where(shares > 0, shares, ops.ones_like(shares)))
        return ops.exp(-ops.sum(shares * logs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_embeddings": self.num_embeddings}


def use_of_codes(codes: np.ndarray, inked: np.ndarray, num_embeddings: int) -> dict[str, Any]:
    """Perplexity of ``codes``, that of the ``inked`` cells alone, codes in use, and bits under a table of frequencies.

    ``codes`` and ``inked`` have shape ``(n, height, width)``. The table is the best one for these codes; any prior that
    treats all cells alike and independently (a unigram) needs at least as many bits.
    """
    counts = code_counts(codes, num_embeddings)
    unigram = float(np.log2(perplexity(counts)))
    return {
        "perplexity": perplexity(counts),
        "perplexity_inked": perplexity(code_counts(codes[inked], num_embeddings)) if inked.any() else None,
        "codes_used": int(np.sum(counts > 0)),
        "bits_per_code_unigram": unigram,
        "bits_per_image_unigram": unigram * codes[0].size,
    }


def inked_cells(images: np.ndarray, grid_shape: Sequence[int]) -> np.ndarray:
    """Whether any pixel under a cell of the map is brighter than ``INK``: bool, ``(n, *grid_shape)``.

    Each cell covers a block of pixels of the image with the margin that the encoder adds. Of an image of 28x28 pixels,
    a cell covers 4x4 pixels in a map of 7x7, and 8x8 in a map of 4x4, since the image is 32x32 with its margin.
    """
    height, width = grid_shape
    block = [_pixels_a_cell(*sizes) for sizes in zip(images.shape[1:3], grid_shape, strict=True)]
    extra = [
        side * cells - size for side, cells, size in zip(block, grid_shape, images.shape[1:3], strict=True)
    ]
    margins = [(0, 0), *((e // 2, e - e // 2) for e in extra), (0, 0)]
    blocks = np.pad(images, margins).reshape(len(images), height, block[0], width, -1)
    return np.any(blocks > INK, axis=(2, 4))


def _pixels_a_cell(pixels: int, cells: int) -> int:
    """The side of a cell: the power of two that strides of two make, or equal parts where there is none."""
    side = 1
    while -(-pixels // side) > cells:
        side *= 2
    return side if -(-pixels // side) == cells else -(-pixels // cells)


def _right_codes(array: np.ndarray, sizes: tuple[int, ...]) -> str:
    """What to pass in place of codes of another type or shape."""
    whole = array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.floor(array)).all()
    if whole and array.ndim == len(sizes) + 1 and array.shape[1:] == sizes and len(array):
        return "codes.astype('int32')"
    if array.shape == sizes and array.dtype.kind in "iu":
        return "codes[None], since that is one image's"
    return "codes that encode(images) returned"


def check_choices(codes: Any, shape: Sequence[int], num_codes: int) -> np.ndarray:
    """Return ``codes`` as int32 of shape ``(n, *shape)``, each at least 0 and below ``num_codes``.

    Raises :class:`~companion.errors.BadInput` for anything else.
    """
    array, sizes = np.asarray(codes), tuple(shape)
    if (
        array.dtype.kind not in "iu"
        or array.ndim != len(sizes) + 1
        or array.shape[1:] != sizes
        or not len(array)
    ):
        raise BadInput(
            f"codes have shape {array.shape} and dtype {array.dtype}: expected (n, {', '.join(map(str, sizes))}) whole "
            f"numbers, n >= 1; pass {_right_codes(array, sizes)}."
        )
    if array.min() < 0 or array.max() >= num_codes:
        raise BadInput(
            f"codes lie between {array.min()} and {array.max()}: expected 0 to {num_codes - 1}; pass codes that "
            f"encode(images) of this model returned."
        )
    return array.astype("int32")


def kl_per_coordinate(model: Any, x: Any, *, draws: int = DRAWS, seed: int = 0) -> list[np.ndarray]:
    """The KL of each coordinate of each layer of codes to the layer's own prior: arrays ``(latent_dims[l],)``, in nats.

    ``model`` is a :class:`~companion.hierarchical_vae.HierarchicalVAE`; the layer next to the pixels comes first. The
    prior of a lower layer is p(z1|z2) at the z2 that was drawn. Each figure is a mean over the images ``x`` and
    ``draws`` of their codes. Of a layer that was inferred before the one above it, as bottom-up, it is the mean of
    log q - log p, which may be slightly negative where the layer is not used; elsewhere it is a closed form.
    Taught in chapter 08.
    """
    x, draws = model.checked(x), check_whole_number("draws", draws)
    bottom_up = model.inference == "bottom_up"

    def of_batch(images: Any, epsilon: Any) -> list[Any]:
        layers = model.layers_of(images, ops.convert_to_tensor(epsilon))
        found = []
        for level, layer in enumerate(layers, start=1):
            q = DiagonalNormal(layer.z_mean, layer.z_log_var, event_ndims=0)
            p = DiagonalNormal(layer.prior_mean, layer.prior_log_var, event_ndims=0)
            known = level == len(layers) or not bottom_up
            found.append(q.kl(p) if known else q.log_prob(layer.z) - p.log_prob(layer.z))  # (batch, dim)
        return found

    drawn = [
        map_batches(of_batch, x, model.noise(count(x), check_whole_number("seed", seed, at_least=0) + draw))
        for draw in range(draws)
    ]
    return [np.mean([each[level] for each in drawn], axis=(0, 1)) for level in range(len(model.latent_dims))]


def units_in_use(
    model: Any, x: Any, *, least: float = IN_USE, draws: int = DRAWS, seed: int = 0
) -> list[int]:
    """How many coordinates of each layer have a :func:`kl_per_coordinate` above ``least`` nats, bottom layer first.

    Unlike :func:`~companion.evaluation.active_units_per_layer` it counts no coordinate whose posterior mean merely
    follows its prior, as that of a lower layer does in top-down inference. Raises
    :class:`~companion.errors.BadInput` for a negative ``least``. Taught in chapter 08.
    """
    if not least >= 0:
        raise BadInput(f"least={least!r}: expected a KL of at least 0 nats; pass least={IN_USE}.")
    return [int(np.sum(kl > least)) for kl in kl_per_coordinate(model, x, draws=draws, seed=seed)]
