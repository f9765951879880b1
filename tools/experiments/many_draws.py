"""The models of chapter 10 on black and white digits: their bounds, beside annealed importance sampling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from companion import data
from companion.evaluation import active_units, annealed_log_likelihood, log_likelihood
from companion.experiments import training
from companion.experiments.settings import Settings


def bounds(
    seed: int, model: str, latent_dim: int, epochs: int, options: dict[str, Any], images: int, steps: int
) -> dict[str, float]:
    """ELBO and L_500 of the test images; of the first ``images`` also annealed importance sampling.

    Digits are thresholded at one half and trained on as in chapter 10. ``width`` is the median standard deviation of q.
    """
    settings = Settings(
        model=model,
        latent_dim=latent_dim,
        hidden=(128,),
        batch_size=64,
        learning_rate=2e-3,
        epochs=epochs,
        binarize="threshold",
        seed=seed,
        options=options,
    )
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    x = data.binarize(dataset.x_test, "threshold")
    trained = training.build(settings, dataset.image_shape)
    trained.fit(data.Batches(dataset.x_train, 64, "threshold", seed), epochs=epochs, shuffle=False, verbose=0)
    bound = log_likelihood(trained, x, 500, seed=seed)
    return {
        "elbo": float(np.mean(trained.elbo_terms(x, trained.noise(len(x), seed))["elbo"])),
        "bound": float(np.mean(bound)),
        "bound_few": float(np.mean(bound[:images])),
        "annealed_few": float(np.mean(annealed_log_likelihood(trained, x[:images], steps=steps, seed=seed))),
        "width": float(np.median(np.exp(0.5 * trained.encode(x)[1]))),
        "active_units": float(active_units(trained, x)),
    }
