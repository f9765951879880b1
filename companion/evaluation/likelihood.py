"""How good a trained model is: k-sample bounds on log p(x), active units, and the scores of a recorded run."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops, tree
from scipy.special import logsumexp

from companion.base.divergence import check_weights_are_finite
from companion.batching import batches, count, take
from companion.compiled import kept_functions
from companion.errors import BadInput, check_whole_number
from companion.vae import VAE

IMAGES_AT_ONCE = 100
DECODED_AT_ONCE = 5000
# Tracing takes about as long as so many chunks of draws gain.
WORTH_COMPILING = {"tensorflow": 16, "jax": 16}
ACTIVE = 1e-2


def log_likelihood(
    model: Any, x: Any, k: int = 1000, *, seed: int = 0, decoded_at_once: int = DECODED_AT_ONCE
) -> np.ndarray:
    """The k-sample bound L_k on log p(x) of each image: shape ``(n,)``, in nats.

    ``model`` needs ``log_weights(x, num_samples, seed)``; ``x`` are its images, or for a conditional model the tuple
    (images, conditions). In expectation L_k is at most log p(x) and grows with ``k``; k = 1 is an estimate of the ELBO.
    At most ``decoded_at_once`` images are decoded at a time, so that peak memory depends neither on ``k`` nor on n. On
    grey pixels with a Bernoulli decoder the figure bounds a cross-entropy, not a likelihood (chapter 04).

    Raises :class:`~companion.errors.BadInput` for a ``k`` below 1 and for images that do not fit the model.
    Source: Burda et al. (2016). Taught in chapters 04 and 10.
    """
    x = _checked(model, x)
    k, decoded_at_once = check_whole_number("k", k), check_whole_number("decoded_at_once", decoded_at_once)
    generator = keras.random.SeedGenerator(check_whole_number("seed", seed, at_least=0))
    worth = WORTH_COMPILING.get(keras.backend.backend(), math.inf) * decoded_at_once
    fast = k * count(x) >= worth and isinstance(model, VAE) and type(model).log_weights is VAE.log_weights
    draw = _compiled_weights(model, generator) if fast else partial(model.log_weights, seed=generator)
    bounds = [
        _bound(draw, images, k, decoded_at_once)
        for (images,) in batches(x, batch_size=min(IMAGES_AT_ONCE, decoded_at_once))
    ]
    return np.concatenate(bounds)


def _bound(draw: Callable[..., Any], images: Any, k: int, decoded_at_once: int) -> np.ndarray:
    """L_k of a few images, from running sums of weights over chunks of draws: shape ``(n,)``.

    ``draw(images, draws)`` gives log weights ``(draws, n)``.
    """
    total = np.full(count(images), -np.inf)  # log of the sum of weights so far
    chunk = decoded_at_once // count(images)
    for start in range(0, k, chunk):
        log_weights = ops.convert_to_numpy(draw(images, min(chunk, k - start))).astype("float64")
        total = np.logaddexp(total, logsumexp(log_weights, axis=0))
    return total - np.log(k)


def _compiled_weights(model: VAE, generator: keras.random.SeedGenerator) -> Callable[..., Any]:
    """``model.log_weights`` of images and a number of draws, compiled per number, from ``generator``'s state on."""
    check_weights_are_finite(model)  # which `log_weights` itself would do
    kept = kept_functions(model)
    kept.generator.state.assign(generator.state)

    def draw(images: Any, draws: int) -> Any:
        function = kept.get(draws, model, lambda x: model.draw_log_weights(x, draws, kept.generator))
        return function(tree.map_structure(ops.convert_to_tensor, images))

    return draw


def _checked(model: Any, x: Any) -> Any:
    """The images as the model takes them, an array or a tuple with their conditions; without ``checked`` unchanged."""
    if hasattr(model, "checked"):
        return model.checked(x)
    if np.ndim(x) == 0 or len(x) == 0:
        raise BadInput(
            f"images have shape {np.shape(x)}: expected at least one image; pass an array (n, ...) with n >= 1."
        )
    return x


def code_variances(model: Any, x: Any) -> np.ndarray:
    """The variance over images of each coordinate of the posterior mean: shape ``(latent_dim,)``.

    Shape ``(0,)`` for a model whose codes have no mean, such as a VQ-VAE, whose ``encode`` gives one array.
    Source: Burda et al. (2016), section 5.2. Taught in chapter 06.
    """
    codes = model.encode(x)
    return np.var(codes[0], axis=0).ravel() if isinstance(codes, tuple) else np.zeros(0)


def active_units(model: Any, x: Any, threshold: float = ACTIVE) -> int:
    """The number of active units: latent coordinates whose posterior mean has a variance above ``threshold``.

    Raises :class:`~companion.errors.BadInput` for a negative threshold. Source: Burda et al. (2016), section 5.2.
    Taught in chapter 06.
    """
    return _count_active(code_variances(model, x), threshold)


def active_units_per_layer(model: Any, x: Any, threshold: float = ACTIVE) -> list[int]:
    """:func:`active_units` of each layer of codes of a hierarchical model, the layer next to the pixels first.

    The posterior mean of a layer is computed with the layers that it is inferred from at their means.
    Raises :class:`~companion.errors.BadInput` for a negative threshold. Taught in chapter 08.
    """
    return [_count_active(np.var(z_mean, axis=0), threshold) for z_mean, _, _ in model.encode_layers(x)]


def _count_active(variances: np.ndarray, threshold: float) -> int:
    if not threshold >= 0:
        raise BadInput(
            f"threshold={threshold!r}: expected a variance of at least 0; pass threshold={ACTIVE}."
        )
    return int(np.sum(variances > threshold))


def score(model: Any, x: Any, *, k: int = 100, n_images: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Test scores in nats per image: ``neg_elbo = reconstruction + kl`` over all of ``x`` and L_k over ``n_images``.

    ``stderr`` is the standard error of the mean of ``neg_elbo`` over images, None for a single image. ``seed`` fixes
    the noise of both. The k-sample bound is computed for the first ``n_images`` of ``x`` (None: all). It is called
    ``log_likelihood``, or ``cross_entropy_bound`` for grey pixels with a Bernoulli decoder.
    Raises :class:`~companion.errors.BadInput` as :func:`log_likelihood` does.
    """
    x = model.checked(x)
    n = count(x)
    n_images = n if n_images is None else check_whole_number("n_images", n_images)
    terms = model.elbo_terms(x, model.noise(n, check_whole_number("seed", seed, at_least=0)))
    bound = float(np.mean(log_likelihood(model, take(x, slice(n_images)), k, seed=seed)))
    is_likelihood = model.likelihood.family != "bernoulli" or is_binary(model.images_of(x))
    variances = code_variances(model, x)
    return {
        "neg_elbo": float(np.mean(-terms["elbo"])),
        "reconstruction": float(np.mean(-terms["log_likelihood"])),
        "kl": float(np.mean(terms["kl"])),
        "stderr": float(np.std(terms["elbo"], ddof=1) / np.sqrt(n)) if n > 1 else None,
        "log_likelihood": bound if is_likelihood else None,
        "cross_entropy_bound": None if is_likelihood else bound,
        "k": k,
        "n_images": min(n_images, n),
        "active_units": int(np.sum(variances > ACTIVE)) if len(variances) else None,
        "units": len(variances),
        **(
            {"active_units_per_layer": active_units_per_layer(model, x)}
            if hasattr(model, "encode_layers")
            else {}
        ),
        **model.own_scores(x),
    }


def is_binary(x: np.ndarray) -> bool:
    """Whether every pixel is 0 or 1."""
    return bool(np.isin(x, (0, 1)).all())
