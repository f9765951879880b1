"""Whether an encoder and a decoder fit each other and the model, checked before anything is built from them."""

from typing import Any

import keras

from companion.errors import BadInput


def takes(network: keras.Model) -> tuple[int, ...]:
    """The shape of what a network takes, without the batch axis: of images or codes, which come before a condition."""
    shape = network.input_shape
    return tuple((shape[0] if isinstance(shape, list) else shape)[1:])


def check_is_built(name: str, network: Any) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``network`` is None or a Keras model with known shapes."""
    known = isinstance(network, keras.Model) and network.built and hasattr(network, "output_shape")
    if network is not None and not known:
        raise BadInput(
            f"{name} is {type(network).__name__}: expected a built keras.Model with known shapes; make it with "
            f"companion.networks or keras.Model(inputs, outputs), or give a Sequential model a keras.Input first."
        )


def check_latent_outputs(encoder: keras.Model, model_name: str, wanted: int) -> tuple[tuple[int, ...], int]:
    """Image shape and latent size of an ``encoder`` that gives ``wanted`` tensors ``(batch, latent_dim)``, 1 or 3."""
    shapes = encoder.output_shape if isinstance(encoder.output_shape, list) else [encoder.output_shape]
    equal = len({tuple(shape) for shape in shapes}) == 1 and len(shapes[0]) == 2
    if len(shapes) != wanted or not equal:
        outputs = (
            "[z_mean, z_log_var, z], (batch, latent_dim) each"
            if wanted == 3
            else "one code, (batch, latent_dim)"
        )
        raise BadInput(
            f"encoder gives {len(shapes)} outputs of shapes {shapes}: {model_name} expects {outputs}; build it with "
            f"build_encoder(..., variational={wanted == 3})."
        )
    return takes(encoder), int(shapes[0][-1])


def check_decoder(decoder: keras.Model, latent_dim: int, image_shape: tuple[int, ...]) -> None:
    """A decoder must take the encoder's codes and give images of its shape."""
    size, gives = takes(decoder)[-1], tuple(decoder.output_shape[1:])
    if size != latent_dim or gives != image_shape:
        raise BadInput(
            f"decoder maps {size} numbers to {gives} and the encoder {image_shape} to {latent_dim}: expected the same "
            f"sizes; pass build_decoder({latent_dim}, {image_shape}) or the like."
        )


def check_gives_logits(decoder: keras.Model) -> None:
    """A decoder must leave the sigmoid to the likelihood: a second one would squash every pixel towards the middle."""
    last = _last_that_computes(decoder)
    if getattr(last, "activation", None) is keras.activations.sigmoid:
        raise BadInput(
            "decoder ends in a sigmoid: expected logits, since the likelihood applies the sigmoid itself; build the "
            "decoder with activation=None."
        )


def _last_that_computes(network: keras.Model) -> Any:
    """The last layer with weights or an activation; of a chain of networks, that of the last one."""
    computes = (layer for layer in reversed(network.layers) if layer.weights or hasattr(layer, "activation"))
    last = next(computes, None)
    return _last_that_computes(last) if isinstance(last, keras.Model) else last
