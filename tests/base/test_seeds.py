"""Protects every place that takes a seed: whole numbers of NumPy count as whole numbers, 0 is a seed like any other,
and whatever else comes is named before anything is drawn."""

import keras
import numpy as np
import pytest
from keras import random

from companion import data
from companion.adversarial import AAE, VAEGAN
from companion.beta_vae import BetaVAE
from companion.categorical import Categorical
from companion.conditional_vae import ConditionalVAE
from companion.discrete_vae import DiscreteVAE, gumbel
from companion.distributions import (
    Bernoulli,
    ContinuousBernoulli,
    DiagonalNormal,
    DiscretizedLogistic,
    Normal,
)
from companion.errors import BadInput, check_seed
from companion.evaluation import disentanglement, log_likelihood, score
from companion.evaluation.judge import train_judge
from companion.flow import IAFVAE, CouplingFlow
from companion.fsq import FSQVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.iwae import IWAE, implied_posterior
from companion.latent_diffusion import LatentDiffusion
from companion.layers import Sampling
from companion.linear_gaussian import LinearGaussian
from companion.pixel_vae import PixelVAE
from companion.priors import NormalMixture, PriorVAE
from companion.semi_supervised import SemiSupervisedVAE
from companion.vae import VAE
from companion.vq_vae import VQVAE, PixelCNN, UniformPrior, VectorQuantizer

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
LABELS = np.arange(6) % 3
FACTORS = np.stack([np.arange(60) % 3, np.arange(60) % 4], axis=1)

FAMILIES = {
    "VAE": (VAE, {}),
    "BetaVAE": (BetaVAE, {}),
    "IWAE": (IWAE, {"num_samples": 2}),
    "AAE": (AAE, {}),
    "VAEGAN": (VAEGAN, {}),
    "PixelVAE": (PixelVAE, {"filters": 2}),
    "ConditionalVAE": (ConditionalVAE, {"num_classes": 3}),
    "learned prior": (ConditionalVAE, {"num_classes": 3, "prior": "learned"}),
    "SemiSupervisedVAE": (SemiSupervisedVAE, {"num_classes": 3}),
    "HierarchicalVAE": (HierarchicalVAE, {"latent_dims": (3, 2)}),
    "DiscreteVAE": (DiscreteVAE, {"num_latents": 2, "num_categories": 3}),
    "VQVAE": (VQVAE, {"num_embeddings": 4, "filters": (4,), "embedding_dim": 2}),
    "PriorVAE": (PriorVAE, {"components": 3}),
    "flow": (PriorVAE, {"prior": "flow"}),
    "IAFVAE": (IAFVAE, {"num_steps": 2}),
    "FSQVAE": (FSQVAE, {"levels": (3, 2), "filters": (4,)}),
    "LatentDiffusion": (LatentDiffusion, {"units": (8,)}),
}
MODELS: dict = {}


def model_of(name, seed=5):
    if (name, seed) not in MODELS:
        family, own = FAMILIES[name]
        MODELS[name, seed] = family(input_shape=SHAPE, seed=seed, **own)
    return MODELS[name, seed]


def pair(name):
    return (IMAGES, LABELS) if name in ("ConditionalVAE", "learned prior", "SemiSupervisedVAE") else IMAGES


def flat(result):
    return np.concatenate([np.ravel(part) for part in keras.tree.flatten(result)]).astype("float64")


DRAWS = {f"{name}.sample": lambda seed, name=name: model_of(name).sample(4, seed=seed) for name in FAMILIES}
DRAWS |= {
    f"{name}.log_weights": lambda seed, name=name: model_of(name).log_weights(pair(name), 3, seed=seed)
    for name in FAMILIES
    if name not in ("VQVAE", "FSQVAE")  # which draw nothing
}
DRAWS |= {
    f"{name}.noise": lambda seed, name=name: model_of(name).noise(4, seed)
    for name in FAMILIES
    if name not in ("VQVAE", "FSQVAE")
}
DRAWS |= {
    "generate": lambda seed: model_of("ConditionalVAE").generate([0, 1, 2], seed=seed),
    "generate under a learned prior": lambda seed: model_of("learned prior").generate([0, 1, 2], seed=seed),
    "sample of given labels": lambda seed: model_of("ConditionalVAE").sample(2, seed=seed, labels=[0, 1]),
    "sample_layers": lambda seed: model_of("HierarchicalVAE").sample_layers(3, seed),
    "sample_layers held": lambda seed: model_of("HierarchicalVAE").sample_layers(
        3, seed, held={2: [0.0, 1.0]}
    ),
    "draw_from_prior": lambda seed: model_of("VAE").draw_from_prior(3, seed),
    "log_weights_from": lambda seed: model_of("VAE").log_weights_from(
        IMAGES, np.zeros((6, 2), "float32"), np.zeros((6, 2), "float32"), 2, seed
    ),
    "UniformPrior.sample": lambda seed: UniformPrior(50, (2, 2)).sample(3, seed),
    "PixelCNN.sample": lambda seed: model_of("VQVAE").prior.sample(3, seed),
    "Categorical.draw": lambda seed: Categorical(np.zeros((9, 9), "float32")).draw(3, seed),
    "gumbel": lambda seed: gumbel((3,), seed),
    "NormalMixture.draw": lambda seed: NormalMixture(np.eye(3), np.zeros((3, 3))).draw(5, seed),
    "CouplingFlow.draw": lambda seed: CouplingFlow(2, seed=0).draw(5, seed),
    "LatentDiffusion.draw_codes": lambda seed: model_of("LatentDiffusion").draw_codes(3, seed, steps=2),
    "DiagonalNormal.sample": lambda seed: DiagonalNormal(np.zeros(3), np.zeros(3)).sample(seed),
    "Bernoulli.sample": lambda seed: Bernoulli(np.zeros(99)).sample(seed),
    "ContinuousBernoulli.sample": lambda seed: ContinuousBernoulli(np.zeros(3)).sample(seed),
    "Normal.sample": lambda seed: Normal(np.zeros(3)).sample(seed),
    "DiscretizedLogistic.sample": lambda seed: DiscretizedLogistic(np.full(9, 0.5)).sample(seed),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
def test_a_whole_number_of_numpy_is_a_seed_and_so_is_zero(name):
    draw = DRAWS[name]
    for numpy_seed in (np.int64(0), np.uint32(0), np.int64(3)):
        expected = flat(draw(int(numpy_seed)))
        np.testing.assert_array_equal(flat(draw(numpy_seed)), expected)
        np.testing.assert_array_equal(flat(draw(numpy_seed)), expected)
    assert not np.array_equal(flat(draw(0)), flat(draw(3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
def test_none_and_a_generator_go_on(name):
    draw = DRAWS[name]
    assert not np.array_equal(flat(draw(None)), flat(draw(None)))
    generator = random.SeedGenerator(np.int64(2).item())
    first = flat(draw(generator))
    assert not np.array_equal(first, flat(draw(generator)))
    np.testing.assert_array_equal(first, flat(draw(random.SeedGenerator(2))))


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("seed", [True, -1, 1.0, np.float64(2), "3", (1, 2), np.random.default_rng(0)])
def test_anything_else_is_named(name, seed):
    with pytest.raises(BadInput, match="seed=.*expected a whole number of at least 0.*pass .*seed=0"):
        DRAWS[name](seed)


FIXED = {
    "load": lambda seed: data.load("digits", seed=seed).x_train[:9],
    "digits": lambda seed: data.digits(seed=seed).x_test[:9],
    "shapes": lambda seed: data.shapes(5, seed).images,
    "from_arrays": lambda seed: data.from_arrays({"images": IMAGES}, seed=seed).x_train,
    "binarize": lambda seed: data.binarize(IMAGES, "static", seed),
    "binarize anew": lambda seed: data.binarize(IMAGES, "dynamic", seed, epoch=np.int64(2)),
    "Batches": lambda seed: data.Batches(IMAGES, 2, "dynamic", seed)[0],
    "log_likelihood": lambda seed: log_likelihood(model_of("VAE"), IMAGES, 3, seed=seed),
    "score": lambda seed: score(model_of("VAE"), IMAGES, k=2, seed=seed)["neg_elbo"],
    "implied_posterior": lambda seed: implied_posterior(
        model_of("VAE"), IMAGES[0], np.zeros((1, 2)), 3, repeats=2, seed=seed
    ),
    "train_judge": lambda seed: train_judge(IMAGES, LABELS, epochs=0, seed=seed).get_weights()[0],
    "higgins_score": lambda seed: disentanglement.higgins_score(
        np.random.default_rng(1).normal(size=(60, 2)), FACTORS, points=40, pairs=3, seed=seed
    ),
    "LinearGaussian": lambda seed: LinearGaussian.random(seed=seed).sample(3, seed),
    "Sampling": lambda seed: Sampling(seed)([np.zeros((2, 3), "float32")] * 2),
    "PixelCNN": lambda seed: PixelCNN(4, (2, 2), filters=2, num_layers=1, seed=seed).network.get_weights()[0],
}
FIXED |= {
    f"weights of {name}": lambda seed, given=given: given[0](
        input_shape=SHAPE, seed=seed, **given[1]
    ).decoder.get_weights()
    for name, given in FAMILIES.items()
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FIXED)
def test_a_fixed_seed_may_be_a_whole_number_of_numpy(name):
    make = FIXED[name]
    for numpy_seed in (np.int64(0), np.int32(1)):
        np.testing.assert_array_equal(flat(make(numpy_seed)), flat(make(int(numpy_seed))))
    if name not in ("higgins_score",):  # whose forest may land on the same share
        assert not np.array_equal(flat(make(0)), flat(make(1)))


@pytest.mark.parametrize("name", [name for name in FIXED if name not in ("LinearGaussian",)])
@pytest.mark.parametrize("seed", [True, -1, 1.5, "3"])
def test_a_fixed_seed_of_another_type_is_named(name, seed):
    with pytest.raises(BadInput, match=r"seed=.*expected a whole number"):
        FIXED[name](seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_seed_of_numpy_is_saved_with_the_model(name, tmp_path):
    model = model_of(name, np.int64(0))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.seed == 0
    np.testing.assert_array_equal(loaded.sample(3, seed=np.int64(1)), model.sample(3, seed=1))


def test_a_pixel_cnn_and_a_quantizer_with_such_a_seed_are_saved(tmp_path):
    for layer in (
        PixelCNN(4, (2, 2), filters=2, num_layers=1, seed=np.int64(3)),
        VectorQuantizer(4, 2, seed=np.int64(3)),
    ):
        assert type(layer.get_config()["seed"]) is int


def test_two_samples_under_one_numpy_seed_are_equal():
    model = model_of("ConditionalVAE")
    np.testing.assert_array_equal(model.sample(4, seed=np.int64(0)), model.sample(4, seed=np.int64(0)))
    np.testing.assert_array_equal(model.sample(4, seed=np.int64(0)), model.sample(4, seed=0))


def test_check_seed_returns_what_keras_takes():
    generator = random.SeedGenerator(1)
    assert check_seed(None) is None
    assert check_seed(generator) is generator
    assert type(check_seed(np.int64(4))) is int
    with pytest.raises(BadInput, match="expected a whole number of at least 0, or None"):
        check_seed(generator, generator=False)
