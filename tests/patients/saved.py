"""Patients whose fault shows when they are saved and loaded: classes that Keras does not know, code, a lost state."""

import keras
from keras import layers

from tests.patients.parts import CODE, HIDDEN, PIXELS, TRAIN, PlainVAE, bce_of_logits, decoder, encoder

SAVING = {"saving": True}


@keras.saving.register_keras_serializable(package="patients")
class RegisteredVAE(PlainVAE):
    """A VAE that Keras knows and that says how to build it again."""

    def __init__(self, encoder, decoder, **kwargs):
        super().__init__(encoder=encoder, decoder=decoder, reconstruction=bce_of_logits, **kwargs)

    def get_config(self):
        networks = {"encoder": self.encoder, "decoder": self.decoder}
        own = {name: keras.saving.serialize_keras_object(part) for name, part in networks.items()}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        for name in ("encoder", "decoder"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


class UnknownVAE(RegisteredVAE):
    """The same, in a class that nobody told Keras of."""


@keras.saving.register_keras_serializable(package="patients")
class ForgetfulVAE(PlainVAE):
    """It takes a size and says nothing of it in its config."""

    def __init__(self, code, **kwargs):
        super().__init__(encoder=encoder(), decoder=decoder(), reconstruction=bce_of_logits, **kwargs)
        self.code = code

    def get_config(self):
        return {}


@keras.saving.register_keras_serializable(package="patients")
class Standardised(layers.Layer):
    """It divides by a spread that is measured once and kept as an attribute, which no file holds."""

    spread = 1.0

    def call(self, x):
        return x / self.spread


def network(first):
    """An encoder that begins with the layer ``first``."""
    x = keras.Input((PIXELS,))
    h = layers.Dense(HIDDEN, activation="relu")(first(x))
    return keras.Model(x, [layers.Dense(CODE)(h), layers.Dense(CODE)(h)], name="encoder")


def saved(encoder_of, kind=RegisteredVAE):
    """A builder of a model that is trained, and that the diagnosis is asked to save."""

    def build():
        keras.utils.set_random_seed(0)
        model = kind(encoder_of(), decoder())
        return fitted(model), TRAIN, SAVING

    return build


def fitted(model):
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(TRAIN, epochs=3, batch_size=100, verbose=0)
    return model


def measured():
    layer = Standardised()
    layer.spread = 0.3
    return network(layer)


def without_config():
    keras.utils.set_random_seed(0)
    return fitted(ForgetfulVAE(CODE)), TRAIN, SAVING


NOT_LOADED, DIFFERS = "a saved model that cannot be loaded", "a loaded model that differs"
SICK_SAVED = {
    # handson-ml3 #172: unregistered classes, Lambda, missing get_config, state not saved
    "a class that Keras does not know": (NOT_LOADED, saved(encoder, UnknownVAE)),
    "a Lambda layer": (NOT_LOADED, saved(lambda: network(layers.Lambda(lambda x: 2 * x - 1)))),
    "no get_config": (NOT_LOADED, without_config),
    "a state that is not saved": (DIFFERS, saved(measured)),
}
HEALTHY_SAVED = {"saved and loaded": saved(encoder)}
