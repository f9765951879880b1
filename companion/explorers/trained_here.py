"""A model that was trained in a page, read from the file that the page saved."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from companion.errors import BadInput

SIDE = 8
ENCODER_LAYERS, DECODER_LAYERS = ("encoder_hidden", "z_mean", "raw_log_var"), ("decoder_hidden", "pixels")
#: The arrays of the file.
NAMES = tuple(f"{layer}_{part}" for layer in ENCODER_LAYERS + DECODER_LAYERS for part in ("kernel", "bias"))
ADVICE = "download the model again with the trainer's button"


def load_trained(path: str | os.PathLike[str]) -> Any:
    """The :class:`~companion.vae.VAE` in the file that the trainer's button *Download this model* saved.

    It takes images of shape ``(n, 8, 8, 1)`` in black and white, such as those of ``data.load("digits_8x8")``, and
    reports the plain ELBO in nats per image, whatever beta it was trained with. It is not compiled; call
    ``compile("adam")`` to train it further.
    Raises :class:`~companion.errors.BadInput` for a file that is missing, damaged or of another layout. Taught in
    chapter 00.
    """
    arrays = _arrays(Path(path).expanduser())
    hidden, latent_dim = _sizes(arrays, path)

    from companion.networks import build_decoder, build_encoder
    from companion.vae import VAE

    shape = (SIDE, SIDE, 1)
    encoder = build_encoder(shape, latent_dim, hidden=(hidden,))
    model = VAE(encoder, build_decoder(latent_dim, shape, hidden=(hidden,)))
    for name, variable in variables_of(model).items():
        variable.assign(arrays[name])
    return model


def variables_of(model: Any) -> dict[str, Any]:
    """The weights of a VAE with one hidden layer on each side, by the names that the file gives them."""
    found = {}
    for side, network in (("encoder", model.encoder), ("decoder", model.decoder)):
        for layer in network.layers:
            # The order of the heads is Keras's own; only their names tell them apart.
            known = layer.name if layer.name in ENCODER_LAYERS + DECODER_LAYERS else f"{side}_hidden"
            if layer.weights:
                found[f"{known}_kernel"], found[f"{known}_bias"] = layer.kernel, layer.bias
    return found


def _arrays(path: Path) -> dict[str, np.ndarray]:
    from companion.data.files import read_npz

    if not path.is_file():
        raise BadInput(f"{path} is not a file: expected the .npz file of a trained model; {ADVICE}.")
    arrays: dict[str, np.ndarray] = read_npz(path)
    return arrays


def _sizes(arrays: dict[str, np.ndarray], path: Any) -> tuple[int, int]:
    """Hidden units and numbers of a code, if all arrays are there, finite, and of the shapes that follow from these."""
    for name in NAMES:
        if name not in arrays:
            found = ", ".join(sorted(arrays)) or "no array"
            raise BadInput(
                f"{path} has {found}, but no {name}: expected the file of a trained model; {ADVICE}."
            )
    hidden, latent_dim = arrays["encoder_hidden_bias"].size, arrays["z_mean_bias"].size
    pixels = SIDE * SIDE
    ins = {"encoder_hidden": pixels, "z_mean": hidden, "raw_log_var": hidden, "decoder_hidden": latent_dim}
    outs = {
        "encoder_hidden": hidden,
        "z_mean": latent_dim,
        "raw_log_var": latent_dim,
        "decoder_hidden": hidden,
    }
    for name in NAMES:
        layer, _, part = name.rpartition("_")
        width = outs.get(layer, pixels)
        expected = (ins.get(layer, hidden), width) if part == "kernel" else (width,)
        array = arrays[name]
        if array.shape != expected or array.dtype.kind != "f":
            raise BadInput(
                f"{path}: array {name} is {array.dtype} of shape {array.shape}: expected real numbers of shape "
                f"{expected}; {ADVICE}."
            )
        if not np.isfinite(array).all():
            raise BadInput(
                f"{path}: array {name} holds numbers that are not finite: expected weights; {ADVICE}."
            )
    return int(hidden), int(latent_dim)
