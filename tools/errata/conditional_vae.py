"""Rows of chapter 07: a prior that is named and not used, labels that are too weak, labels encoded twice."""

from typing import Any

import keras
import numpy as np

from companion import data
from companion.conditional_vae import ConditionalVAE
from companion.evaluation.judge import agreement, train_judge
from tools.errata import SEED, SEEDS, Figures, erratum, error_of, over_seeds

ASKED = np.arange(1000) % 10


@erratum("07_conditional_vae", tolerance=0.05)
def a_prior_that_is_named_and_not_used() -> Figures:
    """Conditional VAEs on the digits, N(0, I) for p(z|y) or a learned one: -ELBO and asked-class rate."""
    digits = data.digits()
    judge = train_judge(digits.x_train, digits.y_train, seed=SEED)
    nats: dict[str, list[float]] = {"standard": [], "learned": []}
    asked: dict[str, list[float]] = {"standard": [], "learned": []}
    for seed in SEEDS:
        for prior in nats:
            model = _trained(digits.x_train, digits.y_train, seed, prior=prior)
            nats[prior].append(float(-model.elbo_terms((digits.x_test, digits.y_test))["elbo"].mean()))
            asked[prior].append(agreement(judge, model.generate(ASKED, seed=SEED), ASKED))
    return {
        "judge": agreement(judge, digits.x_test, digits.y_test),
        **{f"neg_elbo_{prior}": float(np.mean(values)) for prior, values in nats.items()},
        **{f"asked_{prior}": float(np.mean(values)) for prior, values in asked.items()},
        **over_seeds("learned_minus_standard", list(np.subtract(nats["learned"], nats["standard"]))),
    }


@erratum("07_conditional_vae", tolerance=0.1)
def a_label_that_is_too_short() -> Figures:
    """Eight coordinates; a one-hot label as long as the layer it joins, or of its bare length in the decoder."""
    digits = data.digits()
    judge = train_judge(digits.x_train, digits.y_train, seed=SEED)
    lengths = {"scaled": 1.0, "bare": 1 / 16}  # the decoder multiplies by sqrt(256)
    nats: dict[str, list[float]] = {name: [] for name in lengths}
    asked: dict[str, list[float]] = {name: [] for name in lengths}
    for seed in SEEDS:
        for name, length in lengths.items():
            labels = length * np.eye(10, dtype="float32")
            model = _trained(digits.x_train, labels[digits.y_train], seed, latent_dim=8)
            terms = model.elbo_terms((digits.x_test, labels[digits.y_test]))
            nats[name].append(float(-terms["elbo"].mean()))
            asked[name].append(agreement(judge, model.generate(labels[ASKED], seed=SEED), ASKED))
    return {
        **{f"neg_elbo_{name}": float(np.mean(values)) for name, values in nats.items()},
        **{f"asked_{name}": float(np.mean(values)) for name, values in asked.items()},
        **over_seeds("asked_less_often", list(np.subtract(asked["scaled"], asked["bare"]))),
        **over_seeds("neg_elbo_rises", list(np.subtract(nats["bare"], nats["scaled"]))),
    }


@erratum("07_conditional_vae")
def a_label_cell_that_runs_twice() -> Figures:
    """The rank of labels after one and two runs of a cell that makes them one-hot under the same name."""
    labels = np.arange(6) % 3
    once = np.eye(3, dtype="float32")[labels]
    twice = np.eye(3, dtype="float32")[once.astype(int)]
    model = ConditionalVAE(input_shape=(4, 4, 1), num_classes=3, seed=SEED)
    return {"once": once.ndim, "twice": twice.ndim, "error": error_of(lambda: model.generate(twice))}


def _trained(images: Any, labels: Any, seed: int, **options: Any) -> ConditionalVAE:
    keras.utils.set_random_seed(seed)  # the same order of batches for every arm
    model = ConditionalVAE(seed=seed, **options)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    model.fit([images, labels], batch_size=64, epochs=20, verbose=0)
    return model
