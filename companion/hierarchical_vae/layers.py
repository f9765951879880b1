"""The layers of codes of a hierarchical VAE: inferred bottom-up or top-down, and generated. Chapter 08.

The bottom layer comes first everywhere: layer 1 is next to the pixels. The caller passes standard normal noise, one
tensor per layer of shape ``(..., batch, latent_dims[l])``; axes before the batch are further draws for the same images.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops, random, tree

from companion.batching import map_batches
from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import BadInput, check_codes
from companion.hierarchical_vae.merges import BY_NAME, Moments
from companion.hierarchical_vae.networks import joint_parts_of, posteriors_of
from companion.tensors import Tensor

# q of a layer: from the code above and the moments of its prior, both None at the top, to mean and log variance.
Posterior = Callable[[Any, Any], Moments]


class LatentLayer(NamedTuple):
    """One layer of codes: a draw, the posterior it was drawn from, and the prior given the layer above.

    Each field is a tensor ``(..., batch, latent_dim)``.
    """

    z: Tensor
    z_mean: Tensor
    z_log_var: Tensor
    prior_mean: Tensor
    prior_log_var: Tensor

    @property
    def posterior(self) -> DiagonalNormal:
        """q(z|...), given the image or the layer that it is inferred from."""
        return DiagonalNormal(self.z_mean, self.z_log_var)

    @property
    def prior(self) -> DiagonalNormal:
        """p(z|...), given the layer above."""
        return DiagonalNormal(self.prior_mean, self.prior_log_var)

    def kl(self) -> Tensor:
        """KL(posterior || prior), exact for the given neighbours: shape ``(..., batch)``, in nats."""
        return self.posterior.kl(self.prior)

    def log_ratio(self) -> Tensor:
        """log q(z|...) - log p(z|...) at the draw, which may be negative: shape ``(..., batch)``, in nats."""
        return self.posterior.log_prob(self.z) - self.prior.log_prob(self.z)


def infer(
    inference: str,
    encoder: keras.Model,
    priors: Sequence[keras.Model],
    x: Tensor,
    noise: Sequence[Tensor],
    training: bool | None = None,
    top: DiagonalNormal | None = None,
    merge: str = "precision",
) -> list[LatentLayer]:
    """Every layer that ``encoder`` infers from images ``x``, bottom first, ``bottom_up`` or ``top_down``."""
    if inference == "bottom_up":
        return infer_bottom_up(posteriors_of(encoder), priors, x, noise, training, top)
    posteriors: list[Posterior]
    if merge == "concatenation":
        features, parts = joint_parts_of(encoder)
        h = features(x, training=training)  # (batch, features)
        posteriors = [_joint(part, h, training) for part in parts]
    else:
        outputs = [ops.cast(out, "float32") for out in encoder(x, training=training)]
        messages = list(zip(outputs[::2], outputs[1::2], strict=True))
        posteriors = [_merged(message, merge) for message in messages]
    return infer_top_down(posteriors, priors, noise, training, top)


def _merged(message: Moments, merge: str) -> Posterior:
    """q of a layer from its message and its prior; the top layer has its message alone."""
    return lambda above, prior: message if prior is None else BY_NAME[merge](*message, *prior)


def _joint(part: keras.Model, h: Tensor, training: bool | None) -> Posterior:
    """q of a layer from the features ``h`` of the image beside the code above."""

    def posterior(above: Tensor | None, prior: Moments | None) -> Moments:
        if above is None:
            return moments(part, h, training)
        # The same features for every draw: (batch, features) to (..., batch, features).
        lead = ops.zeros_like(above[..., :1])
        beside = ops.cast(h, above.dtype) + lead
        return moments(part, ops.concatenate([beside, above], axis=-1), training)

    return posterior


def infer_bottom_up(
    posteriors: Sequence[keras.Model],
    priors: Sequence[keras.Model],
    x: Tensor,
    noise: Sequence[Tensor],
    training: bool | None = None,
    top: DiagonalNormal | None = None,
) -> list[LatentLayer]:
    """Layers drawn from q(z1|x), q(z2|z1), ...; their priors are p(z1|z2), p(z2|z3), ... at the same draws."""
    draws: list[tuple[Tensor, Tensor, Tensor]] = []
    for part, epsilon in zip(posteriors, noise, strict=True):
        mean, log_var = moments(part, draws[-1][0] if draws else x, training)
        draws.append((reparameterize(mean, log_var, epsilon), mean, log_var))
    given = [moments(part, z, training) for part, (z, _, _) in zip(priors, draws[1:], strict=True)]
    given.append(_like(draws[-1][0], top))
    return [LatentLayer(*drawn, *prior) for drawn, prior in zip(draws, given, strict=True)]


def infer_top_down(
    posteriors: Sequence[Posterior],
    priors: Sequence[keras.Model],
    noise: Sequence[Tensor],
    training: bool | None = None,
    top: DiagonalNormal | None = None,
) -> list[LatentLayer]:
    """Layers drawn from the top down: the top one from the image alone, each lower one given the layer above.

    ``posteriors``, bottom first, give mean and log variance of q, each ``(..., batch, latent_dims[l])``, for the code
    above and the mean and log variance of the prior that it makes; both are None at the top.
    """
    layers: list[LatentLayer] = []
    for level in reversed(range(len(posteriors))):
        above = layers[0].z if layers else None
        prior = None if above is None else moments(priors[level], above, training)
        mean, log_var = posteriors[level](above, prior)
        z = reparameterize(mean, log_var, noise[level])
        layers.insert(0, LatentLayer(z, mean, log_var, *(_like(z, top) if prior is None else prior)))
    return layers


def generate(
    priors: Sequence[keras.Model],
    latent_dims: Sequence[int],
    n: int,
    generator: keras.random.SeedGenerator,
    held: Mapping[int, np.ndarray],
    top: DiagonalNormal | None = None,
) -> list[np.ndarray]:
    """``n`` draws of every layer from the top down, ``(n, latent_dims[l])``; layers in ``held`` keep their codes."""
    layers: list[np.ndarray] = []
    for level in range(len(latent_dims), 0, -1):
        shape = (n, latent_dims[level - 1])
        if level in held:
            layers.insert(0, np.broadcast_to(held[level], shape))
            continue
        epsilon = ops.convert_to_numpy(random.normal(shape, seed=generator))
        if layers:
            part = priors[level - 1]
            epsilon = map_batches(lambda z, e, p=part: reparameterize(*moments(p, z), e), layers[0], epsilon)
        elif top is not None:
            mean, log_var = top.parameters
            epsilon = ops.convert_to_numpy(reparameterize(mean, log_var, epsilon))
        layers.insert(0, epsilon)
    return layers


def noise_by_layer(epsilon: Tensor, latent_dims: Sequence[int]) -> list[Tensor]:
    """``epsilon`` ``(..., sum(latent_dims))`` split into one tensor per layer, the bottom layer's first."""
    ends = itertools.accumulate(latent_dims)
    return [epsilon[..., end - d : end] for d, end in zip(latent_dims, ends, strict=True)]


def check_there_is_an_upper_layer(latent_dims: tuple[int, ...], *, free_bits: Any) -> None:
    """Raise :class:`~companion.errors.BadInput` for a model of one layer with free bits."""
    if len(latent_dims) == 1 and free_bits:
        raise BadInput(
            f"free_bits={free_bits!r} with latent_dims={latent_dims}: expected at least two layers, since free bits "
            f"act on those above the first; pass for example latent_dims=(8, 2)."
        )


def check_held(held: Mapping[int, Any], latent_dims: Sequence[int], n: int) -> dict[int, np.ndarray]:
    """The codes that are held, by layer, each ``(n, d)`` or ``(1, d)``; ``BadInput`` for anything else."""
    top = len(latent_dims)
    for level in held:
        if level not in range(1, top + 1):
            raise BadInput(
                f"held has layer {level!r}: expected a number from 1 (next to the pixels) to {top}; pass for example "
                f"held={{{top}: z}}."
            )
    codes = {level: check_codes(np.atleast_2d(z), latent_dims[level - 1]) for level, z in held.items()}
    for level, z in codes.items():
        if len(z) not in (1, n):
            raise BadInput(
                f"held has {len(z)} codes of layer {level} for {n} draws: expected one code for all draws, or one per "
                f"draw; pass n={len(z)}, or a single code."
            )
    return codes


def call_on_codes(network: keras.Model, z: Tensor, training: bool | None = None) -> Any:
    """The outputs of ``network`` for codes ``z`` ``(..., latent_dim)``, with the same leading axes."""
    if len(z.shape) == 2:
        return network(z, training=training)
    lead = ops.shape(z)[:-1]
    flat = ops.reshape(z, (-1, z.shape[-1]))  # (draws * batch, latent_dim)
    outputs = network(flat, training=training)
    # (draws * batch, ...) to (*lead, ...)
    return tree.map_structure(lambda out: ops.reshape(out, (*lead, *out.shape[1:])), outputs)


def moments(part: keras.Model, given: Tensor, training: bool | None = None) -> Moments:
    """Mean and log variance that a part of a network gives for images or codes, as float32."""
    is_codes = len(part.input_shape) == 2
    outputs = call_on_codes(part, given, training) if is_codes else part(given, training=training)
    return ops.cast(outputs[0], "float32"), ops.cast(outputs[1], "float32")


def _like(z: Tensor, top: DiagonalNormal | None) -> Moments:
    """Mean and log variance of the top layer's prior, N(0, I) where none is given, for each of the codes ``z``."""
    zeros = ops.zeros_like(z)
    return (zeros, zeros) if top is None else (top.parameters[0] + zeros, top.parameters[1] + zeros)
