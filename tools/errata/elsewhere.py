"""Rows of the page's second part: mistakes that readers are likely to meet in well-known code."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy.special import softmax

from companion import data
from companion.layers import Sampling
from companion.linear_gaussian import LinearGaussian
from companion.objectives import kl_between_normals, kl_to_standard_normal, log_mean_exp
from companion.vae import VAE
from tools.errata import SEED, SEEDS, Figures, erratum, over_seeds

OFF = {"mean_shift": 0.3, "log_var_shift": 0.5}  # an encoder that is wrong by a known amount
IMAGES = 400


@erratum("04_objectives")
def a_kl_averaged_over_the_code() -> Figures:
    """The best encoder of a linear model when the KL is averaged over d coordinates: its KL, and its gap in nats."""
    figures: Figures = {}
    for d in (2, 20):
        toy = LinearGaussian.random(pixels=32, latent_dim=d, seed=SEED)
        x = toy.sample(1000, seed=SEED)
        mean, log_var = toy.posterior(x)
        of_x = np.exp(-log_var) - 1  # what the pixels add to the posterior's precision; the prior adds 1
        beta = 1 / d  # the weight of the summed KL; the best encoder then has precision of_x / beta + 1
        best_mean = mean * (of_x + 1) / (of_x + beta)
        best_log_var = np.log(beta / (of_x + beta))
        everywhere = np.ones_like(mean)
        q, p = (best_mean, best_log_var * everywhere), (mean, log_var * everywhere)
        figures |= {
            f"beta_{d}": beta,
            f"kl_exact_{d}": float(np.mean(kl_to_standard_normal(*p))),
            f"kl_averaged_{d}": float(np.mean(kl_to_standard_normal(*q))),
            f"gap_averaged_{d}": float(np.mean(kl_between_normals(*q, *p))),
        }
    return figures


@erratum("03_reparameterization")
def a_variance_used_as_a_deviation() -> Figures:
    """The spread of draws with exp(log variance) for a standard deviation, and the KL charged beside the true one."""
    log_var = np.full((100_000, 1), -2.0, "float32")
    right = ops.convert_to_numpy(Sampling(seed=SEED)([0 * log_var, log_var]))
    noise = right / np.exp(log_var / 2)
    wrong = np.exp(log_var) * noise
    return {
        "meant": float(np.exp(-1.0)),
        "spread_right": float(right.std()),
        "spread_wrong": float(wrong.std()),
        "kl_charged": float(kl_to_standard_normal(0 * log_var, log_var)[0]),
        "kl_of_the_draws": float(kl_to_standard_normal(0 * log_var, 2 * log_var)[0]),
    }


@erratum("04_objectives", tolerance=0.1)
def test_images_in_the_training_set() -> Figures:
    """The negative ELBO of the digits' test images, kept apart or put among equally many images for training."""
    digits = data.digits()
    test = digits.x_test
    sets = {"apart": digits.x_train, "among": np.concatenate([digits.x_train[: -len(test)], test])}
    nats: dict[str, list[float]] = {name: [] for name in sets}
    for seed in SEEDS:
        for name, images in sets.items():
            keras.utils.set_random_seed(seed)
            vae = VAE(latent_dim=16, seed=seed)
            vae.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
            vae.fit(images, batch_size=64, epochs=60, verbose=0)
            nats[name].append(-float(vae.elbo_terms(test)["elbo"].mean()))
    return {
        "test_images": len(test),
        **{f"neg_elbo_{name}": float(np.mean(values)) for name, values in nats.items()},
        **over_seeds("looks_better_by", list(np.subtract(nats["apart"], nats["among"]))),
    }


def _log_weights(k: int) -> tuple[float, np.ndarray]:
    """The exact mean of log p(x) of a linear model, and log w of ``k`` draws per observation: ``(k, images)``."""
    toy = LinearGaussian.random(seed=SEED)
    x = toy.sample(IMAGES, seed=SEED)
    log_weights = ops.convert_to_numpy(toy.vae(**OFF, seed=SEED).log_weights(x, k, seed=SEED))
    return float(np.mean(toy.log_prob(x))), log_weights.astype("float64")


@erratum("10_iwae")
def a_loss_that_is_not_the_bound() -> Figures:
    """Log weights under their own fixed normalised weights, beside the bound: the values, and the two gradients."""
    figures: Figures = {}
    for k in (5, 50):
        exact, log_weights = _log_weights(k)
        share = softmax(log_weights, axis=0)
        entropy = -np.sum(share * np.log(np.maximum(share, 1e-300)), axis=0)
        figures |= {
            "exact": exact,
            f"bound_{k}": float(np.mean(log_mean_exp(log_weights))),
            f"reported_{k}": float(np.mean(np.sum(share * log_weights, axis=0))),
            f"log_k_minus_entropy_{k}": float(np.mean(np.log(k) - entropy)),
        }
    weights = tf.Variable(_log_weights(5)[1])
    with tf.GradientTape(persistent=True) as tape:
        bound = tf.reduce_sum(tf.reduce_logsumexp(weights, axis=0))
        shown = tf.reduce_sum(tf.stop_gradient(tf.nn.softmax(weights, axis=0)) * weights)
    apart = tape.gradient(bound, weights) - tape.gradient(shown, weights)
    return {**figures, "gradients_differ_by": float(np.abs(apart).max())}


@erratum("10_iwae")
def weights_made_from_losses() -> Figures:
    """Eight losses per image, averaged under a softmax of those losses: in nats, with the sign changed."""
    exact, log_weights = _log_weights(8)
    losses = -log_weights

    share = softmax(losses, axis=0)
    return {
        "exact": exact,
        "bound": float(np.mean(log_mean_exp(log_weights))),
        "elbo": float(np.mean(log_weights)),
        "by_losses": -float(np.mean(np.sum(share * losses, axis=0))),
        "share_of_the_worst_draw": float(np.mean(share.max(axis=0))),
    }


@erratum("09_vq_vae")
def a_codebook_that_is_not_tracked() -> Figures:
    """Trainable weights of a quantiser, and how far its codebook moves in twenty steps: bare variable, add_weight."""
    start = np.random.default_rng(SEED).normal(size=(8, 2)).astype("float32")
    vectors = np.random.default_rng(SEED + 1).normal(size=(64, 2)).astype("float32")

    class Quantiser(layers.Layer):
        def __init__(self, tracked: bool):
            super().__init__()
            if tracked:
                self.codebook = self.add_weight(shape=start.shape, initializer=lambda *_, **__: start)
            else:
                self.codebook = tf.Variable(start)

        def call(self, x):  # type: ignore[no-untyped-def]
            codebook = ops.convert_to_tensor(self.codebook)
            nearest = ops.argmin(ops.sum((x[:, None] - codebook) ** 2, axis=-1), axis=-1)
            self.add_loss(ops.mean((ops.take(codebook, nearest, axis=0) - x) ** 2))
            return x

    figures: Figures = {}
    for name, tracked in (("bare", False), ("tracked", True)):
        quantiser = Quantiser(tracked)
        model = keras.Sequential([keras.Input((2,)), layers.Dense(2), quantiser])
        optimizer = keras.optimizers.Adam(0.01)
        for _ in range(20):
            with tf.GradientTape() as tape:
                model(vectors)
                loss = sum(model.losses)
            weights = model.trainable_variables
            optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        figures |= {
            f"weights_{name}": len(quantiser.trainable_variables),
            f"moved_{name}": float(np.abs(np.subtract(quantiser.codebook, start)).max()),
        }
    return figures
