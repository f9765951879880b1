"""The beta-VAE: a VAE whose KL has a weight, or a target, or whose total correlation has a weight. Chapter 06."""

from typing import Any, Self

import keras
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule as Schedule

from companion import schedules
from companion.distributions import DiagonalNormal
from companion.errors import BadInput, check_choice, check_whole_number
from companion.objectives import elbo_terms, free_bits, vae_loss
from companion.tensors import Tensor
from companion.vae import VAE, Terms

#: What ``beta`` weighs: the whole KL, or its total correlation alone.
PENALTIES = ("kl", "total_correlation")


def beta_vae_loss(log_likelihood: Tensor, kl: Tensor, beta: Tensor) -> Tensor:
    """``beta * kl - log_likelihood`` of each image: shape ``(batch,)``, in nats; at beta = 1 the negative ELBO.

    With beta above 1 it is a looser bound on -log p(x), with beta below 1 no bound. Compare models of different beta by
    their negative ELBO, not by this loss.
    Raises :class:`~companion.errors.BadInput` where the shapes of the terms differ.
    Source: Higgins et al. (2017). Taught in chapter 06.
    """
    return vae_loss(log_likelihood, beta * kl)


def beta_tcvae_loss(log_likelihood: Tensor, kl: Tensor, total_correlation: Tensor, beta: Tensor) -> Tensor:
    """The negative ELBO of each image plus ``(beta - 1) * total_correlation``: shape ``(batch,)``, in nats.

    The total correlation thus has the weight ``beta`` and the rest of the KL the weight 1.
    Raises :class:`~companion.errors.BadInput` where the shapes of the terms differ.
    Source: Chen et al. (2018), equation 4. Taught in chapter 06.
    """
    return vae_loss(log_likelihood, kl + (beta - 1.0) * total_correlation)


def capacity_loss(log_likelihood: Tensor, kl: Tensor, capacity: Tensor, gamma: Tensor) -> Tensor:
    """``gamma * |mean of kl - capacity| - log_likelihood`` of each image: shape ``(batch,)``, in nats.

    The distance from ``capacity`` (nats per image) is that of the batch mean of the KL, so that the KL may differ
    between images. Raises :class:`~companion.errors.BadInput` where the shapes of the terms differ.
    Source: Burgess et al. (2018). Taught in chapter 06.
    """
    terms = elbo_terms(log_likelihood, kl)
    return gamma * ops.abs(ops.mean(terms["kl"]) - capacity) - terms["log_likelihood"]


def kl_parts(
    z: Tensor, z_mean: Tensor, z_log_var: Tensor, num_images: int | None = None
) -> dict[str, Tensor]:
    """``mutual_information``, ``total_correlation`` and ``dimension_wise`` of each image, ``(batch,)``, in nats.

    Each is evaluated at ``z`` ``(batch, latent_dim)``, one draw of each image's posterior, and q(z) is the mean of
    q(z|x) over the data. The three are log q(z|x) - log q(z), log q(z) - sum over j of log q(z_j), and the sum over j
    of log q(z_j) - log p(z_j). They add up to log q(z|x) - log p(z), whose mean is the KL to the standard normal p(z).

    Where the batch is all of the data (``num_images`` None), q(z) is exact. Of a larger set of ``num_images``, the
    image's own posterior gets the weight 1 / num_images and the others of the batch share the rest: the density is then
    unbiased over random batches, its logarithm is not. Memory grows with the square of the batch.
    Source: Chen et al. (2018), equation 2 and appendix C. Taught in chapter 06.
    """
    log_each = DiagonalNormal(z_mean[None], z_log_var[None], event_ndims=0).log_prob(
        z[:, None]
    )  # (draw, image, d)
    rows = ops.arange(ops.shape(z)[0])
    of_batch = ops.cast(ops.shape(z)[0], log_each.dtype)
    of_all = of_batch if num_images is None else ops.cast(num_images, log_each.dtype)
    others = -ops.log(of_all * ops.maximum(of_batch - 1.0, 1.0) / ops.maximum(of_all - 1.0, 1e-7))
    log_weight = ops.where(rows[:, None] == rows[None], -ops.log(of_all), others)  # (draw, image)
    log_q = ops.logsumexp(ops.sum(log_each, axis=-1) + log_weight, axis=1)  # (batch,)
    log_q_each = ops.sum(ops.logsumexp(log_each + log_weight[..., None], axis=1), axis=-1)  # (batch,)
    log_prior = DiagonalNormal(ops.zeros(1), ops.zeros(1)).log_prob(z)
    return {
        "mutual_information": DiagonalNormal(z_mean, z_log_var).log_prob(z) - log_q,
        "total_correlation": log_q - log_q_each,
        "dimension_wise": log_q_each - log_prior,
    }


@keras.saving.register_keras_serializable(package="companion")
class BetaVAE(schedules.FollowsSchedules, VAE):
    """A VAE that minimises the reconstruction term plus ``beta`` times the KL.

    ``beta`` is a number or a Keras schedule; with ``warm_up_steps`` it rises linearly from 0 over that many steps of
    the optimizer. With ``gamma`` above 0 the KL is pulled to a target instead, and ``beta`` is not used: the loss is
    then the reconstruction term plus ``gamma`` times the distance of the batch mean of the KL from ``capacity``. That
    target, in nats per image, is a number or a schedule, and rises linearly from 0 over ``capacity_steps``.

    With ``penalty="total_correlation"`` it is a beta-TCVAE: ``beta`` weighs the total correlation of :func:`kl_parts`
    alone, and the rest of the KL keeps the weight 1. ``num_images`` is the number of training images; without it each
    batch is taken for all of the data. History then has ``total_correlation``, too.

    With ``free_bits`` above 0 each unit's KL enters the loss as max(``free_bits``, its batch mean), in nats, times
    ``beta``: see :func:`~companion.objectives.free_bits`.

    History and ``evaluate`` report ``loss``, which is what was optimised, and the unweighted ``neg_elbo`` with its two
    terms, by which models of different beta can be compared.
    Raises :class:`~companion.errors.BadInput` for a weight below 0, steps that are not a whole number of at least 0,
    steps together with a schedule, a capacity without gamma, and total correlation or free bits with gamma or each
    other. Sources: Higgins et al. (2017); Burgess et al. (2018); Chen et al. (2018); Kingma et al. (2016). Taught in
    chapters 06 and 11.
    """

    def __init__(
        self,
        *networks: Any,
        beta: float | Schedule = 4.0,
        warm_up_steps: int = 0,
        gamma: float = 0.0,
        capacity: float | Schedule = 0.0,
        capacity_steps: int = 0,
        penalty: str = "kl",
        num_images: int | None = None,
        free_bits: float = 0.0,
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
        self.penalty = check_choice("penalty", penalty, PENALTIES)
        self.num_images = None if num_images is None else check_whole_number("num_images", num_images)
        if self.penalty != PENALTIES[0]:
            if self.gamma:
                raise BadInput(
                    f"penalty={penalty!r} with gamma={gamma!r}: expected one of the two; leave gamma out."
                )
            self.total_correlation_tracker = keras.metrics.Mean(name="total_correlation")
        self.free_bits = schedules.check_number("free_bits", free_bits)
        if self.free_bits and (self.gamma or self.penalty != PENALTIES[0]):
            raise BadInput(
                f"free_bits={free_bits!r} with gamma={gamma!r} and penalty={penalty!r}: expected free bits alone; "
                f"leave the others out."
            )

    def objective(self, terms: Terms) -> Tensor:
        """What is minimised for each image, ``(batch,)``, at the step that the optimizer has reached."""
        log_likelihood, kl = terms["log_likelihood"], terms["kl"]
        if self.gamma:
            return capacity_loss(log_likelihood, kl, self.now(self.capacity), self.gamma)
        if "total_correlation" in terms:
            return beta_tcvae_loss(log_likelihood, kl, terms["total_correlation"], self.now(self.beta))
        return beta_vae_loss(log_likelihood, terms.get("kl_with_free_bits", kl), self.now(self.beta))

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """As of the VAE; with that penalty the total correlation, with free bits the KL that enters the loss.

        Both are estimated from the images of ``x`` together; the second is the same for each of them.
        """
        terms = super().terms(x, y_pred)
        if self.free_bits:
            q = DiagonalNormal(y_pred["z_mean"], y_pred["z_log_var"], event_ndims=0)
            prior_mean, prior_log_var = self.prior_of(x).parameters
            prior = DiagonalNormal(prior_mean, prior_log_var, event_ndims=0)
            charged = free_bits(q.kl(prior), self.free_bits)
            return {**terms, "kl_with_free_bits": ops.broadcast_to(charged, ops.shape(terms["kl"]))}
        if self.penalty == PENALTIES[0]:
            return terms
        parts = kl_parts(y_pred["z"], y_pred["z_mean"], y_pred["z_log_var"], self.num_images)
        return {**terms, "total_correlation": parts["total_correlation"]}

    def track(self, terms: Terms, sample_weight: Tensor) -> None:
        super().track(terms, sample_weight)
        if self.penalty != PENALTIES[0]:
            self.total_correlation_tracker.update_state(terms["total_correlation"], sample_weight)

    def get_config(self) -> dict[str, Any]:
        own = {
            "beta": schedules.to_config(self.beta),
            "gamma": self.gamma,
            "capacity": schedules.to_config(self.capacity),
            "penalty": self.penalty,
            "num_images": self.num_images,
            "free_bits": self.free_bits,
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
