"""A diffusion model over the codes of an autoencoder, which makes it the prior of a VAE. Chapter 16."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops, random

from companion.batching import map_batches
from companion.conditional_vae.conditions import check_conditions, check_equally_many
from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import BadInput, check_whole_number
from companion.latent_diffusion.labels import MayHaveLabels
from companion.latent_diffusion.process import (
    CLEANEST,
    FREQUENCIES,
    NOISIEST,
    UNITS,
    Predict,
    alpha_sigma,
    build_denoiser,
    diffusion_bound,
    noised,
    reverse_path,
    time_features,
)
from companion.networks import _check_widths
from companion.objectives import elbo_terms
from companion.priors import freeze_networks
from companion.schedules import check_number
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms


@keras.saving.register_keras_serializable(package="companion")
class LatentDiffusion(MayHaveLabels, VAE):  # type: ignore[override] # its classes decide what it takes
    """A VAE whose prior is a diffusion model over its codes; the encoder and the decoder are its first stage.

    Pass the networks of a trained VAE, call :meth:`adapt` with images, so that the codes are brought to mean 0 and
    spread 1 inside, and ``fit(images)``. With ``frozen=True`` the networks stay as they are, also in other models that
    hold them, and the diffusion alone learns; with ``frozen=False`` all parts learn together (Vahdat et al., 2021).
    ``units`` are the widths of :func:`build_denoiser`. With ``num_classes`` the model is one of images given a label
    and takes pairs ``[images, labels]``; a share ``label_dropout`` of the labels is hidden in training, so that the
    network learns to do without (classifier-free guidance).

    ``kl_loss`` is log q(z|x) plus :func:`diffusion_bound`, and ``neg_elbo`` a bound on -log p(x) as in every family.
    The density of a code is not known, so ``log_weights`` gives the mean of the bound for every draw, and L_k is
    the ELBO. Raises :class:`~companion.errors.BadInput` for settings, images and labels that do not fit.
    Sources: Rombach et al. (2022); Vahdat et al. (2021); Ho & Salimans (2022). Taught in chapter 16.
    """

    def __init__(
        self,
        *networks: Any,
        num_classes: int | None = None,
        units: Sequence[int] = UNITS,
        label_dropout: float = 0.1,
        frozen: bool = True,
        **kwargs: Any,
    ):
        self.num_classes = (
            None if num_classes is None else check_whole_number("num_classes", num_classes, at_least=2)
        )
        self.label_dropout = check_number("label_dropout", label_dropout)
        if self.label_dropout > 1:
            raise BadInput(f"label_dropout={label_dropout!r}: expected a share from 0 to 1; pass 0.1.")
        super().__init__(*networks, **kwargs)
        self.units = _check_widths("units", units)
        seed = None if self.seed is None else 2 * self.seed + 2  # after those of the two networks
        self.denoiser = build_denoiser(self.latent_dim, self.num_classes, units=self.units, seed=seed)
        own: dict[str, Any] = {"shape": (self.latent_dim,), "trainable": False, "dtype": "float32"}
        self.center = self.add_weight(name="center", initializer="zeros", **own)
        self.spread = self.add_weight(name="spread", initializer="ones", **own)
        self.frozen = freeze_networks(self, frozen)

    def adapt(self, x: Any) -> None:
        """Measure the mean and the spread of the codes of images ``x``, or of pairs with labels."""
        codes = np.asarray(self.encode(x)[2], "float32")
        self.center.assign(codes.mean(axis=0))
        self.spread.assign(codes.std(axis=0) + 1e-6)

    def call(self, x: Any, training: bool | None = None) -> dict[str, Tensor]:
        """What a VAE's ``call`` returns, and ``squared_error`` ``(batch,)`` of the noise at one level per image."""
        images = ops.convert_to_tensor(self.images_of(x))
        y_pred = super().call(images, training=training)
        n = ops.shape(y_pred["z"])[0]
        epsilon = random.normal((n, self.latent_dim), seed=self.seed_generator)
        # One draw shifts evenly spread times: their mean has less noise than that of independent ones.
        shifts = ops.arange(n, dtype="float32") + random.uniform((1,), seed=self.seed_generator)
        times = (shifts / ops.cast(n, "float32"))[:, None]  # (batch, 1)
        condition = self.condition_of(x)
        if training and condition is not None:
            shown = random.uniform((n, 1), seed=self.seed_generator) >= self.label_dropout
            condition = condition * ops.cast(shown, "float32")
        return {**y_pred, "squared_error": self.squared_error(y_pred["z"], epsilon, times, condition)}

    def terms(self, x: Any, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the bound, each ``(batch,)`` in nats."""
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (..., batch)
        z = ops.cast(y_pred["z"], "float32")
        log_posterior = DiagonalNormal(y_pred["z_mean"], y_pred["z_log_var"]).log_prob(z)
        bound = diffusion_bound(self.standardized(z), y_pred["squared_error"]) + ops.sum(ops.log(self.spread))
        return elbo_terms(log_likelihood, log_posterior + bound)

    def standardized(self, z: Tensor) -> Tensor:
        """Codes on the scale of the diffusion: mean 0 and spread 1 over the images of :meth:`adapt`."""
        return (ops.cast(z, "float32") - self.center) / self.spread

    def squared_error(self, z: Tensor, epsilon: Tensor, times: Tensor, condition: Tensor = None) -> Tensor:
        """The squared length of epsilon minus its prediction: ``(...)``, for codes and noise ``(..., latent_dim)``.

        ``times`` ``(..., 1)`` run from 0, the noisiest level, to 1.
        """
        log_snr = NOISIEST + (CLEANEST - NOISIEST) * times  # (..., 1)
        predicted = self.predict_noise(noised(self.standardized(z), epsilon, log_snr), log_snr, condition)
        return ops.sum(ops.square(epsilon - predicted), axis=-1)

    def predict_noise(self, z: Tensor, log_snr: Tensor, condition: Tensor = None) -> Tensor:
        """The noise in noised codes ``z`` ``(..., latent_dim)`` at ``log_snr`` ``(..., 1)``: the shape of ``z``.

        It is sigma z + alpha times the network's output (Salimans & Ho, 2022): exact for N(0, I) where the output is 0.
        ``condition``: one-hot labels ``(..., num_classes)``, zeros where none is given.
        """
        parts = [z, ops.broadcast_to(time_features(log_snr), (*ops.shape(z)[:-1], 1 + 2 * len(FREQUENCIES)))]
        if self.num_classes:
            label = ops.zeros((self.num_classes,)) if condition is None else condition
            parts.append(ops.broadcast_to(label, (*ops.shape(z)[:-1], self.num_classes)))
        rows = ops.reshape(ops.concatenate(parts, axis=-1), (-1, self.denoiser.input_shape[-1]))
        alpha, sigma = alpha_sigma(log_snr)
        return sigma * z + alpha * ops.reshape(self.denoiser(rows), ops.shape(z))

    def guided(self, condition: Tensor = None, guidance: float = 0.0) -> Predict:
        """The noise that :func:`reverse_path` is to assume, under one-hot labels ``condition`` ``(n, num_classes)``.

        With ``guidance`` w it is (1 + w) times the prediction under the label, minus w times the one without.
        Source: Ho & Salimans (2022), equation 6. Taught in chapter 16.
        """

        def predict(z: Tensor, log_snr: float) -> Tensor:
            level = ops.full((1, 1), log_snr)
            known = self.predict_noise(z, level, condition)
            return known + guidance * (known - self.predict_noise(z, level)) if guidance else known

        return predict

    def draw_codes(
        self,
        n: int,
        seed: Seed = None,
        *,
        labels: Any = None,
        steps: int = 50,
        guidance: float = 0.0,
        stochastic: bool = False,
    ) -> np.ndarray:
        """``n`` codes ``(n, latent_dim)`` from ``steps`` steps of the sampler; arguments as in :meth:`sample`."""
        n, stream = check_whole_number("n", n), self.generator_of(seed)
        condition = self._condition_for(n, labels, check_number("guidance", guidance), stream)

        def draw() -> Tensor:
            return random.normal((n, self.latent_dim), seed=stream)

        path = reverse_path(self.guided(condition, guidance), draw(), steps, draw if stochastic else None)
        *_, last = path
        return ops.convert_to_numpy(last * self.spread + self.center)

    def sample(self, n: int, seed: Seed = None, **how: Any) -> np.ndarray:
        """``n`` generated images ``(n, *image_shape)`` in [0, 1].

        ``labels`` ``(n,)``: what to show, with ``guidance`` of at least 0; without them a model of labels draws them
        evenly. ``steps``: calls of the network per image; ``stochastic=True`` adds new noise in every step.
        Raises :class:`~companion.errors.BadInput` for labels or guidance where the model has no classes.
        """
        return self.decode(self.draw_codes(n, seed, **how))

    def draw_from_prior(self, n: int, seed: Seed = None, x: Any = None) -> np.ndarray:
        """``n`` codes drawn with 50 steps: ``(n, latent_dim)``."""
        return self.draw_codes(n, seed)

    @property
    def noise_dim(self) -> int:
        """How many standard normal numbers the bound of one image needs."""
        return 2 * self.latent_dim + 1

    def draw_log_weights(self, x: Any, num_samples: int, seed: Seed) -> Tensor:
        """The mean over ``num_samples`` draws of the bound of each image, for every draw: ``(num_samples, n)``."""
        n = ops.shape(self.images_of(x))[0]
        epsilon = random.normal((num_samples, n, self.noise_dim), seed=seed)
        elbo = self._terms_with_noise(x, epsilon)["elbo"]  # (num_samples, n)
        return ops.tile(ops.mean(elbo, axis=0, keepdims=True), (num_samples, 1))

    def prior_of(self, x: Any) -> Any:
        """Not known: a diffusion bounds the density of a code, and :meth:`terms` uses the bound."""
        raise NotImplementedError("a diffusion has no density in closed form; terms uses a bound on it.")

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``z_mean``, ``z_log_var`` and one draw ``z`` for images, or pairs with labels: arrays ``(n, latent_dim)``."""
        return tuple(map_batches(lambda batch: tuple(self.encoder(batch)), self.images_of(self.checked(x))))

    def get_config(self) -> dict[str, Any]:
        names = ("num_classes", "units", "label_dropout", "frozen")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _terms_with_noise(self, x: Any, epsilon: Tensor) -> Terms:
        """The terms for noise ``(..., batch, noise_dim)``; a normal number becomes a time by its distribution."""
        z_mean, z_log_var, _ = self.encoder(self.images_of(x))
        mean, log_var = DiagonalNormal(z_mean, z_log_var).parameters
        z = reparameterize(mean, log_var, epsilon[..., : self.latent_dim])
        between = epsilon[..., self.latent_dim : -1]
        times = 0.5 * (1.0 + ops.erf(epsilon[..., -1:] / math.sqrt(2.0)))
        error = self.squared_error(z, between, times, self.condition_of(x))
        y_pred = {"logits": self.logits_of(z, x), "z_mean": mean, "z_log_var": log_var, "z": z}
        return self.terms(x, {**y_pred, "squared_error": error})

    def _condition_for(self, n: int, labels: Any, guidance: float, stream: Any) -> Tensor:
        """One-hot labels ``(n, num_classes)`` to sample with, drawn evenly where none came; None without classes."""
        if self.num_classes is None:
            if labels is not None or guidance:
                raise BadInput(
                    "labels or guidance for a diffusion without classes: expected neither; build it with "
                    "num_classes=10 and train it on [images, labels]."
                )
            return None
        if labels is None:
            drawn = random.randint((n,), 0, self.num_classes, seed=stream)
            return ops.one_hot(drawn, self.num_classes, dtype="float32")
        condition = check_conditions(labels, self.num_classes, self.condition_shape)
        check_equally_many("images to sample", n, "labels", condition)
        return ops.convert_to_tensor(condition)
