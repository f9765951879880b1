"""Two layers of codes on the digits, trained as in chapter 08: bounds, and which layer and coordinate is in use.

A model of one layer is the plain VAE; its missing second layer counts as empty, so that both have the same measures.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from companion import data
from companion.code_use import units_in_use
from companion.evaluation import active_units_per_layer, score
from companion.hierarchical_vae import HierarchicalVAE

EPOCHS, BATCH, RATE = 30, 64, 1e-3
SAMPLES = 100  # of the k-sample bound
TOPS, DRAWS = 40, 25  # codes z2 that are held, and draws of z1 for each of them


def on_digits(seed: int, **options: Any) -> dict[str, float]:
    """Scores of a :class:`~companion.hierarchical_vae.HierarchicalVAE` with these ``options``, pixels thresholded.

    ``neg_elbo``, ``nll`` and ``train_neg_elbo`` in nats per image; ``kl_``, ``used_`` (by KL) and ``active_`` (by the
    variance of the mean) of layers 1 and 2; ``share_2``.
    """
    digits = data.load("digits")
    images, test = (data.binarize(x, "threshold") for x in (digits.x_train, digits.x_test))
    model = HierarchicalVAE(input_shape=digits.image_shape, seed=seed, **options)
    # The order of the images comes from here, and is the same for every arm.
    keras.utils.set_random_seed(seed)
    steps = -(-len(images) // BATCH)
    model.compile(keras.optimizers.Adam(RATE), steps_per_execution=steps, jit_compile=False)
    history = model.fit(images, batch_size=BATCH, epochs=EPOCHS, verbose=0).history
    scores = score(model, test, k=SAMPLES, seed=seed)
    by_layer = {
        "kl": scores["kl_per_layer"],
        "used": units_in_use(model, test),
        "active": active_units_per_layer(model, test),
    }
    both = {
        f"{what}_{level}": float(each[level - 1]) if level <= len(each) else 0.0
        for what, each in by_layer.items()
        for level in (1, 2)
    }
    return {
        "neg_elbo": scores["neg_elbo"],
        "nll": -scores["log_likelihood"],
        "train_neg_elbo": history["neg_elbo"][-1],
        **both,
        "share_2": share_of_top(model) if len(model.latent_dims) > 1 else 0.0,
    }


def share_of_top(model: HierarchicalVAE, tops: int = TOPS, draws: int = DRAWS) -> float:
    """Variance of the mean picture of a z2 over that of all pictures; 1 / ``draws`` where z2 decides nothing."""
    held = np.repeat(model.sample_layers(tops, seed=1)[1], draws, axis=0)
    pictures = model.decode(model.sample_layers(tops * draws, seed=2, held={2: held})[0])
    means = pictures.reshape(tops, draws, -1).mean(axis=1)
    return float(means.var(axis=0).sum() / pictures.var(axis=0).sum())
