"""Protects every family under every floating type: as the policy of its networks, and as the type of its input."""

import keras
import ml_dtypes
import numpy as np
import pytest

from companion.adversarial import AAE, VAEGAN
from companion.autoencoder import Autoencoder
from companion.beta_vae import BetaVAE
from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE
from companion.errors import BadInput, is_real_dtype
from companion.evaluation import log_likelihood, score
from companion.flow import IAFVAE
from companion.fsq import FSQVAE, ResidualVQVAE, RotatingVQVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE, implied_posterior, log_joint
from companion.latent_diffusion import LatentDiffusion
from companion.likelihoods import Likelihood
from companion.miwae import MIWAE
from companion.networks import build_conv_decoder, build_conv_encoder
from companion.pixel_vae import PixelVAE
from companion.priors import PriorVAE
from companion.semi_supervised import SemiSupervisedVAE
from companion.vae import VAE
from companion.vq_vae import VQVAE

SHAPE = (8, 8, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
LABELS = np.arange(6) % 3
POLICIES = ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16", "float64")

FAMILIES = {
    "Autoencoder": (Autoencoder, {}),
    "VAE": (VAE, {}),
    "conv VAE": (VAE, {"conv": True}),
    "normal VAE": (VAE, {"likelihood": "normal"}),
    "BetaVAE": (BetaVAE, {"warm_up_steps": 3}),
    "IWAE": (IWAE, {"num_samples": 2}),
    "IWAE, doubly reparameterized": (IWAE, {"num_samples": 2, "doubly_reparameterized": True}),
    "MIWAE": (MIWAE, {"num_samples": 2}),
    "ConditionalVAE": (ConditionalVAE, {"num_classes": 3, "prior": "learned"}),
    "ConditionalVAE of vectors": (ConditionalVAE, {"condition_shape": (2,)}),
    "SemiSupervisedVAE": (SemiSupervisedVAE, {"num_classes": 3}),
    "HierarchicalVAE": (HierarchicalVAE, {"latent_dims": (3, 2)}),
    "top-down": (HierarchicalVAE, {"latent_dims": (3, 2), "inference": "top_down", "warm_up_steps": 3}),
    "DiscreteVAE": (DiscreteVAE, {"num_latents": 2, "num_categories": 3, "cooling_steps": 3}),
    "hard DiscreteVAE": (DiscreteVAE, {"num_latents": 2, "num_categories": 3, "hard": True}),
    "VQVAE": (VQVAE, {"num_embeddings": 4, "filters": (4,), "embedding_dim": 2}),
    "mixture": (PriorVAE, {"prior": "mixture", "components": 3}),
    "vamp": (PriorVAE, {"components": 3}),
    "flow": (PriorVAE, {"prior": "flow"}),
    "IAFVAE": (IAFVAE, {"num_steps": 2}),
    "FSQVAE": (FSQVAE, {"levels": (3, 2), "filters": (4,)}),
    "ResidualVQVAE": (ResidualVQVAE, {"stages": (3, 2), "filters": (4,), "embedding_dim": 2}),
    "RotatingVQVAE": (RotatingVQVAE, {"num_embeddings": 4, "filters": (4,), "embedding_dim": 2}),
    "LatentDiffusion": (LatentDiffusion, {"units": (8,), "frozen": False}),
    "VQVAE by its loss": (
        VQVAE,
        {"num_embeddings": 4, "filters": (4,), "embedding_dim": 2, "codebook": "loss", "prior": "uniform"},
    ),
    "AAE": (AAE, {}),
    "VAEGAN": (VAEGAN, {}),
    "PixelVAE": (PixelVAE, {"filters": 2, "free_bits": 0.5}),
}


@pytest.fixture
def policy(request):
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


def build(name):
    family, own = FAMILIES[name]
    own = dict(own)
    if own.pop("conv", False):
        networks = build_conv_encoder(SHAPE, 2, filters=(4, 4)), build_conv_decoder(2, SHAPE, filters=(4, 4))
        return family(*networks, seed=0, **own)
    return family(input_shape=SHAPE, seed=0, **own)


def given(model, images=IMAGES):
    if not isinstance(model, ConditionalVAE):
        return images
    return images, LABELS if model.num_classes else np.eye(2)[LABELS % 2]


def finite(values):
    for part in keras.tree.flatten(values):
        array = np.asarray(part)
        assert array.dtype.kind in "iub" or np.isfinite(array.astype("float64")).all()
    return values


# Every family in two policies: the first, and one of the others in turn. A graph is traced for the first alone.
PAIRS = [(name, POLICIES[0]) for name in FAMILIES]
PAIRS += [(name, POLICIES[1 + place % 4]) for place, name in enumerate(FAMILIES)]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "policy"), PAIRS, indirect=["policy"])
def test_every_method_works_under_every_policy(name, policy):
    model = build(name)
    x = given(model)
    optimizer = keras.optimizers.Adam(1e-3, epsilon=1e-4)
    model.compile(optimizer, jit_compile=False, run_eagerly=policy != POLICIES[0])
    finite(model.fit(x, epochs=2, batch_size=3, verbose=0).history["loss"])
    finite(model.evaluate(x, verbose=0))
    codes = finite(model.encode(x))
    pictures = finite(model.reconstruct(x))
    assert pictures.shape == IMAGES.shape
    assert pictures.min() >= 0
    assert pictures.max() <= 1
    assert is_real_dtype(pictures.dtype)
    if name == "Autoencoder":
        np.testing.assert_array_equal(model.decode(codes), pictures)
        return
    labels = {"labels": given(model)[1]} if isinstance(model, ConditionalVAE) else {}
    assert finite(model.sample(6, seed=1, **labels)).shape == IMAGES.shape
    terms = finite(model.elbo_terms(x))
    with_noise = finite(model.elbo_terms(x, model.noise(6, 0)))
    weights = finite(model.log_weights(x, 3, seed=0))
    for value in (*terms.values(), *with_noise.values(), weights):
        assert keras.backend.standardize_dtype(value.dtype) == "float32"
    finite(log_likelihood(model, x, 3))
    assert np.isfinite(score(model, x, k=2)["neg_elbo"])
    if labels:
        finite(model.generate(labels["labels"], seed=0))
    if hasattr(model, "sample_layers"):
        finite(model.sample_layers(3, 0))
        finite(model.encode_layers(x))
    if hasattr(model, "fit_prior") and model.prior.weights:
        finite(model.fit_prior(x, epochs=1, verbose=0).history["loss"])
    if name in ("VAE", "BetaVAE", "IWAE"):
        finite(log_joint(model, IMAGES[0], codes[0]))
        finite(implied_posterior(model, IMAGES[0], codes[0], 3, repeats=2))


@pytest.mark.parametrize("policy", POLICIES, indirect=True)
def test_half_the_digits_do_not_change_the_score_by_much(policy):
    vae = VAE(input_shape=SHAPE, seed=0)
    same = VAE(input_shape=SHAPE, seed=0) if policy == "float32" else None
    keras.config.set_dtype_policy("float32")
    same = VAE(input_shape=SHAPE, seed=0)
    same.set_weights([np.asarray(weight).astype("float32") for weight in vae.get_weights()])
    epsilon = same.noise(6, 0)
    np.testing.assert_allclose(
        vae.elbo_terms(IMAGES, epsilon)["elbo"], same.elbo_terms(IMAGES, epsilon)["elbo"], rtol=0.02
    )


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16"], indirect=True)
@pytest.mark.parametrize("name", ["VAE", "ConditionalVAE", "VQVAE", "DiscreteVAE", "HierarchicalVAE"])
def test_a_model_of_another_type_saves_and_loads(name, policy, tmp_path):
    model = build(name)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.reconstruct(given(model)), model.reconstruct(given(model)))


TYPES = ("float16", "float64", "bfloat16", ">f4", "longdouble")


def of_type(array, name):
    return array.astype(ml_dtypes.bfloat16 if name == "bfloat16" else np.dtype(name))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "name", ["Autoencoder", "VAE", "ConditionalVAE of vectors", "HierarchicalVAE", "VQVAE"]
)
def test_images_codes_and_conditions_of_every_floating_type_are_taken(name, dtype):
    model = build(name)
    images = of_type(IMAGES, dtype)
    x = given(model, images)
    if name == "ConditionalVAE of vectors":
        x = (images, of_type(x[1], dtype))
    model.compile("adam", jit_compile=False, run_eagerly=True)
    finite(model.fit(x, epochs=1, verbose=0).history["loss"])
    again = given(model, images.astype("float32"))
    np.testing.assert_allclose(model.reconstruct(x), model.reconstruct(again), rtol=1e-5)
    if name in ("Autoencoder", "VAE", "HierarchicalVAE"):
        size = model.latent_dim
        codes = of_type(np.random.default_rng(0).normal(size=(3, size)), dtype)
        np.testing.assert_allclose(model.decode(codes), model.decode(codes.astype("float32")), rtol=1e-5)
    if name in ("VAE", "HierarchicalVAE"):
        noise = of_type(model.noise(6, 0), dtype)
        finite(model.elbo_terms(x, noise))


def test_tensors_of_every_floating_type_are_taken():
    vae = VAE(input_shape=SHAPE, seed=0)
    for dtype in ("bfloat16", "float16", "float64"):
        tensor = keras.ops.cast(IMAGES, dtype)
        np.testing.assert_allclose(vae.reconstruct(tensor), vae.reconstruct(IMAGES), atol=0.02)
        finite(vae.decode(keras.ops.cast(np.zeros((2, 2)), dtype)))


def test_what_is_no_real_number_stays_out():
    assert not any(is_real_dtype(kind) for kind in ("complex64", "<U3", "S3", "O", "M8[s]", "m8[s]", "V8"))
    assert not is_real_dtype(np.dtype([("float", "f4")]))
    assert all(is_real_dtype(kind) for kind in ("bool", "uint8", "int64", "float16", ml_dtypes.bfloat16))
    assert is_real_dtype(ml_dtypes.float8_e4m3fn)
    vae = VAE(input_shape=SHAPE, seed=0)
    with pytest.raises(BadInput, match=r"codes have shape .* and dtype complex64"):
        vae.decode(np.zeros((2, 2), "complex64"))


def test_a_likelihood_with_a_scale_keeps_single_precision():
    keras.config.set_dtype_policy("float16")
    try:
        likelihood = Likelihood("normal")
    finally:
        keras.config.set_dtype_policy("float32")
    assert likelihood.raw_scale.dtype == "float32"
