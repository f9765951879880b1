"""Protects the flows: log determinants are those of a numerical Jacobian, maps are undone by their inverse, densities
integrate to one, a coordinate depends on those before it alone, and the flow posterior's bound stays below log p(x)."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.stats import norm

from companion.errors import BadInput
from companion.flow import IAFVAE, AutoregressiveStep, Coupling, CouplingFlow
from companion.linear_gaussian import LinearGaussian
from companion.networks import build_decoder, build_encoder

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).uniform(size=(6, *SHAPE)).astype("float32")
EPSILON = 1e-2


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor).astype("float64")


def stirred(layer, size=0.4, seed=0):
    """``layer`` with random numbers added to its weights: new ones are the identity, which would prove nothing."""
    draws = np.random.default_rng(seed)
    for weight in layer.trainable_weights:
        weight.assign(weight.numpy() + size * draws.normal(size=weight.shape))
    return layer


def jacobian(function, z):
    """The matrix of derivatives at one point ``(d,)``, by central differences."""
    columns = []
    for place in range(len(z)):
        step = EPSILON * np.eye(len(z))[place]
        up, down = (as_numpy(function((z + sign * step)[None].astype("float32")))[0] for sign in (1, -1))
        columns.append((up - down) / (2 * EPSILON))
    return np.stack(columns, axis=1)


def log_abs_det(function, z):
    return np.linalg.slogdet(jacobian(function, z))[1]


@pytest.mark.parametrize("latent_dim", [2, 3, 5])
@pytest.mark.parametrize("turned", [False, True])
def test_a_coupling_has_the_determinant_of_its_jacobian_and_an_inverse(latent_dim, turned):
    coupling = stirred(Coupling(latent_dim, hidden=8, turned=turned, seed=0))
    z = np.random.default_rng(1).normal(size=(4, latent_dim)).astype("float32")
    u, log_det = coupling(z)
    for row, found in zip(z, as_numpy(log_det), strict=True):
        assert found == pytest.approx(log_abs_det(lambda each: coupling(each)[0], row), abs=0.02)
    np.testing.assert_allclose(coupling.inverse(u), z, atol=1e-5)
    kept = slice(latent_dim // 2, None) if turned else slice(latent_dim // 2)
    np.testing.assert_array_equal(as_numpy(u)[:, kept], z[:, kept])
    assert np.abs(as_numpy(u) - z).max() > 0.05
    assert np.ptp(as_numpy(log_det)) > 0.01, "a determinant that is the same everywhere proves little"


def test_the_log_scale_of_a_coupling_is_bounded():
    coupling = stirred(Coupling(2, hidden=8, seed=0), size=50.0)
    log_det = as_numpy(coupling(np.random.default_rng(0).normal(size=(100, 2)))[1])
    assert np.abs(log_det).max() <= 3.0 and np.abs(log_det).max() > 2.9


@pytest.mark.parametrize("latent_dim", [2, 5])
def test_a_flow_has_the_determinant_of_its_jacobian_and_an_inverse(latent_dim):
    flow = stirred(CouplingFlow(latent_dim, num_couplings=3, hidden=8, seed=0), 0.3)
    z = np.random.default_rng(1).normal(size=(4, latent_dim)).astype("float32")
    u, log_det = flow(z)
    for row, found in zip(z, as_numpy(log_det), strict=True):
        assert found == pytest.approx(log_abs_det(lambda each: flow(each)[0], row), abs=0.05)
    np.testing.assert_allclose(flow.inverse(u), z, atol=1e-4)
    expected = norm.logpdf(as_numpy(u)).sum(axis=1) + as_numpy(log_det)
    np.testing.assert_allclose(flow.log_prob(z), expected, rtol=1e-4)


def test_the_density_of_a_flow_integrates_to_one_and_its_draws_follow_it():
    flow = stirred(CouplingFlow(2, num_couplings=4, hidden=8, seed=0), 0.25)
    axis = np.linspace(-12, 12, 401)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(as_numpy(flow.log_prob(points))) * (axis[1] - axis[0]) ** 2
    assert density.sum() == pytest.approx(1.0, abs=0.01)
    drawn = flow.draw(20_000, seed=1)
    np.testing.assert_allclose(drawn.mean(axis=0), density @ points, atol=0.05)
    spread = np.sqrt(density @ (points - density @ points) ** 2)
    np.testing.assert_allclose(drawn.std(axis=0), spread, rtol=0.05)
    assert np.abs(spread - 1).max() > 0.05


def test_a_new_flow_is_a_standard_normal_and_one_that_adapted_a_normal_of_the_codes():
    flow = CouplingFlow(3, seed=0)
    z = np.random.default_rng(0).normal([4.0, 0.0, -1.0], [0.5, 2.0, 1.0], size=(1000, 3)).astype("float32")
    np.testing.assert_allclose(flow.log_prob(z), norm.logpdf(z).sum(axis=1), rtol=1e-4)
    flow.adapt(IMAGES, z, np.random.default_rng(0))
    expected = norm(z.mean(axis=0), z.std(axis=0)).logpdf(z).sum(axis=1)
    np.testing.assert_allclose(flow.log_prob(z), expected, rtol=1e-3, atol=1e-3)
    assert flow.given(None) is flow


def test_draws_with_an_axis_in_front_have_the_same_densities():
    flow = stirred(CouplingFlow(3, hidden=8, seed=0), 0.2)
    z = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
    np.testing.assert_allclose(as_numpy(flow.log_prob(z))[2], flow.log_prob(z[2]), rtol=1e-5)


@pytest.mark.parametrize("latent_dim", [1, 4])
@pytest.mark.parametrize("turned", [False, True])
def test_an_autoregressive_step_has_the_determinant_of_its_jacobian(latent_dim, turned):
    step = stirred(AutoregressiveStep(latent_dim, 3, hidden=16, turned=turned, seed=0), 0.6)
    z = np.random.default_rng(1).normal(size=(4, latent_dim)).astype("float32")
    context = np.random.default_rng(2).normal(size=(4, 3)).astype("float32")
    moved, log_det = step(z, context)
    for row, beside, found in zip(z, context, as_numpy(log_det), strict=True):
        function = lambda each, beside=beside: step(each, beside[None])[0]  # noqa: E731
        assert found == pytest.approx(log_abs_det(function, row), abs=0.02)
        matrix = jacobian(function, row)
        above = np.triu(matrix, 1) if not turned else np.tril(matrix, -1)
        below = np.tril(matrix, -1) if not turned else np.triu(matrix, 1)
        np.testing.assert_allclose(above, 0, atol=1e-4)
        if latent_dim > 1:
            assert np.count_nonzero(np.abs(below) > 1e-4) == 6, "every earlier coordinate has a say"
    other, _ = step(z, context + 1.0)
    assert np.abs(as_numpy(other) - as_numpy(moved)).min() > 1e-4, "the context has a say in every coordinate"


def test_a_new_step_stays_near_the_identity():
    moved, log_det = AutoregressiveStep(3, 2, seed=0)(np.ones((1, 3)), np.zeros((1, 2)))
    np.testing.assert_allclose(moved, np.full((1, 3), 1 / (1 + np.exp(-2))), rtol=1e-5)
    np.testing.assert_allclose(log_det, [-3 * np.log1p(np.exp(-2))], rtol=1e-5)


def iaf(num_steps=2, latent_dim=2):
    encoder = build_encoder(SHAPE, latent_dim, hidden=(8,), seed=0)
    return IAFVAE(encoder, build_decoder(latent_dim, SHAPE, hidden=(8,), seed=1), num_steps=num_steps, seed=0)


def test_the_terms_of_a_flow_posterior_are_those_of_its_density():
    model = iaf()
    for step in model.flow_steps:
        stirred(step)
    assert [step.turned for step in model.flow_steps] == [False, True]
    epsilon = model.noise(6, 3)
    z_mean, z_log_var, _ = (as_numpy(part) for part in model.encoder(IMAGES))
    start = z_mean + np.exp(0.5 * z_log_var) * epsilon
    z, context = start.astype("float32"), np.concatenate([z_mean, z_log_var], axis=1).astype("float32")
    log_q = norm(z_mean, np.exp(0.5 * z_log_var)).logpdf(start).sum(axis=1)
    for step in model.flow_steps:
        z, log_det = step(z, context)
        log_q = log_q - as_numpy(log_det)
    terms = model.elbo_terms(IMAGES, epsilon)
    np.testing.assert_allclose(
        terms["kl"], log_q - norm.logpdf(as_numpy(z)).sum(axis=1), rtol=1e-3, atol=1e-4
    )
    logits = as_numpy(model.decoder(z))
    log_likelihood = (IMAGES * logits - np.logaddexp(0, logits)).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(terms["log_likelihood"], log_likelihood, rtol=1e-4)
    assert np.abs(as_numpy(z) - start).max() > 0.1


def test_the_bound_of_a_flow_posterior_stays_below_the_exact_value_and_reaches_it():
    exact = LinearGaussian.random(pixels=12, latent_dim=3, scale=0.3)
    x = exact.sample(200)
    vae = exact.vae(mean_shift=0.2, log_var_shift=0.5)
    model = IAFVAE(vae.encoder, vae.decoder, likelihood=vae.likelihood, num_steps=2, seed=0)
    for step in model.flow_steps:
        stirred(step, 0.3)
    truth = exact.log_prob(x).mean()
    weights = as_numpy(model.log_weights(x, 400, seed=0))
    bounds = [np.mean(np.logaddexp.reduce(weights[:k], axis=0) - np.log(k)) for k in (1, 20, 400)]
    assert bounds[0] < bounds[1] < bounds[2] < truth + 0.02
    assert bounds[2] == pytest.approx(truth, abs=0.3)
    assert bounds[0] < truth - 0.5


def test_codes_and_reconstructions_lie_where_the_steps_take_them():
    model = iaf()
    for step in model.flow_steps:
        stirred(step)
    z_mean, z_log_var, _ = model.encoder(IMAGES)
    middle, log_var, z = model.encode(IMAGES)
    np.testing.assert_allclose(middle, model.transform(z_mean, z_mean, z_log_var)[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_var, z_log_var, rtol=1e-6)
    assert z.shape == middle.shape and not np.allclose(z, middle)
    np.testing.assert_allclose(model.reconstruct(IMAGES), model.decode(middle), rtol=1e-5)


@pytest.mark.slow
def test_training_lowers_the_bound_and_the_steps_learn(tmp_path):
    model = iaf()
    model.compile(keras.optimizers.Adam(0.02), jit_compile=False)
    before = [weight.numpy().copy() for step in model.flow_steps for weight in step.trainable_weights]
    history = model.fit(IMAGES, epochs=30, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.5
    after = [weight.numpy() for step in model.flow_steps for weight in step.trainable_weights]
    assert all(np.abs(a - b).max() > 1e-4 for a, b in zip(after, before, strict=True))
    model.save(tmp_path / "iaf.keras")
    loaded = keras.models.load_model(tmp_path / "iaf.keras")
    epsilon = model.noise(6, 0)
    np.testing.assert_allclose(
        loaded.elbo_terms(IMAGES, epsilon)["elbo"], model.elbo_terms(IMAGES, epsilon)["elbo"], rtol=1e-5
    )


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Coupling(1), "latent_dim=1: expected a whole number of at least 2"),
        (lambda: Coupling(2, hidden=0), "hidden=0"),
        (lambda: CouplingFlow(4, num_couplings=0), "num_couplings=0"),
        (lambda: CouplingFlow(1), "latent_dim=1"),
        (lambda: AutoregressiveStep(0, 2), "latent_dim=0"),
        (lambda: AutoregressiveStep(2, 0), "context_dim=0"),
        (lambda: AutoregressiveStep(2, 2, hidden=-1), "hidden=-1"),
        (lambda: iaf(num_steps=0), "num_steps=0"),
        (lambda: CouplingFlow(2, seed=-1), "seed=-1"),
        (lambda: CouplingFlow(2).draw(0), "n=0"),
    ],
)
def test_bad_settings_are_refused(make, words):
    with pytest.raises(BadInput, match=words):
        make()


def test_equal_seeds_give_equal_flows_and_every_coupling_its_own_weights():
    first, second, other = CouplingFlow(4, seed=3), CouplingFlow(4, seed=3), CouplingFlow(4, seed=4)
    kernels = [coupling.stack[0].kernel.numpy() for coupling in first.couplings]
    np.testing.assert_array_equal(kernels[2], second.couplings[2].stack[0].kernel.numpy())
    assert not np.allclose(kernels[0], kernels[2])
    assert not np.allclose(kernels[0], other.couplings[0].stack[0].kernel.numpy())
    steps = iaf(3).flow_steps
    assert not np.allclose(steps[0].kernel.numpy(), steps[2].kernel.numpy())
    assert CouplingFlow.from_config(first.get_config()).get_config() == first.get_config()
