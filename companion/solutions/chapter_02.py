"""Solutions of chapter 02.

Have the shapes written down by hand before Keras prints them. The second head is the point of the chapter; those who
know networks may read it at home.
"""

from typing import Any

import numpy as np


def weights_of_an_encoder() -> int:
    """Weights and biases of the hidden layer, and of two heads of equal size.

    Discuss: 95 % of them sit in the first layer, where every pixel meets every unit.
    """
    hidden = 784 * 400 + 400
    head = 400 * 20 + 20
    return hidden + 2 * head


def sizes_of_maps(size: int, kernel: int, stride: int, padding: str, layers: int) -> list[int]:
    """With padding there is a place for every stride that begins; without it, only where the kernel fits."""
    sizes = []
    for _ in range(layers):
        size = -(-size // stride) if padding == "same" else (size - kernel) // stride + 1
        sizes.append(size)
    return sizes


def crop_to_size(pictures: Any, size: int) -> Any:
    """Where the picture begins and where it ends; neither an odd margin nor none is special then."""
    first = (pictures.shape[1] - size) // 2
    last = first + size
    return pictures[:, first:last, first:last]


def shared_width(h: Any) -> list[float]:
    """An image's best variance is v_i = 1 / (1 + h_i), which leaves (1 + log(1 + h_i)) / 2.

    With one variance for all, only the mean of 1 + h_i counts, and the best v is one over it: the harmonic mean of the
    v_i. The difference is half of log mean(1 + h) - mean log(1 + h), never negative by Jensen's inequality, and zero
    where all h_i are equal.
    """
    own = np.mean(0.5 * (1 + np.log(1 + h)))
    variance = 1 / np.mean(1 + h)
    shared = 0.5 * (1 + np.log(np.mean(1 + h)))
    return [own, variance, shared, shared - own]


def small_encoder() -> dict[str, Any]:
    """Expect: the encoder of chapter 01 reaches about 222 nats; see how near a quarter of its weights comes.

    Discuss: the code of two numbers, not the encoder, is what limits the reconstruction. Whoever finds a tiny encoder
    that does as well has seen it. One training is one draw; how far do two seeds lie apart?
    """
    because = "With two numbers for a code the bottleneck is the code and not the encoder's size."
    return {"filters": (16, 32, 64), "parameters": 27_396, "reconstruction": 223.0, "because": because}
