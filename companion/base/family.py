"""The methods in which a family may differ from the plain VAE."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops, random

from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import BadInput, check_seed
from companion.tensors import Seed, Tensor


class Family:
    """What evaluation and generation need to know of every family, with the answers of the plain VAE.

    Models with a condition, with several layers of codes or with discrete codes override them.
    """

    latent_dim: int
    stream: Callable[[Seed], Any]

    def images_of(self, x: Tensor) -> Tensor:
        """The images in an input ``x``: here ``x`` itself; a conditional model takes them out of the pair."""
        return x

    def prior_of(self, x: Tensor) -> DiagonalNormal:
        """The prior p(z) of the codes of ``x``, broadcasting to ``(batch, latent_dim)``: the standard normal.

        A subclass with another prior overrides this. Training, scores, samples and plots all use it; to generate
        images, it is called with ``x=None``.
        """
        return DiagonalNormal(ops.zeros(1), ops.zeros(1))

    def draw_from_prior(self, n: int, seed: Seed = None, x: Any = None) -> np.ndarray:
        """``n`` codes drawn from ``prior_of(x)``: ``(n, latent_dim)``.

        Raises :class:`~companion.errors.BadInput` for a prior that is not a ``DiagonalNormal`` of such codes, or that
        needs images; such a subclass has to override this method, too.
        """
        prior = prior_without_images(self, x)
        name = type(self).__name__
        if not isinstance(prior, DiagonalNormal):
            raise BadInput(
                f"prior_of of {name} returned {type(prior).__name__}: expected a DiagonalNormal to draw codes from; "
                f"override draw_from_prior(n, seed, x) of {name} with a method that draws them."
            )
        shape, given = (n, self.latent_dim), [tuple(part.shape) for part in prior.parameters]
        if not _broadcasts_to(shape, given):
            raise BadInput(
                f"prior_of of {name} returned mean and log variance of shapes {given}: expected shapes that broadcast "
                f"to {shape}; return for example DiagonalNormal(ops.zeros({self.latent_dim}), "
                f"ops.zeros({self.latent_dim}))."
            )
        noise = random.normal(shape, seed=self.stream(seed))
        mean, log_var = prior.parameters
        return ops.convert_to_numpy(reparameterize(mean, log_var, noise))  # (n, latent_dim)

    @property
    def noise_dim(self) -> int:
        """How many standard normal numbers the code of one image needs."""
        return self.latent_dim

    def noise(self, n: int, seed: Seed) -> np.ndarray:
        """New noise for the argument ``epsilon`` of ``elbo_terms``, for ``n`` images: ``(n, noise_dim)``."""
        return ops.convert_to_numpy(random.normal((n, self.noise_dim), seed=check_seed(seed)))

    def own_scores(self, x: Any) -> dict[str, Any]:
        """Further scores of a family on images ``x``, which a recorded run stores with the common ones."""
        return {}


def prior_without_images(model: Any, x: Any = None) -> Any:
    """``model.prior_of(x)``; raises ``BadInput`` where an override needs images and ``x`` is None."""
    try:
        return model.prior_of(x)
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        if x is not None or isinstance(error, BadInput):
            raise
        name = type(model).__name__
        raise BadInput(
            f"prior_of(None) of {name} failed ({error}): expected a prior that needs no images, since there are none "
            f"when images are generated; let prior_of return one for x=None, or override draw_from_prior(n, seed, x)."
        ) from error


def _broadcasts_to(shape: tuple[int, ...], given: list[tuple[int, ...]]) -> bool:
    try:
        return np.broadcast_shapes(shape, *given) == shape
    except ValueError:
        return False


def check_one_layer(model: Any) -> None:
    """Raise NotImplementedError for a model with several layers of codes, whose p(z1) is a mixture over all z2."""
    if model.noise_dim != model.latent_dim:
        raise NotImplementedError("p(z1) has no density in closed form; layers_of gives p(z1|z2).")
