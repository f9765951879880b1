"""Protects the figure of the amortisation gap: gradient steps find the best codes where these are known exactly, they
leave the decoder as it is, and models that are well gain less than the finding asks for, trained or not.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest

from companion.diagnosis.examination import BEGUN, Examination
from companion.diagnosis.keras_patient import KerasPatient
from companion.diagnosis.loss_fit import Fit
from companion.diagnosis.on_amortisation import LARGE, SHARE, gained
from companion.diagnosis.refining import Codes, loss_of, refined
from tests.patients.parts import TRAIN, vae

HALF_SQUARED = Fit("squared error", "KL for a log variance", 0.5, 1.0, 0.0, 0.0, 0.0, 1.0)
N, CODE, PIXELS = 8, 2, 6


def linear():
    """A decoder whose outputs for two units lie at right angles, so that the best codes have a closed form."""
    decoder = keras.layers.Dense(PIXELS, use_bias=False)
    decoder.build((None, CODE))
    weights = np.zeros((CODE, PIXELS))
    weights[0, :2], weights[1, 3] = 1.5, 3.0
    decoder.set_weights([weights])
    return decoder, weights


def test_steps_find_the_best_codes_and_leave_the_decoder():
    decoder, weights = linear()
    rng = np.random.default_rng(0)
    images = rng.normal(size=(N, CODE)) @ weights + 0.1 * rng.normal(size=(N, PIXELS))
    precision = 1 + np.sum(weights**2, axis=1)  # of the posterior for pixels with variance 1
    best = Codes(images @ weights.T / precision, np.zeros((N, CODE)) - np.log(precision))
    start = Codes(np.zeros((N, CODE)), np.zeros((N, CODE)))
    found = refined(decoder, images, start, HALF_SQUARED, rng, steps=300)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(decoder.kernel), weights.astype("float32"))
    noise = rng.normal(size=(2000, N, CODE))
    losses = [
        loss_of(lambda z: z @ weights, images, codes, HALF_SQUARED, noise).mean()
        for codes in (start, found, best)
    ]
    assert losses[0] > losses[2] + 5.0
    assert losses[2] - 0.05 < losses[1] < losses[2] + 0.15


def test_nats_are_those_of_the_kl_where_the_error_is_no_cross_entropy():
    codes, noise = Codes(np.ones((N, CODE)), np.zeros((N, CODE))), np.zeros((1, N, CODE))
    images, outputs = np.zeros((N, PIXELS)), lambda z: np.full((len(z), PIXELS), 2.0)
    half = loss_of(outputs, images, codes, HALF_SQUARED, noise)
    np.testing.assert_allclose(half, 0.5 * PIXELS * 4.0 + 0.5 * CODE)
    logits = replace(HALF_SQUARED, reconstruction="cross-entropy of logits", a=1.0, b=4.0)
    entropy = PIXELS * np.log1p(np.exp(2.0))
    np.testing.assert_allclose(loss_of(outputs, images, codes, logits, noise), entropy + 4.0 * 0.5 * CODE)


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [0, 3])
def test_models_that_are_well_gain_less_than_the_finding_asks_for(epochs):
    model = vae(epochs=epochs)
    x = Examination(KerasPatient(model), TRAIN)
    before, after = gained(x)
    gap = float(np.mean(before - after))
    assert 0 < gap < LARGE and gap < SHARE * before.mean()
    assert x.patient.steps_taken < BEGUN
