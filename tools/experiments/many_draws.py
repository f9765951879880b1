"""The models of chapter 10 on black and white digits: their bounds, annealed importance sampling, a mistaken loss."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from companion import data, objectives
from companion.evaluation import active_units, annealed_log_likelihood, log_likelihood
from companion.experiments import training
from companion.experiments.settings import Settings
from companion.tensors import Tensor
from companion.vae import VAE

GROUP = 5


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


class GroupedImages(VAE):
    """Takes the mean of the weights over groups of different images, as if they were draws for one image."""

    def objective(self, terms: dict[str, Tensor]) -> Tensor:
        """The loss of each image, ``(batch,)`` in nats; the batch divides by ``GROUP``."""
        rows = ops.reshape(terms["elbo"], (GROUP, -1))
        return -ops.repeat(objectives.log_mean_exp(rows), GROUP)


def grouped(seed: int, groups: bool) -> dict[str, float]:
    """Train on groups of five images or as a VAE does; the loss that ``evaluate`` shows on test digits, and -L_500."""
    dataset = data.load("digits")
    images, x = (data.binarize(part, "threshold") for part in (dataset.x_train, dataset.x_test))
    kind, batch, steps = (GroupedImages, 50, 30) if groups else (VAE, 64, 24)
    keras.utils.set_random_seed(seed)
    model = kind(**VAE.build_networks(dataset.image_shape, 8, hidden=(128,), seed=seed), seed=seed)
    model.compile(keras.optimizers.Adam(2e-3), steps_per_execution=steps, jit_compile=False)
    whole = images[: len(images) // batch * batch] if groups else images
    epochs = data.epochs_for(images, seen=45_000, at_least=3)
    model.fit(whole, batch_size=batch, epochs=epochs, verbose=0)
    some = x[: len(x) // GROUP * GROUP]
    return {
        "shown": float(model.evaluate(some, batch_size=GROUP, verbose=0, return_dict=True)["loss"]),
        "neg_bound": -float(np.mean(log_likelihood(model, x, 500, seed=seed))),
    }
