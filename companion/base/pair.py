"""An encoder and a decoder that mirror each other, by the names of the command line."""

from collections.abc import Sequence
from typing import Any

import keras

from companion.errors import check_whole_number
from companion.networks import HIDDEN, build_conv_decoder, build_conv_encoder, build_decoder, build_encoder


def build_pair(
    input_shape: Sequence[int],
    latent_dim: int,
    network: str = "dense",
    hidden: Sequence[int] | None = None,
    *,
    variational: bool = True,
    hidden_activation: str = "relu",
    batch_norm: bool = False,
    seed: int | None = None,
) -> dict[str, keras.Model]:
    """``encoder`` and ``decoder`` for images ``(batch, *input_shape)``: a ``dense`` or a ``conv`` pair.

    ``hidden``: widths of a dense encoder's layers, mirrored by the decoder; ``hidden_activation`` and ``batch_norm``
    are for a dense pair. Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers.
    Taught in chapter 02.
    """
    encoder_seed, decoder_seed = seeds_of_networks(seed)
    first: dict[str, Any] = {"variational": variational, "seed": encoder_seed}
    if network == "conv":
        encoder = build_conv_encoder(input_shape, latent_dim, **first)
        return {"encoder": encoder, "decoder": build_conv_decoder(latent_dim, input_shape, seed=decoder_seed)}
    widths = HIDDEN if hidden is None else tuple(hidden)
    own: dict[str, Any] = {"hidden_activation": hidden_activation, "batch_norm": batch_norm}
    encoder = build_encoder(input_shape, latent_dim, hidden=widths, **first, **own)
    decoder = build_decoder(latent_dim, input_shape, hidden=widths[::-1], seed=decoder_seed, **own)
    return {"encoder": encoder, "decoder": decoder}


def seeds_of_networks(seed: int | None) -> tuple[int | None, int | None]:
    """One seed per network: with the same seed, two layers of the same shape would get equal weights."""
    if seed is None:
        return None, None
    first = 2 * check_whole_number("seed", seed, at_least=0)
    return first, first + 1
