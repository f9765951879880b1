"""Protects people from silence and from tracebacks out of a library's depths: every bad input gets, before any
training, one message that says what came, what was expected and what to do; and it leaves the model as it was."""

import keras
import numpy as np
import pytest

from companion.autoencoder import Autoencoder
from companion.distributions import Bernoulli
from companion.errors import BadInput
from companion.evaluation import active_units, log_likelihood, score
from companion.layers import Sampling
from companion.likelihoods import Likelihood
from companion.networks import build_conv_decoder, build_conv_encoder, build_decoder, build_encoder
from companion.objectives import elbo_terms, log_importance_weights, vae_loss
from companion.vae import VAE

SHAPE = (4, 4, 1)
GOOD = np.full((6, *SHAPE), 0.5, "float32")


def with_one(value):
    """Good images with one bad pixel."""
    images = GOOD.copy()
    images[3, 2, 1, 0] = value
    return images


def fit(images, **kwargs):
    return lambda model: model.fit(images, verbose=0, **kwargs)


def small(build, *args, **kwargs):
    return build(*args, hidden=(4,), **kwargs)


def encoder_with(*outputs):
    """An encoder with outputs of the given widths."""
    x = keras.Input(SHAPE)
    h = keras.layers.Flatten()(x)
    return keras.Model(x, [keras.layers.Dense(width)(h) for width in outputs])


class Subclassed(keras.Model):
    """A network of which Keras does not know the shapes."""

    def __init__(self):
        super().__init__()
        self.built = True


# name: (what a person does, then three parts of the message: what came, what was expected, what to do)
WITH_A_MODEL = {
    "images_flat": (
        fit(GOOD.reshape(6, 16)),
        "images have shape (6, 16)",
        "expected (n, 4, 4, 1)",
        "pass images.reshape((-1, 4, 4, 1))",
    ),
    "images_without_channels": (
        fit(GOOD[..., 0]),
        "images have shape (6, 4, 4)",
        "expected (n, 4, 4, 1)",
        "pass images.reshape",
    ),
    "one_image_alone": (
        fit(GOOD[0]),
        "shape (4, 4, 1)",
        "expected (n, 4, 4, 1)",
        "that is one image; pass images[None]",
    ),
    "images_of_another_size": (
        fit(np.zeros((6, 5, 5, 1))),
        "shape (6, 5, 5, 1)",
        "expected (n, 4, 4, 1)",
        "resize the images, or build the model with their shape, input_shape=(5, 5, 1)",
    ),
    "colour_for_grey": (
        fit(np.zeros((6, 4, 4, 3))),
        "shape (6, 4, 4, 3)",
        "expected (n, 4, 4, 1)",
        "pass images.mean(axis=-1, keepdims=True)",
    ),
    "bytes": (
        fit((255 * GOOD).astype("uint8")),
        "values from 127 to 127",
        "expected pixels in [0, 1]",
        "pass images / 255",
    ),
    "range_to_255": (
        fit(with_one(255.0)),
        "values from 0.5 to 255",
        "expected pixels in [0, 1]",
        "pass images / 255",
    ),
    "negative": (
        fit(with_one(-1.0)),
        "values from -1 to 0.5",
        "expected pixels in [0, 1]",
        "pass (images + 1) / 2",
    ),
    "nan": (
        fit(with_one(np.nan)),
        "1 values that are NaN or infinite",
        "expected finite pixels",
        "pass images[np.isfinite(images).all(axis=(1, 2, 3))]",
    ),
    "infinity": (
        fit(with_one(np.inf)),
        "1 values that are NaN or infinite",
        "expected finite pixels",
        "pass images[np.isfinite(images).all(axis=(1, 2, 3))]",
    ),
    "no_images": (
        fit(GOOD[:0]),
        "shape (0, 4, 4, 1)",
        "expected at least one image",
        "pass an array with n >= 1",
    ),
    "strings": (
        fit(np.array(["a", "b"])),
        "dtype <U1",
        "expected real numbers in [0, 1]",
        "pass a float32 array",
    ),
    "a_name": (fit("digits"), "dtype <U6", "expected real numbers in [0, 1]", "pass a float32 array"),
    "nothing": (fit(None), "dtype object", "expected real numbers in [0, 1]", "pass a float32 array"),
    "objects": (
        fit(GOOD.astype(object)),
        "dtype object",
        "expected real numbers in [0, 1]",
        "pass np.asarray(images, 'float32')",
    ),
    "complex": (
        fit(GOOD.astype(complex)),
        "dtype complex128",
        "expected real numbers in [0, 1]",
        "pass np.abs(images)",
    ),
    "ragged": (
        fit([[1.0], [1.0, 2.0]]),
        "list whose items differ in size",
        "expected one array",
        "pass np.stack(items)",
    ),
    "tuple_of_images": (
        fit((GOOD,)),
        "images have shape (1, 6, 4, 4, 1)",
        "expected (n, 4, 4, 1)",
        "resize the images",
    ),
    "labels_to_fit": (
        lambda model: model.fit(GOOD, np.zeros(6), verbose=0),
        "got a y of type ndarray",
        "learns from images alone",
        "call fit(images)",
    ),
    "images_as_labels": (
        lambda m: m.evaluate(GOOD, GOOD),
        "got a y",
        "learns from images alone",
        "call fit(images)",
    ),
    "evaluate_bytes": (
        lambda model: model.evaluate(255 * GOOD),
        "values from 127.5 to 127.5",
        "expected pixels in [0, 1]",
        "pass images / 255",
    ),
    "validation_out_of_range": (
        fit(GOOD, validation_data=with_one(2.0)),
        "validation images hold values from 0.5 to 2",
        "expected pixels in [0, 1]",
        "pass np.interp(images, (0, 2), (0, 1))",
    ),
    "validation_of_another_size": (
        fit(GOOD, validation_data=(np.zeros((6, 5)),)),
        "validation images have shape (6, 5)",
        "expected (n, 4, 4, 1)",
        "resize the images",
    ),
    "validation_with_labels": (
        fit(GOOD, validation_data=(GOOD, np.zeros(6))),
        "got a y",
        "learns from images alone",
        "call fit(images)",
    ),
    "weights_of_another_length": (
        fit(GOOD, sample_weight=np.ones(5)),
        "sample_weight has shape (5,)",
        "expected (6,) finite numbers >= 0",
        "pass for example np.ones(6)",
    ),
    "negative_weights": (
        fit(GOOD, sample_weight=-np.ones(6)),
        "sample_weight has shape (6,)",
        "finite numbers >= 0",
        "np.ones(6)",
    ),
    "nan_weights": (
        fit(GOOD, sample_weight=np.full(6, np.nan)),
        "sample_weight has shape (6,)",
        "finite numbers >= 0",
        "np.ones(6)",
    ),
    "encode_bytes": (
        lambda m: m.encode(255 * GOOD),
        "127.5",
        "expected pixels in [0, 1]",
        "pass images / 255",
    ),
    "reconstruct_flat": (
        lambda m: m.reconstruct(GOOD.reshape(6, 16)),
        "(6, 16)",
        "expected (n, 4, 4, 1)",
        "reshape",
    ),
    "codes_of_another_width": (
        lambda model: model.decode(np.zeros((5, 3))),
        "codes have shape (5, 3)",
        "expected (n, 2) real numbers",
        "pass one row of 2 numbers per image",
    ),
    "one_code_alone": (
        lambda m: m.decode(np.zeros(2)),
        "codes have shape (2,)",
        "expected (n, 2)",
        "pass np.reshape",
    ),
    "nan_codes": (
        lambda m: m.decode([[0, np.nan]]),
        "hold NaN or infinity",
        "expected finite numbers",
        "find out where they come from",
    ),
    "no_samples": (
        lambda model: model.sample(0),
        "n=0",
        "expected a whole number of at least 1",
        "pass n=1 or more",
    ),
    "half_a_sample": (
        lambda m: m.sample(2.5),
        "n=2.5",
        "expected a whole number of at least 1",
        "pass n=1 or more",
    ),
    "epsilon_of_another_shape": (
        lambda model: model.elbo_terms(GOOD, np.zeros((6, 3))),
        "epsilon has shape (6, 3)",
        "expected (6, 2), one row per image",
        "np.random.default_rng(0).normal(size=(6, 2))",
    ),
    "elbo_of_one_image_alone": (
        lambda m: m.elbo_terms(GOOD[0]),
        "(4, 4, 1)",
        "expected (n,",
        "pass images[None]",
    ),
    "no_draws": (
        lambda model: model.log_weights(GOOD, 0),
        "num_samples=0",
        "expected a whole number of at least 1",
        "pass num_samples=1 or more",
    ),
    "k_zero": (
        lambda m: log_likelihood(m, GOOD, 0),
        "k=0",
        "expected a whole number of at least 1",
        "pass k=1 or more",
    ),
    "k_negative": (
        lambda m: log_likelihood(m, GOOD, -5),
        "k=-5",
        "expected a whole number",
        "pass k=1 or more",
    ),
    "k_float": (
        lambda m: log_likelihood(m, GOOD, 10.0),
        "k=10.0",
        "expected a whole number",
        "pass k=1 or more",
    ),
    "k_bool": (
        lambda m: log_likelihood(m, GOOD, True),
        "k=True",
        "expected a whole number",
        "pass k=1 or more",
    ),
    "nothing_at_once": (
        lambda model: log_likelihood(model, GOOD, 1, decoded_at_once=0),
        "decoded_at_once=0",
        "expected a whole number of at least 1",
        "pass decoded_at_once=1 or more",
    ),
    "bound_of_no_images": (
        lambda model: log_likelihood(model, GOOD[:0]),
        "images have shape (0, 4, 4, 1)",
        "expected at least one image",
        "pass an array with n >= 1",
    ),
    "bound_of_no_array": (
        lambda m: log_likelihood(m, None),
        "images have dtype object",
        "expected real numbers in [0, 1]",
        "pass a float32 array",
    ),
    "bound_of_bytes": (
        lambda m: log_likelihood(m, 255 * GOOD, 1),
        "127.5",
        "expected pixels in [0, 1]",
        "pass images / 255",
    ),
    "bound_with_a_negative_seed": (
        lambda model: log_likelihood(model, GOOD, 1, seed=-1),
        "seed=-1",
        "expected a whole number of at least 0",
        "pass seed=0 or more",
    ),
    "score_of_no_images": (
        lambda m: score(m, GOOD[:0]),
        "(0, 4, 4, 1)",
        "expected at least one image",
        "pass an array",
    ),
    "score_of_zero_images": (
        lambda m: score(m, GOOD, n_images=0),
        "n_images=0",
        "expected a whole",
        "pass n_images=1",
    ),
    "score_with_k_zero": (
        lambda m: score(m, GOOD, k=0),
        "k=0",
        "expected a whole number",
        "pass k=1 or more",
    ),
    "threshold_negative": (
        lambda model: active_units(model, GOOD, -0.1),
        "threshold=-0.1",
        "expected a variance of at least 0",
        "pass threshold=0.01",
    ),
    "threshold_nan": (
        lambda m: active_units(m, GOOD, np.nan),
        "threshold=nan",
        "expected a variance",
        "pass threshold",
    ),
    "active_units_of_bytes": (
        lambda m: active_units(m, 255 * GOOD),
        "127.5",
        "expected pixels in [0, 1]",
        "pass images / 255",
    ),
}

BUILDING = {
    "decoder_for_other_codes": (
        lambda: VAE(small(build_encoder, SHAPE, 2), small(build_decoder, 3, SHAPE)),
        "decoder maps 3 numbers to (4, 4, 1) and the encoder (4, 4, 1) to 2",
        "expected the same sizes",
        "pass for example build_decoder(2, (4, 4, 1))",
    ),
    "decoder_for_other_images": (
        lambda: VAE(small(build_encoder, SHAPE, 2), small(build_decoder, 2, (4, 4, 3))),
        "decoder maps 2 numbers to (4, 4, 3) and the encoder (4, 4, 1) to 2",
        "expected the same sizes",
        "pass for example build_decoder(2, (4, 4, 1))",
    ),
    "decoder_flat_and_encoder_square": (
        lambda: VAE(small(build_encoder, SHAPE, 2), small(build_decoder, 2, 16)),
        "to (16,) and the encoder (4, 4, 1)",
        "expected the same sizes",
        "pass for example build_decoder(2, (4, 4, 1))",
    ),
    "decoder_with_a_sigmoid": (
        lambda: VAE(decoder=small(build_decoder, 2, SHAPE, activation="sigmoid")),
        "decoder ends in a sigmoid",
        "Expected logits",
        "build the decoder with activation=None",
    ),
    "conv_decoder_with_a_sigmoid": (
        lambda: VAE(decoder=build_conv_decoder(2, SHAPE, filters=(2,), activation="sigmoid")),
        "decoder ends in a sigmoid",
        "Expected logits",
        "build the decoder with activation=None",
    ),
    "sequential_without_input": (
        lambda: VAE(keras.Sequential([keras.layers.Dense(2)])),
        "encoder has type Sequential",
        "expected a built keras.Model",
        "add a keras.Input to a Sequential model first",
    ),
    "decoder_without_input": (
        lambda: VAE(decoder=keras.Sequential([keras.layers.Dense(2)])),
        "decoder has type Sequential",
        "expected a built keras.Model",
        "add a keras.Input to a Sequential model first",
    ),
    "network_of_unknown_shape": (
        lambda: VAE(Subclassed()),
        "encoder has type Subclassed",
        "expected a built keras.Model with known shapes",
        "keras.Model(inputs, outputs)",
    ),
    "encoder_that_is_none": (
        lambda: VAE("dense"),
        "encoder has type str",
        "expected a built keras.Model",
        "companion.networks",
    ),
    "plain_encoder_for_a_vae": (
        lambda: VAE(small(build_encoder, SHAPE, 2, variational=False)),
        "encoder gives 1 outputs of shapes [(None, 2)]",
        "VAE expects [z_mean, z_log_var, z], (batch, latent_dim) each",
        "variational=True",
    ),
    "vae_encoder_for_an_autoencoder": (
        lambda: Autoencoder(small(build_encoder, SHAPE, 2)),
        "encoder gives 3 outputs",
        "Autoencoder expects one code, (batch, latent_dim)",
        "variational=False",
    ),
    "heads_of_two_sizes": (
        lambda: VAE(encoder_with(2, 3, 2)),
        "encoder gives 3 outputs of shapes [(None, 2), (None, 3), (None, 2)]",
        "VAE expects [z_mean, z_log_var, z]",
        "build it with build_encoder",
    ),
    "codes_that_are_images": (
        lambda: Autoencoder(keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(2, 3)])),
        "outputs of shapes [(None, 2, 2, 2)]",
        "Autoencoder expects one code, (batch, latent_dim)",
        "build it with build_encoder",
    ),
    "latent_dim_zero": (
        lambda: VAE(latent_dim=0),
        "latent_dim=0",
        "a whole number of at least 1",
        "pass latent_dim=1",
    ),
    "latent_dim_half": (
        lambda: build_encoder((4,), 1.5),
        "latent_dim=1.5",
        "a whole number of at least 1",
        "pass latent",
    ),
    "shape_with_zero": (
        lambda: VAE(input_shape=(28, 0, 1)),
        "shape (28, 0, 1)",
        "expected whole positive numbers such as (784,) or (28, 28, 1)",
        "pass the shape of one image, without the batch axis",
    ),
    "shape_with_bool": (
        lambda: build_encoder((True,)),
        "shape (True,)",
        "expected whole positive numbers",
        "pass the shape",
    ),
    "shape_with_batch_axis": (
        lambda: build_encoder((None, 784)),
        "shape (None, 784)",
        "expected whole positive numbers",
        "without the batch axis",
    ),
    "empty_shape": (
        lambda: build_decoder(2, ()),
        "shape ()",
        "expected whole positive numbers",
        "pass the shape of one",
    ),
    "flat_shape_for_convolutions": (
        lambda: build_conv_encoder((784,)),
        "shape (784,)",
        "expected (height, width, channels)",
        "pass the shape of one image",
    ),
    "grey_shape_without_channels": (
        lambda: build_conv_decoder(2, (28, 28)),
        "shape (28, 28)",
        "expected (height, width, channels)",
        "pass the shape of one image",
    ),
    "hidden_zero": (
        lambda: build_encoder((4,), hidden=(0,)),
        "hidden=0",
        "expected a whole number",
        "pass hidden=1",
    ),
    "hidden_number": (
        lambda: build_decoder(2, 4, hidden=8),
        "hidden=8",
        "expected one whole number per layer",
        "pass a tuple such as hidden=(32, 64)",
    ),
    "no_filters": (
        lambda: build_conv_decoder(filters=()),
        "filters=()",
        "expected one whole number per layer",
        "pass a tuple such as filters=(32, 64)",
    ),
    "filters_negative": (
        lambda: build_conv_encoder(filters=(8, -1)),
        "filters=-1",
        "a whole number",
        "pass filters=1",
    ),
    "seed_negative": (
        lambda: VAE(seed=-1),
        "seed=-1",
        "expected a whole number of at least 0",
        "pass for example seed=0",
    ),
    "seed_float": (
        lambda: build_decoder(seed=0.5),
        "seed=0.5",
        "expected a whole number of at least 0",
        "pass seed=0",
    ),
    "likelihood_unknown": (
        lambda: VAE(input_shape=SHAPE, likelihood="poisson"),
        "likelihood='poisson'",
        "expected one of bernoulli, continuous_bernoulli, normal, discretized_logistic",
        "pass one of these names",
    ),
    "likelihood_as_object": (
        lambda: VAE(input_shape=SHAPE, likelihood=Bernoulli([0.0])),
        "likelihood=<",
        "expected one of bernoulli",
        "pass one of these names",
    ),
    "scale_without_use": (
        lambda: Likelihood("bernoulli", scale=0.1),
        "scale=0.1 with likelihood 'bernoulli'",
        "which has no scale",
        "leave scale out",
    ),
    "scale_zero": (
        lambda: Likelihood("normal", scale=0),
        "scale=0",
        "expected a number > 0",
        "or None to learn it",
    ),
    "scale_negative": (
        lambda: Likelihood("normal", -1.0),
        "scale=-1.0",
        "expected a number > 0",
        "or None to learn it",
    ),
    "scale_infinite": (
        lambda: Likelihood("normal", np.inf),
        "scale=inf",
        "expected a number > 0",
        "or None to learn it",
    ),
    "scale_bool": (
        lambda: Likelihood("normal", True),
        "scale=True",
        "expected a number > 0",
        "or None to learn it",
    ),
    "scale_text": (
        lambda: Likelihood("normal", "big"),
        "scale='big'",
        "expected a number > 0",
        "or None to learn it",
    ),
    "link_unknown": (
        lambda: Likelihood("normal", link="softmax"),
        "link='softmax'",
        "expected one of sigmoid, identity",
        "pass one of these names",
    ),
    "link_for_logits": (
        lambda: Likelihood("bernoulli", link="identity"),
        "link='identity' with likelihood 'bernoulli'",
        "whose outputs are logits",
        "leave link out",
    ),
    "sampling_of_two_sizes": (
        lambda: Sampling()([np.zeros((5, 1)), np.zeros((5, 2))]),
        "z_mean has shape (5, 1) and z_log_var (5, 2)",
        "expected equal shapes (batch, latent_dim)",
        "give both heads of the encoder the same number of units",
    ),
    "terms_of_two_shapes": (
        lambda: elbo_terms(np.zeros((28, 28)), np.zeros(28)),
        "log_likelihood has shape (28, 28) and kl (28,)",
        "expected one value per image in both",
        "sum each over all axes",
    ),
    "loss_of_two_shapes": (
        lambda: vae_loss(np.zeros((3, 1)), np.zeros(3)),
        "(3, 1)",
        "expected one value",
        "sum each",
    ),
    "weights_of_two_shapes": (
        lambda: log_importance_weights(np.zeros((5, 3)), np.zeros((5, 3)), np.zeros(3)),
        "log_prior has shape (5, 3) and log_posterior (3,)",
        "expected one value per image",
        "sum each over all axes",
    ),
}


@pytest.fixture(scope="module")
def model():
    model = VAE(small(build_encoder, SHAPE, 2, seed=0), small(build_decoder, 2, SHAPE, seed=1), seed=0)
    model.compile("adam")
    return model


def assert_said(error, parts):
    message = str(error.value)
    for part in parts:
        assert part in message
    if (
        "Exception encountered when calling" not in message
    ):  # which Keras writes around an error in a layer's call
        assert "\n" not in message
    came, expected, remedy = (message.index(part) for part in parts)
    assert came < expected < remedy


@pytest.mark.parametrize("name", WITH_A_MODEL)
def test_bad_input_is_named_and_leaves_the_model_as_it_was(model, name):
    act, *parts = WITH_A_MODEL[name]
    before = model.get_weights()
    with pytest.raises(BadInput) as error:
        act(model)
    assert_said(error, parts)
    assert int(model.optimizer.iterations) == 0
    for was, is_now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(was, is_now)


@pytest.mark.parametrize("name", BUILDING)
def test_what_cannot_be_built_says_why(name):
    act, *parts = BUILDING[name]
    with pytest.raises(BadInput) as error:
        act()
    assert_said(error, parts)


def test_after_all_of_it_the_model_still_trains(model):
    history = model.fit(GOOD, validation_data=GOOD, verbose=0).history
    assert np.isfinite(history["loss"] + history["val_loss"]).all()
