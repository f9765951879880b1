"""A hundred labels of MNIST, or a few of each digit: model M2 against its own classifier without a model of images.

All arms of a seed share the labels that are kept, the images without labels, the initial weights of the classifier and
its training on the labels alone. Pixels are black or white (threshold 0.5).
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from companion import data
from companion.likelihoods import Likelihood
from companion.semi_supervised import (
    NO_LABEL,
    SemiSupervisedVAE,
    build_classifier,
    fit_in_phases,
    keep_labels,
    repeat_labelled,
    self_train,
    train_classifier,
)
from companion.vae import VAE
from tools.experiments.terms_left_out import LEFT_OUT

Figures = dict[str, float]
CODES, VAE_HIDDEN, VAE_EPOCHS, VAE_BATCH = 50, (500, 500), 20, 128  # of M1


def few_labels(
    seed: int,
    arm: str,
    dataset: str = "digits",
    per_class: int = 3,
    unlabelled: int | None = None,
    hidden: int = 256,
    latent_dim: int = 2,
    times: int = 50,
    batch: int = 125,
    alpha: float = 100.0,
    labelled_weight: float = 0.2,
    steps: int = 300,
    phases: bool = True,
    guessed_epochs: int = 10,
    epochs: int = 6,
    without: str = "nothing",
) -> Figures:
    """``error`` in per cent of the test images, of the arm ``labels``, ``self_training``, ``m2`` or ``stacked``.

    ``unlabelled``: how many images without labels are drawn by the seed (None: all). ``alpha`` and
    ``labelled_weight`` are those of the model, for labelled images that occur ``times`` times. ``without`` names a term
    of M2 that is left out. ``stacked`` is M1+M2: a VAE of all training images, and M2 on its codes. ``neg_elbo`` is
    that of the test images without their labels, 0 where an arm has none.
    """
    images, labels, test, test_labels = _drawn(dataset, per_class, unlabelled, seed)
    likelihood: Any = "bernoulli"
    if arm == "stacked":
        images, test = _codes(images, test, seed)
        likelihood = Likelihood("normal", link="identity")
    shape = images.shape[1:]
    classifier = build_classifier(shape, hidden=(hidden,), seed=2 * seed + 3)
    if phases:
        train_classifier(classifier, images, labels, steps=steps, seed=seed)
    if arm == "self_training":
        self_train(classifier, images, labels, steps=steps, seed=seed)
    if arm not in ("m2", "stacked"):
        return {"error": _error(classifier, test, test_labels), "neg_elbo": 0.0}
    pair = SemiSupervisedVAE.build_networks(shape, latent_dim, hidden=(hidden, hidden), seed=seed)
    model = LEFT_OUT[without](
        pair["encoder"],
        pair["decoder"],
        classifier,
        alpha=alpha,
        labelled_weight=labelled_weight,
        likelihood=likelihood,
        seed=seed,
    )
    keras.utils.set_random_seed(seed)
    x = repeat_labelled(images, labels, times)
    guessed_epochs = guessed_epochs if phases else 0
    fit_in_phases(model, x, guessed_epochs=guessed_epochs, epochs=epochs, batch_size=batch, verbose=0)
    hidden_labels = np.full(len(test), NO_LABEL)
    return {
        "error": _error(classifier, test, test_labels),
        "neg_elbo": float(-np.mean(model.elbo_terms([test, hidden_labels])["elbo"])),
    }


def _drawn(dataset: str, per_class: int, unlabelled: int | None, seed: int) -> tuple[np.ndarray, ...]:
    """Training images with the labels that are kept, and test images with all of theirs."""
    digits = data.load(dataset)
    labels = keep_labels(digits.y_train, per_class, seed)
    if unlabelled is not None:
        others = np.random.default_rng(seed).permutation(np.flatnonzero(labels == NO_LABEL))[:unlabelled]
        rows = np.concatenate([np.flatnonzero(labels != NO_LABEL), others])
    else:
        rows = np.arange(len(labels))
    images = data.binarize(digits.x_train[rows], "threshold")
    return images, labels[rows], data.binarize(digits.x_test, "threshold"), np.asarray(digits.y_test)


def _codes(images: np.ndarray, test: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """M1: the posterior means of a VAE of the images, those coordinates that are in use."""
    pair = VAE.build_networks(images.shape[1:], CODES, hidden=VAE_HIDDEN, seed=seed)
    vae = VAE(**pair, seed=seed)
    keras.utils.set_random_seed(seed)
    vae.compile(keras.optimizers.Adam(1e-3))
    vae.fit(images, batch_size=VAE_BATCH, epochs=VAE_EPOCHS, verbose=0)
    codes, test_codes = vae.encode(images)[0], vae.encode(test)[0]
    in_use = codes.std(axis=0) > 0.1
    return codes[:, in_use], test_codes[:, in_use]


def _error(classifier: keras.Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Images whose most probable class is not theirs, in per cent."""
    named = classifier.predict(images, batch_size=500, verbose=0).argmax(axis=1)
    return 100.0 * float(np.mean(named != labels))
