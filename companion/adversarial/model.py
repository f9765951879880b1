"""What the adversarial autoencoder and the VAE-GAN share: a third network, and an optimizer of its own. Chapter 11."""

from typing import Any, Self

import keras
from keras import ops, random

from companion.adversarial.optimizers import OptimizerPerPlayer
from companion.distributions import reparameterize
from companion.tensors import Tensor
from companion.vae import VAE, Terms


class AdversarialVAE(VAE):
    """A VAE with a ``discriminator``, whose loss is a sum of losses that each train some of the networks only.

    A family names in :meth:`losses_of` its losses for a batch. ``compile(optimizer, discriminator_optimizer=...)``
    takes one optimizer for encoder and decoder and one for the discriminator; without the second, a copy of the first
    whose learning rate, where that is a number, is multiplied by ``pace``. All networks take their step at once, from
    one forward pass. History and ``evaluate`` report every loss by its name, and the negative ELBO with its two terms,
    which these models do not optimise. Taught in chapter 11.
    """

    #: The names of the losses, which are also those of their metrics.
    loss_names: tuple[str, ...] = ()
    #: The learning rate of the discriminator over that of the others, unless it has an optimizer of its own.
    pace = 1.0

    def __init__(self, *networks: Any, discriminator: keras.Model | None = None, **kwargs: Any):
        super().__init__(*networks, **kwargs)
        self.discriminator = self._complete_discriminator(discriminator)
        known = {self.reconstruction_tracker.name, self.kl_tracker.name}
        self.loss_trackers = [keras.metrics.Mean(name=name) for name in self.loss_names if name not in known]

    def losses_of(
        self, x: Tensor, y_pred: dict[str, Tensor], terms: Terms, training: bool
    ) -> dict[str, Tensor]:
        """Each loss of a batch by its name, ``(batch,)``, in nats; ``y_pred`` has a draw ``z_prior`` of the prior."""
        raise NotImplementedError

    def weight_of(self, name: str) -> float:
        """The weight of a loss in the sum: here 1."""
        return 1.0

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The mean over the batch of the weighted sum of all losses: no bound, and it may rise in training."""
        terms = self.terms(x, y_pred)
        losses = self.losses_of(x, {**y_pred, "z_prior": self.draw_like(y_pred["z"], x)}, terms, training)
        self.track(terms, sample_weight)
        for tracker in self.loss_trackers:
            tracker.update_state(losses[tracker.name], sample_weight)
        return self.mean_loss(
            sum(self.weight_of(name) * losses[name] for name in self.loss_names), sample_weight
        )

    def compile(
        self, optimizer: Any = "rmsprop", *more: Any, discriminator_optimizer: Any = None, **how: Any
    ) -> None:
        """Keras's ``compile``, with an optimizer for the discriminator beside that of encoder and decoder.

        Raises :class:`~companion.errors.BadInput` as every model, and for optimizers that scale the loss.
        """
        main = keras.optimizers.get(optimizer)
        other = _paced(main, self.pace) if discriminator_optimizer is None else None
        both = OptimizerPerPlayer(
            main, other or discriminator_optimizer, self.discriminator.trainable_variables
        )
        super().compile(both, *more, **how)

    def get_compile_config(self) -> dict[str, Any]:
        """The two optimizers under the names that :meth:`compile` takes."""
        config = super().get_compile_config()
        if not config:
            return config
        both = config["optimizer"]["config"]
        return {**config, "optimizer": both["main"], "discriminator_optimizer": both["discriminator"]}

    def get_config(self) -> dict[str, Any]:
        own = {"discriminator": keras.saving.serialize_keras_object(self.discriminator)}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        own = {"discriminator": keras.saving.deserialize_keras_object(config["discriminator"])}
        return super().from_config({**config, **own}, custom_objects)

    def _complete_discriminator(self, discriminator: keras.Model | None) -> keras.Model:
        """The discriminator, checked; one that is missing is built."""
        raise NotImplementedError

    def _seed_of_discriminator(self) -> int | None:
        """The encoder and the decoder have the seeds 2 * seed and 2 * seed + 1."""
        return None if self.seed is None else 2 * self.seed + 2

    def draw_like(self, z: Tensor, x: Tensor) -> Tensor:
        """A draw of the prior for each image, ``(batch, latent_dim)``."""
        mean, log_var = self.prior_of(x).parameters
        return reparameterize(mean, log_var, random.normal(ops.shape(z), seed=self.seed_generator))


def _paced(optimizer: keras.optimizers.Optimizer, pace: float) -> keras.optimizers.Optimizer:
    """A copy of ``optimizer`` with ``pace`` times its learning rate; a schedule is copied as it is."""
    config = optimizer.get_config()
    if isinstance(config["learning_rate"], float):
        config["learning_rate"] *= pace
    return type(optimizer).from_config(config)
