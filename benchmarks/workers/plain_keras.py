"""The VAE of the Keras documentation, written plainly: losses summed by hand in a ``train_step`` of its own.

The networks are those of the case, so that only the way of writing differs. Source: the example "Variational
AutoEncoder" in Keras's documentation.
"""

from __future__ import annotations

import time
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from benchmarks.images import read
from benchmarks.workers.keras_rounds import serve_fit
from benchmarks.workers.talk import Talk


class Sampling(layers.Layer):
    """z from its mean and log variance."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(1337)

    def call(self, inputs: Any) -> Any:
        z_mean, z_log_var = inputs
        epsilon = keras.random.normal(ops.shape(z_mean), seed=self.seed_generator)
        return z_mean + ops.exp(0.5 * z_log_var) * epsilon


class VAE(keras.Model):
    """The VAE of the documentation."""

    def __init__(self, encoder: keras.Model, decoder: keras.Model) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
        self.reconstruction_loss_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.total_loss_tracker, self.reconstruction_loss_tracker, self.kl_loss_tracker]

    def train_step(self, data: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            z_mean, z_log_var, z = self.encoder(data)
            reconstruction = self.decoder(z)
            reconstruction_loss = ops.mean(
                ops.sum(keras.losses.binary_crossentropy(data, reconstruction), axis=(1, 2))
            )
            kl_loss = -0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var))
            kl_loss = ops.mean(ops.sum(kl_loss, axis=1))
            total_loss = reconstruction_loss + kl_loss
        grads = tape.gradient(total_loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights, strict=True))
        self.total_loss_tracker.update_state(total_loss)
        self.reconstruction_loss_tracker.update_state(reconstruction_loss)
        self.kl_loss_tracker.update_state(kl_loss)
        return {
            "loss": self.total_loss_tracker.result(),
            "reconstruction_loss": self.reconstruction_loss_tracker.result(),
            "kl_loss": self.kl_loss_tracker.result(),
        }


def dense_networks(hidden: list[int]) -> tuple[Any, Any]:
    """The bodies of a dense pair: functions from images to features, and from codes to pixels."""

    def encode(x: Any) -> Any:
        x = layers.Flatten()(x)
        for units in hidden:
            x = layers.Dense(units, activation="relu")(x)
        return x

    def decode(x: Any) -> Any:
        for units in hidden[::-1]:
            x = layers.Dense(units, activation="relu")(x)
        return layers.Reshape((28, 28, 1))(layers.Dense(784, activation="sigmoid")(x))

    return encode, decode


def conv_networks() -> tuple[Any, Any]:
    """The bodies of a convolutional pair, padded to 32×32 and cropped again."""

    def encode(x: Any) -> Any:
        x = layers.ZeroPadding2D(2)(x)
        for filters in (32, 64, 128):
            x = layers.Conv2D(filters, 3, activation="relu", strides=2, padding="same")(x)
        return layers.Flatten()(x)

    def decode(x: Any) -> Any:
        x = layers.Reshape((4, 4, 128))(layers.Dense(4 * 4 * 128)(x))
        for filters in (128, 64, 32):
            x = layers.Conv2DTranspose(filters, 3, activation="relu", strides=2, padding="same")(x)
        return layers.Cropping2D(2)(layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x))

    return encode, decode


def build(spec: dict[str, Any]) -> VAE:
    """The compiled model that ``spec`` describes."""
    latent_dim = spec["latent_dim"]
    encode, decode = conv_networks() if spec["network"] == "conv" else dense_networks(spec["hidden"])
    images = keras.Input((28, 28, 1))
    features = encode(images)
    z_mean, z_log_var = layers.Dense(latent_dim)(features), layers.Dense(latent_dim)(features)
    encoder = keras.Model(images, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])])
    codes = keras.Input((latent_dim,))
    vae = VAE(encoder, keras.Model(codes, decode(codes)))
    vae.compile(optimizer=keras.optimizers.Adam())
    return vae


def main() -> None:
    """Train until told to stop."""
    talk = Talk()
    images = read(talk.spec["images"], talk.spec["count"])
    began = time.perf_counter()
    serve_fit(talk, build(talk.spec), images, began, batch_size=talk.spec["batch"])


if __name__ == "__main__":
    main()
