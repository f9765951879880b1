"""What chapter 11 compares: one technique of training at a time, and the ways to keep a strong decoder's code alive.

One seed fixes the first weights, the order of the batches and the stream of the noise, so that arms are paired.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from companion import data
from companion.beta_vae import BetaVAE, kl_parts
from companion.code_use import IN_USE
from companion.evaluation import active_units, log_likelihood
from companion.objectives import kl_per_unit
from companion.pixel_vae import PixelVAE
from companion.schedules import Cyclical

PATIENCE = 10  # epochs without a better validation loss


def ablation(
    seed: int,
    technique: str,
    dataset: str,
    latent_dim: int,
    hidden: list[int],
    batch_size: int,
    learning_rate: float,
    epochs: int,
    images: int,
) -> dict[str, float]:
    """Test figures of a VAE trained with ``technique`` on the first ``images`` images; the rest are for validation.

    Only early stopping looks at the validation images; every arm trains on the same others.
    """
    keras.utils.set_random_seed(seed)
    x, test = _black_and_white(dataset)
    steps = epochs * -(-images // batch_size)
    networks = BetaVAE.build_networks(x.shape[1:], latent_dim, hidden=tuple(hidden), seed=seed)
    model = BetaVAE(**networks, **{"beta": 1.0, **objective_of(technique, steps)}, seed=seed)
    model.compile(optimizer_of(technique, learning_rate, steps), jit_compile=_jit())
    stops = technique == "early_stopping"
    history = model.fit(
        x[:images],
        batch_size=batch_size,
        epochs=epochs,
        verbose=0,
        validation_data=(x[images:],) if stops else None,
        callbacks=[_stopping()] if stops else [],
    ).history
    terms = model.elbo_terms(test, model.noise(len(test), seed))
    return {
        "neg_elbo": -float(np.mean(terms["elbo"])),
        "bound": -float(np.mean(log_likelihood(model, test, 100, seed=seed))),
        "kl": float(np.mean(terms["kl"])),
        "active": float(active_units(model, test)),
        "epochs": float(len(history["loss"])),
    }


def objective_of(technique: str, steps: int) -> dict[str, Any]:
    """What a technique changes in the loss of a :class:`BetaVAE` that trains for ``steps`` steps."""
    options: dict[str, dict[str, Any]] = {
        "warm_up": {"warm_up_steps": steps // 3},
        "cyclical": {"beta": Cyclical(steps, cycles=4)},
        "free_bits": {"free_bits": 0.25},
        "capacity": {"gamma": 10.0, "capacity": 20.0, "capacity_steps": steps // 3},
    }
    return options.get(technique, {})


def optimizer_of(technique: str, learning_rate: float, steps: int) -> keras.optimizers.Optimizer:
    """What a technique changes in the optimizer, which is Adam."""
    rate: Any = learning_rate
    if technique == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    if technique == "adamw":
        return keras.optimizers.AdamW(rate, weight_decay=0.1)
    own: dict[str, Any] = {
        "clipnorm": {"clipnorm": 1.0},
        "fast_clipnorm": {"clipnorm": 1.0},
        "ema": {"use_ema": True, "ema_momentum": 0.99},
    }.get(technique, {})
    return keras.optimizers.Adam(rate, **own)


def collapse(seed: int, decoder: str, technique: str, epochs: int) -> dict[str, float]:
    """How much of its code a model uses: its KL, the units in use and the mutual information of image and code.

    ``decoder`` is ``plain`` or ``pixels``: the same dense one, alone or beside a network of the pixels before each.
    The KL and the ELBO are those of test images, the mutual information that of the training images, of which there
    are 1500, so that it cannot exceed log 1500 = 7.3 nats.
    """
    keras.utils.set_random_seed(seed)
    x, test = _black_and_white("digits")
    family = {"plain": BetaVAE, "pixels": PixelVAE}[decoder]
    steps = epochs * -(-len(x) // 50)
    networks = family.build_networks(x.shape[1:], 8, hidden=(128,), seed=seed)
    own: dict[str, dict[str, Any]] = {
        "warm_up": {"warm_up_steps": steps // 2},
        "free_bits": {"free_bits": 0.5},
    }
    own["capacity"] = {"gamma": 10.0, "capacity": 4.0}
    size: dict[str, Any] = {"filters": 8} if decoder == "pixels" else {}
    options: dict[str, Any] = {"beta": 1.0, **own.get(technique, {})}
    model = family(**networks, **options, **size, seed=seed)
    model.compile(keras.optimizers.Adam(2e-3), jit_compile=_jit())
    model.fit(x, batch_size=50, epochs=epochs, verbose=0)
    terms = model.elbo_terms(test, model.noise(len(test), seed))
    units = np.mean(ops.convert_to_numpy(kl_per_unit(*model.encode(test)[:2])), axis=0)
    z_mean, z_log_var, z = model.encode(x)
    information = kl_parts(z, z_mean, z_log_var)["mutual_information"]
    return {
        "neg_elbo": -float(np.mean(terms["elbo"])),
        "kl": float(np.mean(terms["kl"])),
        "in_use": float(np.sum(units > IN_USE)),
        "information": float(np.mean(ops.convert_to_numpy(information))),
    }


def _black_and_white(dataset: str) -> tuple[np.ndarray, np.ndarray]:
    """Training and test images, thresholded at one half."""
    loaded = data.load(dataset)
    return data.binarize(loaded.x_train, "threshold"), data.binarize(loaded.x_test, "threshold")


def _jit() -> Any:
    return "auto" if keras.backend.backend() == "jax" else False


def _stopping() -> keras.callbacks.Callback:
    return keras.callbacks.EarlyStopping(
        "val_neg_elbo", mode="min", patience=PATIENCE, restore_best_weights=True
    )
