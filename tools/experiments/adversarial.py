"""What chapter 11 measures of adversarial training: a VAE, an adversarial autoencoder and a VAE-GAN side by side."""

from __future__ import annotations

import functools
import time
from typing import Any

import keras
import numpy as np

from companion import data
from companion.adversarial import AAE, VAEGAN
from companion.evaluation import (
    blurred,
    class_means,
    classifier_two_sample_test,
    judge_features,
    precision_recall,
)
from companion.evaluation.judge import train_judge
from companion.vae import VAE

FAMILIES = {"vae": VAE, "aae": AAE, "vae_gan": VAEGAN}
LATENT_DIM = 8


def families(
    seed: int,
    model: str,
    epochs: int,
    learning_rate: float,
    options: dict[str, Any],
) -> dict[str, float]:
    """Fidelity and coverage of samples, how well codes and prior are told apart, the ELBO, and seconds per epoch.

    Samples are compared with the test digits by the features of a judge. The two-sample test takes a draw of q(z|x) for
    each training image, and as many draws of the prior.
    """
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    trained = build(model, dataset.image_shape, seed, options)
    # GANs are trained with a short memory of past gradients; the VAE here has the same.
    jit = "auto" if keras.backend.backend() == "jax" else False
    trained.compile(keras.optimizers.Adam(learning_rate, beta_1=0.5), jit_compile=jit)
    clock = Clock()
    trained.fit(dataset.x_train, batch_size=50, epochs=epochs, verbose=0, callbacks=[clock])
    test, real = dataset.x_test, dataset.x_train
    quality = _quality(dataset, trained.sample(len(test), seed=seed))
    terms = trained.elbo_terms(test, trained.noise(len(test), seed))
    told = classifier_two_sample_test(
        trained.encode(real)[2], trained.draw_from_prior(len(real), seed=seed + 1), seed=seed
    )
    error = np.square(trained.reconstruct(test) - test).reshape(len(test), -1)
    return {
        **quality,
        "two_sample": told.accuracy,
        "neg_elbo": -float(np.mean(terms["elbo"])),
        "kl": float(np.mean(terms["kl"])),
        "squared_error": float(np.mean(error.sum(axis=1))),
        "milliseconds": 1000 * float(np.median(clock.seconds[1:])),
    }


def controls(seed: int, images: str) -> dict[str, float]:
    """Fidelity and coverage of what is no model: real digits of the training set, blurred ones, class means."""
    keras.utils.set_random_seed(seed)
    dataset = data.load("digits")
    n = len(dataset.x_test)
    chosen = np.random.default_rng(seed).permutation(len(dataset.x_train))[:n]
    shown = {
        "real": dataset.x_train[chosen],
        "blurred": blurred(dataset.x_train[chosen]),
        "means": class_means(dataset.x_train, dataset.y_train, n),
    }
    return _quality(dataset, shown[images])


def build(model: str, image_shape: tuple[int, ...], seed: int, options: dict[str, Any]) -> VAE:
    """The families with equal first weights of encoder and decoder."""
    family = FAMILIES[model]
    networks = family.build_networks(image_shape, LATENT_DIM, hidden=(256,), seed=seed)
    return family(**networks, seed=seed, **options)


class Clock(keras.callbacks.Callback):
    """The seconds of a processor that every epoch took, whatever else the machine was doing."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.started = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.started = time.process_time()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.seconds.append(time.process_time() - self.started)


@functools.cache
def _judge() -> keras.Model:
    """The same judge for every arm and seed."""
    keras.utils.set_random_seed(0)
    dataset = data.load("digits")
    return train_judge(dataset.x_train, dataset.y_train, seed=0)


def _quality(dataset: data.Dataset, images: np.ndarray) -> dict[str, float]:
    judge = _judge()
    real, made = judge_features(judge, dataset.x_test), judge_features(judge, images)
    return precision_recall(real, made)._asdict()
