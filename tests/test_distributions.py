"""Protects the five distributions: log probabilities against scipy, masses and densities that add up to one, exact KLs
against a million draws, samples against moments and distribution functions, and gradients that do not saturate."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from companion.distributions import (
    Bernoulli,
    ContinuousBernoulli,
    DiagonalNormal,
    DiscretizedLogistic,
    Distribution,
    Normal,
)

DRAWS = 10**6
LEVELS = np.arange(256) / 255


def as_numpy(tensor):
    return np.asarray(tensor, "float64")


def logits(low=-20, high=20, shape=(2, 3)):
    return arrays("float32", shape, elements=st.floats(low, high, width=32, allow_subnormal=False))


def pixels(shape=(2, 3)):
    return arrays("float32", shape, elements=st.floats(0, 1, width=32, allow_subnormal=False))


# --- One event, one number ------------------------------------------------------------------------------------------

FAMILIES = [
    lambda x, **k: DiagonalNormal(x, 0.1 * x, **k),
    lambda x, **k: Bernoulli(x, **k),
    lambda x, **k: ContinuousBernoulli(x, **k),
    lambda x, **k: Normal(x, **k),
    lambda x, **k: DiscretizedLogistic(x, **k),
]
NAMES = ["diagonal_normal", "bernoulli", "continuous_bernoulli", "normal", "discretized_logistic"]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=NAMES)


@each_family
def test_sums_run_over_the_last_axes_and_only_those(family):
    rng = np.random.default_rng(0)
    parameters, x = rng.normal(size=(5, 2, 3, 4, 1)), rng.uniform(size=(2, 3, 4, 1))
    single = as_numpy(family(parameters, event_ndims=0).log_prob(x))
    assert single.shape == (5, 2, 3, 4, 1)
    np.testing.assert_allclose(
        as_numpy(family(parameters, event_ndims=3).log_prob(x)),
        single.sum(axis=(2, 3, 4)),
        rtol=1e-4,
        atol=1e-4,
    )
    np.testing.assert_allclose(
        as_numpy(family(parameters).log_prob(x)), single.sum(axis=-1), rtol=1e-5, atol=1e-5
    )


@each_family
def test_twice_the_pixels_twice_the_log_probability(family):
    rng = np.random.default_rng(1)
    parameters, x = rng.normal(size=(2, 4, 4, 1)), rng.uniform(size=(2, 4, 4, 1))
    once = as_numpy(family(parameters, event_ndims=3).log_prob(x))
    tiled = family(np.tile(parameters, (1, 2, 1, 1)), event_ndims=3).log_prob(np.tile(x, (1, 2, 1, 1)))
    colour = family(np.tile(parameters, (1, 1, 1, 3)), event_ndims=3).log_prob(np.tile(x, (1, 1, 1, 3)))
    np.testing.assert_allclose(as_numpy(tiled), 2 * once, rtol=1e-5)
    np.testing.assert_allclose(as_numpy(colour), 3 * once, rtol=1e-5)


@each_family
def test_kl_to_itself_is_zero_and_has_one_value_an_event(family):
    q = family(np.random.default_rng(2).normal(size=(3, 4)))
    assert q.kl(q).shape == (3,)
    np.testing.assert_allclose(as_numpy(q.kl(q)), 0.0, atol=1e-5)


@each_family
def test_kl_needs_the_same_family(family):
    q = family(np.zeros((1, 2)))
    other = Bernoulli(np.zeros((1, 2))) if not isinstance(q, Bernoulli) else Normal(np.zeros((1, 2)))
    with pytest.raises(
        TypeError, match=f"kl of {type(q).__name__} to {type(other).__name__}: expected the same"
    ):
        q.kl(other)


@each_family
def test_a_whole_seed_repeats_and_a_generator_moves_on(family):
    q = family(np.random.default_rng(3).normal(size=(4, 50)))
    np.testing.assert_array_equal(q.sample(seed=5), q.sample(seed=5))
    assert not np.array_equal(q.sample(seed=5), q.sample(seed=6))
    generator = keras.random.SeedGenerator(5)
    assert not np.array_equal(q.sample(generator), q.sample(generator))
    assert not np.array_equal(q.sample(), q.sample())


@each_family
def test_parameters_become_single_precision(family):
    q = family(np.zeros((1, 2), "float16"))
    assert all(parameter.dtype == "float32" for parameter in q.parameters)
    assert q.log_prob(np.zeros((1, 2), "uint8")).dtype == "float32"


@each_family
def test_samples_have_the_shape_and_the_mean_of_the_distribution(family):
    row = np.float32([-2.0, -0.3, 0.0, 0.2, 0.6, 3.0])
    n = 50_000
    q = family(np.tile(row, (n, 1)), event_ndims=0)
    drawn = as_numpy(q.sample(seed=0))
    assert drawn.shape == (n, 6)
    # A discretized logistic calls its location its mean, before the tails are clipped to [0, 1].
    mean = (
        np.array([LEVELS @ exact_masses(m, 0.1) for m in row])
        if isinstance(q, DiscretizedLogistic)
        else q.mean()[0]
    )
    assert (np.abs(drawn.mean(axis=0) - as_numpy(mean)) < 5 * drawn.std(axis=0) / math.sqrt(n) + 1e-6).all()


@pytest.mark.parametrize("question", ["mean", "sample", "log_prob", "kl"])
def test_a_new_family_has_to_answer_every_question(question):
    unfinished = Distribution([0.0], event_ndims=1)
    arguments = {"mean": (), "sample": (), "log_prob": ([0.0],), "kl": (unfinished,)}[question]
    with pytest.raises(NotImplementedError):
        getattr(unfinished, question)(*arguments)


@pytest.mark.parametrize("family", [DiagonalNormal, Normal], ids=["diagonal_normal", "normal"])
def test_noise_is_added_to_the_mean(family):
    epsilon = as_numpy(keras.random.normal((4, 3), seed=5))
    drawn = as_numpy(family(np.full((4, 3), 0.5), np.ones((4, 3))).sample(seed=5))
    sigma = math.exp(0.5) if family is DiagonalNormal else 1.0
    np.testing.assert_allclose(drawn, 0.5 + sigma * epsilon, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("family", FAMILIES[2:3] + FAMILIES[4:], ids=NAMES[2:3] + NAMES[4:])
def test_a_larger_uniform_number_gives_a_larger_pixel(family):
    uniform = as_numpy(keras.random.uniform((500,), minval=1e-7, seed=5))
    drawn = as_numpy(family(np.full(500, 0.4), event_ndims=0).sample(seed=5))
    assert stats.spearmanr(uniform, drawn).statistic > 0.99


# --- DiagonalNormal --------------------------------------------------------------------------------------------------


def test_diagonal_normal_against_scipy():
    rng = np.random.default_rng(0)
    mean, log_var, z = rng.normal(size=(3, 5, 2))
    expected = stats.norm(mean, np.exp(0.5 * log_var)).logpdf(z).sum(axis=1)
    np.testing.assert_allclose(as_numpy(DiagonalNormal(mean, log_var).log_prob(z)), expected, rtol=1e-5)
    np.testing.assert_array_equal(DiagonalNormal(mean, log_var).mean(), mean.astype("float32"))


def test_diagonal_normal_samples_follow_their_distribution_function():
    q = DiagonalNormal(np.full(20_000, 0.5), np.full(20_000, math.log(4.0)), event_ndims=0)
    assert stats.kstest(as_numpy(q.sample(seed=1)), stats.norm(0.5, 2.0).cdf).pvalue > 1e-3


# --- Bernoulli -------------------------------------------------------------------------------------------------------


@given(logits(), arrays("float32", (2, 3), elements=st.sampled_from([0.0, 1.0])))
def test_bernoulli_against_scipy(logit, x):
    wide = logit.astype("float64")
    expected = np.where(x == 1, special.log_expit(wide), special.log_expit(-wide)).sum(axis=1)
    np.testing.assert_allclose(as_numpy(Bernoulli(logit).log_prob(x)), expected, rtol=1e-5, atol=1e-5)


def test_bernoulli_on_grey_pixels_is_minus_the_cross_entropy():
    x, p = np.float64([[0.2, 0.9]]), np.float64([[0.3, 0.6]])
    expected = (x * np.log(p) + (1 - x) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(as_numpy(Bernoulli(special.logit(p)).log_prob(x)), expected, rtol=1e-5)


def test_a_confident_mistake_costs_its_logit_and_keeps_its_gradient():
    logit = tf.constant([-30.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logit)
        loss = -Bernoulli(logit).log_prob([1.0])
        capped = keras.losses.binary_crossentropy([1.0], keras.ops.sigmoid(logit) * 1.0)
    np.testing.assert_allclose(float(loss), 30.0, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, logit), [-1.0], rtol=1e-6)
    # The mistake that tutorials make: the sigmoid first, and the loss from what it left. (Times one, because Keras
    # remembers the logits of a tensor that comes straight from its sigmoid, and mends the loss in silence.)
    assert float(capped) < 17
    np.testing.assert_array_equal(tape.gradient(capped, logit), [0.0])


@pytest.mark.parametrize("family", [Bernoulli, ContinuousBernoulli])
@pytest.mark.parametrize("logit", [-100.0, 100.0])
def test_finite_at_extreme_logits(family, logit):
    tensor = tf.constant([[logit, logit, logit]])
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        log_prob = family(tensor).log_prob([[0.0, 0.5, 1.0]])
    assert np.isfinite(log_prob).all()
    assert np.isfinite(tape.gradient(log_prob, tensor)).all()
    assert np.isfinite(family(tensor).mean()).all()
    assert np.isfinite(family(tensor).kl(family(-tensor))).all()


def test_bernoulli_mean_and_samples():
    np.testing.assert_allclose(
        as_numpy(Bernoulli([[-2.0, 0.0]]).mean()), special.expit([[-2.0, 0.0]]), rtol=1e-6
    )
    drawn = as_numpy(Bernoulli(np.full((1000, 2), 0.4)).sample(seed=0))
    assert set(np.unique(drawn)) == {0.0, 1.0}


def test_bernoulli_kl_by_hand():
    q, p = 0.8, 0.3
    expected = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    kl = Bernoulli([special.logit(q)]).kl(Bernoulli([special.logit(p)]))
    np.testing.assert_allclose(float(kl), expected, rtol=1e-5)


# --- Continuous Bernoulli --------------------------------------------------------------------------------------------

AROUND_ZERO = [0.0, 1e-6, -1e-6, 0.005, -0.0099, 0.0101, -0.0101]
LOGITS = [*AROUND_ZERO, 0.5, -3.0, 8.0, 30.0, -30.0]


def exact_log_normalizer(logit):
    """log C, with C = 2 artanh(1 - 2 lambda) / (1 - 2 lambda), in the logit, in double precision."""
    logit = np.abs(np.asarray(logit, "float64"))
    safe = np.where(logit < 1e-4, 1.0, logit)
    return np.where(logit < 1e-4, math.log(2), np.log(safe / np.tanh(safe / 2)))


def exact_mean(logit):
    logit = np.asarray(logit, "float64")
    safe = np.where(np.abs(logit) < 1e-4, 1.0, logit)
    return np.where(np.abs(logit) < 1e-4, 0.5 + logit / 12, -1 / np.expm1(-safe) - 1 / safe)


def distribution_function(logit):
    return lambda x: np.expm1(logit * x) / np.expm1(logit)


@pytest.mark.parametrize("logit", LOGITS)
def test_continuous_bernoulli_integrates_to_one(logit):
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x = (nodes + 1) / 2
    density = np.exp(as_numpy(ContinuousBernoulli(np.full(200, logit), event_ndims=0).log_prob(x)))
    assert abs((weights / 2 * density).sum() - 1) < 2e-5


def test_continuous_bernoulli_normalizer_and_mean():
    q = ContinuousBernoulli(LOGITS)
    np.testing.assert_allclose(as_numpy(q.log_normalizer()), exact_log_normalizer(LOGITS), atol=3e-6)
    np.testing.assert_allclose(as_numpy(q.mean()), exact_mean(np.float32(LOGITS)), atol=3e-5)
    near_zero = np.array([0.0, 1e-6, 0.005, -0.0099])
    exact = math.log(2) + near_zero**2 / 12
    np.testing.assert_allclose(as_numpy(ContinuousBernoulli(near_zero).log_normalizer()), exact, atol=2e-7)


@given(logits(-30, 30), pixels())
def test_continuous_bernoulli_log_prob(logit, x):
    wide, x64 = logit.astype("float64"), x.astype("float64")
    expected = (x64 * wide - np.logaddexp(0, wide) + exact_log_normalizer(wide)).sum(axis=1)
    np.testing.assert_allclose(
        as_numpy(ContinuousBernoulli(logit).log_prob(x)), expected, rtol=1e-5, atol=3e-5
    )


def test_continuous_bernoulli_gradient_is_finite_where_the_logit_is_zero():
    logit = tf.constant([0.0, 0.009, 0.011])
    with tf.GradientTape() as tape:
        tape.watch(logit)
        log_prob = ContinuousBernoulli(logit).log_prob([0.9, 0.9, 0.9])
    # d log p / d logit = x - mean
    np.testing.assert_allclose(tape.gradient(log_prob, logit), 0.9 - exact_mean(logit), atol=1e-3)


@pytest.mark.parametrize("logit", [-30.0, -3.0, 0.011, 0.5, 8.0, 30.0])
def test_continuous_bernoulli_samples_follow_their_distribution_function(logit):
    drawn = as_numpy(ContinuousBernoulli(np.full(20_000, logit), event_ndims=0).sample(seed=2))
    assert ((drawn >= 0) & (drawn <= 1)).all()
    assert stats.kstest(drawn, distribution_function(logit)).pvalue > 1e-3


def test_continuous_bernoulli_samples_at_logit_zero_are_uniform():
    drawn = as_numpy(ContinuousBernoulli(np.zeros(20_000), event_ndims=0).sample(seed=3))
    assert stats.kstest(drawn, stats.uniform.cdf).pvalue > 1e-3


def test_continuous_bernoulli_kl_against_quadrature():
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x = (nodes + 1) / 2
    for q_logit, p_logit in [(2.0, -1.0), (0.0, 3.0), (-5.0, 0.0)]:
        log_q, log_p = (x * t - np.logaddexp(0, t) + exact_log_normalizer(t) for t in (q_logit, p_logit))
        expected = (weights / 2 * np.exp(log_q) * (log_q - log_p)).sum()
        kl = ContinuousBernoulli([q_logit]).kl(ContinuousBernoulli([p_logit]))
        np.testing.assert_allclose(float(kl), expected, rtol=1e-4)


# --- Normal ----------------------------------------------------------------------------------------------------------


@given(logits(-3, 3), pixels(), st.sampled_from([0.05, 0.5, 1.0, 3.0]))
def test_normal_against_scipy(mean, x, scale):
    expected = stats.norm(mean.astype("float64"), scale).logpdf(x.astype("float64")).sum(axis=1)
    np.testing.assert_allclose(as_numpy(Normal(mean, scale).log_prob(x)), expected, rtol=1e-4, atol=1e-4)


def test_normal_has_scale_one_unless_told():
    np.testing.assert_allclose(as_numpy(Normal([0.5]).log_prob([2.5])), stats.norm.logpdf(2.0), rtol=1e-6)


def test_variance_one_half_is_the_summed_squared_error():
    rng = np.random.default_rng(0)
    x, mean = rng.uniform(size=(2, 3, 4, 4, 1))
    loss = -as_numpy(Normal(mean, math.sqrt(0.5), event_ndims=3).log_prob(x))
    squared_error = ((x - mean) ** 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(loss - squared_error, 16 * 0.5 * math.log(math.pi), rtol=1e-5)


def test_the_best_shared_scale_is_the_root_of_the_mean_squared_error():
    rng = np.random.default_rng(1)
    x, mean = rng.uniform(size=(2, 30))
    rmse = np.sqrt(np.mean((x - mean) ** 2))
    scales = rmse * np.linspace(0.5, 2, 301)
    log_probs = [float(Normal(mean, scale).log_prob(x)) for scale in scales[::10]]
    assert scales[::10][np.argmax(log_probs)] == pytest.approx(rmse, rel=0.06)


def test_normal_samples_and_mean():
    q = Normal(np.full(20_000, 0.3), 0.2, event_ndims=0)
    assert stats.kstest(as_numpy(q.sample(seed=1)), stats.norm(0.3, 0.2).cdf).pvalue > 1e-3
    np.testing.assert_array_equal(q.mean(), np.full(20_000, 0.3, "float32"))


def test_normal_kl_by_hand():
    expected = math.log(3.0 / 0.5) + (0.25 + 1.0) / 18 - 0.5
    np.testing.assert_allclose(float(Normal([1.0], 0.5).kl(Normal([2.0], 3.0))), expected, rtol=1e-6)


# --- Discretized logistic --------------------------------------------------------------------------------------------


def exact_masses(mean, scale):
    """Masses of the 256 levels in double precision: differences of the logistic distribution function."""
    inner = special.expit((LEVELS[:-1] + 0.5 / 255 - mean) / scale)
    return np.diff(np.concatenate([[0.0], inner, [1.0]]))


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 0.1, 1.0, 1e4])
@pytest.mark.parametrize("mean", [-5.0, 0.0, 0.3, 128 / 255, 1.0, 6.0])
def test_masses_of_all_levels_sum_to_one(mean, scale):
    log_masses = as_numpy(DiscretizedLogistic(np.full(256, mean), scale, event_ndims=0).log_prob(LEVELS))
    assert np.isfinite(log_masses).all()
    assert abs(np.exp(log_masses).sum() - 1) < 1e-4


@pytest.mark.parametrize("scale", [0.02, 0.1, 1.0, 1e4])
@pytest.mark.parametrize("mean", [-0.1, 0.0, 0.3, 1.0])
def test_masses_against_double_precision(mean, scale):
    log_masses = as_numpy(DiscretizedLogistic(np.full(256, mean), scale, event_ndims=0).log_prob(LEVELS))
    np.testing.assert_allclose(np.exp(log_masses), exact_masses(mean, scale), rtol=2e-3, atol=1e-9)


def test_far_in_the_tail_the_log_mass_falls_linearly():
    # 1e-3 below 0.5 in scale: sigmoid differences are zero in single precision, the log mass is about -400.
    log_mass = float(DiscretizedLogistic([0.5], 1e-3).log_prob([0.1 * 255 // 1 / 255]))
    distance = (0.5 - 25 / 255 - 0.5 / 255) / 1e-3
    np.testing.assert_allclose(log_mass, -distance + math.log1p(-math.exp(-1 / 255 / 1e-3)), rtol=1e-3)


def test_discretized_logistic_has_scale_a_tenth_unless_told():
    np.testing.assert_allclose(
        as_numpy(DiscretizedLogistic([0.4]).log_prob([50 / 255])),
        np.log(exact_masses(0.4, 0.1)[50]),
        rtol=1e-4,
    )
    np.testing.assert_array_equal(DiscretizedLogistic([0.4]).mean(), np.float32([0.4]))


@pytest.mark.parametrize("mean", [0.0, 0.4, 1.0])
def test_discretized_logistic_samples_have_the_masses_of_their_levels(mean):
    n = 50_000
    drawn = as_numpy(DiscretizedLogistic(np.full(n, mean), 0.1, event_ndims=0).sample(seed=4))
    level = np.round(drawn * 255)
    np.testing.assert_allclose(drawn, level / 255, atol=1e-7)
    assert level.min() >= 0
    assert level.max() <= 255
    expected = n * exact_masses(mean, 0.1)
    counts = np.bincount(level.astype(int), minlength=256)
    often = expected > 20
    chi_square = ((counts - expected) ** 2 / expected)[often].sum()
    assert stats.chi2(often.sum()).sf(chi_square) > 1e-3


def test_discretized_logistic_kl_against_the_sum_over_levels():
    q, p = exact_masses(0.3, 0.1), exact_masses(0.6, 0.2)
    expected = (q * np.log(q / p)).sum()
    kl = DiscretizedLogistic([0.3, 0.3], 0.1).kl(DiscretizedLogistic([0.6, 0.6], 0.2))
    np.testing.assert_allclose(float(kl), 2 * expected, rtol=1e-4)


# --- Exact KLs against a million draws -------------------------------------------------------------------------------

PAIRS = {
    "diagonal_normal": (
        lambda s: DiagonalNormal(s(0.5), s(-1.0), 0),
        lambda s: DiagonalNormal(s(-0.2), s(0.4), 0),
    ),
    "bernoulli": (lambda s: Bernoulli(s(1.3), 0), lambda s: Bernoulli(s(-0.4), 0)),
    "continuous_bernoulli": (
        lambda s: ContinuousBernoulli(s(2.5), 0),
        lambda s: ContinuousBernoulli(s(-1.0), 0),
    ),
    "normal": (lambda s: Normal(s(0.4), 0.2, 0), lambda s: Normal(s(0.7), 0.5, 0)),
    "discretized_logistic": (
        lambda s: DiscretizedLogistic(s(0.3), 0.08, 0),
        lambda s: DiscretizedLogistic(s(0.5), 0.15, 0),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_kl_agrees_with_a_million_draws(name):
    q, p = (make(lambda value: np.full(DRAWS, value, "float32")) for make in PAIRS[name])
    x = q.sample(seed=11)
    ratio = as_numpy(q.log_prob(x)) - as_numpy(p.log_prob(x))
    small_q, small_p = (make(lambda value: np.full(1, value, "float32")) for make in PAIRS[name])
    closed = float(small_q.kl(small_p)[0])
    assert abs(closed - ratio.mean()) < 5 * ratio.std() / math.sqrt(DRAWS)


@given(logits(-8, 8), logits(-8, 8))
def test_kl_is_never_negative(first, second):
    for family in (Bernoulli, ContinuousBernoulli, Normal):
        assert (as_numpy(family(first).kl(family(second))) >= -1e-4).all()


@pytest.mark.parametrize("ask", ["log_normalizer", "mean"])
def test_the_continuous_bernoulli_has_a_gradient_at_one_half(ask):
    logits = tf.constant([[0.0, 1e-4, 0.02]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = getattr(ContinuousBernoulli(logits), ask)()
    gradient = as_numpy(tape.gradient(value, logits))[0]
    # Slopes of the series: l/6 for log C, 1/12 for the mean.
    slopes = [0.0, 1e-4 / 6, 0.02 / 6] if ask == "log_normalizer" else [1 / 12] * 3
    np.testing.assert_allclose(gradient, slopes, atol=2e-3)
