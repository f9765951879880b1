"""The floor of a step: the floating-point operations that it cannot do without, at the speed of a large matrix product.

Every layer of the networks here is a matrix product for each image: ``rows`` × ``inner`` times ``inner`` ×
``outputs``. A dense layer has one row; a convolution has a row for each position of its output and an inner length of
its taps times its input channels. A multiply-add counts as two operations. The backward pass of a layer takes two
products of the same size: one for the gradient of its weights, one for that of its input, which the first layer of
an encoder does not need. Whatever else a step does (activations, losses, Adam, borders) is not counted, so that no
program comes below the floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

PIXELS = 28 * 28


@dataclass(frozen=True)
class Layer:
    """A layer as the matrix product that it computes for each image."""

    rows: int
    inner: int
    outputs: int

    @property
    def product(self) -> int:
        """Operations of one product: two for each multiply-add."""
        return 2 * self.rows * self.inner * self.outputs


def forward(layers: Sequence[Layer]) -> int:
    """Operations for one image on the way forward."""
    return sum(layer.product for layer in layers)


def training(layers: Sequence[Layer], *, first: bool) -> int:
    """Operations for one image forward and backward; ``first``: the layers begin at the pixels, which need no
    gradient."""
    return 3 * forward(layers) - (layers[0].product if first else 0)


def dense(*sizes: int) -> list[Layer]:
    """Dense layers from each size to the next."""
    return [Layer(1, *pair) for pair in pairwise(sizes)]


def dense_vae(hidden: Sequence[int], latent_dim: int) -> tuple[list[Layer], list[Layer]]:
    """Encoder, with its two heads, and decoder of ``companion.networks``' dense pair."""
    heads = [Layer(1, hidden[-1], 2 * latent_dim)]
    return dense(PIXELS, *hidden) + heads, dense(latent_dim, *hidden[::-1], PIXELS)


def conv_vae(latent_dim: int) -> tuple[list[Layer], list[Layer]]:
    """Encoder and decoder of ``companion.networks``' convolutional pair: 28×28 padded to 32×32, 3×3 taps, stride 2."""
    encoder = [Layer(16 * 16, 9, 32), Layer(8 * 8, 9 * 32, 64), Layer(4 * 4, 9 * 64, 128)]
    heads = [Layer(1, 4 * 4 * 128, 2 * latent_dim)]
    # A transposed convolution multiplies each position of its input with all taps of all its outputs.
    decoder = [
        Layer(1, latent_dim, 4 * 4 * 128),
        Layer(4 * 4, 128, 9 * 128),
        Layer(8 * 8, 128, 9 * 64),
        Layer(16 * 16, 64, 9 * 32),
        Layer(32 * 32, 9 * 32, 1),
    ]
    return encoder + heads, decoder


def training_of_vae(
    encoder: Sequence[Layer], decoder: Sequence[Layer], batch: int, num_samples: int = 1
) -> int:
    """Operations of one training step; each image is encoded once and decoded ``num_samples`` times."""
    return batch * (training(encoder, first=True) + num_samples * training(decoder, first=False))


def training_of_vq_vae(batch: int, embeddings: int = 64, size: int = 16) -> int:
    """Operations of one training step of ``VQVAE()``: its networks, its quantiser, and the PixelCNN over 7×7 codes.

    Of a masked convolution only the taps that its mask leaves are counted.
    """
    cells, wide, narrow = 7 * 7, 64, 32
    encoder = [
        Layer(14 * 14, 16, narrow),
        Layer(cells, 16 * narrow, wide),
        Layer(cells, wide, size),
    ]
    decoder = [
        Layer(cells, 9 * size, wide),
        Layer(cells, wide, 16 * narrow),
        Layer(14 * 14, narrow, 16),
    ]
    # Distances to the codebook, and the sums of the vectors of each code; neither has a gradient.
    quantizer = [Layer(cells, size, embeddings)] * 2
    return batch * (
        training(encoder, first=True)
        + training(decoder, first=False)
        + forward(quantizer)
        + training(pixel_cnn(cells, narrow, embeddings), first=False)
    )


def pixel_cnn(cells: int, filters: int, embeddings: int) -> list[Layer]:
    """The masked convolutions of a PixelCNN of four layers, a vertical and a horizontal stack."""
    stacks = [(2 * 5, 2), (2 * 3, 2), (2 * 3, 2), (2 * 3, 2)]
    masked = [Layer(cells, taps * filters, filters) for both in stacks for taps in both]
    between = [Layer(cells, filters, filters)] * len(stacks)
    return [*masked, *between, Layer(cells, filters, 2 * filters), Layer(cells, 2 * filters, embeddings)]


def log_likelihood_of_vae(
    encoder: Sequence[Layer], decoder: Sequence[Layer], images: int, num_samples: int
) -> int:
    """Operations of the k-sample bound of ``images``: each is encoded once and decoded ``num_samples`` times."""
    return images * (forward(encoder) + num_samples * forward(decoder))


def milliseconds(operations: int, gflops: float) -> float:
    """How long ``operations`` take at ``gflops`` times 10^9 operations per second."""
    return operations / gflops / 1e6
