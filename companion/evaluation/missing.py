"""Filling in missing pixels with a trained VAE, and with the plain ways to beat. Chapter 13.

A missing pixel is NaN. Every function takes images ``(n, height, width, channels)`` with NaN in some places and returns
a completed copy, float32, in which observed pixels are unchanged.
"""

from typing import Any

import numpy as np
from keras import ops, random
from sklearn.impute import KNNImputer, SimpleImputer

from companion.base import check_one_layer
from companion.batching import batches
from companion.distributions import DiagonalNormal, reparameterize
from companion.errors import BadInput, as_array, check_images, check_whole_number
from companion.miwae import ObservedPixels
from companion.objectives import log_importance_weights
from companion.schedules import check_number
from companion.tensors import Tensor
from companion.vae import VAE

DECODED_AT_ONCE = 5000
ROWS = 1  # their axis in a stack of images


def hide_at_random(images: Any, share: float = 0.5, seed: int = 0) -> np.ndarray:
    """``images`` with each pixel replaced by NaN with probability ``share``, whatever its value: float32.

    Raises :class:`~companion.errors.BadInput` for a ``share`` that is not above 0 and below 1. Taught in chapter 13.
    """
    if not 0 < check_number("share", share) < 1:
        raise BadInput(f"share={share!r}: expected a number between 0 and 1; pass for example share=0.5.")
    array = np.asarray(images, "float32")
    rng = np.random.default_rng(check_whole_number("seed", seed, at_least=0))
    return np.where(rng.uniform(size=array.shape) < share, np.nan, array).astype("float32")


def hide_rows(images: Any, first: int, last: int) -> np.ndarray:
    """``images`` with the rows ``first`` to ``last - 1`` of every image replaced by NaN: float32.

    Raises :class:`~companion.errors.BadInput` where these are no rows of the images, or all of them.
    """
    hidden = np.array(images, "float32")
    height = hidden.shape[ROWS] if hidden.ndim > ROWS else 0
    if not 0 <= first < last <= height or last - first == height:
        raise BadInput(
            f"first={first!r} and last={last!r} in images of {height} rows: expected some but not all of them; pass "
            f"for example first={height // 2}, last={height}."
        )
    hidden[:, first:last] = np.nan
    return hidden


def impute_by_mean(images: Any, train: Any) -> np.ndarray:
    """Each missing pixel becomes the mean of its observed values in ``train``, which may miss pixels itself.

    A pixel that no training image shows becomes 0. Raises :class:`~companion.errors.BadInput` for shapes that differ.
    """
    return _fitted(SimpleImputer(keep_empty_features=True), images, train)


def impute_by_nearest(images: Any, train: Any, neighbours: int = 1) -> np.ndarray:
    """Missing pixels are taken from the ``neighbours`` nearest images of ``train``, as their mean.

    The distance is that between pixels which both images show. Raises :class:`~companion.errors.BadInput` as
    :func:`impute_by_mean`, and for ``neighbours`` below 1. Source: Troyanskaya et al. (2001). Taught in chapter 13.
    """
    neighbours = check_whole_number("neighbours", neighbours)
    return _fitted(KNNImputer(n_neighbors=neighbours, keep_empty_features=True), images, train)


def impute_by_chain(
    model: VAE, images: Any, *, start: Any = 0.0, steps: int = 100, draw: bool = False, seed: int = 0
) -> np.ndarray:
    """Missing pixels from a chain that alternates between codes and pixels.

    Each step samples one code from q(z|x), x being the image as completed so far, and puts what the decoder gives into
    the missing places: its mean, or with ``draw`` a draw from p(x|z). The result is the average of the decoder's means
    over the second half of the ``steps``. With ``draw``, and where q is the exact posterior, the chain's stationary
    distribution is p(z, missing | observed). ``start`` is what stands in the missing places at first: a number, an
    image or images.

    Raises :class:`~companion.errors.BadInput` for ``steps`` below 2, images without a missing pixel and a model with
    other codes than one layer of normal ones. Source: Rezende et al. (2014). Taught in chapter 13.
    """
    images, steps = _checked(model, images), check_whole_number("steps", steps, at_least=2)
    generator = _generator(seed)
    completed = []
    for observed, current in batches(images, _started(images, start)):
        missing, total = np.isnan(observed), np.zeros_like(observed)
        for step in range(steps):
            pixels = model.likelihood.given(model.decoder(_draw_codes(model, current, generator)))
            mean = ops.convert_to_numpy(pixels.mean())  # (batch, *image_shape)
            if step >= steps // 2:
                total += mean
            filled = ops.convert_to_numpy(pixels.sample(generator)) if draw else mean
            current = np.where(missing, filled, observed)
        completed.append(np.where(missing, total / (steps - steps // 2), observed))
    return np.concatenate(completed)


def impute_by_importance(
    model: VAE, images: Any, *, start: Any = 0.0, k: int = 500, seed: int = 0
) -> np.ndarray:
    """Missing pixels as the mean of p(missing | observed), by self-normalised importance sampling with ``k`` codes.

    Codes are drawn from q(z|x), where x has ``start`` in its missing places: a number, an image or images. Each code's
    weight is p(observed|z) p(z) / q(z|x), and the decoder's means are averaged with the normalised weights. As ``k``
    grows the result tends to the model's own conditional mean, whatever q is.

    Raises :class:`~companion.errors.BadInput` for ``k`` below 1, images without a missing pixel and a model with other
    codes than one layer of normal ones. Source: Mattei & Frellsen (2019). Taught in chapter 13.
    """
    images, k = _checked(model, images), check_whole_number("k", k)
    generator = _generator(seed)
    completed = []
    for observed, filled in batches(images, _started(images, start), batch_size=max(1, DECODED_AT_ONCE // k)):
        mean = _weighted_mean(model, observed, filled, k, generator)  # (batch, *image_shape)
        completed.append(np.where(np.isnan(observed), mean, observed))
    return np.concatenate(completed)


def imputation_error(completed: Any, images: Any, hidden: Any) -> float:
    """The root mean squared error over the pixels that are NaN in ``hidden``; pixels in [0, 1].

    ``completed`` and the true ``images`` have the shape of ``hidden``. Raises :class:`~companion.errors.BadInput` for
    shapes that differ, and where nothing is missing.
    """
    arrays = [np.asarray(each, "float64") for each in (completed, images, hidden)]
    missing = np.isnan(arrays[2])
    if len({each.shape for each in arrays}) != 1 or not missing.any():
        raise BadInput(
            f"completed, images and hidden have shapes {', '.join(str(each.shape) for each in arrays)}, and "
            f"{int(missing.sum())} pixels of hidden are NaN: expected one shape and missing pixels; pass the images as "
            f"they were before and after pixels were hidden."
        )
    return float(np.sqrt(np.mean((arrays[0] - arrays[1])[missing] ** 2)))


def _weighted_mean(
    model: VAE, observed: np.ndarray, filled: np.ndarray, k: int, generator: Any
) -> np.ndarray:
    z_mean, z_log_var, _ = model.encoder(filled)
    posterior = DiagonalNormal(z_mean, z_log_var)
    mean, log_var = posterior.parameters
    noise = random.normal((k, *ops.shape(mean)), seed=generator)
    z = reparameterize(mean, log_var, noise)  # (k, batch, latent_dim)
    logits = model.logits_of(z, filled)  # (k, batch, *image_shape)
    pixels = ObservedPixels(model.likelihood, logits, len(model.image_shape))
    log_prior = model.prior_of(filled).log_prob(z)
    log_weights = log_importance_weights(pixels.log_prob(observed), log_prior, posterior.log_prob(z))
    shares = ops.softmax(log_weights, axis=0)  # (k, batch)
    shares = ops.reshape(shares, (*ops.shape(shares), *(1 for _ in model.image_shape)))
    return ops.convert_to_numpy(ops.sum(shares * pixels.mean(), axis=0))


def _draw_codes(model: VAE, images: np.ndarray, generator: Any) -> Tensor:
    z_mean, z_log_var, _ = model.encoder(images)
    return DiagonalNormal(z_mean, z_log_var).sample(generator)


def _generator(seed: int) -> Any:
    from keras.random import SeedGenerator

    return SeedGenerator(check_whole_number("seed", seed, at_least=0))


def _checked(model: Any, images: Any) -> np.ndarray:
    """``images`` as float32 with NaN in missing places, for a model whose codes are one layer of normal ones."""
    if not isinstance(model, VAE) or model.encoder_outputs != 3 or model.takes_pairs:
        raise BadInput(
            f"model is a {type(model).__name__}: expected one with a single layer of normal codes; pass a VAE, an IWAE "
            f"or a MIWAE."
        )
    check_one_layer(model)
    array = as_array(images, "images").astype("float32", copy=False)
    missing = np.isnan(array)
    check_images(np.where(missing, 0, array), model.image_shape, in_unit_interval=model.in_unit_interval)
    if not missing.any():
        raise BadInput(
            f"images of shape {array.shape} have no missing pixel: expected NaN in some places; pass "
            f"np.where(missing, np.nan, images)."
        )
    return array


def _started(images: np.ndarray, start: Any) -> np.ndarray:
    """``images`` with ``start`` in the missing places."""
    try:
        given = np.broadcast_to(np.asarray(start, "float32"), images.shape)
    except ValueError as error:
        raise BadInput(
            f"start has shape {np.shape(start)} for images of shape {images.shape}: expected a number, one image or as "
            f"many images; pass for example start=0.0."
        ) from error
    filled = np.where(np.isnan(images), given, images)
    if not np.isfinite(filled).all():
        raise BadInput("start holds NaN or infinity in missing places: expected numbers; pass start=0.0.")
    return filled


def _fitted(imputer: Any, images: Any, train: Any) -> np.ndarray:
    """``images`` completed by an imputer of scikit-learn that has seen ``train``."""
    given, seen = np.asarray(images, "float32"), np.asarray(train, "float32")
    if given.ndim < 2 or given.shape[1:] != seen.shape[1:] or not len(seen):
        raise BadInput(
            f"images have shape {given.shape} and train {seen.shape}: expected images of the same shape in both; pass "
            f"the training images as they are."
        )
    imputer.fit(seen.reshape(len(seen), -1))
    flat = imputer.transform(given.reshape(len(given), -1))
    return flat.reshape(given.shape).astype("float32")
