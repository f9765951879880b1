"""A whole variational autoencoder in plain Keras: paste it into a notebook and run it."""

import keras
from keras import layers, ops

from companion import data


class OnePageVAE(keras.Model):
    """Images of 28 by 28 pixels in [0, 1], losses in nats per image. Chapter 00."""

    def __init__(self, latent_dim=2):
        super().__init__()
        self.latent_dim = latent_dim
        self.encoder = keras.Sequential(
            [
                layers.Flatten(),  # (batch, 784)
                layers.Dense(256, activation="relu"),
                layers.Dense(128, activation="relu"),
                layers.Dense(2 * latent_dim),  # (batch, 2 * latent_dim): q(z|x)
            ]
        )
        self.decoder = keras.Sequential(
            [
                layers.Dense(128, activation="relu"),
                layers.Dense(256, activation="relu"),
                layers.Dense(784),
                layers.Reshape((28, 28, 1)),  # (batch, 28, 28, 1): logits of p(x|z)
            ]
        )
        self.noise = keras.random.SeedGenerator(0)
        self.reconstruction_tracker = keras.metrics.Mean(name="reconstruction_loss")
        self.kl_tracker = keras.metrics.Mean(name="kl_loss")

    def encode(self, x):
        return ops.split(self.encoder(x), 2, axis=-1)  # two of (batch, latent_dim)

    def call(self, x):
        z_mean, z_log_var = self.encode(x)
        epsilon = keras.random.normal(ops.shape(z_mean), seed=self.noise)
        z = z_mean + ops.exp(0.5 * z_log_var) * epsilon  # (batch, latent_dim): a draw
        return self.decoder(z), z_mean, z_log_var

    def terms(self, x, y_pred):
        logits, z_mean, z_log_var = y_pred
        per_pixel = ops.binary_crossentropy(x, logits, from_logits=True)  # (batch, 28, 28, 1)
        reconstruction = ops.sum(per_pixel, axis=(1, 2, 3))  # (batch,): -log p(x|z)
        per_number = 0.5 * (z_mean**2 + ops.exp(z_log_var) - 1 - z_log_var)
        return reconstruction, ops.sum(per_number, axis=1)  # (batch,) each

    def compute_loss(self, x, y=None, y_pred=None, sample_weight=None, training=True):
        reconstruction, kl = self.terms(x, y_pred)
        self.reconstruction_tracker.update_state(reconstruction)
        self.kl_tracker.update_state(kl)
        return ops.mean(reconstruction + kl)  # the negative ELBO; one mean, over the batch

    def decode(self, z):
        return ops.sigmoid(self.decoder(z))  # (n, 28, 28, 1): probabilities of ink

    def sample(self, n):
        return self.decode(keras.random.normal((n, self.latent_dim), seed=self.noise))


if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    digits = data.load("digits")
    vae = OnePageVAE()
    vae.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    vae.fit(digits.x_train, batch_size=32, epochs=30)
    print(vae.evaluate(digits.x_test, return_dict=True))
