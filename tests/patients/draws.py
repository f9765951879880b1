"""Patients with several draws per image: importance-weighted models that are right, and some that only look so."""

import numpy as np
from keras import ops, random

from tests.patients.parts import CODE, PIXELS, TRAIN, PlainVAE, vae

DRAWS = 5  # of each image, and images of a group that are taken for them
TOO_GOOD = "a bound better than log p(x) allows"


class ManyDrawsVAE(PlainVAE):
    """A VAE with :data:`DRAWS` draws per image, along the first axis. ``bound`` makes a number of log weights."""

    def __init__(self, *, bound, **kwargs):
        super().__init__(**kwargs)
        self.bound = bound

    def call(self, x):
        mean, spread = self.encoder(x)
        noise = random.normal((DRAWS, *ops.shape(mean)), seed=self.seed_generator)
        z = mean + ops.exp(0.5 * spread) * noise
        outputs = self.decoder(ops.reshape(z, (-1, CODE)))
        ratio = ops.sum(0.5 * noise**2 + 0.5 * spread - 0.5 * z**2, axis=-1)  # log p(z) - log q(z|x)
        outputs = ops.reshape(outputs, (DRAWS, -1, PIXELS))
        return {"outputs": outputs, "ratio": ratio, "kl": self.kl(mean, spread)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        error = self.reconstruction(x, y_pred["outputs"])  # (draws, batch)
        return -self.bound(y_pred["ratio"] - error, -y_pred["kl"] - error)


def log_mean_exp(log_weights, axis=0):
    return ops.logsumexp(log_weights, axis=axis) - np.log(DRAWS)


def bound(log_weights, averaged):
    return ops.mean(log_mean_exp(log_weights))


def weights_of_losses(log_weights, averaged):
    weight = ops.exp(log_weights - ops.logsumexp(log_weights, axis=0, keepdims=True))
    return ops.mean(ops.sum(ops.stop_gradient(weight) * log_weights, axis=0))


def weights_of_other_images(log_weights, averaged):
    return ops.mean(log_mean_exp(ops.reshape(log_weights, (-1, DRAWS)), axis=1))


def groups_as_draws(losses):
    """Minus a bound, as far as the images of a group were draws of one."""
    return -ops.mean(log_mean_exp(-ops.reshape(losses, (-1, DRAWS)), axis=1))


def many_draws(bound, epochs=3):
    return lambda: (vae(kind=ManyDrawsVAE, bound=bound, epochs=epochs), TRAIN, {})


def grouped():
    return vae(mean=groups_as_draws, epochs=3), TRAIN, {}


def no_logarithm(log_weights, averaged):
    return ops.mean(ops.logsumexp(log_weights, axis=0))


def of_closed_form(log_weights, averaged):
    return ops.mean(log_mean_exp(averaged))


SICK_DRAWS = {
    # pythae: groups of images as draws, weights from losses
    "groups of images as draws": (TOO_GOOD, grouped),
    "draws and images exchanged": (TOO_GOOD, many_draws(weights_of_other_images)),
    "weights times losses": (TOO_GOOD, many_draws(weights_of_losses)),
    # seeds: the logarithm of k, the KL in closed form
    "a sum of weights": (TOO_GOOD, many_draws(no_logarithm)),
    "weights of KL and reconstruction": (TOO_GOOD, many_draws(of_closed_form)),
}
HEALTHY_DRAWS = {
    "five draws, the bound": many_draws(bound),
    "five draws, the ELBO": many_draws(lambda log_weights, averaged: ops.mean(averaged)),
}
