"""Protects the objectives: the KL's closed forms, the two terms of the ELBO, log weights and their log-mean-exp, and
the floor of the cross-entropy on grey pixels. Every value is compared with numpy, scipy or a million draws."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from companion import objectives
from companion.errors import BadInput

DRAWS = 10**6


def finite(low, high, shape):
    return arrays("float32", shape, elements=st.floats(low, high, width=32, allow_subnormal=False))


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


# --- Kullback-Leibler divergences ----------------------------------------------------------------------------------


def test_kl_to_standard_normal_by_hand():
    # 1/2 (1 + 1 - 1 - 0) + 1/2 (4 + 4 - 1 - log 4); and zero for the prior itself.
    mean, log_var = [[1.0, -2.0], [0.0, 0.0]], [[0.0, math.log(4.0)], [0.0, 0.0]]
    expected = [0.5 + 0.5 * (7.0 - math.log(4.0)), 0.0]
    kl = objectives.kl_to_standard_normal(np.float32(mean), np.float32(log_var))
    assert kl.shape == (2,)
    np.testing.assert_allclose(as_numpy(kl), expected, rtol=1e-6, atol=1e-7)


def test_the_second_argument_is_log_variance_not_log_sigma():
    log_variance = math.log(0.25)
    expected = 0.5 * (0.25 - 1.0 - log_variance)
    kl = objectives.kl_to_standard_normal(
        np.zeros((1, 1), "float32"), np.full((1, 1), log_variance, "float32")
    )
    np.testing.assert_allclose(as_numpy(kl), [expected], rtol=1e-6)


def test_kl_sums_over_latent_coordinates():
    mean, log_var = np.float32([[0.7]]), np.float32([[-0.4]])
    one = as_numpy(objectives.kl_to_standard_normal(mean, log_var))
    sixteen = as_numpy(objectives.kl_to_standard_normal(np.tile(mean, 16), np.tile(log_var, 16)))
    np.testing.assert_allclose(sixteen, 16 * one, rtol=1e-6)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_kl_agrees_with_a_million_draws(seed):
    rng = np.random.default_rng(seed)
    q_mean, p_mean = rng.normal(size=(2, 3))
    q_log_var, p_log_var = rng.normal(scale=0.7, size=(2, 3))
    z = q_mean + np.exp(q_log_var / 2) * rng.standard_normal((DRAWS, 3))
    log_q = stats.norm(q_mean, np.exp(q_log_var / 2)).logpdf(z).sum(axis=1)
    for closed, log_p in (
        (
            objectives.kl_between_normals(q_mean, q_log_var, p_mean, p_log_var),
            stats.norm(p_mean, np.exp(p_log_var / 2)).logpdf(z).sum(axis=1),
        ),
        (objectives.kl_to_standard_normal(q_mean, q_log_var), stats.norm.logpdf(z).sum(axis=1)),
    ):
        ratio = log_q - log_p
        assert abs(float(closed) - ratio.mean()) < 5 * ratio.std() / math.sqrt(DRAWS)


def test_kl_between_normals_is_not_symmetric_and_keeps_its_order():
    wide_from_narrow = objectives.kl_between_normals([0.0], [0.0], [0.0], [math.log(4.0)])
    narrow_from_wide = objectives.kl_between_normals([0.0], [math.log(4.0)], [0.0], [0.0])
    np.testing.assert_allclose(float(wide_from_narrow), 0.5 * (0.25 - 1 + math.log(4)), rtol=1e-6)
    np.testing.assert_allclose(float(narrow_from_wide), 0.5 * (4 - 1 - math.log(4)), rtol=1e-6)


@given(finite(-5, 5, (4, 3)), finite(-6, 6, (4, 3)))
def test_kl_is_never_negative_and_zero_only_at_the_prior(mean, log_var):
    kl = as_numpy(objectives.kl_to_standard_normal(mean, log_var))
    assert (kl >= -1e-6).all()
    far = (np.abs(mean) > 0.01).any(axis=1) | (np.abs(log_var) > 0.01).any(axis=1)
    assert (kl[far] > 1e-6).all()
    to_itself = as_numpy(objectives.kl_between_normals(mean, log_var, mean, log_var))
    np.testing.assert_allclose(to_itself, 0.0, atol=1e-5)


@given(finite(-3, 3, (4, 3)), finite(-4, 4, (4, 3)))
def test_the_standard_normal_is_a_case_of_two_normals(mean, log_var):
    general = objectives.kl_between_normals(mean, log_var, np.zeros_like(mean), np.zeros_like(mean))
    special_case = objectives.kl_to_standard_normal(mean, log_var)
    np.testing.assert_allclose(as_numpy(general), as_numpy(special_case), rtol=1e-4, atol=1e-5)


def test_gradients_of_the_kl():
    mean, log_var = tf.constant([[0.5, -1.5]]), tf.constant([[0.3, -2.0]])
    with tf.GradientTape() as tape:
        tape.watch([mean, log_var])
        kl = objectives.kl_to_standard_normal(mean, log_var)
    by_mean, by_log_var = tape.gradient(kl, [mean, log_var])
    np.testing.assert_allclose(as_numpy(by_mean), mean, rtol=1e-6)
    np.testing.assert_allclose(as_numpy(by_log_var), 0.5 * (np.exp(log_var) - 1), rtol=1e-5)


# --- The evidence lower bound ---------------------------------------------------------------------------------------


def test_elbo_terms_and_the_loss():
    log_likelihood, kl = np.float32([-100.0, -90.0]), np.float32([3.0, 5.0])
    terms = objectives.elbo_terms(log_likelihood, kl)
    assert list(terms) == ["log_likelihood", "kl", "elbo"]
    np.testing.assert_array_equal(terms["log_likelihood"], log_likelihood)
    np.testing.assert_array_equal(terms["kl"], kl)
    np.testing.assert_array_equal(terms["elbo"], [-103.0, -95.0])
    np.testing.assert_array_equal(objectives.vae_loss(log_likelihood, kl), [103.0, 95.0])


@pytest.mark.parametrize("function", [objectives.elbo_terms, objectives.vae_loss])
@pytest.mark.parametrize("shape", [(28, 28), (28, 1), (1,)])
def test_terms_of_two_shapes_would_broadcast_in_silence_and_are_refused(function, shape):
    with pytest.raises(BadInput, match="log_likelihood has shape .* and kl .*expected one value per image"):
        function(np.zeros(shape, "float32"), np.zeros(28, "float32"))


# --- Free bits ------------------------------------------------------------------------------------------------------


def test_free_bits_clamp_the_mean_of_each_unit():
    # Means over the batch: 1, 0.2 and 3. The second unit alone is below half a nat, and one of its images is not.
    kl = np.float32([[0.0, 0.4, 2.0], [2.0, 0.0, 4.0]])
    assert float(objectives.free_bits(kl, 0.3)) == pytest.approx(1 + 0.3 + 3)
    assert float(objectives.free_bits(kl, 0)) == pytest.approx(kl.sum(axis=1).mean())
    assert float(objectives.free_bits(kl.sum(axis=1)[:, None], 5.0)) == pytest.approx(5)
    assert float(objectives.free_bits(kl.sum(axis=1)[:, None], 4.0)) == pytest.approx(4.2)
    assert objectives.free_bits(kl, 0.3).shape == ()


def test_a_unit_below_its_free_bits_has_no_gradient():
    kl = tf.constant([[0.0, 0.4, 2.0], [2.0, 0.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(kl)
        loss = objectives.free_bits(kl, 0.3)
    np.testing.assert_allclose(as_numpy(tape.gradient(loss, kl)), [[0.5, 0, 0.5]] * 2)


def test_free_bits_refuse_other_shapes_and_a_negative_allowance():
    with pytest.raises(
        BadInput, match=r"kl_per_unit has shape \(3,\): expected \(batch, units\); pass kl\[:, None\]"
    ):
        objectives.free_bits(np.ones(3, "float32"), 0.1)
    with pytest.raises(BadInput, match=r"least=-0\.1: expected a finite number of at least 0"):
        objectives.free_bits(np.ones((3, 2), "float32"), -0.1)


# --- Importance weights -----------------------------------------------------------------------------------------------


def test_log_importance_weights():
    log_w = objectives.log_importance_weights(
        np.float32([[-10.0]]), np.float32([[-3.0]]), np.float32([[-1.5]])
    )
    np.testing.assert_array_equal(log_w, [[-11.5]])


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_log_importance_weights_need_one_shape(odd):
    terms = [np.zeros((5, 4), "float32") for _ in range(3)]
    terms[odd] = np.zeros((5, 1), "float32")
    with pytest.raises(BadInput, match=r"\(5, 1\).*expected one value per image"):
        objectives.log_importance_weights(*terms)


def test_log_mean_exp_of_very_small_weights():
    log_w = np.float32([[-105.0, -1000.0], [-106.0, -1000.0]])
    bound = as_numpy(objectives.log_mean_exp(log_w))
    expected = special.logsumexp(log_w.astype("float64"), axis=0) - math.log(2)
    np.testing.assert_allclose(bound, expected, rtol=1e-6)


def test_log_mean_exp_takes_the_sample_axis_first_and_never_mixes_images():
    log_w = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    bound = as_numpy(objectives.log_mean_exp(log_w))
    assert bound.shape == (3,)
    for column in range(3):
        alone = as_numpy(objectives.log_mean_exp(log_w[:, column : column + 1]))
        np.testing.assert_allclose(bound[column], alone[0], rtol=1e-6)
    np.testing.assert_allclose(as_numpy(objectives.log_mean_exp(log_w.T, axis=1)), bound, rtol=1e-6)


def test_log_mean_exp_of_a_weight_of_zero():
    np.testing.assert_allclose(
        as_numpy(objectives.log_mean_exp(np.float32([[-np.inf], [0.0]]))), [-math.log(2)], rtol=1e-6
    )


@given(finite(-50, 50, (6, 2)))
def test_log_mean_exp_agrees_with_scipy_and_lies_between_mean_and_maximum(log_w):
    bound = as_numpy(objectives.log_mean_exp(log_w))
    expected = special.logsumexp(log_w.astype("float64"), axis=0) - math.log(6)
    np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-5)
    assert (bound >= log_w.mean(axis=0) - 1e-4).all()
    assert (bound <= log_w.max(axis=0) + 1e-4).all()


@given(finite(-20, 20, (5, 2)), st.floats(-100, 100, width=32), st.permutations(range(5)))
def test_log_mean_exp_shifts_with_its_weights_and_forgets_their_order(log_w, shift, order):
    bound = as_numpy(objectives.log_mean_exp(log_w))
    np.testing.assert_allclose(
        as_numpy(objectives.log_mean_exp(log_w + np.float32(shift))), bound + shift, atol=1e-3
    )
    np.testing.assert_allclose(as_numpy(objectives.log_mean_exp(log_w[list(order)])), bound, atol=1e-4)


@given(finite(-10, 10, (5, 1)))
def test_more_draws_never_loosen_the_bound_on_average(log_w):
    # Burda et al. (2016), theorem 1, draw by draw: leaving each one out in turn and averaging is a lower bound.
    without_one = [as_numpy(objectives.log_mean_exp(np.delete(log_w, i, axis=0))) for i in range(5)]
    assert np.mean(without_one) <= as_numpy(objectives.log_mean_exp(log_w)) + 1e-4


# --- The floor of the cross-entropy ---------------------------------------------------------------------------------


def test_floor_of_known_images():
    images = np.float32([np.zeros((2, 2, 1)), np.ones((2, 2, 1)), np.full((2, 2, 1), 0.5)])
    floor = as_numpy(objectives.cross_entropy_floor(images))
    assert floor.shape == (3,)
    np.testing.assert_allclose(floor, [0.0, 0.0, 4 * math.log(2)], rtol=1e-6)
    grey = np.random.default_rng(0).uniform(size=(5, 3, 2, 2))
    expected = stats.bernoulli(grey).entropy().sum(axis=(1, 2, 3))
    np.testing.assert_allclose(as_numpy(objectives.cross_entropy_floor(grey)), expected, rtol=1e-5)


def test_gradient_of_the_floor():
    images = tf.constant([[0.25, 0.5, 0.9]])
    with tf.GradientTape() as tape:
        tape.watch(images)
        floor = objectives.cross_entropy_floor(images)
    np.testing.assert_allclose(tape.gradient(floor, images), -special.logit(images), atol=1e-5)


@given(finite(0, 1, (2, 6)), finite(-30, 30, (2, 6)))
def test_no_decoder_gets_below_the_floor(images, logits):
    from companion.distributions import Bernoulli

    cross_entropy = -as_numpy(Bernoulli(logits).log_prob(images))
    floor = as_numpy(objectives.cross_entropy_floor(images))
    assert (floor <= cross_entropy + 1e-4).all()


@given(finite(0.015625, 0.984375, (2, 6)))
def test_the_decoder_that_gives_the_pixels_themselves_reaches_the_floor(images):
    from companion.distributions import Bernoulli

    best = -as_numpy(Bernoulli(special.logit(images.astype("float64"))).log_prob(images))
    np.testing.assert_allclose(best, as_numpy(objectives.cross_entropy_floor(images)), atol=1e-4)


@given(arrays("float32", (3, 4), elements=st.sampled_from([0.0, 1.0])))
def test_black_and_white_pixels_have_no_floor(images):
    np.testing.assert_array_equal(as_numpy(objectives.cross_entropy_floor(images)), 0.0)


def test_the_floor_has_a_gradient_at_black_and_white():
    images = tf.constant([[0.0, 1.0, 0.5]])
    with tf.GradientTape() as tape:
        tape.watch(images)
        floor = objectives.cross_entropy_floor(images)
    assert np.isfinite(as_numpy(tape.gradient(floor, images))).all()
