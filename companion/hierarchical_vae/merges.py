"""How top-down inference joins the message of the image to a layer with the prior that the layer above gives it.

Each function takes mean and log variance of the message, then mean and log variance of the prior, in shapes that
broadcast to ``(..., batch, latent_dim)``, and returns mean and log variance of q. What the first two mean differs.
"""

from collections.abc import Callable

from keras import ops

from companion.tensors import Tensor

Moments = tuple[Tensor, Tensor]
Merge = Callable[[Tensor, Tensor, Tensor, Tensor], Moments]


def ladder_merge(
    weighted_mean: Tensor, log_var: Tensor, prior_mean: Tensor, prior_log_var: Tensor
) -> Moments:
    """The product of two normals, one from the image and one from the layer above: their precisions add up.

    If the image gives mean m and variance v, 1/variance = 1/v + 1/v_prior and mean = variance (m/v + m_prior/v_prior).
    ``weighted_mean`` is m/v. Source: Sønderby et al. (2016), section 2.2. Taught in chapter 08.
    """
    merged_log_var = -ops.logaddexp(-log_var, -prior_log_var)
    of_prior = ops.exp(merged_log_var - prior_log_var)
    return ops.exp(merged_log_var) * weighted_mean + of_prior * prior_mean, merged_log_var


def mean_merge(mean: Tensor, log_var: Tensor, prior_mean: Tensor, prior_log_var: Tensor) -> Moments:
    """The same product of two normals, where the image gives its mean m itself.

    Source: Sønderby et al. (2016), equations 9 to 11. Taught in chapter 08.
    """
    merged_log_var = -ops.logaddexp(-log_var, -prior_log_var)
    of_image = ops.exp(
        merged_log_var - log_var
    )  # the share of the image in the precision; shares add up to 1
    of_prior = ops.exp(merged_log_var - prior_log_var)
    return of_image * mean + of_prior * prior_mean, merged_log_var


def residual_merge(shift: Tensor, log_ratio: Tensor, prior_mean: Tensor, prior_log_var: Tensor) -> Moments:
    """The prior, moved by ``shift`` of its standard deviations; ``log_ratio`` is added to its log variance.

    Source: Vahdat and Kautz (2020), section 3.2. Taught in chapter 08.
    """
    return prior_mean + ops.exp(0.5 * prior_log_var) * shift, prior_log_var + log_ratio


BY_NAME: dict[str, Merge] = {"precision": ladder_merge, "mean": mean_merge, "residual": residual_merge}
