"""The beta-VAE: a VAE whose KL has a weight, or a target. Chapter 06."""

from typing import Any, Self

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule as Schedule

from companion import schedules
from companion.errors import BadInput, check_whole_number
from companion.objectives import elbo_terms, vae_loss
from companion.tensors import Tensor
from companion.vae import VAE, Terms


def beta_vae_loss(log_likelihood: Tensor, kl: Tensor, beta: Tensor) -> Tensor:
    """``beta * kl - log_likelihood`` of each image: shape ``(batch,)``, in nats; at beta = 1 the negative ELBO.

    With beta above 1 it is a looser bound on -log p(x), with beta below 1 no bound. Compare models of different beta by
    their negative ELBO, not by this loss.
    Raises :class:`~companion.errors.BadInput` where the shapes of the terms differ.
    Source: Higgins et al. (2017). Taught in chapter 06.
    """
    return vae_loss(log_likelihood, beta * kl)


def capacity_loss(log_likelihood: Tensor, kl: Tensor, capacity: Tensor, gamma: Tensor) -> Tensor:
    """``gamma * |mean of kl - capacity| - log_likelihood`` of each image: shape ``(batch,)``, in nats.

    The distance from ``capacity`` (nats per image) is that of the batch mean of the KL, so that the KL may differ
    between images. Raises :class:`~companion.errors.BadInput` where the shapes of the terms differ.
    Source: Burgess et al. (2018). Taught in chapter 06.
    """
    terms = elbo_terms(log_likelihood, kl)
    return gamma * ops.abs(ops.mean(terms["kl"]) - capacity) - terms["log_likelihood"]


@keras.saving.register_keras_serializable(package="companion")
class BetaVAE(schedules.FollowsSchedules, VAE):
    """A VAE that minimises the reconstruction term plus ``beta`` times the KL.

    ``beta`` is a number or a Keras schedule; with ``warm_up_steps`` it rises linearly from 0 over that many steps of
    the optimizer. With ``gamma`` above 0 the KL is pulled to a target instead: the loss is then the reconstruction term
    plus ``gamma`` times the distance of the batch mean of the KL from ``capacity`` (in nats per image, a number or a
    schedule), which rises linearly from 0 over ``capacity_steps``; ``beta`` is not used.

    History and ``evaluate`` report ``loss``, which is what was optimised, and the unweighted ``neg_elbo`` with its two
    terms, by which models of different beta can be compared.
    Raises :class:`~companion.errors.BadInput` for a weight below 0, steps that are not a whole number of at least 0,
    steps together with a schedule, and a capacity without gamma.
    Sources: Higgins et al. (2017); Burgess et al. (2018). Taught in chapter 06.
    """

    def __init__(
        self,
        *networks: Any,
        beta: float | Schedule = 4.0,
        warm_up_steps: int = 0,
        gamma: float = 0.0,
        capacity: float | Schedule = 0.0,
        capacity_steps: int = 0,
        **kwargs: Any,
    ):
        super().__init__(*networks, **kwargs)
        self.beta = _climbing("beta", beta, "warm_up_steps", warm_up_steps)
        self.gamma = schedules.check_number("gamma", gamma)
        self.capacity = _climbing("capacity", capacity, "capacity_steps", capacity_steps)
        if not self.gamma and self.capacity != 0:
            raise BadInput(
                f"capacity={capacity!r} with gamma=0: expected a weight for the distance from it; pass for example "
                f"gamma=100.0."
            )

    def objective(self, terms: Terms) -> Tensor:
        """What is minimised for each image, ``(batch,)``, at the step that the optimizer has reached."""
        log_likelihood, kl = terms["log_likelihood"], terms["kl"]
        if self.gamma:
            return capacity_loss(log_likelihood, kl, self.now(self.capacity), self.gamma)
        return beta_vae_loss(log_likelihood, kl, self.now(self.beta))

    def get_config(self) -> dict[str, Any]:
        own = {
            "beta": schedules.to_config(self.beta),
            "gamma": self.gamma,
            "capacity": schedules.to_config(self.capacity),
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        climbing = {name: schedules.from_config(config[name]) for name in ("beta", "capacity")}
        return super().from_config({**config, **climbing}, custom_objects)


def _climbing(name: str, value: Any, steps_name: str, steps: Any) -> float | Schedule:
    """``value`` itself, or a linear schedule from 0 to ``value`` over ``steps``."""
    checked = schedules.check_schedule(name, value)
    if not check_whole_number(steps_name, steps, at_least=0):
        return checked
    if isinstance(checked, Schedule):
        raise BadInput(
            f"{steps_name}={steps} with {name} a {type(checked).__name__}: expected one of the two; leave "
            f"{steps_name} out."
        )
    return schedules.warm_up(steps, checked)
