"""Checks that an encoder and a decoder fit each other and the model, before a model is built from them."""

from typing import Any

import keras

from companion.errors import BadInput

OUTPUTS = ("z_mean", "z_log_var", "z")  # the outputs of a variational encoder, in this order


def takes(network: keras.Model) -> tuple[int, ...]:
    """The shape of a network's first input without the batch axis: images or codes, which come before a condition."""
    shape = network.input_shape
    return tuple((shape[0] if isinstance(shape, list) else shape)[1:])


def output_of(network: Any) -> Any:
    """The symbolic outputs of a network, in their structure; None where they are not known."""
    outputs = getattr(network, "outputs", None)
    if not outputs:
        return None
    # A Sequential model that was never called has a list of outputs, but no ``output``.
    return getattr(network, "output", outputs[0])


def in_order(encoder: Any, wanted: int) -> Any:
    """``encoder`` itself, or, where its outputs have names, the same layers with these outputs in the book's order.

    ``wanted`` is 3 for ``z_mean``, ``z_log_var`` and ``z``, and 1 for a single code of any name. Raises
    :class:`~companion.errors.BadInput` where another number or other names came.
    """
    named = output_of(encoder)
    if not isinstance(named, dict):
        return encoder
    names = OUTPUTS if wanted == 3 else tuple(named)
    if set(named) != set(names) or len(named) != wanted:
        expected = f"the names {', '.join(OUTPUTS)}" if wanted == 3 else "one code"
        raise BadInput(
            f"encoder gives outputs by name: {', '.join(map(str, named))}. Expected {expected}; rename them, or build "
            f"it as keras.Model(images, {'[z_mean, z_log_var, z]' if wanted == 3 else 'code'})."
        )
    outputs = [named[name] for name in names]
    return keras.Model(encoder.input, outputs if wanted == 3 else outputs[0], name=encoder.name)


def check_is_built(name: str, network: Any) -> None:
    """Raise :class:`~companion.errors.BadInput` unless ``network`` is None or a Keras model with known shapes."""
    known = isinstance(network, keras.Model) and network.built and hasattr(network, "output_shape")
    if network is not None and not known:
        raise BadInput(
            f"{name} has type {type(network).__name__}: expected a built keras.Model with known shapes; make it with "
            f"companion.networks or keras.Model(inputs, outputs), or add a keras.Input to a Sequential model first."
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
    """Check that a decoder takes the encoder's codes and gives images of its shape."""
    output = output_of(decoder)
    if isinstance(output, (dict, list, tuple)):
        names = f" by the names {', '.join(map(str, output))}" if isinstance(output, dict) else ""
        raise BadInput(
            f"decoder gives {len(output)} outputs{names}: expected one tensor of logits; build it as "
            f"keras.Model(codes, logits)."
        )
    size, gives = takes(decoder)[-1], tuple(decoder.output_shape[1:])
    if size != latent_dim or gives != image_shape:
        raise BadInput(
            f"decoder maps {size} numbers to {gives} and the encoder {image_shape} to {latent_dim}: expected the same "
            f"sizes; pass for example build_decoder({latent_dim}, {image_shape})."
        )
