"""Priors over codes other than N(0, I), a VAE that has one, and how far its codes lie from it. Chapter 16."""

from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops, random

from companion.batching import map_batches
from companion.distributions import DiagonalNormal
from companion.errors import BadInput, check_choice, check_seed, check_whole_number, is_seed_generator
from companion.flow import CouplingFlow
from companion.networks import LOG_VAR_BOUND
from companion.objectives import elbo_terms
from companion.tensors import Seed, Tensor
from companion.vae import VAE, Terms

PRIORS = ("standard", "mixture", "vamp", "flow")
AT_ONCE = 100  # codes whose density under thousands of components is computed at a time


class NormalMixture:
    """A mixture of K diagonal normals over codes: ``mean`` and ``log_var`` ``(K, latent_dim)``, ``logits`` ``(K,)``.

    Without ``logits`` all components have the same weight. Taught in chapter 16.
    """

    def __init__(self, mean: Tensor, log_var: Tensor, logits: Tensor = None):
        self.components = DiagonalNormal(mean, log_var)
        logits = ops.zeros(ops.shape(mean)[0]) if logits is None else ops.cast(logits, "float32")
        self.log_shares = ops.log_softmax(logits)  # (K,)

    def log_prob(self, z: Tensor) -> Tensor:
        """log p(z) of codes ``(..., latent_dim)``: shape ``(...)``, in nats."""
        of_each = self.components.log_prob(ops.expand_dims(z, -2))  # (..., K)
        return ops.logsumexp(of_each + self.log_shares, axis=-1)

    def draw(self, n: int, seed: Seed = None) -> np.ndarray:
        """``n`` codes ``(n, latent_dim)``. ``seed``: an int, a ``SeedGenerator`` or None."""
        n, seed = check_whole_number("n", n), check_seed(seed)
        stream = seed if is_seed_generator(seed) else keras.random.SeedGenerator(seed)
        chosen = random.categorical(self.log_shares[None], n, seed=stream)[0]  # (n,)
        mean, log_var = (ops.take(part, chosen, axis=0) for part in self.components.parameters)
        return ops.convert_to_numpy(DiagonalNormal(mean, log_var).sample(stream))


@keras.saving.register_keras_serializable(package="companion")
class MixturePrior(layers.Layer):
    """A :class:`NormalMixture` whose means, variances and weights are learned. Taught in chapter 16."""

    def __init__(self, components: int, latent_dim: int, seed: int | None = None, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.components = check_whole_number("components", components)
        self.latent_dim, self.seed = check_whole_number("latent_dim", latent_dim), seed
        shape, first = (
            (self.components, self.latent_dim),
            keras.initializers.RandomNormal(stddev=1.0, seed=seed),
        )
        self.mean = self.add_weight(name="mean", shape=shape, initializer=first)
        self.raw_log_var = self.add_weight(name="raw_log_var", shape=shape, initializer="zeros")
        self.logits = self.add_weight(name="logits", shape=(self.components,), initializer="zeros")
        self.built = True

    def given(self, encoder: keras.Model) -> NormalMixture:
        """The mixture; unlike that of a :class:`VampPrior`, it does not depend on the ``encoder``."""
        log_var = LOG_VAR_BOUND * ops.tanh(self.raw_log_var / LOG_VAR_BOUND)
        return NormalMixture(self.mean, log_var, self.logits)

    def adapt(self, images: np.ndarray, codes: np.ndarray, draws: np.random.Generator) -> None:
        """Begin with components at random ``codes`` ``(n, latent_dim)``, each half as wide as all codes together."""
        rows = draws.choice(len(codes), self.components, replace=len(codes) < self.components)
        self.mean.assign(codes[rows])
        narrow = np.log(codes.var(axis=0) / 4 + 1e-6)
        self.raw_log_var.assign(np.tile(narrow, (self.components, 1)))

    def get_config(self) -> dict[str, Any]:
        names = ("components", "latent_dim", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="companion")
class VampPrior(layers.Layer):
    """The mixture of the posteriors of ``components`` learned pseudo-inputs: p(z) = mean over k of q(z|u_k).

    ``unit_interval`` keeps the pseudo-inputs in [0, 1], where the encoder knows its images.
    Source: Tomczak & Welling (2018). Taught in chapter 16.
    """

    def __init__(
        self,
        components: int,
        image_shape: tuple[int, ...],
        unit_interval: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.components = check_whole_number("components", components)
        self.image_shape, self.unit_interval, self.seed = tuple(image_shape), bool(unit_interval), seed
        shape, first = (
            (self.components, *self.image_shape),
            keras.initializers.RandomNormal(stddev=1.0, seed=seed),
        )
        self.raw_inputs = self.add_weight(name="raw_inputs", shape=shape, initializer=first)
        self.built = True

    def pseudo_inputs(self) -> Tensor:
        """The learned images ``(components, *image_shape)``."""
        raw = ops.convert_to_tensor(self.raw_inputs)
        return ops.sigmoid(raw) if self.unit_interval else raw

    def given(self, encoder: keras.Model) -> NormalMixture:
        """The mixture of what ``encoder`` makes of the pseudo-inputs, with equal weights."""
        z_mean, z_log_var, _ = encoder(self.pseudo_inputs())
        return NormalMixture(z_mean, z_log_var)

    def adapt(self, images: np.ndarray, codes: np.ndarray, draws: np.random.Generator) -> None:
        """Begin with random ``images`` ``(n, *image_shape)`` as pseudo-inputs."""
        rows = draws.choice(len(images), self.components, replace=len(images) < self.components)
        chosen = np.asarray(images[rows], "float32")
        if self.unit_interval:
            inside = np.clip(chosen, 0.02, 0.98)  # where the gradient of the sigmoid is not lost
            chosen = np.log(inside / (1 - inside))
        self.raw_inputs.assign(chosen)

    def get_config(self) -> dict[str, Any]:
        names = ("components", "image_shape", "unit_interval", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable(package="companion")
class PriorVAE(VAE):
    """A VAE whose prior is learned: ``"mixture"``, ``"vamp"`` or ``"flow"``; ``"standard"`` is N(0, I).

    ``components`` is the number of normals of a mixture or of pseudo-inputs of a VampPrior. The KL of each image is
    log q(z|x) - log p(z) at the z that was drawn: it has no closed form for these priors, and may be negative for one
    draw. ``fit`` trains the prior together with the networks; with ``frozen=True`` the networks stay as they are, also
    in other models that hold them, and only the prior learns. :meth:`adapt` lets it begin at the codes of images.

    Raises :class:`~companion.errors.BadInput` for another ``prior``, ``components`` below 1, a ``frozen`` other than
    True or False, and a flow over codes of one number.
    Sources: Tomczak & Welling (2018); Dinh et al. (2017). Taught in chapter 16.
    """

    def __init__(
        self, *networks: Any, prior: str = "vamp", components: int = 50, frozen: bool = False, **kwargs: Any
    ):
        super().__init__(*networks, **kwargs)
        self.prior = check_choice("prior", prior, PRIORS)
        self.components = check_whole_number("components", components)
        seed = None if self.seed is None else 2 * self.seed + 2  # after those of the two networks
        self.prior_layer: Any = None
        if prior == "mixture":
            self.prior_layer = MixturePrior(self.components, self.latent_dim, seed)
        elif prior == "vamp":
            self.prior_layer = VampPrior(self.components, self.image_shape, self.in_unit_interval, seed)
        elif prior == "flow":
            self.prior_layer = CouplingFlow(self.latent_dim, seed=seed)
        self.frozen = freeze_networks(self, frozen)

    def adapt(self, x: Any, seed: int = 0) -> None:
        """Let the prior begin at the codes of images ``x``; a standard prior has nowhere to go.

        ``seed`` fixes which of the images a mixture or a VampPrior begins with.
        """
        x = self.checked(x)
        if self.prior_layer is not None:
            draws = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
            self.prior_layer.adapt(x, np.asarray(self.encode(x)[2], "float32"), draws)

    def prior_of(self, x: Any) -> Any:
        """The prior, with ``log_prob(z)`` and, unless it is N(0, I), ``draw(n, seed)``."""
        return super().prior_of(x) if self.prior_layer is None else self.prior_layer.given(self.encoder)

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> Terms:
        """The terms of the ELBO, each ``(batch,)`` in nats; the KL is a closed form for N(0, I) alone."""
        if self.prior_layer is None:
            return super().terms(x, y_pred)
        log_likelihood = self.likelihood_of(y_pred["logits"]).log_prob(self.images_of(x))  # (batch,)
        z = ops.cast(y_pred["z"], "float32")
        log_posterior = DiagonalNormal(y_pred["z_mean"], y_pred["z_log_var"]).log_prob(z)  # (batch,)
        return elbo_terms(log_likelihood, log_posterior - self.prior_of(x).log_prob(z))

    def draw_from_prior(self, n: int, seed: Seed = None, x: Any = None) -> np.ndarray:
        """``n`` codes drawn from the prior: ``(n, latent_dim)``."""
        if self.prior_layer is None:
            return super().draw_from_prior(n, seed, x)
        return self.prior_of(x).draw(check_whole_number("n", n), self.stream(seed))

    def get_config(self) -> dict[str, Any]:
        names = ("prior", "components", "frozen")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


def freeze_networks(model: VAE, frozen: bool) -> bool:
    """Keep encoder, decoder and likelihood as they are in training, if ``frozen``; returns ``frozen``, checked."""
    if not isinstance(frozen, bool):
        raise BadInput(f"frozen must be True or False, got {frozen!r}.")
    if frozen:
        for part in (model.encoder, model.decoder, model.likelihood):
            part.trainable = False
    return frozen


class KLSplit(NamedTuple):
    """Means over images, in nats: ``kl`` = ``information`` + ``to_prior``; see :func:`split_kl`."""

    kl: float
    information: float
    to_prior: float


def aggregated_posterior(model: VAE, x: Any) -> NormalMixture:
    """q(z) = the mean over the images ``x`` of q(z|x): a mixture with one component per image.

    Source: Makhzani et al. (2016); Hoffman & Johnson (2016). Taught in chapter 16.
    """
    z_mean, z_log_var, _ = model.encode(x)
    return NormalMixture(z_mean, z_log_var)


def split_kl(model: VAE, x: Any, *, draws: int = 5, seed: int = 0) -> KLSplit:
    """The KL term, split into what a code says about its image and how far all codes together are from the prior.

    mean over images of KL(q(z|x) || p(z)) = I(x; z) + KL(q(z) || p(z)), where q(z) is the aggregated posterior of the n
    images ``x`` and I(x; z), the mutual information, is at most log n. Each is a mean over ``draws`` codes per image.
    Raises :class:`~companion.errors.BadInput` for images that do not fit and for ``draws`` below 1.
    Source: Hoffman & Johnson (2016). Taught in chapter 16.
    """
    noise = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    z_mean, z_log_var, _ = (np.asarray(part, "float32") for part in model.encode(x))
    whole, prior, found = NormalMixture(z_mean, z_log_var), model.prior_of(None), []
    for _ in range(check_whole_number("draws", draws)):
        z = z_mean + np.exp(0.5 * z_log_var) * noise.normal(size=z_mean.shape).astype("float32")
        own = ops.convert_to_numpy(DiagonalNormal(z_mean, z_log_var).log_prob(z))
        others = map_batches(whole.log_prob, z, batch_size=AT_ONCE)
        expected = map_batches(prior.log_prob, z)
        found.append(
            [own.mean() - expected.mean(), own.mean() - others.mean(), others.mean() - expected.mean()]
        )
    return KLSplit(*(float(value) for value in np.mean(found, axis=0)))
