"""A large float32 matrix product with one engine: the rate that the floor is made of.

A round is a few products; its answer is the seconds of the fastest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workers.talk import Talk

PRODUCTS = 5


def product_of(engine: str, a: np.ndarray, b: np.ndarray, threads: int) -> Callable[[], Any]:
    """A function that multiplies ``a`` and ``b`` and returns when that is done."""
    if engine == "numpy":
        return lambda: a @ b
    if engine == "torch":
        import torch

        torch.set_num_threads(threads)
        x, y = torch.from_numpy(a), torch.from_numpy(b)
        return lambda: x @ y
    if engine == "jax":
        import jax
        import jax.numpy as jnp

        multiply = jax.jit(jnp.matmul)
        left, right = jnp.asarray(a), jnp.asarray(b)
        return lambda: multiply(left, right).block_until_ready()
    import tensorflow as tf

    # A graph's function returns when its product is there; an eager operation may return sooner.
    graph = tf.function(lambda: tf.linalg.matmul(u, v)[0, 0])
    u, v = tf.constant(a), tf.constant(b)
    return lambda: graph().numpy()


def main() -> None:
    """Multiply until told to stop."""
    talk = Talk()
    n = talk.spec["size"]
    a, b = np.random.default_rng(0).normal(size=(2, n, n)).astype("float32")
    product = product_of(talk.spec["engine"], a, b, talk.spec["threads"])
    product()
    seconds = None
    while talk.next_round(seconds):
        seconds = fastest(product)


def fastest(product: Callable[[], Any]) -> float:
    """Seconds of the fastest of ``PRODUCTS`` products."""
    seconds = []
    for _ in range(PRODUCTS):
        began = time.perf_counter()
        product()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
