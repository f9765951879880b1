"""Three models that people asked about in public, rebuilt small from what they told; no line of theirs is copied.

``PUBLIC`` names the finding that has to come first, and builds model, images and more, as ``SICK`` does.

- *WorldModels* (AppliedDataSciencePartners/WorldModels #2 and #12): convolutions on colour frames, ten times a squared
  error that is averaged over the pixels, and a KL that is a sum. A KL of 4e-07 was left, and one blur for all frames.
- *PyTorch-VAE* (AntixK/PyTorch-VAE #11, #23, #56 and #95): a squared error averaged over the pixels beside a summed KL
  with a weight of 0.00025. People asked where this weight comes from; with a weight of 1 their models learned nothing.
- *keras.io* (keras-team/keras-io #48, keras-team/keras-core #485): a VAE whose own ``train_step`` returns the loss and
  updates no metric. The progress bar and the history of Keras 3 then show the built-in metric, 0.0 in every epoch.
"""

import keras
import numpy as np
from keras import layers, ops

from tests.patients.functions import AVERAGED, by_functions, kl_of_numpy
from tests.patients.parts import CODE, GREY, TRAIN, Draw, PlainVAE, bce_of_logits, decoder, encoder, kl

FRAME = (8, 8, 3)
FRAMES = np.stack([GREY[:300], 0.5 * GREY[:300], 1 - GREY[:300]], axis=-1).reshape(-1, *FRAME)


def networks_for_frames():
    """Encoder and decoder with convolutions; the decoder ends in a sigmoid."""
    x, z = keras.Input(FRAME), keras.Input((CODE,))
    h = layers.Flatten()(layers.Conv2D(8, 4, strides=2, activation="relu")(x))
    to_codes = keras.Model(x, [layers.Dense(CODE)(h), layers.Dense(CODE)(h)])
    h = layers.Reshape((3, 3, 8))(layers.Dense(72, activation="relu")(z))
    return to_codes, keras.Model(z, layers.Conv2DTranspose(3, 4, strides=2, activation="sigmoid")(h))


def ten_times_the_mean(x, y):
    """The mean is over all pixels of the whole batch."""
    return 10.0 * ops.mean(ops.square(ops.reshape(x, (-1,)) - ops.reshape(y, (-1,))))


def world_models():
    keras.utils.set_random_seed(0)
    to_codes, to_frames = networks_for_frames()
    model = PlainVAE(encoder=to_codes, decoder=to_frames, reconstruction=ten_times_the_mean)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(FRAMES, epochs=30, batch_size=50, verbose=0)
    return model, FRAMES, {}


def mean_squared(x, y):
    """One number for the batch, a mean over its pixels."""
    return np.mean((x - y) ** 2)


def mean_of_kl(mean, log_var):
    """One number for the batch; the weight of 0.00025 stands outside of the two functions."""
    return np.mean(kl_of_numpy(mean, log_var))


class WithoutMetrics(keras.Model):
    """A training step of its own, for TensorFlow, whose result no metric keeps."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = encoder(draws=Draw()), decoder()

    def train_step(self, data):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            mean, log_var, z = self.encoder(data)
            loss = ops.mean(bce_of_logits(data, self.decoder(z)) + kl(mean, log_var))
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss}


def keras_io():
    keras.utils.set_random_seed(0)
    model = WithoutMetrics()
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    return model, TRAIN, {"history": model.fit(TRAIN, epochs=3, batch_size=100, verbose=0)}


PUBLIC = {
    "WorldModels": (AVERAGED, world_models),
    "PyTorch-VAE": (AVERAGED, by_functions(reconstruction=mean_squared, kl=mean_of_kl)),
    "keras.io": ("a history that stands still", keras_io),
}
