"""Small autoencoders and VAEs on the digits: how their codes lie, how walks and arithmetic with codes look. Chapter 05.

Every function trains one dense pair per seed as the chapter does, on the digits that remain after a tenth was set
aside; those 150 and the test digits train nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from companion import data

HELD_OUT = 150
MODELS = ("autoencoder", "vae", "scaled")


def codes(
    seed: int, model: str = "vae", latent_dim: int = 2, draw: bool = False, prototypes: bool = False
) -> dict[str, float]:
    """How codes lie, and what arithmetic with them gives.

    ``draw`` takes a draw of each code instead of its mean. For the arithmetic, test digits move from the mean code of
    their class to that of every other one. ``hits`` is the share that the judge names right, ``diversity`` the mean
    distance between two hits of one class, as a share of that between real digits. With ``prototypes`` every picture is
    replaced by the mean of the wanted class, a control.
    """
    from companion.evaluation import class_separation, diversity_within
    from companion.evaluation.judge import named_classes

    digits, images, labels = _digits()
    network, judge = trained(model, images, seed, latent_dim), _judge(images, labels, seed)
    seen, new = (codes_of(network, x, draw) for x in (images, digits.x_test))
    centres = np.stack([seen[labels == label].mean(axis=0) for label in range(10)])
    pictures, wanted = [], []
    for target in range(10):
        other = digits.y_test != target
        moved = network.decode(new[other] + centres[target] - centres[digits.y_test[other]])
        prototype = images[labels == target].mean(axis=0)
        pictures.append(np.broadcast_to(prototype, moved.shape) if prototypes else moved)
        wanted.append(np.full(len(moved), target))
    shown, classes = np.concatenate(pictures), np.concatenate(wanted)
    hit = named_classes(judge, shown) == classes
    plain = named_classes(judge, network.decode(new))
    return {
        "largest": float(np.abs(seen).max()),
        **class_separation(seen, labels, new, digits.y_test),
        "recognised": float(np.mean(plain == digits.y_test)),
        "hits": float(hit.mean()),
        "diversity": diversity_within(shown[hit], classes[hit])
        / diversity_within(digits.x_test, digits.y_test),
    }


def walks(seed: int, by: str = "vae", arc: bool = False) -> dict[str, float]:
    """The middle of 150 walks between digits of different classes: the judge's confidence, and recall.

    ``by``: ``autoencoder`` or ``vae`` (16 coordinates), ``pixels`` (a fade), or a control: ``real`` digits, the same
    ``blurred``, or ``means`` of classes. Recall is taken among the judge's features, against 150 digits set aside.
    """
    from companion.evaluation import blurred, class_means, judge_features, mean_confidence, precision_recall

    digits, images, labels = _digits()
    judge = _judge(images, labels, seed)
    rng = np.random.default_rng(seed)
    start, goal = rng.integers(len(digits.x_test), size=(2, 3 * HELD_OUT))
    differ = np.flatnonzero(digits.y_test[start] != digits.y_test[goal])[:HELD_OUT]
    ends = digits.x_test[start[differ]], digits.x_test[goal[differ]]
    unseen = digits.x_test[rng.permutation(len(digits.x_test))[:HELD_OUT]]
    if by in MODELS:
        network = trained(by, images, seed, 16)
        first, second = (codes_of(network, x) for x in ends)
        pictures = network.decode(middle(first, second, arc))
    else:
        controls = {
            "pixels": lambda: middle(*ends),
            "real": lambda: unseen,
            "blurred": lambda: blurred(unseen),
            "means": lambda: class_means(images, labels, HELD_OUT),
        }
        pictures = controls[by]()
    features = judge_features(judge, digits.x_train[:HELD_OUT])
    return {
        "confidence": mean_confidence(judge, pictures),
        "coverage": precision_recall(features, judge_features(judge, pictures)).coverage,
    }


def hidden_beta(seed: int, model: str = "vae", latent_dim: int = 2) -> dict[str, float]:
    """The terms of the ELBO on test digits, in nats, of a VAE trained on them or on another scale."""
    digits, images, _ = _digits()
    terms = trained(model, images, seed, latent_dim).elbo_terms(digits.x_test)
    return {
        "rate": float(terms["kl"].mean()),
        "distortion": float(-terms["log_likelihood"].mean()),
        "neg_elbo": float(-terms["elbo"].mean()),
    }


def stopped_early(seed: int) -> dict[str, float]:
    """The convolutional VAE of chapter 05, stopped early: terms on the test digits, and how well codes fit the prior.

    ``rate_train`` is the mean KL of the training digits, ``mismatch`` what KL(q(z) || p(z)) is of it. The last four are
    means of -ELBO over test digits: all of them, the last full ten, and the smallest and largest of ten in a row.
    """
    import keras

    from companion.beta_vae import kl_parts
    from companion.networks import build_conv_decoder, build_conv_encoder
    from companion.objectives import kl_to_standard_normal
    from companion.vae import VAE

    digits, images, _ = _digits()
    shape = images.shape[1:]
    keras.utils.set_random_seed(seed)
    network = VAE(
        build_conv_encoder(shape, 2, filters=(8, 16, 32), variational=True, seed=2 * seed),
        build_conv_decoder(2, shape, filters=(32, 16, 8), seed=2 * seed + 1),
    )
    network.compile(keras.optimizers.Adam(5e-3), jit_compile=False)
    stop = keras.callbacks.EarlyStopping("val_neg_elbo", mode="min", patience=2, restore_best_weights=True)
    network.fit(
        images,
        batch_size=32,
        epochs=data.epochs_for(images, seen=10_000),
        validation_data=digits.x_train[:HELD_OUT],
        callbacks=[stop],
        verbose=0,
    )
    terms = network.elbo_terms(digits.x_test)
    per_image = -terms["elbo"]
    tens = per_image[: len(per_image) // 10 * 10].reshape(-1, 10).mean(axis=1)
    z_mean, z_log_var, drawn = network.encode(images)
    parts = kl_parts(drawn, z_mean, z_log_var)
    return {
        "distortion": float(-terms["log_likelihood"].mean()),
        "rate": float(terms["kl"].mean()),
        "rate_train": float(np.mean(kl_to_standard_normal(z_mean, z_log_var))),
        "mismatch": float(np.mean(parts["total_correlation"]) + np.mean(parts["dimension_wise"])),
        "neg_elbo": float(per_image.mean()),
        "last_ten": float(tens[-1]),
        "lowest_ten": float(tens.min()),
        "highest_ten": float(tens.max()),
    }


def middle(first: np.ndarray, second: np.ndarray, arc: bool = False) -> np.ndarray:
    """The middle between two codes; on an arc it is as far from the origin as both ends are on average."""
    half = 0.5 * (first + second)
    if not arc:
        return half
    far = [np.linalg.norm(codes, axis=1, keepdims=True) for codes in (first, second, half)]
    return half * 0.5 * (far[0] + far[1]) / far[2]


def codes_of(network: Any, images: np.ndarray, draw: bool = False) -> np.ndarray:
    """Codes of ``images``: of a VAE the means, or one draw of each."""
    encoded = network.encode(images)
    if not isinstance(encoded, tuple):
        return encoded
    return encoded[2 if draw else 0]


def trained(model: str, images: np.ndarray, seed: int, latent_dim: int) -> Any:
    """A dense pair, trained as chapter 05 trains it."""
    import keras

    from companion.autoencoder import Autoencoder
    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    class Scaled(VAE):
        """Minimises 500 times the mean cross-entropy over 1,024 pixels plus the KL, a beta of 2.048."""

        def objective(self, terms: Any) -> Any:
            return -500 / 1024 * terms["log_likelihood"] + terms["kl"]

    kind = dict(zip(MODELS, (Autoencoder, VAE, Scaled), strict=True))[model]
    shape = images.shape[1:]
    variational = kind is not Autoencoder
    keras.utils.set_random_seed(seed)
    encoder = build_encoder(shape, latent_dim, hidden=(128, 64), variational=variational, seed=2 * seed)
    decoder = build_decoder(latent_dim, shape, hidden=(64, 128), seed=2 * seed + 1)
    network = kind(encoder, decoder)
    network.compile(keras.optimizers.Adam(7e-3), steps_per_execution=27, jit_compile=False)
    network.fit(images, batch_size=50, epochs=max(2, 15_000 // len(images)), verbose=0)
    return network


def _judge(images: np.ndarray, labels: np.ndarray, seed: int) -> Any:
    """The same judge for all arms of a seed: its order of images is seeded as well."""
    import keras

    from companion.evaluation.judge import train_judge

    keras.utils.set_random_seed(seed)
    return train_judge(images, labels, seed=seed)


def _digits() -> tuple[Any, np.ndarray, np.ndarray]:
    digits = data.digits()
    assert digits.y_train is not None  # the digits have labels
    return digits, digits.x_train[HELD_OUT:], digits.y_train[HELD_OUT:]
