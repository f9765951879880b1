"""Small images and the healthy parts that sick models are made of. Each part can be handed a fault."""

import keras
from keras import layers, ops, random
from sklearn.datasets import load_digits

PIXELS, CODE, HIDDEN = 64, 3, 24
GREY = (load_digits().data / 16.0).astype("float32")  # (1797, 64), values in [0, 1]
IMAGES = (GREY > 0.5).astype("float32")
TRAIN, OTHER = IMAGES[:1000], IMAGES[1000:]


def encoder(*, draws=None, bias=(0.0, 0.0), scale=1.0, heads="glorot_uniform"):
    """A network from images to mean and log variance, and with ``draws`` to a draw made by that layer."""
    x = keras.Input((PIXELS,))
    h = layers.Dense(HIDDEN, activation="relu")(x)
    mean, spread = (
        layers.Dense(
            CODE, kernel_initializer=heads, bias_initializer=keras.initializers.Constant(b), name=name
        )(h)
        for name, b in zip(("z_mean", "z_log_var"), bias, strict=True)
    )
    if scale != 1.0:
        mean = layers.Rescaling(scale)(mean)
    return keras.Model(
        x, [mean, spread] if draws is None else [mean, spread, draws([mean, spread])], name="encoder"
    )


def decoder(*, activation=None, pixels=PIXELS):
    """A network from codes to logits, or to what ``activation`` makes of them."""
    z = keras.Input((CODE,))
    h = layers.Dense(HIDDEN, activation="relu")(z)
    return keras.Model(z, layers.Dense(pixels, activation=activation)(h), name="decoder")


def bce_of_logits(x, logits):
    return ops.sum(ops.softplus(logits) - x * logits, axis=-1)


def bce_of_probabilities(x, p):
    p = ops.clip(p, 1e-7, 1 - 1e-7)
    return -ops.sum(x * ops.log(p) + (1 - x) * ops.log(1 - p), axis=-1)


def squared(x, y):
    return ops.sum(ops.square(x - y), axis=-1)


def kl(mean, log_var):
    return 0.5 * ops.sum(ops.square(mean) + ops.exp(log_var) - 1 - log_var, axis=-1)


def drawn(mean, log_var, seed):
    return mean + ops.exp(0.5 * log_var) * random.normal(ops.shape(mean), seed=seed)


class PlainVAE(keras.Model):
    """A VAE as people write it: the loss from functions that can be faulty, its sampling, too."""

    def __init__(
        self, *, encoder, decoder, reconstruction, kl=kl, draw=drawn, combine=None, mean=ops.mean, **kwargs
    ):
        super().__init__(**kwargs)
        self.encoder, self.decoder = encoder, decoder
        self.reconstruction, self.kl, self.draw = reconstruction, kl, draw
        self.combine, self.mean = combine or (lambda r, k: r + k), mean
        self.seed_generator = random.SeedGenerator(0)

    def call(self, x):
        mean, spread, *z = self.encoder(x)
        z = z[0] if z else self.draw(mean, spread, self.seed_generator)
        return {"outputs": self.decoder(z), "mean": mean, "spread": spread}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        reconstruction = self.reconstruction(x, y_pred["outputs"])
        return self.mean(self.combine(reconstruction, self.kl(y_pred["mean"], y_pred["spread"])))


class OwnStepVAE(keras.Model):
    """As Keras's documentation writes it: a ``train_step``, for TensorFlow, that takes the images, and no ``call``."""

    def __init__(self, *, encoder, decoder, reconstruction):
        super().__init__()
        self.encoder, self.decoder, self.reconstruction = encoder, decoder, reconstruction
        self.total_loss = keras.metrics.Mean(name="total_loss")

    @property
    def metrics(self):
        return [self.total_loss]

    def train_step(self, data):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            mean, log_var, z = self.encoder(data)
            loss = ops.mean(self.reconstruction(data, self.decoder(z)) + kl(mean, log_var))
        weights = self.trainable_weights
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.total_loss.update_state(loss)
        return {"loss": self.total_loss.result()}


class LastBatchVAE(PlainVAE):
    """Its test step returns the terms of the batch as they are, so that Keras reports those of the last batch."""

    def test_step(self, data):
        x, y_pred = data[0], self(data[0])
        reconstruction = ops.mean(self.reconstruction(x, y_pred["outputs"]))
        divergence = ops.mean(self.kl(y_pred["mean"], y_pred["spread"]))
        return {"loss": reconstruction + divergence, "reconstruction": reconstruction, "kl": divergence}


class Draw(layers.Layer):
    """The reparameterized draw as a layer, so that the encoder has three outputs."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = random.SeedGenerator(1)

    def call(self, inputs):
        return drawn(*inputs, self.seed_generator)


def vae(*, epochs=0, kind=PlainVAE, **faults):
    """A compiled :class:`PlainVAE`; what is not faulty is healthy. ``epochs`` trains it on the digits first."""
    keras.utils.set_random_seed(0)
    own = {"encoder": encoder(), "decoder": decoder(), "reconstruction": bce_of_logits, **faults}
    model = kind(**own)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    if epochs:
        model.fit(TRAIN, epochs=epochs, batch_size=100, verbose=0)
    else:
        model(TRAIN[:2])
    return model
