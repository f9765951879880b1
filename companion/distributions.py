"""Probability distributions: one over codes, four over pixels.

Each is a plain object around the tensors that parametrise it and answers the same questions: ``log_prob(x)``,
``sample(seed)``, ``mean()`` and ``kl(other)``. The last ``event_ndims`` axes are one event, and sums run over
them: with ``event_ndims=3`` a batch of images ``(batch, height, width, channels)`` has log probabilities of shape
``(batch,)``, and decoder outputs of shape ``(k, batch, height, width, channels)`` give ``(k, batch)``. Everything
is in nats.

Chapter 04 teaches which of them is a likelihood for which pixels.
"""

import math
from typing import Self

from keras import ops, random

from companion.errors import check_seed
from companion.fused import bernoulli_log_prob
from companion.tensors import Seed, Tensor

LOG_2_PI = math.log(2.0 * math.pi)
SMALL_LOGIT = 1e-2  # below this, quotients of the form 0/0 are replaced by their series
GREY_LEVELS = 256


def reparameterize(mean: Tensor, log_var: Tensor, epsilon: Tensor) -> Tensor:
    """The reparameterization trick: ``mean + sigma * epsilon`` with ``sigma = exp(log_var / 2)``.

    ``epsilon`` is standard normal noise; all three broadcast to ``(..., latent_dim)``. The gradient reaches ``mean``
    and ``log_var``. Source: Kingma & Welling (2014), section 2.4. Taught in chapter 03.
    """
    return mean + ops.exp(0.5 * log_var) * epsilon


class Distribution:
    """Base class of all five: parameters, the number of event axes, and the sum over them."""

    def __init__(self, *parameters: Tensor, event_ndims: int):
        self.parameters = tuple(ops.cast(ops.convert_to_tensor(p), "float32") for p in parameters)
        self.event_ndims = event_ndims

    def log_prob(self, x: Tensor) -> Tensor:
        """Log probability (or density) of ``x`` in nats, summed over each event: shape ``(..., batch)``."""
        return self._sum(self._log_prob(ops.cast(ops.convert_to_tensor(x), "float32")))

    def kl(self, other: Self) -> Tensor:
        """KL(self || other) in nats, summed over each event: shape ``(..., batch)``.

        Raises ``TypeError`` where ``other`` is of another family: there is no exact formula for the pair.
        """
        if type(other) is not type(self):
            raise TypeError(
                f"kl of {type(self).__name__} to {type(other).__name__}: expected the same family; pass a "
                f"{type(self).__name__}."
            )
        return self._sum(self._kl(other))

    def mean(self) -> Tensor:
        """Expected value, of the shape of the parameters."""
        raise NotImplementedError

    def sample(self, seed: Seed = None) -> Tensor:
        """One draw, of the shape of the parameters. ``seed``: an int repeats the draw, a ``SeedGenerator`` moves on."""
        raise NotImplementedError

    def _log_prob(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def _kl(self, other: Self) -> Tensor:
        raise NotImplementedError

    def _sum(self, values: Tensor) -> Tensor:
        axes = tuple(range(-self.event_ndims, 0))
        return ops.sum(values, axis=axes) if axes else values

    def _uniform(self, seed: Seed) -> Tensor:
        # Bounded away from 0 and 1, since the samplers take the logarithms of u and 1 - u.
        shape = ops.shape(self.parameters[0])
        return random.uniform(shape, minval=1e-7, maxval=1.0 - 1e-7, seed=check_seed(seed))


class DiagonalNormal(Distribution):
    """Normal distribution over codes with independent coordinates.

    ``mean`` and ``log_var``: shape ``(..., latent_dim)``; ``log_var`` is log sigma squared, not log sigma.
    Source: Kingma & Welling (2014), appendix B. Taught in chapters 03 and 04.
    """

    def __init__(self, mean: Tensor, log_var: Tensor, event_ndims: int = 1):
        super().__init__(mean, log_var, event_ndims=event_ndims)

    def mean(self) -> Tensor:
        return self.parameters[0]

    def sample(self, seed: Seed = None) -> Tensor:
        mean, log_var = self.parameters
        return reparameterize(mean, log_var, random.normal(ops.shape(mean), seed=check_seed(seed)))

    def _log_prob(self, x: Tensor) -> Tensor:
        mean, log_var = self.parameters
        return -0.5 * (LOG_2_PI + log_var + ops.square(x - mean) * ops.exp(-log_var))

    def _kl(self, other: Self) -> Tensor:
        (q_mean, q_log_var), (p_mean, p_log_var) = self.parameters, other.parameters
        spread = ops.exp(q_log_var - p_log_var)
        shift = ops.square(q_mean - p_mean) * ops.exp(-p_log_var)
        return 0.5 * (spread + shift - 1.0 + p_log_var - q_log_var)


class Bernoulli(Distribution):
    """Black or white pixels, from ``logits`` of shape ``(..., *event)``.

    On grey pixels ``log_prob`` is minus the binary cross-entropy, which is not the log of a density (chapter 04). It
    is computed from logits because a saturated sigmoid has no gradient left.
    """

    def __init__(self, logits: Tensor, event_ndims: int = 1):
        super().__init__(logits, event_ndims=event_ndims)

    def mean(self) -> Tensor:
        return ops.sigmoid(self.parameters[0])

    def sample(self, seed: Seed = None) -> Tensor:
        return ops.cast(self._uniform(seed) < self.mean(), "float32")

    def log_prob(self, x: Tensor) -> Tensor:
        x = ops.cast(ops.convert_to_tensor(x), "float32")
        return bernoulli_log_prob(x, self.parameters[0], self.event_ndims)  # x * logits - softplus(logits)

    def _kl(self, other: Self) -> Tensor:
        (q,), (p,) = self.parameters, other.parameters
        return self.mean() * (q - p) - ops.softplus(q) + ops.softplus(p)


class ContinuousBernoulli(Distribution):
    """Grey pixels in [0, 1], from ``logits`` ``(..., *event)``: the Bernoulli formula, normalised to a density.

    Source: Loaiza-Ganem & Cunningham (2019). Their constant C = 2 artanh(1 - 2 lambda) / (1 - 2 lambda) is
    l / tanh(l/2) in the logit l of lambda. Taught in chapter 04.
    """

    def __init__(self, logits: Tensor, event_ndims: int = 1):
        super().__init__(logits, event_ndims=event_ndims)

    def log_normalizer(self) -> Tensor:
        """log C for each pixel, of the shape of the logits; log 2 where the logit is 0."""
        logits, near_zero, safe = self._guarded_logits()
        size = ops.abs(safe)
        exact = ops.log(size) - ops.log(ops.tanh(0.5 * size))
        return ops.where(near_zero, math.log(2.0) + ops.square(logits) / 12.0, exact)

    def mean(self) -> Tensor:
        logits, near_zero, safe = self._guarded_logits()
        exact = ops.sigmoid(safe) / ops.tanh(0.5 * safe) - 1.0 / safe
        return ops.where(near_zero, 0.5 + logits / 12.0, exact)

    def sample(self, seed: Seed = None) -> Tensor:
        _, near_zero, safe = self._guarded_logits()
        u = self._uniform(seed)
        # The inverse of the distribution function, log(1 + u (e^l - 1)) / l, in a form that cannot overflow.
        drawn = ops.logaddexp(ops.log1p(-u), ops.log(u) + safe) / safe
        return ops.clip(ops.where(near_zero, u, drawn), 0.0, 1.0)

    def _log_prob(self, x: Tensor) -> Tensor:
        (logits,) = self.parameters
        return x * logits - ops.softplus(logits) + self.log_normalizer()

    def _kl(self, other: Self) -> Tensor:
        (q,), (p,) = self.parameters, other.parameters
        normalizers = self.log_normalizer() - other.log_normalizer()
        return self.mean() * (q - p) - ops.softplus(q) + ops.softplus(p) + normalizers

    def _guarded_logits(self) -> tuple[Tensor, Tensor, Tensor]:
        """The logits, a mask where they are near zero, and a copy that is safe to divide by.

        The copy is needed because ``ops.where`` computes both of its branches.
        """
        (logits,) = self.parameters
        near_zero = ops.abs(logits) < SMALL_LOGIT
        return logits, near_zero, ops.where(near_zero, ops.ones_like(logits), logits)


class Normal(Distribution):
    """Real-valued pixels: independent normals with ``mean`` ``(..., *event)`` and standard deviation ``scale`` > 0.

    ``scale`` broadcasts to ``mean``. With sigma squared = 1/2 the negative log likelihood is the summed squared
    error plus a constant. Taught in chapter 04.
    """

    def __init__(self, mean: Tensor, scale: Tensor = 1.0, event_ndims: int = 1):
        super().__init__(mean, scale, event_ndims=event_ndims)

    def mean(self) -> Tensor:
        return self.parameters[0]

    def sample(self, seed: Seed = None) -> Tensor:
        mean, scale = self.parameters
        return mean + scale * random.normal(ops.shape(mean), seed=check_seed(seed))

    def _log_prob(self, x: Tensor) -> Tensor:
        mean, scale = self.parameters
        return -0.5 * (LOG_2_PI + ops.square((x - mean) / scale)) - ops.log(scale)

    def _kl(self, other: Self) -> Tensor:
        (q_mean, q_scale), (p_mean, p_scale) = self.parameters, other.parameters
        ratio = ops.square(q_scale / p_scale)
        return 0.5 * (ratio + ops.square((q_mean - p_mean) / p_scale) - 1.0 - ops.log(ratio))


class DiscretizedLogistic(Distribution):
    """Pixels that take the 256 grey levels 0, 1/255, ..., 1: the mass of a logistic around each level.

    ``mean`` (the location) has shape ``(..., *event)``; ``scale`` > 0 broadcasts to it. The lowest and the
    highest level take the tails, so that the masses add up to one.
    Source: Kingma et al. (2016); mixtures of it: Salimans et al. (2017), section 2.1. Taught in chapter 04.
    """

    def __init__(self, mean: Tensor, scale: Tensor = 0.1, event_ndims: int = 1):
        super().__init__(mean, scale, event_ndims=event_ndims)

    def mean(self) -> Tensor:
        """The location of the logistic, which is its mean before rounding and clipping to the levels."""
        return self.parameters[0]

    def sample(self, seed: Seed = None) -> Tensor:
        mean, scale = self.parameters
        u = self._uniform(seed)
        drawn = mean + scale * (ops.log(u) - ops.log1p(-u))
        top = GREY_LEVELS - 1
        return ops.clip(ops.round(drawn * top), 0, top) / top

    def _log_prob(self, x: Tensor) -> Tensor:
        mean, scale = self.parameters
        half = 0.5 / (GREY_LEVELS - 1)
        upper, lower = (x + half - mean) / scale, (x - half - mean) / scale
        # sigmoid(upper) - sigmoid(lower) = sigmoid(upper) sigmoid(-lower) (1 - exp(lower - upper)), safe in the tails.
        # 1 - exp keeps its digits as -expm1 where the scale is so wide that exp would round to 1.
        between = ops.log(-ops.expm1(-2.0 * half / scale))
        below_top, above_bottom = ops.log_sigmoid(upper), ops.log_sigmoid(-lower)
        inside = below_top + above_bottom + between
        return ops.where(x < half, below_top, ops.where(x > 1.0 - half, above_bottom, inside))

    def _kl(self, other: Self) -> Tensor:
        total = 0.0
        for level in range(GREY_LEVELS):
            x = level / (GREY_LEVELS - 1)
            log_q = self._log_prob(ops.full_like(self.parameters[0], x))
            log_p = other._log_prob(ops.full_like(other.parameters[0], x))
            total = total + ops.exp(log_q) * (log_q - log_p)
        return total
