"""Protects the bound of a hierarchical VAE: equal to the exact log p(x) at the exact posterior, whichever way layers
are inferred; rising with k and never above it elsewhere; its terms against plain numpy; layers that meet."""

import itertools
import math

import keras
import numpy as np
import pytest
from scipy import special, stats

from companion import evaluation
from companion.distributions import reparameterize
from companion.errors import BadInput
from companion.hierarchical_vae import HierarchicalVAE
from companion.hierarchical_vae.layers import (
    call_on_codes,
    infer_bottom_up,
    infer_top_down,
)
from companion.hierarchical_vae.networks import MERGES, build_hierarchical_decoder, build_hierarchical_encoder
from companion.linear_gaussian import LinearGaussian, TwoLayerLinearGaussian
from companion.objectives import log_mean_exp
from companion.vae import VAE

BOTH = pytest.mark.parametrize("inference", ["bottom_up", "top_down"])
SHAPE = (4, 4, 1)


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


def small(inference, latent_dims=(3, 2), seed=0, merge="precision", **kwargs):
    how = {"inference": inference, "merge": merge}
    encoder = build_hierarchical_encoder(
        SHAPE, latent_dims, **how, hidden=(8,), upper_hidden=(6,), seed=2 * seed
    )
    decoder = build_hierarchical_decoder(
        latent_dims, SHAPE, hidden=(8,), upper_hidden=(6,), seed=2 * seed + 1
    )
    return HierarchicalVAE(encoder, decoder, **how, seed=seed, **kwargs)


def part(network, name):
    """What a part of a network gives, as float64 arrays."""
    layer = network.get_layer(name)
    return lambda x: [as_numpy(out) for out in layer(np.asarray(x, "float32"))]


def log_normal(z, mean, log_var):
    return stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=-1)


def kl_of_normals(mean, log_var, prior_mean, prior_log_var):
    """By its definition in one dimension, summed: log of the ratio of sigmas plus the expected squares."""
    s, t = np.exp(log_var / 2), np.exp(prior_log_var / 2)
    return (np.log(t / s) + (s**2 + (mean - prior_mean) ** 2) / (2 * t**2) - 0.5).sum(axis=-1)


# --- Against an exact log p(x) ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[(2, 1), (3, 2), (2, 2)], ids=str)
def toy(request):
    return TwoLayerLinearGaussian.random(latent_dims=request.param)


@BOTH
def test_at_the_exact_posterior_every_draw_gives_log_p(toy, inference):
    x = toy.sample(30, seed=1)
    log_w = as_numpy(toy.vae(inference).log_weights(x, 8, seed=0))
    np.testing.assert_allclose(log_w, np.broadcast_to(toy.log_prob(x), (8, 30)), atol=1e-3)


@pytest.mark.slow
@BOTH
def test_at_the_exact_posterior_the_elbo_is_log_p_on_average(toy, inference):
    x = np.repeat(toy.sample(100, seed=1), 100, axis=0)
    model = toy.vae(inference)
    gap = toy.log_prob(x) - model.elbo_terms(x, model.noise(len(x), 2))["elbo"]
    assert abs(gap.mean()) < 5 * gap.std() / math.sqrt(len(gap))
    # A KL of z1 in closed form would miss by more than this, bottom-up, as one against N(0, I) does.
    assert gap.std() / math.sqrt(len(gap)) < 0.02


def test_a_closed_form_for_the_lower_layer_would_be_another_number():
    toy = TwoLayerLinearGaussian.random()
    x = np.repeat(toy.sample(100, seed=1), 100, axis=0)
    model = toy.vae()
    epsilon = model.noise(len(x), 2)
    bottom, _ = model.layers_of(x, epsilon)
    excess = as_numpy(bottom.kl()) - as_numpy(bottom.log_ratio())
    assert excess.mean() > 10 * excess.std() / math.sqrt(len(x))


@BOTH
def test_off_the_posterior_the_elbo_stays_below_log_p(inference):
    toy = TwoLayerLinearGaussian.random()
    x = np.repeat(toy.sample(100, seed=1), 50, axis=0)
    model = toy.vae(inference, log_var_shift=0.7)
    gap = toy.log_prob(x) - model.elbo_terms(x, model.noise(len(x), 3))["elbo"]
    assert gap.mean() > 5 * gap.std() / math.sqrt(len(gap))


@BOTH
def test_bounds_rise_with_k_and_do_not_pass_log_p(inference):
    toy = TwoLayerLinearGaussian.random()
    x = toy.sample(40, seed=1)
    log_p = toy.log_prob(x)
    log_w = as_numpy(toy.vae(inference, log_var_shift=0.7).log_weights(x, 4096, seed=0))
    means, errors = [], []
    for k in (1, 4, 16, 64):
        bounds = as_numpy(log_mean_exp(log_w.reshape(-1, k, 40).swapaxes(0, 1))) - log_p
        means.append(bounds.mean())
        errors.append(bounds.mean(axis=1).std() / math.sqrt(len(bounds)) + 1e-4)
    assert all(later > earlier for earlier, later in itertools.pairwise(means))
    assert all(mean <= 5 * error for mean, error in zip(means, errors, strict=True))
    assert means[0] < -0.1


@BOTH
def test_the_evaluation_walks_through_many_draws(inference):
    toy = TwoLayerLinearGaussian.random()
    x = toy.sample(7, seed=1)
    bound = evaluation.log_likelihood(toy.vae(inference), x, k=30, decoded_at_once=20)
    np.testing.assert_allclose(bound, toy.log_prob(x), atol=1e-3)


@BOTH
def test_the_encoder_holds_the_posterior_of_z1(toy, inference):
    # Both layers at their means are where the joint density of a normal is highest: the mean of z1 given x.
    x = toy.sample(20, seed=1)
    mean, _ = toy.flat.posterior(x)
    np.testing.assert_allclose(
        toy.vae(inference).encode(x)[0], mean * np.sqrt(toy.variance), rtol=1e-3, atol=1e-4
    )


def test_two_layers_have_the_density_of_one_with_z2_integrated_out():
    toy = TwoLayerLinearGaussian(LinearGaussian([[0.3], [-0.2]], [0.5, 0.1], 0.2), [0.8], 0.5)
    # Covariance of x: weights (slope squared + scale squared) weights' + pixel noise.
    weights = np.array([[0.3], [-0.2]])
    covariance = weights @ weights.T * (0.8**2 + 0.5**2) + 0.2**2 * np.eye(2)
    x = np.array([[0.7, 0.1], [0.2, 0.3]])
    np.testing.assert_allclose(
        toy.log_prob(x), stats.multivariate_normal([0.5, 0.1], covariance).logpdf(x), rtol=1e-9
    )
    drawn = toy.sample(20_000, seed=3)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.005)


@pytest.mark.parametrize(
    ("slopes", "scale", "message"),
    [
        ([1.0, 1.0, 1.0], 1.0, r"slopes have shape \(3,\) .*expected 1 to 2 slopes"),
        ([], 1.0, r"slopes have shape \(0,\)"),
        ([[1.0]], 1.0, r"slopes have shape \(1, 1\)"),
        ([1.0], 0.0, "scale is 0.0: expected .*positive scale"),
    ],
)
def test_what_is_no_two_layer_model_is_refused(slopes, scale, message):
    with pytest.raises(BadInput, match=message):
        TwoLayerLinearGaussian(LinearGaussian.random(), slopes, scale)


# --- The terms -------------------------------------------------------------------------------------------------------


def by_hand(model, images, epsilon):
    """The draws and moments of both layers and the log likelihood, walked through in numpy."""
    noise = np.split(as_numpy(epsilon), [3], axis=1)
    if model.inference == "bottom_up":
        mean_1, log_var_1, _ = part(model.encoder, "q_z1")(images)
        z_1 = mean_1 + np.exp(log_var_1 / 2) * noise[0]
        mean_2, log_var_2, _ = part(model.encoder, "q_z2")(z_1)
        z_2 = mean_2 + np.exp(log_var_2 / 2) * noise[1]
        prior_mean, prior_log_var, _ = part(model.decoder, "p_z1")(z_2)
    else:
        message, message_log_var, mean_2, log_var_2 = (as_numpy(out) for out in model.encoder(images))
        z_2 = mean_2 + np.exp(log_var_2 / 2) * noise[1]
        prior_mean, prior_log_var, _ = part(model.decoder, "p_z1")(z_2)
        precision, prior_precision = np.exp(-message_log_var), np.exp(-prior_log_var)
        variance = 1 / (precision + prior_precision)
        mean_1, log_var_1 = (
            variance * (message + prior_precision * prior_mean),
            np.log(variance),
        )
        z_1 = mean_1 + np.exp(log_var_1 / 2) * noise[0]
    logits = as_numpy(model.decoder.get_layer("p_x")(z_1.astype("float32")))
    x = as_numpy(images)
    log_likelihood = (x * special.log_expit(logits) + (1 - x) * special.log_expit(-logits)).sum((1, 2, 3))
    q = [(mean_1, log_var_1), (mean_2, log_var_2)]
    return (z_1, z_2), q, (prior_mean, prior_log_var), log_likelihood


@BOTH
def test_terms_against_numpy(inference, images):
    model = small(inference)
    epsilon = model.noise(20, 0)
    assert epsilon.shape == (20, 5)
    (z_1, _), (q_1, q_2), prior, log_likelihood = by_hand(model, images, epsilon)
    ratio = log_normal(z_1, *q_1) - log_normal(z_1, *prior)
    kl_1 = ratio if inference == "bottom_up" else kl_of_normals(*q_1, *prior)
    kl_2 = kl_of_normals(*q_2, 0.0, 0.0)
    terms = model.elbo_terms(images, epsilon)
    assert set(terms) == {"log_likelihood", "kl", "elbo", "kl_1", "kl_2"}
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, **close)
    np.testing.assert_allclose(terms["kl_1"], kl_1, **close)
    np.testing.assert_allclose(terms["kl_2"], kl_2, **close)
    np.testing.assert_allclose(terms["kl"], kl_1 + kl_2, **close)
    np.testing.assert_allclose(terms["elbo"], log_likelihood - kl_1 - kl_2, **close)


@BOTH
def test_log_weights_against_numpy(inference, images):
    model = small(inference)
    log_w = as_numpy(model.log_weights(images, 3, seed=4))
    noise = as_numpy(keras.random.normal((3, 20, 5), seed=4))
    for drawn, epsilon in zip(log_w, noise, strict=True):
        (z_1, z_2), (q_1, q_2), prior, log_likelihood = by_hand(model, images, epsilon)
        log_p = log_likelihood + log_normal(z_1, *prior) + log_normal(z_2, 0.0, 0.0)
        np.testing.assert_allclose(
            drawn, log_p - log_normal(z_1, *q_1) - log_normal(z_2, *q_2), rtol=1e-4, atol=1e-3
        )


def test_bottom_up_the_term_of_a_lower_layer_may_be_negative(images):
    model = small("bottom_up")
    terms = [model.elbo_terms(images, model.noise(20, seed)) for seed in range(5)]
    assert min(t["kl_1"].min() for t in terms) < 0 <= min(t["kl_2"].min() for t in terms)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("latent_dims", [(3, 2), (4, 3, 2)])
def test_an_image_does_not_feel_its_batch(inference, latent_dims, images):
    model = small(inference, latent_dims)
    epsilon, order = model.noise(20, 1), np.random.default_rng(4).permutation(20)
    together = model.elbo_terms(images, epsilon)
    shuffled = model.elbo_terms(images[order], epsilon[order])
    for name, values in together.items():
        assert values.shape == (20,)
        np.testing.assert_allclose(shuffled[name], values[order], rtol=1e-4, atol=1e-5)
        for size in (1, 7):
            parts = [
                model.elbo_terms(images[i : i + size], epsilon[i : i + size])[name]
                for i in range(0, 20, size)
            ]
            np.testing.assert_allclose(np.concatenate(parts), values, rtol=1e-4, atol=1e-5)


@BOTH
def test_the_terms_of_three_layers_add_up(inference, images):
    model = small(inference, (4, 3, 2))
    terms = model.elbo_terms(images, model.noise(20, 1))
    layers = model.layers_of(images, model.noise(20, 1))
    assert [tuple(layer.z.shape) for layer in layers] == [(20, 4), (20, 3), (20, 2)]
    np.testing.assert_allclose(terms["kl"], sum(terms[f"kl_{level}"] for level in (1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(terms["kl_3"], layers[2].kl(), rtol=1e-5)
    lower = [layer.kl() if inference == "top_down" else layer.log_ratio() for layer in layers[:2]]
    np.testing.assert_allclose(terms["kl_1"], lower[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(terms["kl_2"], lower[1], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("merge", MERGES)
def test_one_layer_alone_is_the_vae(inference, merge, images, new_vae):
    vae = new_vae()
    model = small(inference, (2,), merge=merge)
    model.encoder.set_weights(vae.encoder.get_weights())
    model.decoder.set_weights(vae.decoder.get_weights())
    epsilon = vae.noise(20, 3)
    terms = model.elbo_terms(images, epsilon)
    for name, values in vae.elbo_terms(images, epsilon).items():
        np.testing.assert_allclose(terms[name], values, rtol=1e-5, atol=1e-6)
    log_w = (m.log_weights(images, 3, seed=1) for m in (model, vae))
    np.testing.assert_allclose(next(log_w), next(log_w), rtol=1e-5)


def test_one_layer_bottom_up_has_the_weights_of_a_vae_of_that_seed():
    model, vae = HierarchicalVAE(latent_dims=(2,), seed=3, input_shape=SHAPE), VAE(seed=3, input_shape=SHAPE)
    for ours, theirs in zip(model.get_weights(), vae.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


# --- Layers that meet ------------------------------------------------------------------------------------------------


def test_the_decoder_sees_what_the_encoder_drew(images):
    # The mistake: a decoder fed with p(z1|z2)'s own draw, to which q(z1|x) means nothing.
    model, zeroed = small("bottom_up"), small("bottom_up")
    bottom = zeroed.encoder.get_layer("q_z1")
    bottom.set_weights([np.zeros_like(w) for w in bottom.get_weights()])
    epsilon = model.noise(20, 0)
    logits = [as_numpy(m._pass(images, epsilon)["logits"]) for m in (model, zeroed)]
    assert np.abs(logits[0] - logits[1]).max() > 0.05
    outputs = model(images)
    np.testing.assert_allclose(
        outputs["logits"], model.decoder.get_layer("p_x")(outputs["z"]), rtol=1e-5, atol=1e-6
    )


@BOTH
def test_every_part_learns_from_the_loss(inference, images):
    import tensorflow as tf

    model = small(inference)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(images, y_pred=model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is not None for gradient in gradients)
    assert all(np.abs(as_numpy(gradient)).max() > 0 for gradient in gradients)


# --- The pieces ------------------------------------------------------------------------------------------------------


def test_a_draw_has_the_moments_it_is_given():
    np.testing.assert_allclose(as_numpy(reparameterize(1.0, math.log(4.0), np.array([0.0, 1.5]))), [1.0, 4.0])


def test_codes_with_further_axes_go_through_a_network_as_rows():
    network = small("bottom_up").decoder.get_layer("p_x")
    z = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    together = call_on_codes(network, z)
    assert tuple(together.shape) == (2, 5, *SHAPE)
    np.testing.assert_allclose(together[1], network(z[1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("infer", [infer_bottom_up, infer_top_down])
def test_layers_tell_dropout_whether_they_train(infer):
    x = keras.Input((4,))
    dropped = keras.layers.Dropout(0.5, seed=0)(x)
    prior = keras.Model(x, [dropped, dropped, dropped])
    ones, noise = np.ones((50, 4), "float32"), [np.zeros((50, 4), "float32")] * 2
    given = (
        ([prior, prior], [prior], ones)
        if infer is infer_bottom_up
        else ([lambda above, prior: (ones, ones)] * 2, [prior])
    )
    for training in (True, False):
        bottom, _ = infer(*given, noise, training)
        assert (as_numpy(bottom.prior_mean) == 0).any() == training


def test_as_many_parts_as_noises():
    x = keras.Input((4,))
    part = keras.Model(x, [x, x, x])
    ones, noise = np.ones((5, 4), "float32"), [np.zeros((5, 4), "float32")] * 2
    for posteriors, priors in (([part] * 3, [part] * 2), ([part] * 2, [part] * 2), ([part] * 2, [])):
        with pytest.raises(ValueError, match="zip"):
            infer_bottom_up(posteriors, priors, ones, noise)
