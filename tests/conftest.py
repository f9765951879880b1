"""What several test files share: TensorFlow kept quiet, hypothesis made repeatable, small images and small models.

Keras is imported inside the fixtures, so that tests that need no network do not wait for it.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "companion",
    deadline=None,
    max_examples=25,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("companion")

SMALL_SHAPE = (4, 4, 1)


@pytest.fixture(autouse=True)
def same_seeds():
    """Every test begins with the same global seeds, by which Keras shuffles images, whatever ran before it."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(scope="session")
def images():
    """Twenty grey images of 4x4 pixels with values in [0, 1]."""
    pixels = np.random.default_rng(0).uniform(size=(20, *SMALL_SHAPE)).astype("float32")
    pixels.flags.writeable = False
    return pixels


@pytest.fixture(scope="session")
def new_vae():
    """A function that makes a small VAE for 4x4 images; keyword arguments go to VAE."""
    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    def make(seed=0, *, shape=SMALL_SHAPE, latent_dim=2, **kwargs):
        encoder = build_encoder(shape, latent_dim, hidden=(8,), seed=2 * seed)
        decoder = build_decoder(latent_dim, shape, hidden=(8,), seed=2 * seed + 1)
        return VAE(encoder, decoder, seed=seed, **kwargs)

    return make


@pytest.fixture(scope="session")
def vae(new_vae):
    """A small VAE that no test may train; its noise streams do move on."""
    return new_vae()


@pytest.fixture(scope="session")
def noiseless_vae():
    """A function that makes a small VAE whose encoder gives z = z_mean, so that its figures are exact."""
    import keras

    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    def make(**kwargs):
        full = build_encoder(SMALL_SHAPE, 2, hidden=(8,), seed=0)
        z_mean, z_log_var, _ = full.outputs
        encoder = keras.Model(full.inputs, [z_mean, z_log_var, keras.layers.Identity()(z_mean)])
        return VAE(encoder, build_decoder(2, SMALL_SHAPE, hidden=(8,), seed=1), seed=0, **kwargs)

    return make
