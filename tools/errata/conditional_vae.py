"""Rows of chapter 07: a prior that is named and not used, labels that are hardly heard, labels encoded twice."""

from typing import Any

import keras
import numpy as np

from companion import data
from companion.conditional_vae import ConditionalVAE
from companion.evaluation.judge import agreement, train_judge
from tools.errata import SEED, Figures, erratum, error_of


@erratum("07_conditional_vae", tolerance=0.05)
def a_prior_that_is_named_and_not_used() -> Figures:
    """Conditional VAEs on the digits, N(0, I) for p(z|y) or a learned one: -ELBO and asked-class rate."""
    digits = data.digits()
    judge = train_judge(digits.x_train, digits.y_train, seed=SEED)
    figures: Figures = {"judge": agreement(judge, digits.x_test, digits.y_test)}
    asked = np.arange(1000) % 10
    for prior in ("standard", "learned"):
        model = _trained(digits.x_train, digits.y_train, prior=prior)
        figures[f"neg_elbo_{prior}"] = float(-model.elbo_terms((digits.x_test, digits.y_test))["elbo"].mean())
        figures[f"asked_{prior}"] = agreement(judge, model.generate(asked, seed=SEED), asked)
    return figures


@erratum("07_conditional_vae", tolerance=0.1)
def a_label_that_whispers() -> Figures:
    """Eight coordinates; a one-hot label as long as the layer it joins, or of its bare length in the decoder."""
    digits = data.digits()
    judge = train_judge(digits.x_train, digits.y_train, seed=SEED)
    asked = np.arange(1000) % 10
    figures: Figures = {}
    for name, length in (("scaled", 1.0), ("bare", 1 / 16)):  # the decoder multiplies by sqrt(256)
        labels = length * np.eye(10, dtype="float32")
        model = _trained(digits.x_train, labels[digits.y_train], latent_dim=8)
        terms = model.elbo_terms((digits.x_test, labels[digits.y_test]))
        figures[f"neg_elbo_{name}"] = float(-terms["elbo"].mean())
        figures[f"asked_{name}"] = agreement(judge, model.generate(labels[asked], seed=SEED), asked)
    return figures


@erratum("07_conditional_vae")
def a_label_cell_that_runs_twice() -> Figures:
    """The rank of labels after one and two runs of a cell that makes them one-hot under the same name."""
    labels = np.arange(6) % 3
    once = np.eye(3, dtype="float32")[labels]
    twice = np.eye(3, dtype="float32")[once.astype(int)]
    model = ConditionalVAE(input_shape=(4, 4, 1), num_classes=3, seed=SEED)
    return {"once": once.ndim, "twice": twice.ndim, "error": error_of(lambda: model.generate(twice))}


def _trained(images: Any, labels: Any, **options: Any) -> ConditionalVAE:
    model = ConditionalVAE(seed=SEED, **options)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    model.fit([images, labels], batch_size=64, epochs=20, verbose=0)
    return model
