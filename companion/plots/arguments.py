"""The arguments of the drawing functions, each checked before anything is drawn: images, codes, labels, decoders."""

from collections.abc import Callable, Mapping, Sequence
from math import isqrt
from typing import Any

import numpy as np

from companion.errors import BadInput, check_codes, check_images


def as_images(images: Any, what: str = "images") -> np.ndarray:
    """Return ``images`` as float32 ``(n, height, width, channels)`` in [0, 1] with 1 or 3 channels.

    ``(n, height, width)`` is taken as grey. Raises :class:`~companion.errors.BadInput` for other ranks and sizes.
    """
    array = np.asarray(images)
    if array.ndim == 3 and array.shape[-1] != 1:
        array = array[..., None]
    if array.ndim != 4 or array.shape[-1] not in (1, 3):
        raise BadInput(
            f"{what} have shape {array.shape}: expected (n, height, width), (n, height, width, 1) or "
            f"(n, height, width, 3); {_advice_on_shape(array)}"
        )
    return check_images(array, array.shape[1:], what)


def _advice_on_shape(array: np.ndarray) -> str:
    if array.ndim == 3 or (array.ndim == 2 and array.shape[0] == array.shape[1]):
        return "if that is one image, pass images[None]."
    side = isqrt(array.shape[1]) if array.ndim == 2 else 0
    if side and side * side == array.shape[1]:
        return f"pass images.reshape((-1, {side}, {side}))."
    if array.ndim == 4 and array.shape[1] in (1, 3):
        return "pass np.moveaxis(images, 1, -1), since the channels come first."
    if array.ndim == 4 and array.shape[-1] in (2, 4):
        return f"pass images[..., :{array.shape[-1] - 1}] to leave out the transparency."
    return "reshape the images first."


def decoder_of(model_or_decode: Any) -> Callable[[np.ndarray], Any]:
    """Return ``model.decode`` of a model, or the function itself; raise ``BadInput`` for anything else."""
    decode = getattr(model_or_decode, "decode", model_or_decode)
    if isinstance(model_or_decode, (str, bytes)) or not callable(decode):
        raise BadInput(
            f"got a {type(model_or_decode).__name__} to decode codes with: expected a model with decode(codes), or a "
            "function from codes to images; pass model or model.decode."
        )
    return decode


def latent_dim_of(model_or_decode: Any) -> int | None:
    """Return the latent dimension of a model, or of the model of a bound ``model.decode``; else ``None``."""
    owner = getattr(model_or_decode, "__self__", model_or_decode)
    stated = getattr(owner, "latent_dim", None)
    return None if stated is None else int(stated)


def prior_of_coordinates(model_or_decode: Any, latent_dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each coordinate of the prior, ``(latent_dim,)`` each.

    Those of the model's ``prior_of``, also for a bound ``model.decode``; of N(0, I) for a bare function and for a model
    whose prior is no normal or depends on a condition.
    """
    owner = getattr(model_or_decode, "__self__", model_or_decode)
    mean, sigma = np.zeros(latent_dim), np.ones(latent_dim)
    try:
        own_mean, own_log_var = (np.asarray(part, "float64") for part in owner.prior_of(None).parameters)
    except (AttributeError, IndexError, NotImplementedError, TypeError, ValueError):
        return mean, sigma
    own = own_mean.reshape(-1), np.exp(0.5 * own_log_var).reshape(-1)
    if any(part.size not in (1, latent_dim) for part in own):
        return mean, sigma
    return mean + own[0], sigma * own[1]


def decoded(model_or_decode: Any, codes: Any) -> np.ndarray:
    """Decode ``codes`` ``(n, latent_dim)`` in one call and check that there is one image per code."""
    array = np.asarray(codes)
    latent_dim = latent_dim_of(model_or_decode)
    if latent_dim is None:
        latent_dim = array.shape[-1] if array.ndim == 2 else 2
    checked = check_codes(array, latent_dim)
    images = as_images(decoder_of(model_or_decode)(checked), "decoded images")
    if len(images) != len(checked):
        raise BadInput(
            f"decode gave {len(images)} images for {len(checked)} codes: expected one image per code; pass a decode "
            "that keeps the first axis."
        )
    return images


def check_count(what: str, values: Any, expected: int, of_what: str) -> None:
    """Raise ``BadInput`` unless ``values`` has ``expected`` entries, one for each of ``of_what``."""
    if len(values) != expected:
        raise BadInput(
            f"{len(values)} {what} for {expected} {of_what}: expected one each; pass the same number of both."
        )


def as_plane(codes: Any, dims: Sequence[int] | None, what: str = "codes") -> np.ndarray:
    """Return the two coordinates of ``codes`` that a scatter plot shows, shape ``(n, 2)``."""
    array = _stacked(codes, what)
    if array.ndim != 2:
        raise BadInput(
            f"{what} have shape {array.shape}: expected (n, 2); a VAE's encode returns z_mean, z_log_var and z: pass "
            "the first, z_mean."
        )
    array = check_codes(array, array.shape[1])
    if dims is None:
        if array.shape[1] != 2:
            raise BadInput(
                f"{what} have {array.shape[1]} coordinates: expected 2; choose two with dims=(0, 1), or project them "
                "first, for example with scikit-learn's PCA(2).fit_transform(codes)."
            )
        return array
    allowed = range(array.shape[1])
    if len(dims) != 2 or dims[0] == dims[1] or any(dim not in allowed for dim in dims):
        raise BadInput(
            f"dims={tuple(dims)!r}: expected two different coordinates from 0 to {array.shape[1] - 1}; pass for "
            "example dims=(0, 1)."
        )
    return array[:, list(dims)]


def _stacked(codes: Any, what: str) -> np.ndarray:
    try:
        return np.asarray(codes)
    except ValueError as error:
        raise BadInput(
            f"{what} are arrays of different shapes: expected one array of shape (n, 2); pass z_mean alone."
        ) from error


def as_series(label: str, values: Any) -> np.ndarray:
    """Return ``values`` as float64 of shape ``(n,)``; raise ``BadInput`` for none, another rank, NaN or infinity."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu" or array.ndim != 1 or len(array) == 0:
        raise BadInput(
            f"{label!r} has shape {array.shape} and dtype {array.dtype}: expected one or more real numbers, (n,); "
            "pass a list of numbers."
        )
    array = array.astype("float64")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise BadInput(
            f"{label!r} holds {bad} values that are NaN or infinite: expected finite numbers; remove them first."
        )
    return array


def named(values: Any, what: str, at_most: int) -> dict[str, Any]:
    """Return a mapping from names to what is drawn; raise ``BadInput`` if it is not one, is empty or is too long."""
    if not isinstance(values, Mapping) or not 1 <= len(values) <= at_most:
        came = f"{len(values)} {what}" if isinstance(values, Mapping) else f"a {type(values).__name__}"
        raise BadInput(
            f"got {came}: expected 1 to {at_most} {what} by name; pass a dict such as {{'VAE': ...}}."
        )
    return {str(name): value for name, value in values.items()}
