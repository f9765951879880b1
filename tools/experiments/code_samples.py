"""How good are pictures decoded from drawn codes? Plain autoencoders, VAEs and PCA on the digits.

All pictures of one seed come from one split, one judge and one training of each model, so that arms differ in how their
codes are drawn and in nothing else. Whichever arm runs first computes the figures of all arms for its seed and leaves
them beside its folder; the others read them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

EPOCHS, BATCH, RATE = 60, 32, 1e-3
TRAIN, HELD_OUT = 1000, 398  # of 1,797 images: to train on, as reference, as the control of real images
COMPONENTS = 10
CONTROLS = ("real", "blurred", "class_means")
FIGURES = ("fidelity", "coverage", "diversity", "squared_error", "loss", "last_fifth")


def quality(pictures: str, seed: int, folder: Path, latent_dim: int = 0) -> dict[str, float | None]:
    """The figures of one arm: ``pictures`` as named in :func:`drawn_sets`, or one of ``CONTROLS``.

    ``fidelity`` is the judge's mean confidence, ``coverage`` the recall of 398 real images among the judge's features,
    ``diversity`` the mean pixel distance within a class that the judge names. ``squared_error`` (summed over pixels)
    and ``loss`` (nats per image) are those of reconstructions of unseen images; ``last_fifth`` is by how much
    ``loss`` fell in the last fifth of the epochs. What an arm has none of is None.
    """
    kept = folder.parent / f"all-arms-{seed}.json"
    if not kept.exists():
        partial = kept.with_name(f".partial-{os.getpid()}-{kept.name}")
        partial.write_text(json.dumps(dict(_all_arms(seed))), encoding="utf-8")
        os.replace(partial, kept)
    found = json.loads(kept.read_text(encoding="utf-8"))[f"{pictures}/{latent_dim}"]
    return {name: round(float(found[name]), 6) if name in found else None for name in FIGURES}


def _all_arms(seed: int) -> Iterator[tuple[str, dict[str, float]]]:
    import keras

    from companion import data, evaluation
    from companion.evaluation.judge import named_classes, train_judge

    digits = data.digits()
    images = np.concatenate([digits.x_train, digits.x_test])
    labels = np.concatenate([digits.y_train, digits.y_test])
    order = np.random.default_rng(seed).permutation(len(images))
    images, labels = images[order], labels[order]
    train, rest = images[:TRAIN], images[TRAIN:]
    reference, unseen = rest[:HELD_OUT], rest[HELD_OUT : 2 * HELD_OUT]
    keras.utils.set_random_seed(seed)
    judge = train_judge(train, labels[:TRAIN], seed=seed)
    real_features = evaluation.judge_features(judge, reference)

    def figures(shown: np.ndarray) -> dict[str, float]:
        features = evaluation.judge_features(judge, shown)
        return {
            "fidelity": evaluation.mean_confidence(judge, shown),
            "coverage": evaluation.precision_recall(real_features, features).coverage,
            "diversity": evaluation.diversity_within(shown, named_classes(judge, shown)),
        }

    controls = (
        unseen,
        evaluation.blurred(unseen),
        evaluation.class_means(train, labels[:TRAIN], HELD_OUT),
    )
    for name, shown in zip(CONTROLS, controls, strict=True):
        yield f"{name}/0", figures(shown)
    for latent_dim in (2, 16):
        for name, shown, scores in drawn_sets(train, unseen, latent_dim, seed):
            yield f"{name}/{latent_dim}", {**figures(shown), **scores}


def drawn_sets(
    train: np.ndarray, unseen: np.ndarray, latent_dim: int, seed: int
) -> Iterator[tuple[str, np.ndarray, dict[str, float]]]:
    """Name, 398 pictures and scores of each way to draw codes; the noise is the same for all that start from it."""
    noise = np.random.default_rng(1000 + seed).normal(size=(HELD_OUT, latent_dim))

    encode, decode = _pca(train, latent_dim)
    scores = {"squared_error": _squared_error(decode(encode(unseen)), unseen)}
    yield "pca_normal", decode(fitted_normal(encode(train), noise)), scores

    autoencoder, scores = _trained("Autoencoder", train, unseen, latent_dim, seed)
    codes = autoencoder.encode(train)
    ways = {
        "prior": noise,
        "box": np.random.default_rng(1000 + seed).uniform(codes.min(0), codes.max(0), noise.shape),
        "normal": fitted_normal(codes, noise),
        "mixture": fitted_mixture(codes, len(noise), seed),
    }
    for name, points in ways.items():
        yield f"ae_{name}", autoencoder.decode(points), scores
    yield "ae_reconstruction", autoencoder.reconstruct(unseen), scores

    vae, scores = _trained("VAE", train, unseen, latent_dim, seed)
    yield "vae_prior", vae.decode(noise), scores
    yield "vae_mixture", vae.decode(fitted_mixture(vae.encode(train)[2], len(noise), seed)), scores


def fitted_normal(codes: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Points of the normal distribution with the mean and covariance of ``codes``, made from standard ``noise``."""
    root = np.linalg.cholesky(np.cov(codes.T) + 1e-8 * np.eye(codes.shape[1]))
    return codes.mean(axis=0) + noise @ root.T


def fitted_mixture(codes: np.ndarray, n: int, seed: int) -> np.ndarray:
    """``n`` points of a mixture of ten normal distributions, fitted to ``codes``; Ghosh et al. (2020)."""
    from sklearn.mixture import GaussianMixture

    points, _ = (
        GaussianMixture(COMPONENTS, reg_covar=1e-4, random_state=seed).fit(codes.astype("float64")).sample(n)
    )
    return points[np.random.default_rng(seed).permutation(n)]


Code = Callable[[np.ndarray], np.ndarray]


def _pca(train: np.ndarray, latent_dim: int) -> tuple[Code, Code]:
    """Both directions of a principal component analysis; pixels are clipped to [0, 1]."""
    from sklearn.decomposition import PCA

    fitted = PCA(latent_dim, random_state=0).fit(train.reshape(len(train), -1))

    def encode(images: np.ndarray) -> np.ndarray:
        return fitted.transform(images.reshape(len(images), -1))

    def decode(codes: np.ndarray) -> np.ndarray:
        pixels = np.clip(fitted.inverse_transform(codes), 0.0, 1.0)
        return pixels.reshape(-1, *train.shape[1:]).astype("float32")

    return encode, decode


def _trained(
    kind: str, train: np.ndarray, unseen: np.ndarray, latent_dim: int, seed: int
) -> tuple[Any, dict[str, float]]:
    """A dense model of this kind after ``EPOCHS`` epochs, and its scores on ``unseen``."""
    import keras

    from companion.autoencoder import Autoencoder
    from companion.vae import VAE

    keras.utils.set_random_seed(seed)
    family = {"Autoencoder": Autoencoder, "VAE": VAE}[kind]
    model = family(input_shape=train.shape[1:], latent_dim=latent_dim, seed=seed)
    model.compile(keras.optimizers.Adam(RATE), jit_compile=False)
    told = model.fit(
        train, batch_size=BATCH, epochs=EPOCHS, validation_data=unseen, verbose=0, shuffle=True
    ).history
    losses = told["val_reconstruction_loss" if kind == "VAE" else "val_loss"]
    objective = told["val_neg_elbo" if kind == "VAE" else "val_loss"]
    return model, {
        "squared_error": _squared_error(model.reconstruct(unseen), unseen),
        "loss": float(losses[-1]),
        "last_fifth": float(objective[EPOCHS - EPOCHS // 5 - 1] - objective[-1]),
    }


def _squared_error(pictures: np.ndarray, images: np.ndarray) -> float:
    """The mean over images of the squared difference, summed over pixels."""
    return float(np.mean(np.sum((pictures - images) ** 2, axis=(1, 2, 3))))
