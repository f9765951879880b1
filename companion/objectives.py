"""What a VAE optimises and what it reports, one value per image, in nats.

Every function takes and returns terms of shape ``(batch,)`` or ``(k, batch)``. The mean over the batch is taken
once, by the model, in the last line of its loss. Chapter 04 derives each of them.
"""

from keras import ops

from companion.distributions import DiagonalNormal
from companion.errors import BadInput
from companion.schedules import check_number
from companion.tensors import Tensor


def kl_to_standard_normal(z_mean: Tensor, z_log_var: Tensor) -> Tensor:
    """KL(N(z_mean, exp(z_log_var)) || N(0, I)), summed over the latent axis.

    Arguments have shape ``(batch, latent_dim)``; the result has shape ``(batch,)``, in nats, and is never negative.
    Source: Kingma & Welling (2014), appendix B. Taught in chapter 04.
    """
    return kl_between_normals(z_mean, z_log_var, 0.0, 0.0)


def kl_per_unit(z_mean: Tensor, z_log_var: Tensor) -> Tensor:
    """The KL of :func:`kl_to_standard_normal` before it is summed: ``(batch, latent_dim)``, in nats.

    Taught in chapter 06.
    """
    return DiagonalNormal(z_mean, z_log_var, event_ndims=0).kl(DiagonalNormal(0.0, 0.0, event_ndims=0))


def kl_between_normals(q_mean: Tensor, q_log_var: Tensor, p_mean: Tensor, p_log_var: Tensor) -> Tensor:
    """KL(q || p) between two diagonal normals, summed over the last axis.

    Arguments broadcast to ``(..., latent_dim)``; the result has shape ``(...)``, in nats. For a prior with parameters
    of its own. Taught in chapter 04.
    """
    return DiagonalNormal(q_mean, q_log_var).kl(DiagonalNormal(p_mean, p_log_var))


def elbo_terms(log_likelihood: Tensor, kl: Tensor) -> dict[str, Tensor]:
    """The two terms of the evidence lower bound and their difference, each of shape ``(batch,)``, in nats.

    ``log_likelihood`` is log p(x|z) summed over an image's pixels and channels; ``kl`` is summed over the latent axis.
    Raises :class:`~companion.errors.BadInput` where the two shapes differ, since the sum would broadcast unnoticed.
    Source: Kingma & Welling (2014), equation 3. Taught in chapter 04.
    """
    _check_same_shape("log_likelihood", log_likelihood, "kl", kl)
    return {"log_likelihood": log_likelihood, "kl": kl, "elbo": log_likelihood - kl}


def vae_loss(log_likelihood: Tensor, kl: Tensor) -> Tensor:
    """The negative ELBO of each image, ``kl - log_likelihood``: shape ``(batch,)``, in nats.

    Raises :class:`~companion.errors.BadInput` where the two shapes differ, since the sum would broadcast unnoticed.
    Source: Kingma & Welling (2014), equation 3. Taught in chapter 04.
    """
    _check_same_shape("log_likelihood", log_likelihood, "kl", kl)
    return kl - log_likelihood


def free_bits(kl_per_unit: Tensor, least: float) -> Tensor:
    """The KL with free bits: the sum over units of max(``least``, batch mean of the unit's KL), a scalar, in nats.

    ``kl_per_unit`` has shape ``(batch, units)``, in nats; pass ``(batch, 1)`` for a layer that counts as one unit. A
    unit whose mean KL is below ``least`` gets no gradient from this term, so the term does not push it to zero. The
    mean is taken before the maximum, so that one image may use less than ``least`` and another more. Models report
    the KL without the maximum.
    Raises :class:`~companion.errors.BadInput` for another rank and for ``least`` below 0.
    Source: Kingma et al. (2016), the paper on inverse autoregressive flow. Taught in chapters 06 and 08.
    """
    if len(kl_per_unit.shape) != 2:
        raise BadInput(
            f"kl_per_unit has shape {tuple(kl_per_unit.shape)}: expected (batch, units); pass kl[:, None] for a "
            f"layer that counts as one unit."
        )
    return ops.sum(ops.maximum(check_number("least", least), ops.mean(kl_per_unit, axis=0)))


def log_importance_weights(log_likelihood: Tensor, log_prior: Tensor, log_posterior: Tensor) -> Tensor:
    """log w = log p(x|z) + log p(z) - log q(z|x) of each draw: shape ``(k, batch)``, in nats.

    All three are evaluated at the same drawn z; the closed-form KL is an average over draws and cannot stand in for
    the last two. Raises :class:`~companion.errors.BadInput` where shapes differ.
    Source: Burda et al. (2016), equation 7. Taught in chapters 04 and 10.
    """
    _check_same_shape("log_likelihood", log_likelihood, "log_prior", log_prior)
    _check_same_shape("log_prior", log_prior, "log_posterior", log_posterior)
    return log_likelihood + log_prior - log_posterior


def log_mean_exp(log_weights: Tensor, axis: int = 0) -> Tensor:
    """log of the mean of ``exp(log_weights)`` over the sample axis, without overflow.

    ``log_weights`` of shape ``(k, batch)``, k draws per image, gives the k-sample bound L_k of each image, shape
    ``(batch,)``, in nats. The mean must run over draws of one image, not over images.
    Source: Burda et al. (2016), equation 8. Taught in chapters 04 and 10.
    """
    log_weights = ops.convert_to_tensor(log_weights)
    count = ops.cast(ops.shape(log_weights)[axis], log_weights.dtype)
    return ops.logsumexp(log_weights, axis=axis) - ops.log(count)


def cross_entropy_floor(images: Tensor) -> Tensor:
    """The smallest binary cross-entropy that any decoder can reach on each image: shape ``(batch,)``, in nats.

    It is the entropy of the grey levels read as probabilities, summed over all axes but the first: zero for black and
    white pixels, log 2 for a pixel of value 0.5. ``images`` have values in [0, 1]. Taught in chapter 04.
    """
    images = ops.convert_to_tensor(images)
    per_pixel = -_x_log_x(images) - _x_log_x(1.0 - images)
    return ops.sum(ops.reshape(per_pixel, (ops.shape(images)[0], -1)), axis=-1)


def _x_log_x(x: Tensor) -> Tensor:
    """x log x, with its limit 0 at x = 0."""
    return ops.where(x > 0, x * ops.log(ops.where(x > 0, x, ops.ones_like(x))), ops.zeros_like(x))


def _check_same_shape(first_name: str, first: Tensor, second_name: str, second: Tensor) -> None:
    if tuple(first.shape) != tuple(second.shape):
        raise BadInput(
            f"{first_name} has shape {tuple(first.shape)} and {second_name} {tuple(second.shape)}: expected one value "
            f"per image in both; sum each over all axes but those of samples and images."
        )
