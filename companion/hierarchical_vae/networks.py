"""The networks of a hierarchical VAE: what infers each layer of codes, and what generates it. Chapter 08.

Both networks are chains of parts with names. ``q_z1`` is q(z1|x), ``q_z2`` is q(z2|z1); ``p_x`` is p(x|z1), ``p_z1`` is
p(z1|z2). A part that gives a distribution maps to ``[z_mean, z_log_var, z]``, as every encoder of the book does. A
chain that is called as a whole draws its own codes on the way. In training the decoder must get the z1 that the encoder
drew, so :class:`~companion.hierarchical_vae.HierarchicalVAE` calls the parts one by one.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from companion.base import output_of, seeds_of_networks
from companion.errors import BadInput, check_choice, check_whole_number
from companion.networks import HIDDEN, build_conv_decoder, build_conv_encoder, build_decoder, build_encoder
from companion.tensors import Tensor

INFERENCES = ("bottom_up", "top_down")
# How top-down inference joins what the image says with the layer above.
MERGES = ("precision", "mean", "residual", "concatenation")
NETWORKS = ("dense", "conv")
LATENT_DIMS = (8, 2)
UPPER_HIDDEN = (256,)
FEATURES = (
    256  # what the layers of a convolutional top-down encoder share; a dense one shares its last hidden layer
)


def build_hierarchical_encoder(
    input_shape: Sequence[int] = (784,),
    latent_dims: Sequence[int] = LATENT_DIMS,
    *,
    inference: str = "bottom_up",
    merge: str = "concatenation",
    network: str = "dense",
    hidden: Sequence[int] = HIDDEN,
    upper_hidden: Sequence[int] = UPPER_HIDDEN,
    hidden_activation: str = "relu",
    batch_norm: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """The inference network for layers of codes of sizes ``latent_dims``, the layer next to the pixels first.

    ``bottom_up`` maps images ``(batch, *input_shape)`` to ``[z1_mean, z1_log_var, z1, z2_mean, z2_log_var, z2, ...]``,
    each ``(batch, latent_dims[l])``: q(z1|x), then q(z2|z1). ``top_down`` maps them to ``[mean_1, log_var_1, mean_2,
    log_var_2, ...]``, the message of the image to each layer, before the model merges it with the layer above, for
    example by :func:`~companion.hierarchical_vae.ladder_merge`. With ``merge="concatenation"`` a lower layer has a
    network of its own, which takes the features of the image and the code above, and the outputs are mean and log
    variance of q.
    ``hidden`` are the widths between pixels and z1, ``upper_hidden`` those between two layers of codes;
    ``hidden_activation`` and ``batch_norm`` as in :func:`~companion.networks.build_encoder`.
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers. Taught in chapter 08.
    """
    dims = check_latent_dims(latent_dims)
    check_choice("inference", inference, INFERENCES)
    check_choice("network", network, NETWORKS)
    check_choice("merge", merge, MERGES)
    seeds = _seeds_of_parts(seed, len(dims) + 1)
    how: dict[str, Any] = {"hidden_activation": hidden_activation, "batch_norm": batch_norm}
    if inference == "top_down":
        features = _features(input_shape, network, hidden, seeds[0], **how)
        joined = merge == "concatenation"
        width = features.output_shape[-1]
        heads = [
            build_encoder(
                (width + dims[level + 1] if joined and level < len(dims) - 1 else width,),
                dim,
                # One layer alone has nothing to join, and is the VAE's.
                hidden=upper_hidden if level or (joined and len(dims) > 1) else (),
                seed=part_seed,
                **how,
            )
            for level, (dim, part_seed) in enumerate(zip(dims, seeds[1:], strict=True))
        ]
        return _joint_encoder(features, heads) if joined else _message_encoder(features, heads)
    if network == "conv":
        first = build_conv_encoder(input_shape, dims[0], seed=seeds[0])
    else:
        first = build_encoder(input_shape, dims[0], hidden=hidden, seed=seeds[0], **how)
    upper = [
        build_encoder((below,), dim, hidden=upper_hidden, seed=part_seed, **how)
        for below, dim, part_seed in zip(dims, dims[1:], seeds[1:], strict=False)
    ]
    return chain_encoder([first, *upper])


def build_hierarchical_decoder(
    latent_dims: Sequence[int] = LATENT_DIMS,
    output_shape: int | Sequence[int] = 784,
    *,
    network: str = "dense",
    hidden: Sequence[int] = HIDDEN[::-1],
    upper_hidden: Sequence[int] = UPPER_HIDDEN,
    hidden_activation: str = "relu",
    batch_norm: bool = False,
    seed: int | None = None,
) -> keras.Model:
    """The generative network: codes of the top layer ``(batch, latent_dims[-1])`` to logits ``(batch, *output_shape)``.

    On the way it draws every lower layer from p(z1|z2). Its parts are ``p_x`` and ``p_z1``, ``p_z2``, ...
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers. Taught in chapter 08.
    """
    dims = check_latent_dims(latent_dims)
    seeds = _seeds_of_parts(seed, len(dims))
    how: dict[str, Any] = {"hidden_activation": hidden_activation, "batch_norm": batch_norm}
    if check_choice("network", network, NETWORKS) == "conv":
        shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        pixels = build_conv_decoder(dims[0], shape, seed=seeds[0])
    else:
        pixels = build_decoder(dims[0], output_shape, hidden=hidden, seed=seeds[0], **how)
    priors = [
        build_encoder((above,), dim, hidden=upper_hidden, seed=part_seed, **how)
        for dim, above, part_seed in zip(dims, dims[1:], seeds[1:], strict=False)
    ]
    return chain_decoder(pixels, priors)


def chain_encoder(parts: Sequence[keras.Model]) -> keras.Model:
    """A bottom-up encoder from parts q(z1|x), q(z2|z1), ..., each of which gives ``[z_mean, z_log_var, z]``."""
    named = [_named(part, f"q_z{level}") for level, part in enumerate(parts, start=1)]
    images = keras.Input(named[0].input_shape[1:], name="images")
    outputs: list[Tensor] = []
    for part in named:
        outputs += part(outputs[-1] if outputs else images)
    return keras.Model(images, outputs, name="encoder")


def chain_decoder(pixels: keras.Model, priors: Sequence[keras.Model]) -> keras.Model:
    """A decoder from parts: ``pixels``, which maps codes z1 to logits, and ``priors``, p(z1|z2), p(z2|z3), ..."""
    named = [_named(part, f"p_z{level}") for level, part in enumerate(priors, start=1)]
    lowest = _named(pixels, "p_x")
    codes = keras.Input(((named or [lowest])[-1].input_shape[-1],), name="codes")
    z = codes
    for part in reversed(named):
        _, _, z = part(z)
    return keras.Model(codes, lowest(z), name="decoder")


def posteriors_of(encoder: Any) -> list[keras.Model]:
    """The parts q(z1|x), q(z2|z1), ... of a bottom-up encoder."""
    advice = "chain_encoder, or build_hierarchical_encoder(..., inference='bottom_up')"
    return [_part("encoder", encoder, "q_z1", advice), *_parts_from(encoder, "q_z", first=2)]


def generators_of(decoder: Any) -> tuple[keras.Model, list[keras.Model]]:
    """The part p(x|z1) of a decoder, and its parts p(z1|z2), p(z2|z3), ..."""
    pixels = _part("decoder", decoder, "p_x", "chain_decoder or build_hierarchical_decoder")
    return pixels, _parts_from(decoder, "p_z", first=1)


def joint_parts_of(encoder: Any) -> tuple[keras.Model, list[keras.Model]]:
    """The features of an encoder that concatenates, and its parts q(z1|h, z2), q(z2|h, z3), ..., q(zL|h)."""
    advice = "build_hierarchical_encoder(..., inference='top_down', merge='concatenation')"
    first = _part("encoder", encoder, "joint_1", advice)
    return _part("encoder", encoder, "features", advice), [first, *_parts_from(encoder, "joint_", first=2)]


def sizes_of_encoder(encoder: Any, inference: str) -> tuple[int, ...]:
    """The sizes of the layers that an encoder infers, bottom first; BadInput unless it suits ``inference``."""
    if inference == "bottom_up":
        return tuple(int(part.output_shape[0][-1]) for part in posteriors_of(encoder))
    shapes = getattr(encoder, "output_shape", None)
    means, log_vars = (shapes[::2], shapes[1::2]) if isinstance(shapes, list) else ([], [None])
    if means != log_vars or any(part.name.startswith("q_z") for part in encoder.layers):
        raise BadInput(
            f"encoder gives outputs of shapes {shapes}: inference='top_down' expects [mean_1, log_var_1, mean_2, "
            f"log_var_2, ...]; build it with build_hierarchical_encoder(..., inference='top_down')."
        )
    return tuple(int(shape[-1]) for shape in means)


def sizes_of_decoder(decoder: Any) -> tuple[int, ...]:
    """The sizes of the layers that a decoder generates from, bottom first."""
    pixels, priors = generators_of(decoder)
    return tuple(int(part.input_shape[-1]) for part in (pixels, *priors))


def complete_pair(
    encoder: Any,
    decoder: Any,
    latent_dims: Sequence[int],
    inference: str,
    merge: str,
    input_shape: Sequence[int],
    seed: int | None,
) -> tuple[keras.Model, keras.Model, tuple[int, ...]]:
    """Both networks and the sizes of their layers; one that is missing is built to fit the other.

    Raises :class:`~companion.errors.BadInput` where they do not fit.
    """
    dims = check_latent_dims(latent_dims)
    if isinstance(named := output_of(encoder), dict):
        raise BadInput(
            f"encoder gives outputs by name: {', '.join(map(str, named))}. HierarchicalVAE expects them in a "
            f"list, the layer next to the pixels first; build it with chain_encoder(parts)."
        )
    if encoder is not None:
        dims, input_shape = sizes_of_encoder(encoder, inference), encoder.input_shape[1:]
        if inference == "top_down":
            _check_merge(encoder, merge)
    elif decoder is not None:
        dims, input_shape = sizes_of_decoder(decoder), decoder.output_shape[1:]
    shape = tuple(input_shape)
    encoder_seed, decoder_seed = seeds_of_networks(seed)
    if encoder is None:
        how: dict[str, Any] = {"inference": inference, "merge": merge}
        encoder = build_hierarchical_encoder(shape, dims, **how, seed=encoder_seed)
    if decoder is None:
        decoder = build_hierarchical_decoder(dims, shape, seed=decoder_seed)
    there, gives = sizes_of_decoder(decoder), tuple(decoder.output_shape[1:])
    if (there, gives) != (dims, shape):
        raise BadInput(
            f"decoder makes {gives} from layers of sizes {there}, and the encoder infers {dims} from {shape}: expected "
            f"the same; pass build_hierarchical_decoder({dims}, {shape})."
        )
    return encoder, decoder, dims


def _check_merge(encoder: Any, merge: str) -> None:
    """An encoder that concatenates gives q itself; the others give messages, which the model has yet to merge."""
    if merge == "concatenation":
        joint_parts_of(encoder)
    elif any(layer.name == "joint_1" for layer in encoder.layers):
        raise BadInput(
            f"encoder concatenates the layer above by itself, and merge={merge!r} would merge it once more: expected "
            f"merge='concatenation'; pass it, or build_hierarchical_encoder(..., merge={merge!r})."
        )


def check_latent_dims(latent_dims: Any) -> tuple[int, ...]:
    """``latent_dims`` as a tuple; :class:`~companion.errors.BadInput` unless it holds one whole number per layer."""
    if not isinstance(latent_dims, (tuple, list)) or not latent_dims:
        raise BadInput(
            f"latent_dims={latent_dims!r}: expected one size per layer, the layer next to the pixels first; pass for "
            f"example latent_dims=(8, 2)."
        )
    return tuple(check_whole_number("latent_dims", dim) for dim in latent_dims)


def _features(
    input_shape: Sequence[int],
    network: str,
    hidden: Sequence[int],
    seed: int | None,
    *,
    hidden_activation: str,
    batch_norm: bool,
) -> keras.Model:
    """The part that all layers of a top-down encoder share: the hidden layers of the usual encoder, without heads."""
    if network == "conv":
        code = build_conv_encoder(input_shape, FEATURES, variational=False, seed=seed)
        return keras.Model(code.input, layers.ReLU()(code.output), name="features")
    how: dict[str, Any] = {"hidden_activation": hidden_activation, "batch_norm": batch_norm}
    code = build_encoder(input_shape, hidden[-1], hidden=hidden[:-1], variational=False, seed=seed, **how)
    h = layers.BatchNormalization()(code.output) if batch_norm else code.output
    return keras.Model(code.input, layers.Activation(hidden_activation)(h), name="features")


def _message_encoder(features: keras.Model, heads: Sequence[keras.Model]) -> keras.Model:
    """From images to their messages to each layer: mean and log variance; the draws of the heads are not used."""
    images = keras.Input(features.input_shape[1:], name="images")
    h = features(images)  # (batch, features)
    named = [_named(head, f"message_{level}") for level, head in enumerate(heads, start=1)]
    return keras.Model(images, [out for head in named for out in head(h)[:2]], name="encoder")


def _joint_encoder(features: keras.Model, parts: Sequence[keras.Model]) -> keras.Model:
    """From images to mean and log variance of each layer; each lower one takes the features and the code above it."""
    images = keras.Input(features.input_shape[1:], name="images")
    h = features(images)  # (batch, features)
    named = [_named(part, f"joint_{level}") for level, part in enumerate(parts, start=1)]
    outputs: list[Tensor] = []
    given = h
    for part in reversed(named):
        mean, log_var, z = part(given)
        outputs = [mean, log_var, *outputs]
        given = layers.Concatenate()([h, z])  # (batch, features + latent_dims[l])
    return keras.Model(images, outputs, name="encoder")


def _named(part: keras.Model, name: str) -> keras.Model:
    return keras.Model(part.input, part.output, name=name)


def _part(what: str, network: Any, name: str, advice: str) -> keras.Model:
    found = next((layer for layer in getattr(network, "layers", []) if layer.name == name), None)
    if found is None:
        raise BadInput(
            f"{what} is a {type(network).__name__} without a part named {name}: expected a chain of parts; build it "
            f"with {advice}."
        )
    return found


def _parts_from(network: keras.Model, prefix: str, first: int) -> list[keras.Model]:
    """The parts ``prefix`` + 1, + 2, ... that a chain holds, in order."""
    named = {layer.name: layer for layer in network.layers}
    parts: list[keras.Model] = []
    while (name := f"{prefix}{first + len(parts)}") in named:
        parts.append(named[name])
    return parts


def _seeds_of_parts(seed: int | None, count: int) -> list[int | None]:
    """A seed for each part; the first is ``seed`` itself, so that one layer alone gives the network of a VAE."""
    if seed is None:
        return [None] * count
    return [check_whole_number("seed", seed, at_least=0) + 1000 * part for part in range(count)]
