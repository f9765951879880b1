"""Anomaly scores of VAEs: digits of a class that was held out, clothing against digits, blurred and plain images.

Pixels are rounded to 256 levels and have a discretised logistic likelihood, so that nats of images and of compressed
images can be compared. Chapter 13.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np

from companion import data
from companion.data.files import read_npz
from companion.errors import BadInput
from companion.evaluation import anomaly, blurred
from companion.hierarchical_vae import HierarchicalVAE
from companion.vae import VAE

ALL = "all"
VALIDATION, TEST = 200, 200  # normal images
RATE = 0.05
K = 50
CLOTHING = "fashion_mnist_600.npz"


def held_out_class(seed: int, digit: str, epochs: int, folder: Path) -> dict[str, float]:
    """Scores of a VAE and a two-layer VAE that never saw ``digit``: AUROC and average precision of finding it.

    ``digit`` ``all`` is the mean over the ten classes. ``fpr_validation`` and ``fpr_training`` are the rates at which
    new normal images exceed a threshold for 5 % false positives, chosen on normal images that were kept from the
    training, or on the training images themselves; both for the negative ELBO.
    """
    if digit != ALL:
        return _of_class(seed, int(digit), epochs, folder.parent)
    found = [_of_class(seed, each, epochs, folder.parent) for each in range(10)]
    return {name: float(np.mean([figures[name] for figures in found])) for name in found[0]}


def _of_class(seed: int, digit: int, epochs: int, kept_in: Path) -> dict[str, float]:
    """The figures of one class; those that another arm has computed are read."""
    kept = kept_in / f"class-{digit}-{epochs}-{seed}.json"
    if not kept.exists():
        partial = kept.with_name(f".partial-{os.getpid()}-{kept.name}")
        partial.write_text(json.dumps(_computed(seed, digit, epochs)), encoding="utf-8")
        os.replace(partial, kept)
    return json.loads(kept.read_text(encoding="utf-8"))


def _computed(seed: int, digit: int, epochs: int) -> dict[str, float]:
    images, labels = all_digits()
    order = np.random.default_rng(seed).permutation(len(images))
    normal = order[labels[order] != digit]
    validation, test, train = np.split(normal, [VALIDATION, VALIDATION + TEST])
    flat, layered = trained(images[train], seed, epochs)
    figures = compared(flat, layered, images[test], images[labels == digit], seed)
    scores = [anomaly.anomaly_scores(flat, images[rows], "neg_elbo") for rows in (validation, train, test)]
    for name, known in zip(("validation", "training"), scores, strict=False):
        figures[f"fpr_{name}"] = float(np.mean(scores[2] > anomaly.threshold(known, RATE)))
    return figures


def against(seed: int, normal: str, other: str, epochs: int) -> dict[str, float]:
    """The scores of models trained on ``digits`` or on 500 images of ``clothing``, for images of another kind.

    ``other``: ``digits``, ``clothing``, or the normal test images ``blurred``, or ``plain`` images of one grey level
    each. ``low`` and ``high`` are the ends of the 95 % interval of the AUROC over the sampling of images.
    """
    sets = {"digits": all_digits()[0], "clothing": clothing() if "clothing" in (normal, other) else None}
    images = sets[normal][np.random.default_rng(seed).permutation(len(sets[normal]))]
    test, train = np.split(images, [len(images) // 6])
    rng = np.random.default_rng(seed + 1000)
    anomalies = {
        "blurred": lambda: rounded(blurred(test, 1.0)),
        "plain": lambda: rounded(np.broadcast_to(rng.uniform(size=(len(test), 1, 1, 1)), test.shape)),
        "digits": lambda: sets["digits"][rng.permutation(len(sets["digits"]))[:600]],
        "clothing": lambda: sets["clothing"],
    }
    flat, layered = trained(train, seed, epochs)
    return compared(flat, layered, test, anomalies[other](), seed)


def compared(flat: Any, layered: Any, normal: np.ndarray, other: np.ndarray, seed: int) -> dict[str, float]:
    """``auroc_``, ``ap_``, ``stderr_``, ``low_`` and ``high_`` of every score."""
    figures: dict[str, float] = {}
    for score in anomaly.SCORES:
        model = layered if score == "ratio" else flat
        found = anomaly.detection(
            *(anomaly.anomaly_scores(model, x, score, k=K, seed=seed) for x in (normal, other))
        )
        half = 1.96 * found.stderr
        figures |= {
            f"auroc_{score}": found.auroc,
            f"ap_{score}": found.average_precision,
            f"stderr_{score}": found.stderr,
            f"low_{score}": found.auroc - half,
            f"high_{score}": found.auroc + half,
        }
    return figures


def trained(images: np.ndarray, seed: int, epochs: int) -> tuple[VAE, HierarchicalVAE]:
    """A VAE with 8 latent numbers and one with layers of 8 and 2, on the same images."""
    models: list[Any] = []
    layers: dict[str, Any] = {"latent_dims": (8, 2)}
    for family, own in ((VAE, {}), (HierarchicalVAE, layers)):
        keras.utils.set_random_seed(seed)
        pair = family.build_networks(images.shape[1:], 8, hidden=(128,), seed=seed, **own)
        options = {"free_bits": 2.0} if own else {}
        model = family(**pair, **own, **options, likelihood="discretized_logistic", seed=seed)
        model.compile(keras.optimizers.Adam(2e-3), jit_compile="auto")
        model.fit(images, batch_size=50, epochs=epochs, verbose=0)
        models.append(model)
    return models[0], models[1]


def all_digits() -> tuple[np.ndarray, np.ndarray]:
    digits = data.digits()
    images = np.concatenate([digits.x_train, digits.x_test])
    return rounded(images), np.concatenate([digits.y_train, digits.y_test])


def clothing() -> np.ndarray:
    """The 600 images of clothing in the folder that COMPANION_DATA_DIR names."""
    path = Path(os.environ.get(data.standard.DIR_VARIABLE, "")) / CLOTHING
    if not path.is_file():
        raise BadInput(
            f"{CLOTHING} is not there: expected it in the folder that {data.standard.DIR_VARIABLE} names; set it."
        )
    return read_npz(path)["images"][..., None].astype("float32") / np.float32(255)


def rounded(images: np.ndarray) -> np.ndarray:
    """``images`` on the 256 levels that bytes have."""
    return (np.round(images * 255) / 255).astype("float32")
