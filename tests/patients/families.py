"""Patients of other families: conditional models, codebooks, layers of codes, and models in half precision."""

import keras
import numpy as np
from keras import layers, ops, random
from sklearn.datasets import load_digits

from companion.conditional_vae import ConditionalVAE
from companion.hierarchical_vae import HierarchicalVAE
from companion.vq_vae import VQVAE
from tests.patients.parts import CODE, HIDDEN, PIXELS, TRAIN, bce_of_logits, kl, vae

LABELS = load_digits().target[:1000].astype("int32")
CLASSES, SIDE, CODES = 10, 8, 64
SQUARES = TRAIN.reshape(-1, SIDE, SIDE, 1)


class Pair(keras.Model):
    """An encoder and a decoder without a loss, as a repository hands them over for inference."""

    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


def conditional(*, to_encoder=1.0, to_decoder=1.0):
    """A pair of networks that take images or codes with one-hot labels, which are multiplied by a factor first."""
    keras.utils.set_random_seed(0)
    x, y, z = keras.Input((PIXELS,)), keras.Input((CLASSES,)), keras.Input((CODE,))
    h = layers.Concatenate()([x, layers.Rescaling(to_encoder)(y)])
    h = layers.Dense(HIDDEN, activation="relu")(h)
    encoder = keras.Model([x, y], [layers.Dense(CODE)(h), layers.Dense(CODE)(h)])
    h = layers.Concatenate()([z, layers.Rescaling(to_decoder)(y)])
    h = layers.Dense(HIDDEN, activation="relu")(h)
    return Pair(encoder, keras.Model([z, y], layers.Dense(PIXELS)(h)))


def with_labels(**factors):
    return lambda: (conditional(**factors), TRAIN, {"labels": LABELS})


def for_the_encoder_alone():
    """A decoder that does not even take the label."""
    model = conditional()
    z = keras.Input((CODE,))
    decoder = keras.Model(z, layers.Dense(PIXELS)(layers.Dense(HIDDEN, activation="relu")(z)))
    return Pair(model.encoder, decoder), TRAIN, {"labels": LABELS}


def conditional_family():
    model = ConditionalVAE(input_shape=SQUARES.shape[1:], num_classes=CLASSES, seed=0)
    model.compile("adam", jit_compile=False)
    model.fit([SQUARES, LABELS], epochs=2, batch_size=50, verbose=0)
    return model, SQUARES, {"labels": LABELS}


def codebook(*, far_away=False):
    """A VQ-VAE; with ``far_away`` its rows start far from all vectors, and nothing restarts those that are unused."""
    keras.utils.set_random_seed(0)
    how = {"codebook": "loss", "reset": 0.0, "data_init": False} if far_away else {}
    model = VQVAE(input_shape=SQUARES.shape[1:], seed=0, **how)
    if far_away:
        rows = model.quantizer.embeddings
        rows.assign(5.0 * np.random.default_rng(0).normal(size=rows.shape))
    model.compile("adam", jit_compile=False)
    model.fit(SQUARES, epochs=3, batch_size=50, verbose=0)
    return model, SQUARES, {}


class MeanOfBatches(keras.metrics.Mean):
    """The mean of the perplexities of batches."""

    def update_state(self, codes, sample_weight=None):
        shares = ops.mean(ops.one_hot(ops.reshape(codes, (-1,)), CODES), axis=0)
        super().update_state(ops.exp(-ops.sum(shares * ops.log(ops.maximum(shares, 1e-9)))))


def perplexity_of_batches():
    """A VQ-VAE that is well but for its metric."""
    keras.utils.set_random_seed(0)
    model = VQVAE(input_shape=SQUARES.shape[1:], num_embeddings=CODES, seed=0)
    model.perplexity_tracker = MeanOfBatches(name="perplexity")
    model.compile("adam", jit_compile=False)
    model.fit(SQUARES, epochs=3, batch_size=50, verbose=0)
    return model, SQUARES, {}


def top_layer_that_says_nothing():
    """The last layer of q(z2|z1) begins almost at zero and learns slowly, so the top layer equals its prior."""
    keras.utils.set_random_seed(0)
    model = HierarchicalVAE(input_shape=SQUARES.shape[1:], latent_dims=(4, 2), seed=0)
    for name in ("z_mean", "raw_log_var"):
        head = model.encoder.get_layer("q_z2").get_layer(name)
        head.set_weights([1e-3 * weights for weights in head.get_weights()])
    model.compile(keras.optimizers.Adam(1e-6), jit_compile=False)
    model.fit(SQUARES, epochs=10, batch_size=50, verbose=0)
    return model, SQUARES, {}


def in_half_precision(*, code=None):
    """A model whose networks compute in 16 bits; its code is cast to the precision ``code`` first, if there is one."""

    def cast(*parts):
        return [ops.cast(part, code or part.dtype) for part in parts]

    def draw(mean, log_var, seed):
        mean, log_var = cast(mean, log_var)
        return mean + ops.exp(0.5 * log_var) * random.normal(ops.shape(mean), dtype=mean.dtype, seed=seed)

    def reconstruction(x, logits):
        return bce_of_logits(x, ops.cast(logits, "float32"))

    def build():
        own = {"draw": draw, "reconstruction": reconstruction, "combine": ops.add}
        keras.config.set_dtype_policy("mixed_float16")
        try:
            return vae(kl=lambda mean, log_var: kl(*cast(mean, log_var)), **own), TRAIN, {}
        finally:
            keras.config.set_dtype_policy("float32")

    return build


SICK_FAMILIES = {
    # PITFALLS 19: the condition reaches one network only
    "a decoder that ignores the label": (
        "a condition that the decoder ignores",
        with_labels(to_decoder=0.0),
    ),
    "a label for the encoder alone": ("a condition that the decoder ignores", for_the_encoder_alone),
    # bshall #3; zalandoresearch #9: no restart, a poor start
    "a codebook that starts far away": ("codebook collapse", lambda: codebook(far_away=True)),
    # bshall #3; haiku #577; sonnet #257: the perplexity depends on the batch size
    "perplexity of each batch": ("a perplexity counted per batch", perplexity_of_batches),
    # LVAE repositories
    "a top layer that says nothing": ("a layer of codes that is unused", top_layer_that_says_nothing),
    # PITFALLS 13
    "half precision": ("an exponential in half precision", in_half_precision()),
}
HEALTHY_FAMILIES = {
    "two networks with labels": with_labels(),
    "a label for the decoder alone": with_labels(to_encoder=0.0),
    "ConditionalVAE with its labels": conditional_family,
    "half precision, the code in single": in_half_precision(code="float32"),
}
