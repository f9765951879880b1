"""Rows of chapter 04: what a loss counts, and in which unit."""

from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from companion import data
from companion.distributions import Bernoulli, Normal
from companion.linear_gaussian import LinearGaussian
from companion.objectives import cross_entropy_floor, kl_to_standard_normal, vae_loss
from companion.vae import VAE
from tools.errata import SEED, Figures, erratum, error_of

binary_crossentropy = keras.losses.binary_crossentropy


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))


@erratum("04_objectives")
def the_kl_term_is_to_the_prior() -> Figures:
    """Two divergences of the same encoder: from the prior, which the loss charges, and from the true posterior."""
    toy = LinearGaussian.random(seed=SEED)
    mean, log_var = (np.broadcast_to(part, (1000, 2)) for part in toy.posterior(toy.sample(1000, seed=SEED)))
    z = mean + np.exp(log_var / 2) * np.random.default_rng(SEED).normal(size=(200, 1000, 2))
    log_ratio = (z**2 - (z - mean) ** 2 / np.exp(log_var) - log_var) / 2
    return {
        "from_the_prior": float(np.mean(kl_to_standard_normal(mean, log_var))),
        "from_the_prior_by_draws": float(np.mean(np.sum(log_ratio, axis=-1))),
        "from_the_posterior": toy.gap(),
    }


@erratum("04_objectives")
def a_mean_times_the_first_side() -> Figures:
    """Cross-entropy of the mean image in nats per image, by `mean * shape[1]` on flat and on square images."""
    digits = data.digits()
    images = digits.x_test
    p = np.clip(np.broadcast_to(digits.x_train.mean(axis=0), images.shape), 0.01, 0.99)

    def term(x: np.ndarray, prediction: np.ndarray) -> float:
        return float(np.mean(binary_crossentropy(x, prediction) * x.shape[1]))

    exact = Bernoulli(np.log(p / (1 - p)), event_ndims=3).log_prob(images)
    flat = (len(images), 784)
    return {
        "flat": term(images.reshape(flat), p.reshape(flat)),
        "square": term(images, p),
        "exact": -float(np.mean(exact)),
    }


@erratum("04_objectives")
def a_batch_that_broadcasts() -> Figures:
    """Numbers that come out when one KL per image meets cross-entropies of shape (batch, 28, 28)."""

    def sum_of_terms(batch: int) -> np.ndarray:
        images = np.full((batch, 28, 28, 1), 0.5, "float32")
        return ops.convert_to_numpy(binary_crossentropy(images, images) + ops.ones(batch))

    return {
        "numbers_from_28_images": int(sum_of_terms(28).size),
        "batch_of_64": error_of(lambda: sum_of_terms(64)),
        "package": error_of(lambda: vae_loss(ops.ones((28, 28, 28)), ops.ones(28))),
    }


@erratum("04_objectives")
def grey_levels_are_no_likelihood() -> Figures:
    """The mass of the Bernoulli formula over [0, 1], and the digits' least cross-entropy, grey and by a threshold."""
    levels = np.linspace(0, 1, 10_001)

    def mass(p: float) -> float:
        log_density = Bernoulli(np.full(levels.shape, _logit(p)), event_ndims=0).log_prob(levels)
        return float(np.trapezoid(np.exp(log_density), levels))

    images = data.digits().x_test
    return {
        **{f"mass_at_{round(100 * p)}": mass(p) for p in (0.5, 0.7, 0.9, 0.99)},
        "floor_grey": float(np.mean(cross_entropy_floor(images))),
        "floor_threshold": float(np.mean(cross_entropy_floor(data.binarize(images, "threshold")))),
    }


@erratum("04_objectives")
def a_sigmoid_before_the_loss() -> Figures:
    """Loss and slope at a white pixel that is said to be black with a logit of -30: by probabilities, and by logits."""

    white = np.ones((1, 1), "float32")

    def by_probability(logit: float) -> float:
        black = np.float32(
            1 / (1 + np.exp(-logit))
        )  # a plain number: Keras looks behind a tensor for its logit
        return float(binary_crossentropy(white, white * black)[0])

    def by_logit(logit: float) -> float:
        return -float(Bernoulli(white * logit).log_prob(white)[0])

    return {
        "loss_by_probability": by_probability(-30.0),
        "slope_by_probability": by_probability(-31.0) - by_probability(-30.0),
        "loss_by_logit": by_logit(-30.0),
        "slope_by_logit": by_logit(-31.0) - by_logit(-30.0),
    }


@erratum("04_objectives")
def pixels_from_0_to_255() -> Figures:
    """The cross-entropy of pixels that were not divided by 255, for a decoder that says 0.99 everywhere."""
    images = data.digits().x_test
    everywhere = Bernoulli(np.full(images.shape, _logit(0.99), "float32"), event_ndims=3)
    return {
        "divided": -float(np.mean(everywhere.log_prob(images))),
        "not_divided": -float(np.mean(everywhere.log_prob(255 * images))),
        "package": error_of(lambda: VAE(seed=SEED).elbo_terms(255 * images)),
    }


@erratum("04_objectives")
def a_mean_is_a_beta() -> Figures:
    """What one nat of KL weighs against one nat of pixels in losses that mix sums and means."""

    def beta(loss: Callable[[np.ndarray, np.ndarray], float], pixels: int, latent_dim: int) -> float:
        nothing, a_nat = np.zeros(pixels), np.full(pixels, 1 / pixels)
        none, one = np.zeros(latent_dim), np.full(latent_dim, 1 / latent_dim)
        return float(loss(nothing, one) / loss(a_nat, none))

    return {
        "sum_and_sum": beta(lambda pixels, kl: pixels.sum() + kl.sum(), 784, 2),
        "mean_over_784_pixels": beta(lambda pixels, kl: pixels.mean() + kl.sum(), 784, 2),
        "mean_over_16_latents": beta(lambda pixels, kl: pixels.sum() + kl.mean(), 784, 16),
        "500_means_over_1024": beta(lambda pixels, kl: 500 * pixels.mean() + kl.sum(), 1024, 2),
    }


@erratum("04_objectives")
def squared_error_hides_a_variance() -> Figures:
    """The variance of the normal distribution whose log likelihood differs between two pictures as the loss does."""
    rng = np.random.default_rng(SEED)
    image, near, far = (rng.uniform(size=(1, 784)) for _ in range(3))

    def difference(loss: Callable[[np.ndarray], float]) -> float:
        return float(loss(far) - loss(near))

    def variance(loss: Callable[[np.ndarray], float]) -> float:
        unit = difference(lambda mean: -float(Normal(mean, 1.0, event_ndims=1).log_prob(image)[0]))
        return unit / difference(loss)

    return {
        "summed": variance(lambda mean: float(np.sum((image - mean) ** 2))),
        "averaged": variance(lambda mean: float(np.mean((image - mean) ** 2))),
    }


def _small_model() -> tuple[keras.Model, keras.KerasTensor]:
    """A plain functional autoencoder and the symbolic tensor of its code."""
    image = keras.Input((4,))
    code = keras.layers.Dense(2)(image)
    return keras.Model(image, keras.layers.Dense(4)(code)), code


@erratum("04_objectives")
def a_loss_that_reaches_for_symbolic_tensors() -> Figures:
    """Train a functional model whose loss takes the code from outside of its arguments, and the package's VAE."""
    model, code = _small_model()
    model.compile("sgd", loss=lambda x, y: ops.mean(ops.square(x - y)) + ops.mean(ops.square(code)))
    images = np.random.default_rng(SEED).uniform(size=(8, 4)).astype("float32")
    vae = VAE(input_shape=(2, 2, 1), seed=SEED)
    vae.compile("sgd")
    return {
        "closure": error_of(lambda: model.fit(images, images, verbose=0)),
        "package": error_of(lambda: vae.fit(images.reshape(8, 2, 2, 1), verbose=0)),
    }


@erratum("04_objectives")
def a_loss_added_to_a_whole_model() -> Figures:
    """Add a symbolic loss to a functional model from outside, and inside the call of a layer."""

    class Charge(keras.layers.Layer):
        def call(self, code):  # type: ignore[no-untyped-def]
            self.add_loss(ops.mean(ops.square(code)))
            return code

    model, code = _small_model()
    charged = keras.Model(model.input, Charge()(code))
    return {
        "on_the_model": error_of(lambda: model.add_loss(ops.mean(ops.square(code)))),
        "inside_a_layer": error_of(lambda: charged(np.ones((1, 4), "float32"))),
        "losses_inside_a_layer": len(charged.losses),
    }
