"""Protects people from decoders whose outputs are no logits, whatever makes them so, and from encoders whose outputs
come by name; and protects decoders of every other kind from being refused."""

import time
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

from companion.autoencoder import Autoencoder
from companion.base.endings import check_gives_logits, reach
from companion.conditional_vae import ConditionalVAE, build_cvae_decoder, build_cvae_encoder
from companion.discrete_vae import DiscreteVAE
from companion.errors import BadInput
from companion.hierarchical_vae import HierarchicalVAE
from companion.hierarchical_vae.networks import chain_decoder
from companion.iwae import IWAE
from companion.likelihoods import Likelihood
from companion.networks import build_conv_decoder, build_decoder, build_encoder
from companion.semi_supervised import SemiSupervisedVAE
from companion.vae import VAE
from companion.vq_vae import VQVAE, build_vqvae_decoder, build_vqvae_encoder

SHAPE = (4, 4, 1)
IMAGES = np.random.default_rng(0).random((6, *SHAPE)).astype("float32")
ZEROS = {"kernel_initializer": "zeros"}


def decoder(end=lambda h: h, *, latent_dim=2, **dense):
    """A decoder of 16 pixels, whose last layer with weights is followed by ``end``."""
    z = keras.Input((latent_dim,))
    h = layers.Dense(8, activation="relu")(z)
    h = layers.Dense(16, **dense)(h)
    return keras.Model(z, layers.Reshape(SHAPE)(end(h)))


class SigmoidLayer(layers.Layer):
    """A stranger's layer with weights, which hides a sigmoid inside."""

    def __init__(self, squash=True, initial="glorot_uniform"):
        super().__init__()
        self.squash, self.dense = squash, layers.Dense(16, kernel_initializer=initial)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, h):
        return ops.sigmoid(self.dense(h)) if self.squash else self.dense(h)


class Subclassed(keras.Model):
    """A whole decoder of a class of its own, as a part of a Functional one."""

    def __init__(self, squash):
        super().__init__()
        self.squash, self.first, self.last = squash, layers.Dense(8, "tanh"), layers.Dense(16, **ZEROS)

    def build(self, shape):
        self.first.build(shape)
        self.last.build((None, 8))

    def call(self, z):
        logits = self.last(self.first(z))
        return ops.sigmoid(logits) if self.squash else logits


class WithCallOfItsOwn(keras.Model):
    """A Functional model whose ``call`` adds the sigmoid."""

    def call(self, z, training=None):
        return ops.sigmoid(super().call(z, training=training))


def nested(end):
    """A Sequential decoder inside a Functional one, and steps after it."""
    inner = keras.Sequential([keras.Input((2,)), layers.Dense(16, activation="sigmoid")])
    z = keras.Input((2,))
    return keras.Model(z, layers.Reshape(SHAPE)(end(inner(z))))


def with_call_of_its_own():
    z = keras.Input((2,))
    return WithCallOfItsOwn(z, layers.Reshape(SHAPE)(layers.Dense(16)(z)))


REFUSED = {
    "activation of the layer": (lambda: decoder(activation="sigmoid"), "a sigmoid or the like"),
    "keras.ops.sigmoid": (lambda: decoder(ops.sigmoid), "a sigmoid or the like"),
    "keras.activations.sigmoid": (lambda: decoder(keras.activations.sigmoid), "a sigmoid or the like"),
    "a layer": (lambda: decoder(layers.Activation("sigmoid")), "a sigmoid or the like"),
    "a Lambda": (lambda: decoder(layers.Lambda(lambda h: 1 / (1 + ops.exp(-h)))), "a sigmoid or the like"),
    "half of a tanh": (lambda: decoder(lambda h: 0.5 * (ops.tanh(h) + 1)), "a sigmoid or the like"),
    "a Rescaling of tanh": (lambda: decoder(lambda h: layers.Rescaling(0.5, 0.5)(ops.tanh(h))), "a sigmoid"),
    "hard_sigmoid": (lambda: decoder(activation="hard_sigmoid"), "a sigmoid or the like"),
    "a clip": (lambda: decoder(lambda h: ops.clip(h, 0, 1)), "a sigmoid or the like"),
    "a softmax": (lambda: decoder(layers.Softmax()), "a sigmoid or the like"),
    "a sigmoid of zeros": (lambda: decoder(ops.sigmoid, **ZEROS), "a sigmoid or the like"),
    "tanh": (lambda: decoder(activation="tanh"), "a tanh or the like"),
    "softsign": (lambda: decoder(ops.softsign), "a tanh or the like"),
    "relu": (lambda: decoder(layers.ReLU()), "a ReLU or the like"),
    "relu6": (lambda: decoder(ops.relu6), "an activation"),
    "softplus": (lambda: decoder(activation="softplus"), "a ReLU or the like"),
    "exp": (lambda: decoder(ops.exp), "a ReLU or the like"),
    "bytes": (lambda: decoder(lambda h: 255 * ops.sigmoid(h)), "a ReLU or the like"),
    "elu": (lambda: decoder(layers.ELU()), "a ReLU or the like"),
    "gelu": (lambda: decoder(activation="gelu"), "a ReLU or the like"),
    "log_sigmoid": (lambda: decoder(ops.log_sigmoid), "an activation"),
    "a stranger's layer": (lambda: decoder(SigmoidLayer()), "a sigmoid or the like"),
    "its zeros": (lambda: decoder(SigmoidLayer(initial="zeros")), "a sigmoid or the like"),
    "a class of its own": (lambda: decoder(Subclassed(True)), "a sigmoid or the like"),
    "a call of its own": (with_call_of_its_own, "a sigmoid or the like"),
    "a network inside": (lambda: nested(lambda h: h), "a sigmoid or the like"),
    "steps after it": (lambda: nested(lambda h: 2 * h - 1), "a tanh or the like"),
    "a wrapper": (
        lambda: decoder(
            lambda h: layers.TimeDistributed(layers.Dense(1, "sigmoid"))(layers.Reshape((16, 1))(h))
        ),
        "a sigmoid or the like",
    ),
    "a product": (lambda: decoder(lambda h: ops.sigmoid(h) * ops.sigmoid(-h)), "a sigmoid or the like"),
    "dense of the book": (lambda: build_decoder(2, SHAPE, activation="sigmoid"), "a sigmoid or the like"),
    "conv of the book": (lambda: build_conv_decoder(2, SHAPE, activation="tanh"), "a tanh or the like"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
def test_outputs_that_are_no_logits_are_refused_whatever_makes_them(name):
    make, ending = REFUSED[name]
    with pytest.raises(BadInput, match=f"decoder ends in {ending}.*Expected logits.*activation=None"):
        VAE(decoder=make())


@pytest.mark.parametrize("clip", [lambda h: ops.clip(h, -3, 3), lambda h: ops.maximum(h, -3.0)])
def test_a_narrow_bound_on_logits_is_warned_of(clip):
    with pytest.warns(UserWarning, match="decoder ends in .*-3.*Expected logits"):
        VAE(decoder=decoder(clip))


def all_negative():
    return decoder(bias_initializer=keras.initializers.Constant(-50.0))


def saturated():
    """As after long training: outputs in the hundreds, on one side."""
    network = all_negative()
    network.layers[-2].kernel.assign(300 * ops.ones_like(network.layers[-2].kernel))
    return network


PASSED = {
    "a fresh one": decoder,
    "small outputs": lambda: decoder(kernel_initializer=keras.initializers.RandomNormal(stddev=1e-6)),
    "zeros": lambda: decoder(**ZEROS),
    "negative at the start": all_negative,
    "positive at the start": lambda: decoder(bias_initializer="ones", **ZEROS),
    "saturated": saturated,
    "linear": lambda: keras.Sequential([keras.Input((2,)), layers.Dense(16), layers.Reshape(SHAPE)]),
    "a leaky ReLU": lambda: decoder(layers.LeakyReLU(negative_slope=0.01)),
    "a wide clip": lambda: decoder(lambda h: 15 * ops.tanh(h / 15)),
    "a shift": lambda: decoder(lambda h: h - 5.0),
    "a product with a gate": lambda: decoder(lambda h: h * ops.sigmoid(h[:, ::-1])),
    "a batch normalisation": lambda: decoder(lambda h: layers.BatchNormalization()(ops.sigmoid(h))),
    "a dropout": lambda: decoder(layers.Dropout(0.5)),
    "a sigmoid further up": lambda: decoder(lambda h: layers.Dense(16)(ops.sigmoid(h))),
    "a stranger's layer": lambda: decoder(SigmoidLayer(squash=False, initial="zeros")),
    "a class of its own": lambda: decoder(Subclassed(False)),
    "the logit of a sigmoid": lambda: decoder(lambda h: ops.log(ops.sigmoid(h)) - ops.log(ops.sigmoid(-h))),
    "dense of the book": lambda: build_decoder(2, SHAPE),
    "conv of the book": lambda: build_conv_decoder(2, SHAPE),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", PASSED)
def test_true_logits_pass_without_a_word(name):
    network = PASSED[name]()
    before = [np.array(weight) for weight in network.get_weights()]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        VAE(decoder=network)
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.slow
def test_a_trained_decoder_passes_again():
    vae = VAE(input_shape=SHAPE, seed=0)
    vae.compile(keras.optimizers.SGD(10.0))  # it may go as far as it likes
    vae.fit(np.zeros_like(IMAGES), epochs=30, verbose=0)
    assert vae.decoder.predict(np.zeros((1, 2)), verbose=0).max() < -5
    VAE(vae.encoder, vae.decoder)


def test_half_precision_is_told_apart_too():
    keras.config.set_dtype_policy("float16")
    try:
        VAE(decoder=decoder())
        with pytest.raises(BadInput, match="a sigmoid"):
            VAE(decoder=decoder(ops.sigmoid))
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_layer_that_cannot_be_tried_is_let_through():
    class Picky(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(16,))

        def call(self, h):
            if h.shape[0] == 9:  # numbers instead of symbols
                raise RuntimeError("not with these numbers")
            return h * self.w

    assert reach(decoder(Picky())) == (-np.inf, np.inf)


@pytest.mark.parametrize("end", [ops.sigmoid, ops.tanh, ops.relu])
def test_the_outputs_are_the_mean_where_the_likelihood_takes_them_so(end):
    vae = VAE(decoder=decoder(end), likelihood=Likelihood("normal", scale=0.1, link="identity"))
    np.testing.assert_allclose(vae.decode(np.ones((1, 2))), vae.decoder(np.ones((1, 2))), rtol=1e-5)


def _conditional():
    networks = build_cvae_encoder(SHAPE, 2, 3), build_cvae_decoder(2, SHAPE, 3, activation="sigmoid")
    return ConditionalVAE(*networks, num_classes=3)


def _vq():
    inner = build_vqvae_decoder(4, SHAPE)
    return VQVAE(build_vqvae_encoder(SHAPE, 4), keras.Model(inner.input, ops.sigmoid(inner.output)))


FAMILIES = {
    "Autoencoder": lambda: Autoencoder(decoder=decoder(ops.sigmoid)),
    "IWAE": lambda: IWAE(decoder=decoder(ops.sigmoid), num_samples=2),
    "ConditionalVAE": _conditional,
    "SemiSupervisedVAE": lambda: SemiSupervisedVAE(
        decoder=build_cvae_decoder(2, SHAPE, 3, activation="sigmoid"), num_classes=3
    ),
    "HierarchicalVAE": lambda: HierarchicalVAE(
        decoder=chain_decoder(decoder(ops.sigmoid), [build_encoder((1,), 2)])
    ),
    "DiscreteVAE": lambda: DiscreteVAE(
        decoder=decoder(ops.sigmoid, latent_dim=6), num_latents=2, num_categories=3
    ),
    "VQVAE": _vq,
}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_refuses_a_sigmoid(name):
    with pytest.raises(BadInput, match="decoder ends in a sigmoid"):
        FAMILIES[name]()


def test_the_check_takes_little_time():
    network = build_decoder(2, (28, 28, 1))
    check_gives_logits(network)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        check_gives_logits(network)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def named_encoder(names=("z_mean", "z_log_var", "z"), size=2):
    """An encoder whose outputs come in a dict."""
    x = keras.Input(SHAPE)
    outputs = build_encoder(SHAPE, size, hidden=(4,), seed=0)(x)
    return keras.Model(x, dict(zip(names, outputs, strict=True)))


def test_an_encoder_that_gives_a_dict_is_read_by_its_keys():
    named = named_encoder()
    vae = VAE(named, build_decoder(2, SHAPE, hidden=(4,)), seed=0)
    z_mean, z_log_var, _ = vae.encode(IMAGES)
    np.testing.assert_allclose(z_mean, named(IMAGES)["z_mean"], rtol=1e-5)
    np.testing.assert_allclose(z_log_var, named(IMAGES)["z_log_var"], rtol=1e-5)
    vae.compile("adam")
    history = vae.fit(IMAGES, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"][0])
    # The weights that the person holds are those that were trained.
    np.testing.assert_allclose(vae.encode(IMAGES)[0], named(IMAGES)["z_mean"], rtol=1e-5)


def test_a_model_with_named_outputs_saves_and_loads(tmp_path):
    vae = VAE(named_encoder(), seed=0)
    vae.save(tmp_path / "named.keras")
    loaded = keras.saving.load_model(tmp_path / "named.keras")
    np.testing.assert_allclose(loaded.encode(IMAGES)[0], vae.encode(IMAGES)[0], rtol=1e-5)


def test_an_autoencoder_takes_the_one_code_that_a_dict_holds():
    x = keras.Input(SHAPE)
    model = Autoencoder(keras.Model(x, {"code": layers.Dense(3)(layers.Flatten()(x))}))
    assert model.encode(IMAGES).shape == (6, 3)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: VAE(named_encoder(("mu", "log_var", "z"))),
            "by name: .*mu.*Expected the names z_mean, z_log_var, z",
        ),
        (lambda: IWAE(named_encoder(("mean", "z_log_var", "z"))), "Expected the names z_mean, z_log_var, z"),
        (lambda: Autoencoder(named_encoder()), "by name: .*Expected one code"),
        (lambda: DiscreteVAE(named_encoder()), "Expected one code"),
        (lambda: HierarchicalVAE(named_encoder()), "by name: .*chain_encoder"),
        (lambda: VQVAE(named_encoder(), build_vqvae_decoder(2, SHAPE)), "Expected one code"),
    ],
)
def test_other_names_are_refused_before_any_training(make, said):
    with pytest.raises(BadInput, match=said):
        make()


@pytest.mark.parametrize("many", [dict, list])
def test_a_decoder_with_several_outputs_is_refused(many):
    z = keras.Input((2,))
    parts = {"logits": layers.Reshape(SHAPE)(layers.Dense(16)(z)), "other": layers.Dense(1)(z)}
    network = keras.Model(z, parts if many is dict else list(parts.values()))
    with pytest.raises(BadInput, match="decoder gives 2 outputs.*expected one tensor of logits"):
        VAE(build_encoder(SHAPE, 2, hidden=(4,)), network)
