"""Rows of chapter 09: which gradient reaches which weights, around a choice that has no derivative."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from companion import data
from companion.vq_vae import VQVAE
from tools.errata import SEED, SEEDS, Figures, erratum, over_seeds


class NoPath(VQVAE):
    """A VQ-VAE whose decoder is handed the chosen entries themselves, as the listing does."""

    def call(self, x: Any, training: bool | None = None) -> dict[str, Any]:
        y_pred = super().call(x, training=training)
        return {**y_pred, "logits": self.decoder(y_pred["embedded"], training=training)}


FAMILIES = {"right": VQVAE, "listing": NoPath}


def _model(family: type[VQVAE], seed: int = SEED) -> VQVAE:
    return family(num_embeddings=32, codebook="loss", reset=0.0, prior="uniform", seed=seed)


@erratum("09_vq_vae")
def a_gradient_that_stops_at_the_choice() -> Figures:
    """How many weights the reconstruction reaches in encoder and codebook, with and without a way past the choice."""
    images, figures = data.load("digits", seed=SEED).x_train[:50], Figures()
    for name, family in FAMILIES.items():
        model = _model(family)
        parts = {"encoder": model.encoder, "codebook": model.quantizer}
        with tf.GradientTape(persistent=True) as tape:
            terms = model.terms(images, model(images, training=True))
        for part, layer in parts.items():
            gradients = tape.gradient(terms["log_likelihood"], [v.value for v in layer.trainable_variables])
            figures[f"{part}_{name}"] = sum(gradient is not None for gradient in gradients)
    return {**figures, "encoder_weights": len(model.encoder.trainable_variables)}


@erratum("09_vq_vae", tolerance=0.1)
def a_training_without_a_path() -> Figures:
    """Codes in use and nats per image for the pixels after eight epochs; the two arms differ in the path alone."""
    digits = data.load("digits", seed=SEED)
    codes: dict[str, list[float]] = {name: [] for name in FAMILIES}
    nats: dict[str, list[float]] = {name: [] for name in FAMILIES}
    for seed in SEEDS:
        for name, family in FAMILIES.items():
            keras.utils.set_random_seed(seed)  # the same order of batches for both
            model = _model(family, seed)
            model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
            model.fit(digits.x_train, batch_size=32, epochs=8, verbose=0)
            codes[name].append(len(np.unique(model.encode(digits.x_test))))
            nats[name].append(-float(model.elbo_terms(digits.x_test)["log_likelihood"].mean()))
    mean, x = digits.x_train.mean(axis=0).clip(1e-3, 1 - 1e-3), digits.x_test
    blind = x * np.log(mean) + (1 - x) * np.log(1 - mean)
    return {
        **{f"codes_{name}": float(np.mean(values)) for name, values in codes.items()},
        **{f"nats_{name}": float(np.mean(values)) for name, values in nats.items()},
        **over_seeds("nats_rise", list(np.subtract(nats["listing"], nats["right"]))),
        **over_seeds("codes_lost", list(np.subtract(codes["right"], codes["listing"]))),
        "nats_of_the_mean_image": -float(blind.sum(axis=(1, 2, 3)).mean()),
    }
