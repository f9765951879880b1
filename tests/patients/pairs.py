"""Models with two things wrong at once. ``PAIRS`` names both findings, of which neither may hide the other."""

import numpy as np
from keras import ops, random

from tests.patients.functions import by_functions, kl_of_numpy
from tests.patients.parts import CODE, GREY, IMAGES, bce_of_logits, encoder, kl, vae
from tests.patients.sick import (
    AVERAGED,
    kl_by,
    mean_bce,
    mean_squared,
    patient,
    same_noise,
    shared_noise,
    wider,
    with_sigmoid,
)

MIXED = {"validation": IMAGES[500:1200]}
CONSTANT = {"history": {"loss": [0.0, 0.0, 0.0]}}


PAIRS = {
    "mean over pixels, same noise": (
        (AVERAGED, "the same noise at every call"),
        patient(reconstruction=mean_bce, draw=same_noise),
    ),
    "no KL, one noise for the batch": (
        ("no KL in the loss", "one noise for the whole batch"),
        patient(combine=lambda r, k: r + 0.0 * k, draw=shared_noise),
    ),
    "KL without its half, validation among training images": (
        ("the KL lacks its half", "validation images among the training images"),
        patient(kl=lambda m, s: 2 * kl(m, s), more=MIXED),
    ),
    "sigmoid twice, no noise": (
        ("a sigmoid before a loss of logits", "codes without noise"),
        with_sigmoid(reconstruction=bce_of_logits, draw=lambda m, s, seed: m + 0.0 * s),
    ),
    "KL averaged, history of zeros": (
        ("KL averaged over the code", "a history that stands still"),
        patient(kl=lambda m, s: kl(m, s) / CODE, more=CONSTANT),
    ),
    "sum over the batch, KL subtracted": (
        ("a sum over the batch", "the KL has the wrong sign"),
        patient(mean=ops.sum, combine=lambda r, k: r - k),
    ),
    "mean squared error, draw takes log variance for log sd": (
        (AVERAGED, "KL and draw disagree about the spread"),
        with_sigmoid(
            reconstruction=mean_squared,
            draw=lambda m, s, seed: m + ops.exp(s) * random.normal(ops.shape(m), seed=seed),
        ),
    ),
    "codes far away, history of zeros": (
        ("codes far from the prior", "a history that stands still"),
        lambda: (vae(encoder=encoder(bias=(5.0, 0.0))), IMAGES[:1000], CONSTANT),
    ),
    "KL without exp, validation among training images": (
        ("a KL of another formula", "validation images among the training images"),
        patient(kl=kl_by(lambda m, s: 0.5 * (m**2 - 1 + 0 * s)), more=MIXED),
    ),
    "tanh targets, noise twice as wide": (
        ("pixels outside 0 to 1", "draws of another width"),
        patient(images=2 * GREY[:600] - 1, draw=wider(2.0)),
    ),
    "bytes, sum over the batch": (
        ("pixels outside 0 to 1", "a sum over the batch"),
        patient(images=np.round(255 * GREY[:600]), mean=ops.sum),
    ),
    "functions: reconstruction averaged, KL subtracted": (
        (AVERAGED, "the KL has the wrong sign"),
        by_functions(reconstruction=lambda x, y: np.mean((x - y) ** 2), kl=lambda m, s: -kl_of_numpy(m, s)),
    ),
}
