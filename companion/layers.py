"""The sampling layer of a VAE, and the straight-through estimator. Taught in chapters 03 and 09."""

from typing import Any

import keras
from keras import ops

from companion.distributions import reparameterize
from companion.errors import BadInput, check_whole_number
from companion.noise import KeepsNoise
from companion.tensors import Tensor


@keras.saving.register_keras_serializable(package="companion")
class Sampling(KeepsNoise, keras.layers.Layer):
    """The reparameterization trick: ``z = z_mean + exp(z_log_var / 2) * epsilon`` with epsilon ~ N(0, I).

    Called on ``[z_mean, z_log_var]``, each ``(batch, latent_dim)``; returns z of the same shape, one new draw per
    image on every call. Gradients reach both inputs: dz/dz_mean = 1, dz/dz_log_var = (z - z_mean) / 2.

    With the same ``seed`` a run repeats its draws; two calls within a run still differ, since the layer owns a
    ``SeedGenerator`` that moves on. Raises :class:`~companion.errors.BadInput` where the two inputs differ in
    shape, and for a seed that is not a whole number of at least 0.
    Source: Kingma & Welling (2014), section 2.4. Taught in chapter 03.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.seed = seed if seed is None else check_whole_number("seed", seed, at_least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        z_mean, z_log_var = inputs
        if tuple(z_mean.shape) != tuple(z_log_var.shape):
            raise BadInput(
                f"z_mean has shape {tuple(z_mean.shape)} and z_log_var {tuple(z_log_var.shape)}: expected equal "
                f"shapes (batch, latent_dim); give both heads of the encoder the same number of units."
            )
        epsilon = keras.random.normal(ops.shape(z_mean), dtype=z_mean.dtype, seed=self.seed_generator)
        return reparameterize(z_mean, z_log_var, epsilon)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape[0]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}


def straight_through(encoded: Tensor, embedded: Tensor) -> Tensor:
    """The value of ``embedded`` with the gradient of ``encoded``: ``encoded + stop_gradient(embedded - encoded)``.

    Both have the same shape, which is that of the result. Its gradient goes to ``encoded`` alone, so a loss that is
    to train ``embedded`` must be computed from ``embedded`` itself.
    Source: van den Oord et al. (2017), section 3.2; Bengio et al. (2013). Taught in chapter 09.
    """
    return encoded + ops.stop_gradient(embedded - encoded)
