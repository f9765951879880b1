"""Kinds of tokens at equal bits: the same networks with another quantiser, and a prior that is fitted afterwards."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from companion import data
from companion.code_use import code_counts, perplexity
from companion.fsq import FSQVAE, ResidualVQVAE, RotatingVQVAE
from companion.vq_vae import VQVAE
from tools.experiments.quantisers import _prior_afterwards

KINDS: dict[str, Any] = {"vq": VQVAE, "fsq": FSQVAE, "residual": ResidualVQVAE, "rotation": RotatingVQVAE}


def coded(seed: int, kind: str, epochs: int, prior_epochs: int, options: dict[str, Any]) -> dict[str, float]:
    """Pixels, codes and their sum on the test digits, in bits per image, and how the codes are used.

    The prior is a PixelCNN fitted to the codes of the finished model, as in :mod:`tools.experiments.quantisers`.
    """
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    model = KINDS[kind](
        input_shape=dataset.image_shape, filters=(16, 32), prior="uniform", seed=seed, **options
    )
    how: Any = "auto" if keras.backend.backend() == "jax" else False
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=how)
    model.fit(data.Batches(dataset.x_train, 32, "none", seed), epochs=epochs, shuffle=False, verbose=0)
    codes = model.encode(dataset.x_test)
    pixels = -float(np.mean(model.elbo_terms(dataset.x_test)["log_likelihood"])) / math.log(2)
    prior = _prior_afterwards(model, dataset.x_train, codes, seed, prior_epochs) / math.log(2)
    counts = code_counts(codes, model.num_embeddings)
    return {
        "pixels": pixels,
        "codes": prior,
        "total": pixels + prior,
        "codes_used": float(np.sum(counts > 0)),
        "perplexity": perplexity(counts),
    }
