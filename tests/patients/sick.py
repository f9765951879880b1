"""Models with one thing wrong. ``SICK`` names the finding that has to come first, and builds model, images and more.

Where each fault was met stands in the comment beside it.
"""

import keras
import numpy as np
from keras import layers, ops, random

from tests.patients.draws import SICK_DRAWS
from tests.patients.families import SICK_FAMILIES
from tests.patients.functions import SICK_FUNCTIONS
from tests.patients.parts import (
    CODE,
    GREY,
    IMAGES,
    OTHER,
    PIXELS,
    TRAIN,
    Draw,
    LastBatchVAE,
    OwnStepVAE,
    bce_of_logits,
    bce_of_probabilities,
    decoder,
    drawn,
    encoder,
    kl,
    squared,
    vae,
)
from tests.patients.saved import SICK_SAVED

AVERAGED = "reconstruction averaged over pixels"


def patient(images=TRAIN, more=None, **faults):
    """A builder of (model, images, further arguments of ``diagnose``)."""
    return lambda: (vae(**faults), images, more or {})


def mean_bce(x, logits):
    return bce_of_logits(x, logits) / PIXELS


def mean_bce_of_probabilities(x, p):
    return bce_of_probabilities(x, p) / PIXELS


def mean_squared(x, y):
    return squared(x, y) / PIXELS


def kl_by(formula):
    return lambda mean, s: ops.sum(formula(mean, s), axis=-1)


def same_noise(mean, s, seed):
    return mean + ops.exp(0.5 * s) * random.normal(ops.shape(mean), seed=7)


def shared_noise(mean, s, seed):
    return mean + ops.exp(0.5 * s) * random.normal((1, CODE), seed=seed)


def wider(factor):
    return lambda mean, s, seed: mean + factor * ops.exp(0.5 * s) * random.normal(ops.shape(mean), seed=seed)


def cut_off(mean, s, seed):
    return ops.stop_gradient(drawn(mean, s, seed))


def no_gradient_of_kl(mean, s):
    return kl(ops.stop_gradient(mean), ops.stop_gradient(s))


SQUASHED = {"decoder": lambda: decoder(activation="sigmoid")}


def with_sigmoid(**faults):
    return lambda: (vae(decoder=decoder(activation="sigmoid"), **faults), TRAIN, {})


def of_one_unit():
    """An encoder that sees an image through one number, before a decoder that could use more."""
    keras.utils.set_random_seed(0)
    x = keras.Input((PIXELS,))
    h = layers.Dense(1, activation="relu")(x)
    return keras.Model(x, [layers.Dense(CODE)(h), layers.Dense(CODE)(h)], name="encoder")


def before_a_finished_decoder():
    """The decoder was trained with a good encoder and stays as it is; the encoder of one unit is trained before it."""
    finished = vae(epochs=40).decoder
    finished.trainable = False
    return vae(encoder=of_one_unit(), decoder=finished, epochs=40), TRAIN, {}


def not_restored():
    """A trained model whose encoder is new again, as where a checkpoint held the decoder alone."""
    model = vae(epochs=40)
    model.encoder.set_weights(encoder().get_weights())
    return model, TRAIN, {}


def overfitted():
    model = vae()
    model.fit(TRAIN[:96], epochs=400, batch_size=32, verbose=0)
    return model, TRAIN[:96], {"validation": OTHER[:256]}


SICK = {
    # WorldModels #2, #12; MMVAE #19; keras-io #270: a mean over pixels beside a sum over the code
    "mean cross-entropy of logits": (AVERAGED, patient(reconstruction=mean_bce)),
    "mean cross-entropy of probabilities": (AVERAGED, with_sigmoid(reconstruction=mean_bce_of_probabilities)),
    "mean squared error": (AVERAGED, with_sigmoid(reconstruction=mean_squared)),
    "mean squared error, linear outputs": (AVERAGED, patient(reconstruction=mean_squared)),
    "mean cross-entropy, three outputs": (
        AVERAGED,
        lambda: (vae(encoder=encoder(draws=Draw()), reconstruction=mean_bce), TRAIN, {}),
    ),
    "mean cross-entropy in a training step of its own": (
        AVERAGED,
        lambda: (
            vae(kind=OwnStepVAE, encoder=encoder(draws=Draw()), reconstruction=mean_bce, epochs=1),
            TRAIN,
            {},
        ),
    ),
    # PyTorch-VAE #11, #23, #95; podgorskiy/VAE #1: the KL is averaged over the code, or has a tiny weight
    "KL averaged over the code": ("KL averaged over the code", patient(kl=lambda m, s: kl(m, s) / CODE)),
    "KL averaged, squared error": (
        "KL averaged over the code",
        with_sigmoid(reconstruction=lambda x, y: bce_of_probabilities(x, y), kl=lambda m, s: kl(m, s) / CODE),
    ),
    "weight 0.00025": ("no KL in the loss", patient(combine=lambda r, k: r + 0.00025 * k)),
    "no KL": ("no KL in the loss", patient(combine=lambda r, k: r + 0.0 * k)),
    "no KL, three outputs": (
        "no KL in the loss",
        lambda: (vae(encoder=encoder(draws=Draw()), combine=lambda r, k: r + 0.0 * k), TRAIN, {}),
    ),
    # alibi-detect #90; disentangling-vae #70: a sum over the batch
    "sum over the batch": ("a sum over the batch", patient(mean=ops.sum)),
    "sum over the batch, squared error": (
        "a sum over the batch",
        patient(mean=ops.sum, reconstruction=squared),
    ),
    # forum questions; wiseodd #40; PITFALLS 13: the formula of the KL
    "KL subtracted": ("the KL has the wrong sign", patient(combine=lambda r, k: r - k)),
    "KL without its half": ("the KL lacks its half", patient(kl=lambda m, s: 2 * kl(m, s))),
    "KL without exp": ("a KL of another formula", patient(kl=kl_by(lambda m, s: 0.5 * (m**2 - 1 + 0 * s)))),
    "KL without the mean": (
        "a KL of another formula",
        patient(kl=kl_by(lambda m, s: 0.5 * (ops.exp(s) - 1 - s))),
    ),
    "KL without the logarithm": (
        "a KL of another formula",
        patient(kl=kl_by(lambda m, s: 0.5 * (m**2 + ops.exp(s) - 1))),
    ),
    "draw takes log variance for log sd": (
        "KL and draw disagree about the spread",
        patient(draw=lambda m, s, seed: m + ops.exp(s) * random.normal(ops.shape(m), seed=seed)),
    ),
    "KL takes log sd, draw log variance": (
        "KL and draw disagree about the spread",
        patient(kl=kl_by(lambda m, s: 0.5 * (m**2 + ops.exp(2 * s) - 1 - 2 * s))),
    ),
    # BVAE-tf #8; PITFALLS 6: the sigmoid twice, or not at all
    "sigmoid twice": ("a sigmoid before a loss of logits", with_sigmoid(reconstruction=bce_of_logits)),
    "logits to a loss of probabilities": (
        "logits given to a loss of probabilities",
        patient(reconstruction=bce_of_probabilities),
    ),
    # PITFALLS 15: the noise
    "same noise at every call": ("the same noise at every call", patient(draw=same_noise)),
    "one noise for the batch": ("one noise for the whole batch", patient(draw=shared_noise)),
    "no noise": ("codes without noise", patient(draw=lambda m, s, seed: m + 0.0 * s)),
    "noise half as wide": ("draws of another width", patient(draw=wider(0.5))),
    "noise twice as wide": ("draws of another width", patient(draw=wider(2.0))),
    # PITFALLS 8: gradients that do not arrive
    "gradient stopped at the codes, no KL to the encoder": (
        "weights that do not learn",
        patient(draw=cut_off, kl=no_gradient_of_kl),
    ),
    "spread without a gradient": (
        "weights that do not learn",
        patient(
            draw=lambda m, s, seed: drawn(m, ops.stop_gradient(s), seed),
            kl=lambda m, s: kl(m, ops.stop_gradient(s)),
        ),
    ),
    # keras #12371; WorldModels #9: log variances that overflow
    "extreme log variances": (
        "extreme log variances",
        lambda: (vae(encoder=encoder(bias=(0.0, -30.0))), TRAIN, {}),
    ),
    # codes
    "a code that says nothing": (
        "posterior collapse",
        lambda: (vae(encoder=encoder(heads=keras.initializers.RandomNormal(0.0, 1e-3))), TRAIN, {}),
    ),
    "codes far away": (
        "codes far from the prior",
        lambda: (vae(encoder=encoder(bias=(5.0, 0.0))), TRAIN, {}),
    ),
    "codes spread out": ("codes far from the prior", lambda: (vae(encoder=encoder(scale=8.0)), TRAIN, {})),
    "a weight that is too large": (
        "posterior collapse",
        patient(combine=lambda r, k: r + 30.0 * k, epochs=40),
    ),
    # pkmital #23; keras #2134: what came as data
    "bytes": ("pixels outside 0 to 1", patient(images=np.round(255 * GREY[:600]))),
    "tanh targets": ("pixels outside 0 to 1", patient(images=2 * GREY[:600] - 1)),
    "NaN": (
        "pixels that are no numbers",
        patient(images=np.where(np.arange(600)[:, None] == 5, np.nan, GREY[:600])),
    ),
    "infinity": (
        "pixels that are no numbers",
        patient(images=np.where(np.arange(600)[:, None] == 5, np.inf, GREY[:600])),
    ),
    # PITFALLS 7: padding or strides change the size
    "outputs of another size": (
        "outputs of another size than the images",
        lambda: (vae(decoder=decoder(pixels=2 * PIXELS)), TRAIN, {}),
    ),
    # scvi-tools #1032; DLwP 3: the split
    "validation among training images": (
        "validation images among the training images",
        patient(more={"validation": IMAGES[500:1200]}),
    ),
    "overfitting": ("overfitting", overfitted),
    # scvi-tools #1032: the last batch only
    "evaluation of the last batch": (
        "an evaluation of the last batch",
        patient(kind=LastBatchVAE, epochs=3),
    ),
    # Cremer et al. 2018: the encoder is too weak
    "an encoder of one unit": ("an amortisation gap", before_a_finished_decoder),
    "an encoder that was not restored": ("an amortisation gap", not_restored),
    # keras-io #983, #38, #48: the history
    "history of zeros": ("a history that stands still", patient(more={"history": {"loss": [0.0, 0.0, 0.0]}})),
    "history of NaN": ("a loss that became NaN", patient(more={"history": {"loss": [90.0, np.nan, np.nan]}})),
    **SICK_FUNCTIONS,
    **SICK_FAMILIES,
    **SICK_DRAWS,
    **SICK_SAVED,
}
