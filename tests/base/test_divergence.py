"""Protects people whose training has diverged: they are told so in words, once, where the model is used."""

import warnings

import keras
import numpy as np
import pytest
from families import ALONE, BUILD, CONDITIONS, IMAGES, N, inputs, make

from companion.errors import BadInput
from companion.evaluation import log_likelihood, score

NAMED = "training has diverged; build the model again and train it with a smaller learning rate"


def broken(name, value=np.nan):
    """A model of the family whose training has left no weight finite."""
    model = make(name)
    for weight in model.trainable_weights:
        weight.assign(np.full(weight.shape, value, "float32"))
    return model


def uses(name, model):
    """What people do with a trained model of the family ``name``."""
    x = inputs(name)
    yield "encode", lambda: model.encode(x)
    yield "reconstruct", lambda: model.reconstruct(x)
    yield "predict", lambda: model.predict(x, verbose=0)
    if name in CONDITIONS:
        yield "generate", lambda: model.generate(CONDITIONS[name])
        yield "sample", lambda: model.sample(N, labels=CONDITIONS[name])
        yield "decode", lambda: model.decode(np.zeros((N, 2)), CONDITIONS[name])
    elif name != "autoencoder":
        yield "sample", lambda: model.sample(3)
    if name in ("autoencoder", "vae", "beta", "iwae", "miwae"):
        yield "decode", lambda: model.decode(np.zeros((3, model.latent_dim)))
    if name != "autoencoder":
        yield "elbo_terms", lambda: model.elbo_terms(x)
        yield "log_likelihood", lambda: log_likelihood(model, x, 2)
        yield "score", lambda: score(model, x, k=2)
    if name not in ("autoencoder", "vq", "fsq"):
        yield "log_weights", lambda: model.log_weights(x, 2)
    if name == "hierarchical":
        yield "encode_layers", lambda: model.encode_layers(x)
        yield "sample_layers", lambda: model.sample_layers(3)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILD)
def test_every_use_of_a_diverged_model_says_so(name):
    model = broken(name)
    for use, act in uses(name, model):
        with pytest.raises(BadInput) as error:
            act()
        assert NAMED in str(error.value), use
        assert "clean them" not in str(error.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILD)
def test_the_same_uses_work_with_finite_weights(name):
    for _, act in uses(name, make(name)):
        act()


def test_infinite_weights_and_a_subclass():
    class Own(type(BUILD["vae"]())):
        def decode(self, z):
            return super().decode(z) ** 2

    model = Own(input_shape=(4, 4, 1), seed=0)
    assert np.isfinite(model.decode(np.zeros((2, 2)))).all()
    model.decoder.trainable_weights[0].assign(np.full(model.decoder.trainable_weights[0].shape, np.inf))
    with pytest.raises(BadInput, match=NAMED):
        model.decode(np.ones((2, 2)))
    assert Own.decode.__name__ == "decode"


def test_codes_with_nan_are_still_told_to_be_cleaned():
    with pytest.raises(BadInput, match="codes of shape .* NaN"):
        make("vae").decode([[0.0, np.nan]])


def diverging(name="vae", rate=1e6):
    return make(name, keras.optimizers.SGD(rate))


# The first step of the autoencoder leaves no rectified unit alive; only a huge rate then makes its loss overflow.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rate", "advised"),
    [
        ("autoencoder", 1e38, "1e+37"),
        ("vae", 1e6, "1e+05"),
        ("labels", 1e6, "1e+05"),
        ("hierarchical", 1e6, "1e+05"),
    ],
)
def test_fit_warns_once_while_it_happens(name, rate, advised):
    model = diverging(name, rate)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(inputs(name), epochs=8, verbose=0).history
    assert not np.isfinite(history["loss"][-1])
    first = int(np.argmax(~np.isfinite(history["loss"]))) + 1
    told = [str(warning.message) for warning in caught if "diverged" in str(warning.message)]
    assert len(told) == 1
    assert f"after epoch {first}" in told[0]
    assert f"smaller learning rate, for example keras.optimizers.SGD({advised})" in told[0]


@pytest.mark.slow
def test_a_second_fit_warns_anew_and_a_good_one_never():
    model = diverging()
    for _ in range(2):
        with pytest.warns(UserWarning, match="training has diverged"):
            model.fit(IMAGES, epochs=8, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert np.isfinite(make("vae").fit(IMAGES, verbose=0).history["loss"]).all()


@pytest.mark.slow
def test_the_advice_works_and_callbacks_of_every_form_are_kept():
    class Seen(keras.callbacks.Callback):
        epochs = 0

        def on_epoch_end(self, epoch, logs=None):
            self.epochs += 1

    forms = (
        lambda callback, model: callback,
        lambda callback, model: [callback],
        lambda callback, model: (callback,),
        lambda callback, model: keras.callbacks.CallbackList([callback], add_history=True, model=model),
    )
    for form in forms:
        model, seen = make("vae", keras.optimizers.SGD(1e-4)), Seen()
        given = form(seen, model)
        before = list(given) if isinstance(given, list) else None
        model.fit(IMAGES, callbacks=given, verbose=0)
        assert seen.epochs == 1
        assert before is None or given == before


@pytest.mark.parametrize("name", ALONE[1:2])
def test_a_loss_that_is_nan_can_still_be_evaluated(name):
    assert np.isnan(broken(name).evaluate(IMAGES, verbose=0, return_dict=True)["loss"])
