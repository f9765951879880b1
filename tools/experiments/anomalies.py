"""Anomaly scores of VAEs: digits of a class that was held out, clothing and digits, changed images.

Pixels are rounded to 256 levels and have a discretised logistic likelihood, so that nats of images and of compressed
images can be compared. Chapter 13.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
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
VALIDATION, TEST, TRAIN = 200, 200, 1200  # normal images
HELD_OUT = 170  # images of the class
OTHERS = {"digits": ("clothing", "blurred", "hard"), "clothing": ("digits", "dim", "hard")}
RATE, BATCH = 0.05, 50
DRAWS = {"ratio": 5}  # per image; a mean needs fewer than a bound
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
    """The figures of one class."""
    kept = kept_in / f"class-{digit}-{epochs}-{seed}.json"
    return _kept(kept, lambda: _computed(seed, digit, epochs))


def _computed(seed: int, digit: int, epochs: int) -> dict[str, float]:
    images, labels = all_digits()
    order = np.random.default_rng(seed).permutation(len(images))
    normal = order[labels[order] != digit]
    validation, test, train = np.split(normal, [VALIDATION, VALIDATION + TEST])
    train, held_out = train[:TRAIN], np.flatnonzero(labels == digit)[:HELD_OUT]
    flat, layered = trained(images[train], seed, epochs)
    figures = compared(flat, layered, images[test], images[held_out], seed)
    scores = [anomaly.anomaly_scores(flat, images[rows], "neg_elbo") for rows in (validation, train, test)]
    for name, known in zip(("validation", "training"), scores, strict=False):
        figures[f"fpr_{name}"] = float(np.mean(scores[2] > anomaly.threshold(known, RATE)))
    return figures


def against(seed: int, normal: str, other: str, epochs: int, folder: Path) -> dict[str, float]:
    """The scores of models of ``normal`` images for images of another kind.

    ``normal``: ``digits``, or 500 images of ``clothing``. ``other``: ``digits``, ``clothing``, or the normal test
    images ``blurred``, ``dim``, or with all pixels black or white, ``hard``. ``low`` and ``high`` are the ends of the
    95 % interval of the AUROC over the sampling of images.
    """
    kept = folder.parent / f"{normal}-{epochs}-{seed}.json"
    return _kept(kept, lambda: dict(_of_normal(seed, normal, epochs)))[other]


def _of_normal(seed: int, normal: str, epochs: int) -> Iterator[tuple[str, dict[str, float]]]:
    """The figures of every other kind, for one training of both models."""
    grey = clothing() if normal == "clothing" else all_digits()[0]
    grey = grey[np.random.default_rng(seed).permutation(len(grey))]
    test, train = np.split(grey, [len(grey) // 6])
    train = train[: len(train) // BATCH * BATCH]
    others: dict[str, Callable[[], np.ndarray]] = {
        "digits": lambda: _some(all_digits()[0], seed),
        "clothing": lambda: _some(clothing(), seed),
        "blurred": lambda: rounded(blurred(test, 1.0)),
        "dim": lambda: rounded(0.5 * test),
        "hard": lambda: (test >= 0.5).astype("float32"),
    }
    flat, layered = trained(train, seed, epochs)
    for other in OTHERS[normal]:
        yield other, compared(flat, layered, test, others[other](), seed)


def _some(images: np.ndarray, seed: int) -> np.ndarray:
    """300 of the images, drawn."""
    return images[np.random.default_rng(seed + 1000).permutation(len(images))[:300]]


def _kept(path: Path, compute: Callable[[], Any]) -> Any:
    """What another arm has computed and left in the file ``path``; else what is computed now, and left there."""
    if not path.exists():
        partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
        partial.write_text(json.dumps(compute()), encoding="utf-8")
        os.replace(partial, path)
    return json.loads(path.read_text(encoding="utf-8"))


def compared(flat: Any, layered: Any, normal: np.ndarray, other: np.ndarray, seed: int) -> dict[str, float]:
    """``auroc_``, ``ap_``, ``stderr_``, ``low_`` and ``high_`` of every score."""
    figures: dict[str, float] = {}
    for score in anomaly.SCORES:
        model = layered if score == "ratio" else flat
        of_normal, of_other = (
            anomaly.anomaly_scores(model, x, score, k=DRAWS.get(score, 20), seed=seed)
            for x in (normal, other)
        )
        found = anomaly.detection(of_normal, of_other)
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
    kinds: list[tuple[Any, dict[str, Any]]] = [(VAE, {}), (HierarchicalVAE, {"latent_dims": (8, 2)})]
    for family, own in kinds:
        keras.utils.set_random_seed(seed)
        pair = family.build_networks(images.shape[1:], 8, hidden=(128,), seed=seed, **own)
        options = {"free_bits": 2.0} if own else {}
        model = family(**pair, **own, **options, likelihood="discretized_logistic", seed=seed)
        model.compile(keras.optimizers.Adam(2e-3), jit_compile="auto")
        model.fit(images, batch_size=BATCH, epochs=epochs, verbose=0)
        models.append(model)
    return models[0], models[1]


def all_digits() -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of all 1,797 digits."""
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
