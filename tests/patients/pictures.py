"""What a fault looks like: digits that a sick model reconstructs or draws after training, beside a mended one's."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from tests.patients.parts import CODE, GREY, OTHER, TRAIN, vae
from tests.patients.sick import SICK
from tools.patients import SIDE, packed

EPOCHS, BATCH, SHOWN = 40, 100, 8
RECONSTRUCTIONS, SAMPLES = "reconstructions", "samples"


def as_it_is(values):
    return values


class Look(NamedTuple):
    """How a fault is shown: ``pixels`` makes of outputs what the loss takes them for, ``paper`` of inputs [0, 1]."""

    kind: str = RECONSTRUCTIONS
    pixels: Callable = expit
    paper: Callable = as_it_is
    like: str = "black and white"
    epochs: int = EPOCHS


LOOKS = {
    "mean cross-entropy of logits": Look(),
    "sigmoid twice": Look(),
    "logits to a loss of probabilities": Look(pixels=as_it_is),
    "no KL": Look(SAMPLES),
    "KL subtracted": Look(SAMPLES),
    "no noise": Look(SAMPLES),
    "a weight that is too large": Look(epochs=0),
    "gradient stopped at the codes, no KL to the encoder": Look(),
    "bytes": Look(paper=lambda x: x / 255, like="grey"),
    "tanh targets": Look(paper=lambda x: (x + 1) / 2, like="grey"),
    "overfitting": Look(epochs=0),
}


def picture(name):
    """The rows of a picture by what they show: the fault, what mends it, and for reconstructions the images."""
    look = LOOKS[name]
    model, images, _ = SICK[name][1]()
    if look.epochs:
        model.fit(images, epochs=look.epochs, batch_size=BATCH, verbose=0)
    well, pixels = mended(look.like)
    shown = (OTHER if name == "overfitting" else images)[:SHOWN]
    rows = {} if look.kind == SAMPLES else {"original": look.paper(shown)}
    rows["with the fault"] = look.pixels(outputs(model, shown, look.kind))
    rows["mended"] = pixels(outputs(well, look.paper(shown), look.kind))
    return {"kind": look.kind, "rows": {row: packed(of_side(values)) for row, values in rows.items()}}


def outputs(model, images, kind):
    """The decoder's outputs for the means of ``images``, or for as many codes drawn from N(0, I)."""
    if kind == SAMPLES:
        codes = np.random.default_rng(0).normal(size=(SHOWN, CODE)).astype("float32")
    else:
        codes = model.encoder(images.astype("float32"))[0]
    return np.asarray(model.decoder(codes), dtype="float64")


@cache
def mended(like):
    """A model without the fault, trained as long, and what turns its outputs into pixels."""
    faultless = {
        "black and white": lambda: (vae(), TRAIN, expit),
        "grey": lambda: (vae(), GREY[:1000], expit),
    }
    model, images, pixels = faultless[like]()
    model.fit(images, epochs=EPOCHS, batch_size=BATCH, verbose=0)
    return model, pixels


def of_side(values):
    return values.reshape(-1, SIDE, SIDE)
