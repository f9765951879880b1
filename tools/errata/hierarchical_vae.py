"""The row of chapter 08: an encoder's z1 that no decoder sees."""

from typing import Any

import keras
import numpy as np

from companion import data
from companion.hierarchical_vae import HierarchicalVAE
from companion.objectives import elbo_terms, kl_to_standard_normal
from companion.vae import Terms
from tools.errata import SEED, SEEDS, Figures, erratum, over_seeds


class NeverMeet(HierarchicalVAE):
    """Two layers as the listing has them: the decoder draws a z1 of its own, and the encoder's pays against N(0, I)."""

    def call(self, x: Any, training: bool | None = None) -> dict[str, Any]:
        y_pred = super().call(x, training)
        own = y_pred["layers"][0].prior.sample(self.seed_generator)
        return {**y_pred, "logits": self.logits_of(own, x, training)}

    def terms(self, x: Any, y_pred: dict[str, Any]) -> Terms:
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(x)
        bottom, top = y_pred["layers"]
        kl_1, kl_2 = kl_to_standard_normal(bottom.z_mean, bottom.z_log_var), top.kl()
        return {**elbo_terms(log_likelihood, kl_1 + kl_2), "kl_1": kl_1, "kl_2": kl_2}


@erratum("08_hierarchical_vae", tolerance=0.1)
def layers_that_never_meet() -> Figures:
    """Loss after twelve epochs on black and white digits, and the pixels given the z1 that was inferred."""
    digits = data.load("digits", seed=SEED)
    train, test = (data.binarize(x, "threshold") for x in (digits.x_train, digits.x_test))
    loss: dict[str, list[float]] = {"right": [], "listing": []}
    pixels: dict[str, list[float]] = {"right": [], "listing": []}
    for seed in SEEDS:
        for name, family in {"right": HierarchicalVAE, "listing": NeverMeet}.items():
            keras.utils.set_random_seed(seed)  # the same order of batches for both
            model = family(seed=seed)
            model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
            model.fit(train, batch_size=64, epochs=12, verbose=0)
            loss[name].append(model.evaluate(test, verbose=0, return_dict=True)["loss"])
            given = model.likelihood_of(model.logits_of(model.encode(test)[2], test))
            pixels[name].append(-float(np.mean(given.log_prob(test))))
    mean = train.mean(axis=0).clip(1e-3, 1 - 1e-3)
    blind = test * np.log(mean) + (1 - test) * np.log(1 - mean)
    return {
        **{f"loss_{name}": float(np.mean(values)) for name, values in loss.items()},
        **{f"pixels_{name}": float(np.mean(values)) for name, values in pixels.items()},
        **over_seeds("loss_rises", list(np.subtract(loss["listing"], loss["right"]))),
        "nats_of_the_mean_image": -float(blind.sum(axis=(1, 2, 3)).mean()),
    }
