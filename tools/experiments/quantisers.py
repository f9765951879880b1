"""Models of chapter 09: VQ-VAEs without the straight-through path or with a prior fitted afterwards, a discrete VAE."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from companion import data
from companion.code_use import code_counts, inked_cells, perplexity
from companion.discrete_vae import DiscreteVAE
from companion.experiments import training
from companion.experiments.settings import Settings
from companion.tensors import Tensor
from companion.vq_vae import VQVAE, PixelCNN, cross_entropy

MAPS_SET_ASIDE = 150  # of the training codes, on which the prior's best epoch is chosen


class WithoutPath(VQVAE):
    """A VQ-VAE whose decoder is handed the entry itself, so that no reconstruction gradient reaches the encoder."""

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """As in VQVAE, with ``logits`` decoded from ``embedded`` in place of ``z``."""
        encoded = self.encoder(x, training=training)
        quantized = self.quantizer(encoded, training=training)
        logits = self.logits_of(quantized["embedded"], x, training=training)
        return {**quantized, "encoded": encoded, "logits": logits}


def fitted_prior(seed: int, epochs: int, prior_epochs: int, options: dict[str, Any]) -> dict[str, float]:
    """A VQ-VAE of the digits as chapter 09 trains it, and a PixelCNN that is fitted to its codes afterwards.

    The prior is fitted for ``prior_epochs`` epochs and keeps the weights of the epoch that is best on maps set aside.
    Returned are both terms on the test images, and how the codes are used there.
    """
    settings = Settings(
        model="vq_vae", batch_size=32, learning_rate=2e-3, epochs=epochs, seed=seed, options=options
    )
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    model = training.build(settings, dataset.image_shape)
    model.fit(data.Batches(dataset.x_train, 32, "none", seed), epochs=epochs, shuffle=False, verbose=0)
    x = dataset.x_test
    terms, codes = model.elbo_terms(x), model.encode(x)
    inked = inked_cells(x, model.grid_shape)
    pixels = -float(np.mean(terms["log_likelihood"]))
    nats_of_codes = _prior_afterwards(model, dataset.x_train, codes, seed, prior_epochs)
    return {
        "pixels": pixels,
        "codes": nats_of_codes,
        "total": pixels + nats_of_codes,
        "codes_used": float(np.sum(code_counts(codes, model.num_embeddings) > 0)),
        "perplexity": perplexity(code_counts(codes, model.num_embeddings)),
        "perplexity_inked": perplexity(code_counts(codes[inked], model.num_embeddings)),
        "perplexity_blank": perplexity(code_counts(codes[~inked], model.num_embeddings)),
    }


def relaxed(seed: int, cooled: bool, epochs: int = 6) -> dict[str, float]:
    """A discrete VAE on the digits, at temperature 3 or ``cooled`` from 1 to 0.4: two figures on the training digits.

    ``relaxed`` is the negative ELBO as the last epoch showed it, from relaxed draws, and ``choices`` that from choices.
    """
    images = data.load("digits").x_train
    batch = 32
    cooling: dict[str, Any] = {
        "temperature": 1.0,
        "last_temperature": 0.4,
        "cooling_steps": epochs * (len(images) // batch),
    }
    keras.utils.set_random_seed(seed)
    model = DiscreteVAE(
        num_latents=16,
        num_categories=8,
        input_shape=images.shape[1:],
        seed=seed,
        **(cooling if cooled else {"temperature": 3.0}),
    )
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    history = model.fit(images, batch_size=batch, epochs=epochs, verbose=0).history
    return {
        "relaxed": float(history["neg_elbo"][-1]),
        "choices": float(-model.elbo_terms(images)["elbo"].mean()),
    }


def _prior_afterwards(
    model: VQVAE, images: np.ndarray, test_codes: np.ndarray, seed: int, epochs: int
) -> float:
    """-log p(codes) of test codes in nats per image, under a new PixelCNN fitted to the codes of ``images``."""
    codes = model.encode(images)
    prior = PixelCNN(model.num_embeddings, model.grid_shape, seed=seed + 1000)
    best = keras.callbacks.EarlyStopping("val_loss", patience=epochs, restore_best_weights=True)
    # As in PixelCNN.fit, without XLA, which takes longer to compile than this small network takes to train.
    trainer = keras.Model(prior.network.inputs, prior.network.outputs)
    trainer.compile(keras.optimizers.Adam(2e-3), loss=cross_entropy, jit_compile=False)
    kept, aside = codes[MAPS_SET_ASIDE:], codes[:MAPS_SET_ASIDE]
    how = {"batch_size": 32, "epochs": epochs, "verbose": 0, "callbacks": [best]}
    trainer.fit(kept, kept, validation_data=(aside, aside), **how)
    return -float(np.mean(keras.ops.convert_to_numpy(prior.log_prob(test_codes))))
