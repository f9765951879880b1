"""Protects training in half precision where the encoder is extremely sure or unsure: no NaN, no infinity, in the bound
and in the weights after a step."""

import keras
import numpy as np
import pytest

from companion.networks import LOG_VAR_BOUND
from companion.vae import VAE

IMAGES = np.random.default_rng(0).uniform(size=(8, 4, 4, 1)).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize("raw", [-6e4, -30.0, 12.0, 30.0, 6e4])
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float32"])
def test_the_bound_and_a_step_are_finite(policy, raw):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = VAE(**VAE.build_networks((4, 4, 1), 2, hidden=(8,), seed=0), seed=0)
    finally:
        keras.config.set_dtype_policy(before)
    head = model.encoder.get_layer("raw_log_var")
    head.kernel.assign(np.zeros(head.kernel.shape))
    head.bias.assign(np.full(2, raw))
    z_log_var = model.encode(IMAGES)[1].astype("float64")
    wanted = LOG_VAR_BOUND * np.tanh(raw / LOG_VAR_BOUND)
    np.testing.assert_allclose(z_log_var, wanted, rtol=0.02)
    terms = model.elbo_terms(IMAGES, model.noise(8, 0))
    # The KL of one coordinate whose mean is near 0, in closed form.
    assert np.isfinite(terms["elbo"]).all()
    assert terms["kl"].min() >= 0.9 * (np.exp(wanted) - 1 - wanted)  # two coordinates, half of this each
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=False)
    model.fit(IMAGES, epochs=2, verbose=0)
    for weight in model.get_weights():
        assert np.isfinite(weight).all()
