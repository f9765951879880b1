"""Protects a subclass with a prior of its own: samples, scores, densities and plots all refer to its ``prior_of``."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import norm

from companion import plots
from companion.beta_vae import BetaVAE
from companion.categorical import Categorical
from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.distributions import DiagonalNormal
from companion.errors import BadInput
from companion.evaluation import log_likelihood
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE, implied_posterior, log_joint
from companion.vae import VAE
from companion.vq_vae import VQVAE, UniformPrior

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
LABELS = np.arange(6) % 3
MEAN, SIGMA = 8.0, 0.5


def shifted(family, **own):
    """``family`` with a prior whose codes lie about 8."""

    class Shifted(family):
        def prior_of(self, x):
            return DiagonalNormal(MEAN * ops.ones(2), 2 * math.log(SIGMA) * ops.ones(2))

    return Shifted(input_shape=SHAPE, seed=0, **own)


NORMAL = {
    "VAE": lambda: shifted(VAE),
    "BetaVAE": lambda: shifted(BetaVAE, beta=2.0),
    "IWAE": lambda: shifted(IWAE, num_samples=3),
    "ConditionalVAE": lambda: shifted(ConditionalVAE, num_classes=3),
}


def codes_behind(model, call):
    """The codes that ``call`` hands to the model's ``decode``."""
    seen = []
    decode = type(model).decode

    def spy(self, z, *labels):
        seen.append(np.array(z))
        return decode(self, z, *labels)

    type(model).decode = spy
    call()
    return np.concatenate(seen)


@pytest.mark.parametrize("name", NORMAL)
def test_samples_are_drawn_from_it(name):
    model = NORMAL[name]()
    codes = codes_behind(model, lambda: model.sample(400, seed=1))
    assert codes.mean() == pytest.approx(MEAN, abs=0.1)
    assert codes.std() == pytest.approx(SIGMA, abs=0.05)


def test_a_conditional_model_generates_from_it():
    model = NORMAL["ConditionalVAE"]()
    codes = codes_behind(model, lambda: model.generate(np.zeros(400, int), seed=1))
    assert codes.mean() == pytest.approx(MEAN, abs=0.1)


def test_a_prior_of_the_condition_is_asked_for_the_condition_alone():
    class ByLabel(ConditionalVAE):
        def prior_of(self, x):
            return DiagonalNormal(10.0 * self.condition_of(x)[:, :2], -4 * ops.ones((1, 2)))

    model = ByLabel(input_shape=SHAPE, num_classes=3, seed=0)
    codes = codes_behind(model, lambda: model.generate([0, 1, 2], seed=1))
    np.testing.assert_allclose(codes, [[10, 0], [0, 10], [0, 0]], atol=0.5)


@pytest.mark.parametrize("name", ["VAE", "BetaVAE", "IWAE"])
def test_densities_refer_to_it(name):
    model = NORMAL[name]()
    points = np.array([[8.0, 8.0], [0.0, 0.0], [8.5, 7.0]], "float32")
    under_prior = norm(MEAN, SIGMA).logpdf(points).sum(axis=1)
    under_normal = norm(0, 1).logpdf(points).sum(axis=1)
    plain = VAE(model.encoder, model.decoder)
    difference = log_joint(model, IMAGES[0], points) - log_joint(plain, IMAGES[0], points)
    np.testing.assert_allclose(difference, under_prior - under_normal, rtol=1e-4)


@pytest.mark.parametrize("name", NORMAL)
def test_scores_refer_to_it(name):
    model = NORMAL[name]()
    x = (IMAGES, LABELS) if name == "ConditionalVAE" else IMAGES
    epsilon = model.noise(6, seed=2)
    z_mean, z_log_var, _ = model.encode(x)
    q, p = norm(z_mean, np.exp(0.5 * z_log_var)), norm(MEAN, SIGMA)
    kl = (np.log(SIGMA / q.std()) + (q.var() + (z_mean - MEAN) ** 2) / (2 * SIGMA**2) - 0.5).sum(axis=1)
    np.testing.assert_allclose(model.elbo_terms(x, epsilon)["kl"], kl, rtol=1e-3)
    # Far from the prior, the k-sample bound is far below that of the same networks under N(0, I).
    other = ConditionalVAE if name == "ConditionalVAE" else VAE
    extra = {"num_classes": 3} if name == "ConditionalVAE" else {}
    plain = other(model.encoder, model.decoder, **extra)
    assert np.mean(log_likelihood(model, x, 20)) < np.mean(log_likelihood(plain, x, 20)) - 50
    assert np.isfinite(p.logpdf(0.0))


def test_the_implied_posterior_approaches_the_exact_one_under_it():
    model = shifted(VAE)
    axis = np.linspace(MEAN - 3, MEAN + 3, 41)
    points = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    joint = log_joint(model, IMAGES[0], points)
    assert axis[np.exp(joint - joint.max()).reshape(41, 41).sum(axis=0).argmax()] == pytest.approx(
        MEAN, abs=1
    )
    assert np.isfinite(implied_posterior(model, IMAGES[0], points[:5], 3, repeats=5)).all()


@pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
def test_the_top_layer_of_a_hierarchy_has_it(inference):
    model = shifted(HierarchicalVAE, latent_dims=(3, 2), inference=inference)
    z1, z2 = model.sample_layers(400, seed=1)
    assert z2.mean() == pytest.approx(MEAN, abs=0.1)
    assert z2.std() == pytest.approx(SIGMA, abs=0.05)
    assert z1.shape == (400, 3)
    layers = model.layers_of(IMAGES, np.zeros((6, 5), "float32"))
    np.testing.assert_allclose(layers[1].prior_mean, np.full((6, 2), MEAN))
    terms = model.elbo_terms(IMAGES, np.zeros((6, 5), "float32"))
    plain = HierarchicalVAE(model.encoder, model.decoder, inference=inference)
    assert (terms["kl_2"] > plain.elbo_terms(IMAGES, np.zeros((6, 5), "float32"))["kl_2"] + 50).all()
    assert np.mean(model.log_weights(IMAGES, 3, 0)) < np.mean(plain.log_weights(IMAGES, 3, 0)) - 50


def test_the_density_of_z1_in_a_hierarchy_is_still_not_known():
    model = HierarchicalVAE(input_shape=SHAPE, latent_dims=(2, 2), seed=0)
    for call in (
        lambda: log_joint(model, IMAGES[0], np.zeros((1, 2))),
        lambda: model.log_weights_from(IMAGES, np.zeros((6, 2)), np.zeros((6, 2)), 2, 0),
    ):
        with pytest.raises(NotImplementedError, match="no density in closed form; layers_of gives"):
            call()


class Skewed(DiscreteVAE):
    """Nearly always the last category."""

    def prior_of(self, x):
        return Categorical(np.tile([0.0, 0.0, 10.0], (2, 1)).astype("float32"))


def test_a_discrete_model_draws_and_scores_by_it():
    model = Skewed(input_shape=SHAPE, num_latents=2, num_categories=3, seed=0)
    codes = codes_behind(model, lambda: model.sample(200, seed=1))
    assert codes.shape == (200, 2)
    assert (codes == 2).mean() > 0.99
    plain = DiscreteVAE(model.encoder, model.decoder, num_latents=2, num_categories=3)
    epsilon = model.noise(6, 0)
    log_q = np.log(model.encode(IMAGES)[0])
    log_p = np.array([0, 0, 10.0]) - np.logaddexp(10, math.log(2))
    kl = (np.exp(log_q) * (log_q - log_p)).sum(axis=(1, 2))
    np.testing.assert_allclose(model.elbo_terms(IMAGES, epsilon)["kl"], kl, rtol=1e-4)
    assert np.mean(model.log_weights(IMAGES, 20, 0)) < np.mean(plain.log_weights(IMAGES, 20, 0)) - 3


def test_the_uniform_prior_is_what_it_was():
    uniform = Categorical.uniform(2, 3)
    z = np.eye(3, dtype="float32")[[0, 2]]
    assert float(uniform.log_prob(z)) == pytest.approx(-2 * math.log(3))
    log_q = np.log(np.full((1, 2, 3), [0.7, 0.2, 0.1], "float32"))
    assert float(uniform.kl_from(log_q)[0]) == pytest.approx(2 * (math.log(3) - 0.8018), abs=1e-3)
    with pytest.raises(BadInput, match=r"logits have shape \(3,\).*one row per latent"):
        Categorical(np.zeros(3))


class FirstCode(UniformPrior):
    """A prior that knows one code only."""

    def call(self, codes):
        return 20.0 * ops.one_hot(ops.zeros_like(codes), self.num_embeddings)


class Certain(VQVAE):
    def prior_of(self, x):
        return FirstCode(self.num_embeddings, self.grid_shape)


def test_a_codebook_draws_and_scores_by_it():
    model = Certain(
        input_shape=SHAPE, num_embeddings=4, prior="uniform", filters=(4,), embedding_dim=2, seed=0
    )
    codes = codes_behind(model, lambda: model.sample(5, seed=1))
    assert (codes == 0).all()
    used = model.encode(IMAGES)
    np.testing.assert_allclose(
        model.elbo_terms(IMAGES)["kl"], 20.0 * (used != 0).sum(axis=(1, 2)), rtol=1e-3, atol=1e-3
    )


def test_a_prior_that_needs_images_says_so_when_there_are_none():
    class FromImages(VAE):
        def prior_of(self, x):
            return DiagonalNormal(ops.mean(x, axis=(1, 2)), ops.zeros(1))

    model = FromImages(input_shape=SHAPE, seed=0)
    assert np.isfinite(model.elbo_terms(IMAGES)["elbo"]).all()
    with pytest.raises(
        BadInput, match=r"prior_of\(None\) of FromImages failed.*let prior_of return one for x=None"
    ):
        model.sample(3)

    class WithDraws(FromImages):
        def draw_from_prior(self, n, seed=None, x=None):
            return np.full((n, self.latent_dim), 5.0, "float32")

    model = WithDraws(input_shape=SHAPE, seed=0)
    np.testing.assert_allclose(model.sample(2), model.decode(np.full((2, 2), 5.0)))


def test_a_prior_of_another_family_or_shape_is_named():
    class Odd(VAE):
        given = None

        def prior_of(self, x):
            return self.given

    model = Odd(input_shape=SHAPE, seed=0)
    model.given = Categorical.uniform(2, 3)
    with pytest.raises(BadInput, match=r"returned Categorical: expected a DiagonalNormal.*draw_from_prior"):
        model.sample(3)
    model.given = DiagonalNormal(np.zeros((4, 2)), np.zeros((4, 2)))
    with pytest.raises(
        BadInput, match=r"shapes \[\(4, 2\), \(4, 2\)\]: expected shapes that broadcast to \(3, 2\)"
    ):
        model.sample(3)


def test_the_grid_and_the_walks_of_a_plot_lie_under_it():
    model = shifted(VAE)
    codes = codes_behind(model, lambda: plots.manifold_grid(model, 5))
    np.testing.assert_allclose(codes.mean(axis=0), MEAN, atol=1e-5)
    assert codes.max() == pytest.approx(MEAN + SIGMA * norm.ppf(0.9), abs=1e-4)
    figure = plots.manifold_grid(model.decode, 5)
    assert "the model's prior: z1 from 7." in figure.alt_text
    codes = codes_behind(model, lambda: plots.traversals(model, np.full(2, MEAN), columns=3))
    np.testing.assert_allclose(codes[:3, 0], [MEAN - 2 * SIGMA, MEAN, MEAN + 2 * SIGMA], rtol=1e-5)
    codes = codes_behind(model, lambda: plots.samples(model, 8))
    assert codes.mean() == pytest.approx(MEAN, abs=0.5)
    plain = VAE(input_shape=SHAPE, seed=0)
    assert "quantiles of N(0, 1): z1 from -1.28 to 1.28" in plots.manifold_grid(plain, 5).alt_text


def test_a_learned_prior_is_trained_sampled_and_kept(tmp_path):
    vae = Learned(input_shape=SHAPE, seed=0)
    vae.compile(keras.optimizers.Adam(0.05))
    vae.fit(IMAGES, epochs=3, verbose=0)
    assert float(ops.max(ops.abs(vae.center))) > 0
    vae.save(tmp_path / "learned.keras")
    loaded = keras.saving.load_model(tmp_path / "learned.keras")
    np.testing.assert_allclose(loaded.sample(2, seed=3), vae.sample(2, seed=3), rtol=1e-5)


@keras.saving.register_keras_serializable(package="tests")
class Learned(VAE):
    """A prior whose mean is a weight of the model."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.center = self.add_weight(name="center", shape=(self.latent_dim,), initializer="zeros")

    def prior_of(self, x):
        return DiagonalNormal(self.center, ops.zeros(1))
