"""Training with few labels: the classifier alone, self-training, and the three phases of model M2. Chapter 12."""

from typing import Any

import keras
import numpy as np

from companion.conditional_vae import ConditionalVAE
from companion.conditional_vae.conditions import check_equally_many
from companion.errors import BadInput, check_images, check_whole_number
from companion.schedules import check_number
from companion.semi_supervised.labels import NO_LABEL, check_partial_labels, check_some_label
from companion.semi_supervised.model import SemiSupervisedVAE


def train_classifier(
    classifier: keras.Model,
    images: Any,
    labels: Any,
    *,
    steps: int = 300,
    batch_size: int = 100,
    learning_rate: float = 1e-3,
    seed: int = 0,
) -> keras.Model:
    """Train ``classifier``, which gives logits, on the labelled images alone, by cross-entropy; return it.

    ``images`` ``(n, ...)`` without a label, -1 in ``labels`` ``(n,)``, are passed over. Each of ``steps`` steps of Adam
    takes ``batch_size`` labelled images, or all where there are fewer; ``seed`` fixes their order.
    Raises :class:`~companion.errors.BadInput` for images and labels that do not fit, and where no image has a label.
    Taught in chapter 12.
    """
    images, labels = _checked(classifier, images, labels)
    known = labels != NO_LABEL
    images, labels = images[known], labels[known]
    batch_size = min(check_whole_number("batch_size", batch_size), len(labels))
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    wanted = check_whole_number("steps", steps) * batch_size
    rounds = -(-wanted // len(labels))
    rows = np.concatenate([rng.permutation(len(labels)) for _ in range(rounds)])[:wanted]
    # A model of its own around the same layers, so that the classifier stays without an optimizer.
    trained = keras.Model(classifier.inputs, classifier.outputs[0])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    trained.compile(_adam(learning_rate), loss, jit_compile=_jit_compile())
    trained.fit(images[rows], labels[rows], batch_size=batch_size, shuffle=False, verbose=0)
    return classifier


def self_train(
    classifier: keras.Model,
    images: Any,
    labels: Any,
    *,
    threshold: float = 0.95,
    rounds: int = 5,
    **how: Any,
) -> keras.Model:
    """Train ``classifier`` on its own confident answers, too: self-training, also called pseudo-labelling; return it.

    Each of ``rounds`` rounds gives every image without a label its most probable class, if that has at least the
    probability ``threshold``, and trains on; labels that are known are never changed. ``how`` goes to
    :func:`train_classifier`, with which to train on the labels first.
    Raises :class:`~companion.errors.BadInput` as that does, and for a threshold that is not from 0 to 1.
    Source: Lee (2013). Taught in chapter 12.
    """
    images, labels = _checked(classifier, images, labels)
    if not 0 <= check_number("threshold", threshold) <= 1:
        raise BadInput(f"threshold={threshold!r}: expected a probability; pass for example threshold=0.95.")
    for _ in range(check_whole_number("rounds", rounds)):
        logits = classifier.predict(images, batch_size=500, verbose=0)
        q = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))  # (n, num_classes)
        confident = np.where(q.max(axis=1) >= threshold, q.argmax(axis=1), NO_LABEL)
        train_classifier(classifier, images, np.where(labels == NO_LABEL, confident, labels), **how)
    return classifier


def fit_in_phases(
    model: SemiSupervisedVAE,
    x: Any,
    *,
    guessed_epochs: int,
    epochs: int,
    learning_rate: float = 1e-3,
    **how: Any,
) -> dict[str, keras.callbacks.History]:
    """Train a semi-supervised VAE whose classifier has learned from labels before, on ``x``, ``[images, labels]``.

    First encoder and decoder alone, for ``guessed_epochs``, as a conditional VAE of the labels that are known and of
    the classifier's most probable class elsewhere, so that they learn what its classes look like. Then, for ``epochs``,
    all three networks together. ``how`` goes to ``fit``; each phase has a new Adam. Returns the histories, ``guessed``
    and ``joint``. Taught in chapter 12.
    """
    same: dict[str, Any] = {
        name: getattr(model, name) for name in ("num_classes", "prior", "likelihood", "seed")
    }
    conditional = ConditionalVAE(model.encoder, model.decoder, **same)
    conditional.prior_network = model.prior_network
    conditional.compile(_adam(learning_rate), jit_compile=_jit_compile())
    guessed = conditional.fit(model.completed(x), epochs=guessed_epochs, **how)
    model.compile(_adam(learning_rate), jit_compile=_jit_compile())
    return {"guessed": guessed, "joint": model.fit(x, epochs=epochs, **how)}


def _adam(learning_rate: float) -> keras.optimizers.Adam:
    return keras.optimizers.Adam(check_number("learning_rate", learning_rate, above=0))


def _jit_compile() -> str | bool:
    """Without XLA, which has to compile first; JAX has no other way."""
    return "auto" if keras.backend.backend() == "jax" else False


def _checked(classifier: keras.Model, images: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images and partial labels that fit the classifier."""
    images = check_images(images, classifier.input_shape[1:], in_unit_interval=False)
    labels = check_partial_labels(labels, classifier.output_shape[-1])
    check_equally_many("images", len(images), "labels", labels)
    check_some_label(labels, classifier.output_shape[-1])
    return images, labels
