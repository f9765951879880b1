"""Protects a conditional model from conditions on another scale than its networks expect, which they do not say."""

import warnings

import numpy as np
import pytest

from companion.conditional_vae import ConditionalVAE
from companion.conditional_vae.conditions import warn_of_scale
from companion.data import Batches
from companion.errors import BadInput

SHAPE = (4, 4, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.random((60, *SHAPE)).astype("float32")
YEARS = RNG.integers(1990, 2021, (60, 1))


def model(shape=(1,), **own):
    cvae = ConditionalVAE(input_shape=SHAPE, condition_shape=shape, seed=0, **own)
    cvae.compile("adam", jit_compile=False)
    return cvae


ROUTES = {
    "fit": lambda m, y: m.fit([IMAGES, y], verbose=0),
    "fit on batches": lambda m, y: m.fit(Batches(IMAGES, 20, labels=y), verbose=0),
    "evaluate": lambda m, y: m.evaluate([IMAGES, y], verbose=0),
    "encode": lambda m, y: m.encode([IMAGES, y]),
    "elbo_terms": lambda m, y: m.elbo_terms([IMAGES, y]),
    "generate": lambda m, y: m.generate(y),
    "decode": lambda m, y: m.decode(np.zeros((60, 2)), y),
    "sample": lambda m, y: m.sample(60, labels=y),
}


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
def test_years_are_warned_of_on_every_route(route):
    with pytest.warns(UserWarning, match="conditions hold values from 1990 to 2020.*standardise them.*mean"):
        ROUTES[route](model(), YEARS)


def standardised(conditions):
    """What the message advises."""
    mean, std = conditions.mean(axis=0), conditions.std(axis=0)
    return (conditions - mean) / np.where(std == 0, 1, std)


def test_the_advice_mends_the_loss():
    with pytest.warns(UserWarning, match="standardise them"):
        raw = model().evaluate([IMAGES, YEARS], verbose=0, return_dict=True)["neg_elbo"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mended = model().evaluate([IMAGES, standardised(YEARS)], verbose=0, return_dict=True)["neg_elbo"]
    assert raw > 10 * mended
    assert mended < 60


def test_one_model_says_it_once():
    cvae = model()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cvae.fit(Batches(IMAGES, 10, labels=YEARS), epochs=2, verbose=0)
        cvae.generate(YEARS)
    assert len([w for w in caught if "standardise" in str(w.message)]) == 1


FAR = {
    "years": YEARS,
    "bytes": RNG.integers(0, 256, (60, 3)),
    "one of several": np.column_stack([RNG.normal(size=60), 100 * RNG.normal(size=60)]),
    "thousandths": 1e-3 * RNG.normal(size=(60, 2)),
    "thousands of years": YEARS / 1000,
    "below zero": -YEARS,
    "years beside a constant": np.column_stack([YEARS, np.ones(60)]),
}
NEAR = {
    "standardised": RNG.normal(size=(60, 3)),
    "standardised years": standardised(YEARS),
    "a constant beside years": standardised(np.column_stack([YEARS, np.full(60, 1999)]).astype("float32")),
    "pixels": RNG.random((60, 2, 2, 1)),
    "switches": RNG.integers(0, 2, (60, 4)),
    "booleans": RNG.integers(0, 2, (60, 4)).astype(bool),
    "rare switches": (np.arange(60) == 7).astype(int)[:, None],
    "whole numbers": RNG.integers(-2, 3, (60, 2)),
    "zeros": np.zeros((60, 2)),
    "one row": RNG.normal(size=(1, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FAR)
def test_what_is_far_from_one_is_warned_of(name):
    shape = FAR[name].shape[1:]
    with pytest.warns(UserWarning, match="expected numbers about 1"):
        model(shape).generate(FAR[name])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(shape).generate(standardised(FAR[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NEAR)
def test_what_is_about_one_is_taken_without_a_word(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model(NEAR[name].shape[1:]).generate(NEAR[name]).shape == (len(NEAR[name]), *SHAPE)


def test_labels_are_never_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cvae = ConditionalVAE(input_shape=SHAPE, num_classes=30, seed=0)
        cvae.generate(np.full(200, 29))


def test_many_rows_are_looked_at_through_some():
    conditions = np.zeros((50_001, 2), "float32")
    conditions[::2] = 3000
    with pytest.warns(UserWarning, match="values from 0 to 3000 in number 0"):
        assert warn_of_scale(conditions)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("route", ROUTES)
def test_nan_is_named_as_the_conditions(route, bad):
    conditions = RNG.normal(size=(60, 1))
    conditions[5] = bad
    with pytest.raises(
        BadInput, match="conditions hold 1 values that are NaN or infinite: expected finite numbers"
    ):
        ROUTES[route](model(), conditions)
