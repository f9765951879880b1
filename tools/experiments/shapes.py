"""Beta-VAEs on drawn shapes whose factors are known, and what becomes of the ELBO when a code is turned. Chapter 06."""

from __future__ import annotations

from typing import Any

import numpy as np

from companion import data
from companion.data.drawn_shapes import draw_shapes

TRAINED_ON, SCALES, ACROSS, DOWN = 4000, 6, 16, 16
IN_USE = 0.01  # nats: a coordinate with less carries nothing


def boxes(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """``n`` upright squares and their three factors, ``(n, 3)``: size, place across, place down.

    Of the five factors of :func:`companion.data.shapes` these are the ones that form a line; each moves the pixels by
    another amount, since the squares travel 10 pixels across and 6 down.
    """
    rng = np.random.default_rng(seed)
    factors = np.stack([rng.integers(steps, size=n) for steps in (SCALES, ACROSS, DOWN)], axis=1)
    size, across, down = (
        np.linspace(*ends, steps)[column]
        for ends, steps, column in zip(
            ((8, 14), (9, 19), (11, 17)), (SCALES, ACROSS, DOWN), factors.T, strict=True
        )
    )
    nothing = np.zeros(n)
    return draw_shapes(np.stack([nothing, size, nothing, across, down], axis=1)), factors


def beta_vae(
    seed: int,
    images: str = "shapes",
    latent_dim: int = 6,
    beta: float = 1.0,
    penalty: str = "kl",
    epochs: int = 20,
    learning_rate: float = 5e-3,
) -> dict[str, float]:
    """Train one model of chapter 06; its terms, the parts of its KL and five scores on 2,000 images it has not seen."""
    from companion.beta_vae import kl_parts
    from companion.objectives import kl_per_unit

    pictures, factors = boxes(6000) if images == "boxes" else _shapes(6000)
    model = trained(
        pictures[:TRAINED_ON], seed, latent_dim, epochs, learning_rate, beta=beta, penalty=penalty
    )
    pictures, factors = pictures[TRAINED_ON:], factors[TRAINED_ON:]
    terms = model.elbo_terms(pictures)
    z_mean, z_log_var, z = model.encode(pictures)
    parts = {name: float(np.mean(part)) for name, part in kl_parts(z, z_mean, z_log_var).items()}
    used = np.mean(kl_per_unit(z_mean, z_log_var), axis=0) > IN_USE
    codes = z_mean[:, used]
    return {
        "distortion": float(-terms["log_likelihood"].mean()),
        "rate": float(terms["kl"].mean()),
        "neg_elbo": float(-terms["elbo"].mean()),
        "in_use": float(used.sum()),
        **parts,
        **five_scores(codes, factors, categorical=(0,) if images == "shapes" else ()),
    }


def five_scores(codes: np.ndarray, factors: np.ndarray, categorical: tuple[int, ...]) -> dict[str, float]:
    """The scores of chapter 06 for codes ``(n, d)`` and factors ``(n, k)``; ``categorical`` factors have no order."""
    from companion.evaluation import disentanglement as scores

    return {
        "higgins": scores.higgins_score(codes, factors),
        "factor_vae": scores.factor_vae_score(codes, factors),
        "mig": scores.mig(codes, factors),
        "sap": scores.sap(codes, factors, categorical=categorical),
        "dci": scores.dci(codes, factors)[0],
    }


def known_worth(seed: int, code: str) -> dict[str, float]:
    """Five scores of a made-up code of 2,000 shapes: a ``copy`` of the factors with little noise, or what became of it.

    ``places`` turns the two places by 45 degrees, ``all`` turns everything at random, ``shuffled`` mixes the rows.
    """
    factors = _shapes(6000)[1][TRAINED_ON:]
    rng = np.random.default_rng(seed)
    copy = (factors - factors.mean(axis=0)) / factors.std(axis=0)
    copy = copy + 0.02 * rng.normal(size=copy.shape)
    turn_of_two = np.eye(5)
    turn_of_two[3:, 3:] = np.array([[1, 1], [-1, 1]]) / np.sqrt(2)
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    codes = {
        "copy": lambda: copy,
        "places": lambda: copy @ turn_of_two,
        "all": lambda: copy @ turn,
        "shuffled": lambda: rng.permutation(copy),
    }[code]()
    return five_scores(codes, factors, categorical=(0,))


def turned_codes(
    seed: int, turn: bool = False, count: int = 200, steps: int = 400, draws: int = 4
) -> dict[str, float]:
    """Turn the code of a trained VAE or leave it, fit q of each image anew, and measure the ELBO.

    The decoder turns the code back first, so that p(x) is that of the trained model either way. q stays a diagonal
    normal. Its mean and log variance are fitted image by image by ``steps`` of Adam with ``draws`` of noise each, from
    the trained encoder's answer. The ELBO is then taken with 100 new draws per image.
    """
    import tensorflow as tf
    from keras import ops

    from companion.distributions import reparameterize
    from companion.objectives import kl_to_standard_normal

    pictures, _ = _shapes(6000)
    model = trained(pictures[:TRAINED_ON], seed, 6, 20, 5e-3)
    x = tf.constant(pictures[TRAINED_ON : TRAINED_ON + count])
    rng = np.random.default_rng(seed)
    matrix = np.linalg.qr(rng.normal(size=(6, 6)))[0] if turn else np.eye(6)
    back = tf.constant(matrix.T, "float32")
    z_mean, z_log_var, _ = model.encode(x.numpy())
    mean = tf.Variable((z_mean @ matrix).astype("float32"))
    log_var = tf.Variable(-np.log(np.exp(-z_log_var) @ matrix**2).astype("float32"))

    def neg_elbo(noise: Any) -> tuple[Any, Any]:
        z = reparameterize(mean, log_var, noise)  # (draws, count, 6)
        log_likelihood = model.likelihood_of(model.logits_of(z @ back, x)).log_prob(x)  # (draws, count)
        kl = kl_to_standard_normal(mean, log_var)  # (count,)
        return ops.mean(kl) - ops.mean(log_likelihood), ops.mean(kl)

    import keras

    optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.02, steps))
    optimizer.build([mean, log_var])

    @tf.function
    def step(noise: Any) -> None:
        with tf.GradientTape() as tape:
            loss, _ = neg_elbo(noise)
        optimizer.apply(tape.gradient(loss, [mean, log_var]), [mean, log_var])

    for _ in range(steps):
        step(tf.constant(rng.normal(size=(draws, count, 6)), tf.float32))
    found = [neg_elbo(tf.constant(rng.normal(size=(10, count, 6)), tf.float32)) for _ in range(10)]
    loss, rate = np.mean([[float(part) for part in each] for each in found], axis=0)
    return {"neg_elbo": float(loss), "rate": float(rate), "distortion": float(loss - rate)}


def trained(
    images: np.ndarray, seed: int, latent_dim: int, epochs: int, learning_rate: float, **options: Any
) -> Any:
    """A beta-VAE with one hidden layer of 128, trained on ``images`` as chapter 06 does."""
    import keras

    from companion.beta_vae import BetaVAE

    keras.utils.set_random_seed(seed)
    options = {"beta": 1.0, **options}
    if options.get("penalty") == "total_correlation":
        options["num_images"] = len(images)
    networks = BetaVAE.build_networks((28, 28, 1), latent_dim, hidden=(128,), seed=seed)
    model = BetaVAE(**networks, seed=seed, **options)
    optimizer = keras.optimizers.Adam(learning_rate)
    model.compile(optimizer, steps_per_execution=40, jit_compile=False)
    model.fit(images, batch_size=100, epochs=epochs, verbose=0)
    return model


def _shapes(n: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = data.shapes(n)
    return drawn.images, drawn.factors
