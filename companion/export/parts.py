"""The four parts of a VAE that other engines can run: each a function of its inputs alone, without random numbers."""

from __future__ import annotations

from typing import Any

import keras

from companion.base.family import Family
from companion.distributions import reparameterize
from companion.errors import BadInput, check_choice
from companion.tensors import Tensor
from companion.vae import VAE

PARTS = ("encoder", "decoder", "sampler", "scorer")


class Part(keras.Model):
    """One part of a trained ``model``, with its inputs and outputs by name; made by :func:`as_part`."""

    def __init__(self, model: Any, part: str) -> None:
        super().__init__(name=part)
        self.model, self.part = model, part
        # Without the layer that draws: exported, even an unused draw is an operation that not every engine has.
        self.posterior = keras.Model(model.encoder.inputs, model.encoder.outputs[:2])
        self.built = True

    @property
    def takes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each input, without the batch, in order."""
        images, codes = self.model.image_shape, (self.model.latent_dim,)
        return {
            "encoder": {"images": images},
            "decoder": {"codes": codes},
            "sampler": {"noise": codes},
            "scorer": {"images": images, "noise": codes},
        }[self.part]

    def input_signature(self) -> list[Any]:
        """The inputs as Keras's ``export`` takes them, float32 with any number of rows."""
        specs = [
            keras.InputSpec(shape=(None, *shape), dtype="float32", name=name)
            for name, shape in self.takes.items()
        ]
        return [specs] if len(specs) > 1 else specs

    def call(self, inputs: Any) -> dict[str, Tensor]:
        """The outputs by name, from a tensor, or a list of tensors in the order of :attr:`takes`."""
        if self.part == "encoder":
            z_mean, z_log_var = self.posterior(inputs)
            return {"z_mean": z_mean, "z_log_var": z_log_var}
        if self.part == "decoder":
            return {"images": self.pixels(inputs)}
        if self.part == "sampler":
            mean, log_var = self.model.prior_of(None).parameters
            return {"images": self.pixels(reparameterize(mean, log_var, inputs))}
        images, noise = inputs
        z_mean, z_log_var = self.posterior(images)
        z = reparameterize(z_mean, z_log_var, noise)
        told = {"logits": self.model.logits_of(z, images), "z_mean": z_mean, "z_log_var": z_log_var, "z": z}
        terms = self.model.terms(images, told)
        return {name: terms[name] for name in ("log_likelihood", "kl", "elbo")}

    def pixels(self, codes: Tensor) -> Tensor:
        """The mean of p(x|z), in the range of the pixels."""
        return self.model.likelihood_of(self.model.logits_of(codes, None)).mean()


def as_part(model: Any, part: str) -> Part:
    """The ``part`` of ``model`` as a Keras model of its own, which shares the weights.

    ``"encoder"`` takes ``images`` and gives ``z_mean`` and ``z_log_var``; ``"decoder"`` takes ``codes`` and gives
    ``images`` in [0, 1]; ``"sampler"`` takes standard normal ``noise`` ``(n, latent_dim)`` and gives ``images``;
    ``"scorer"`` takes ``images`` and ``noise`` and gives ``log_likelihood``, ``kl`` and ``elbo``, ``(n,)`` in nats.

    Noise comes in from outside, so that every engine computes the same. Raises
    :class:`~companion.errors.BadInput` for an unknown part, and for a model with conditions, several layers of codes,
    codes that are whole numbers, a prior of its own or an encoder of its own making. Taught in chapter 15.
    """
    check_choice("part", part, PARTS)
    why = _unfit(model)
    if why:
        raise BadInput(
            f"{type(model).__name__} has {why}: expected a VAE with one vector of codes per image and a normal prior; "
            f"call model.export('folder') for a SavedModel of the whole."
        )
    return Part(model, part)


def _unfit(model: Any) -> str | None:
    """Why the parts of ``model`` are others than here, in words."""
    if not isinstance(model, VAE):
        return "no encoder with mean and log variance"
    if model.takes_pairs:
        return "a condition"
    if model.noise_dim != model.latent_dim or len(getattr(model.encoder, "outputs", ())) != 3:
        return "other codes than mean, log variance and a draw"
    own = type(model)
    if (
        own.draw_from_prior is not Family.draw_from_prior
        or own._terms_with_noise is not VAE._terms_with_noise
    ):
        return "a prior or terms of its own"
    return None
