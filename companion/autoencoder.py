"""A plain autoencoder, and what every model of the book shares: a checked fit, decoding, saving. Chapter 01."""

from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from companion.batching import count, map_batches
from companion.distributions import Distribution
from companion.errors import BadInput, check_codes, check_images, check_whole_number
from companion.likelihoods import Likelihood, as_likelihood
from companion.networks import HIDDEN, build_conv_decoder, build_conv_encoder, build_decoder, build_encoder

Tensor = Any


@keras.saving.register_keras_serializable(package="companion")
class Autoencoder(keras.Model):
    """An encoder to one code an image, and a decoder back; trained on the negative log likelihood of the pixels.

    ``encoder`` maps ``(batch, *image_shape)`` to codes ``(batch, latent_dim)`` and ``decoder`` maps codes to logits
    ``(batch, *image_shape)``. What is left out is built: the dense pair for ``input_shape`` and ``latent_dim``.
    A network that is given decides both. ``likelihood`` is a name, a class of ``companion.distributions`` or a
    :class:`~companion.likelihoods.Likelihood`; ``seed`` fixes the weights of the networks built here.

    After ``compile("adam")``, ``fit(images)`` takes images in [0, 1] and reports ``loss`` in nats per image.
    Raises :class:`~companion.errors.BadInput` where networks do not fit each other, and for images that do not fit.
    Taught in chapter 01.
    """

    encoder_outputs = 1

    def __init__(
        self,
        encoder: keras.Model | None = None,
        decoder: keras.Model | None = None,
        *,
        input_shape: Sequence[int] = (28, 28, 1),
        latent_dim: int = 2,
        likelihood: str | type[Distribution] | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.seed = seed if seed is None else check_whole_number("seed", seed, at_least=0)
        self.likelihood = as_likelihood(likelihood)
        self.encoder, self.decoder = self._complete(encoder, decoder, input_shape, latent_dim)
        self.image_shape = _takes(self.encoder)
        self.latent_dim = int(_takes(self.decoder)[-1])
        self.built = True

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Logits ``(batch, *image_shape)`` and codes ``z`` ``(batch, latent_dim)`` of images ``x``."""
        z = self.encoder(x, training=training)
        return {"logits": self.decoder(z, training=training), "z": z}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Tensor = None,
        training: bool = True,
    ) -> Tensor:
        """The mean over the batch of the loss of each image, in nats, from what ``call`` returned."""
        return self._mean_loss(-self.likelihood_of(y_pred["logits"]).log_prob(x), sample_weight)

    def likelihood_of(self, logits: Tensor) -> Distribution:
        """p(x|z) for decoder outputs of shape ``(..., *image_shape)``."""
        return self.likelihood.given(logits, event_ndims=len(self.image_shape))

    def encode(self, x: Any) -> Any:
        """Codes of images ``x``: an array ``(n, latent_dim)``."""
        return map_batches(self.encoder, self.checked(x))

    def decode(self, z: Any) -> np.ndarray:
        """Images in [0, 1], the mean of p(x|z), of shape ``(n, *image_shape)`` for codes ``(n, latent_dim)``."""
        return map_batches(
            lambda codes: self.likelihood_of(self.decoder(codes)).mean(), check_codes(z, self.latent_dim)
        )

    def reconstruct(self, x: Any) -> np.ndarray:
        """Images decoded from the codes of images ``x``: ``(n, *image_shape)``, values in [0, 1]."""
        return self.decode(self.encode(x))

    def fit(self, x: Any = None, y: Any = None, **kwargs: Any) -> keras.callbacks.History:
        """Keras's ``fit`` on images alone, checked first: arrays ``(n, *image_shape)`` with values in [0, 1].

        ``sample_weight`` of shape ``(n,)`` multiplies the loss of each image. ``validation_data`` (images, or a tuple
        that begins with them) is checked in the same way, before any training. A ``tf.data.Dataset``, ``PyDataset`` or
        generator goes to Keras as it is.
        """
        validation = kwargs.get("validation_data")
        if validation is not None and not _is_stream(validation):
            images, labels, weights = keras.utils.unpack_x_y_sample_weight(validation)
            images, labels = self._training_input(images, labels, weights, "validation images")
            # A tuple of its own, lest Keras take the second part of an input that is a pair for targets.
            kwargs["validation_data"] = (images,) if weights is None else (images, labels, weights)
        x, y = self._training_input(x, y, kwargs.get("sample_weight"))
        self._build_optimizer()
        return super().fit(x, y, **kwargs)

    def evaluate(self, x: Any = None, y: Any = None, **kwargs: Any) -> Any:
        """Keras's ``evaluate`` on images alone, checked as in :meth:`fit`."""
        if not kwargs.get("_use_cached_eval_dataset"):  # with it fit calls, on data that it has checked
            x, y = self._training_input(x, y, kwargs.get("sample_weight"))
        return super().evaluate(x, y, **kwargs)

    def get_config(self) -> dict[str, Any]:
        parts = {"encoder": self.encoder, "decoder": self.decoder, "likelihood": self.likelihood}
        serialized = {name: keras.saving.serialize_keras_object(part) for name, part in parts.items()}
        return {"name": self.name, "seed": self.seed, **serialized}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Self:
        parts = ("encoder", "decoder", "likelihood")
        restored = {name: keras.saving.deserialize_keras_object(config[name]) for name in parts}
        return cls(**{**config, **restored})

    @classmethod
    def build_networks(
        cls,
        input_shape: Sequence[int],
        latent_dim: int,
        *,
        network: str = "dense",
        hidden: Sequence[int] | None = None,
        seed: int | None = None,
        **own: Any,
    ) -> dict[str, keras.Model]:
        """``encoder`` and ``decoder`` by the names of the command line, for the constructor of this class.

        ``network``: ``dense`` or ``conv``; ``hidden``: widths of a dense encoder's layers, mirrored by the decoder;
        ``own``: the options of a family, which it may need here. The seeds are those that the constructor gives to the
        pair it builds itself.
        """
        variational = cls.encoder_outputs == 3
        encoder_seed, decoder_seed = seeds_of_networks(seed)
        if network == "conv":
            return {
                "encoder": build_conv_encoder(
                    input_shape, latent_dim, variational=variational, seed=encoder_seed
                ),
                "decoder": build_conv_decoder(latent_dim, input_shape, seed=decoder_seed),
            }
        widths = HIDDEN if hidden is None else tuple(hidden)
        return {
            "encoder": build_encoder(
                input_shape, latent_dim, hidden=widths, variational=variational, seed=encoder_seed
            ),
            "decoder": build_decoder(latent_dim, input_shape, hidden=widths[::-1], seed=decoder_seed),
        }

    def _build_encoder(self, input_shape: Sequence[int], latent_dim: int, seed: int | None) -> keras.Model:
        return build_encoder(input_shape, latent_dim, variational=False, seed=seed)

    def _build_decoder(self, latent_dim: int, output_shape: Sequence[int], seed: int | None) -> keras.Model:
        return build_decoder(latent_dim, output_shape, seed=seed)

    def _complete(
        self,
        encoder: keras.Model | None,
        decoder: keras.Model | None,
        input_shape: Sequence[int],
        latent_dim: int,
    ) -> tuple[keras.Model, keras.Model]:
        """Both networks, checked; one that is missing is built to fit the other."""
        for name, network in (("encoder", encoder), ("decoder", decoder)):
            _check_is_built(name, network)
        if encoder is not None:
            input_shape, latent_dim = self._check_encoder(encoder)
        elif decoder is not None:
            input_shape, latent_dim = decoder.output_shape[1:], int(_takes(decoder)[-1])
        encoder_seed, decoder_seed = seeds_of_networks(self.seed)
        encoder = encoder or self._build_encoder(input_shape, latent_dim, encoder_seed)
        decoder = decoder or self._build_decoder(latent_dim, _takes(encoder), decoder_seed)
        _check_decoder(decoder, int(latent_dim), _takes(encoder))
        if self.likelihood.link == "sigmoid":
            _check_gives_logits(decoder)
        return encoder, decoder

    def _check_encoder(self, encoder: keras.Model) -> tuple[tuple[int, ...], int]:
        """Image shape and latent size of an encoder; it must have the outputs that this model needs."""
        shapes = encoder.output_shape if isinstance(encoder.output_shape, list) else [encoder.output_shape]
        equal = len({tuple(shape) for shape in shapes}) == 1 and len(shapes[0]) == 2
        if len(shapes) != self.encoder_outputs or not equal:
            wanted = "[z_mean, z_log_var, z]" if self.encoder_outputs == 3 else "one code"
            wanted += ", (batch, latent_dim)" + (" each" if self.encoder_outputs == 3 else "")
            raise BadInput(
                f"encoder gives {len(shapes)} outputs of shapes {shapes}: {type(self).__name__} expects "
                f"{wanted}; build it "
                f"with build_encoder(..., variational={self.encoder_outputs == 3})."
            )
        return _takes(encoder), int(shapes[0][-1])

    def _mean_loss(self, per_image: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The one place where a mean over the batch is taken; penalties that layers added come on top."""
        if sample_weight is not None:
            # Weights of shape (batch, 1) would otherwise broadcast to (batch, batch).
            weights = ops.reshape(ops.cast(sample_weight, per_image.dtype), ops.shape(per_image))
            per_image = per_image * weights
        return ops.mean(per_image) + sum(self.losses)

    def _build_optimizer(self) -> None:
        """Make the optimizer's variables now; inside the traced step, where Keras makes them, it takes longer."""
        if self.compiled and not self.optimizer.built:
            self.optimizer.build(self.trainable_variables)

    def _training_input(
        self, x: Any, y: Any, weights: Any = None, what: str = "images"
    ) -> tuple[Any, np.ndarray | None]:
        """Checked images, and the targets to give to Keras: none, or the images again where there are weights."""
        if y is not None:
            raise BadInput(
                f"y came to fit or evaluate, of type {type(y).__name__}: {type(self).__name__} learns from "
                f"images alone; "
                f"call fit(images)."
            )
        if _is_stream(x):
            return x, None
        images = self.checked(x, what)
        if weights is None:
            return images, None
        _check_weights(weights, count(images))
        # Keras drops the weights, in silence, of data without targets, and doubles them where these are a pair.
        return images, images[0] if isinstance(images, tuple) else images

    def checked(self, x: Any, what: str = "images") -> Any:
        """Images ``x`` as this model takes them, float32; raises :class:`~companion.errors.BadInput` for others."""
        return check_images(x, self.image_shape, what, in_unit_interval=self.likelihood.link == "sigmoid")


def _takes(network: keras.Model) -> tuple[int, ...]:
    """The shape of what a network takes, without the batch axis: of images or codes, which come before a condition."""
    shape = network.input_shape
    return tuple((shape[0] if isinstance(shape, list) else shape)[1:])


def seeds_of_networks(seed: int | None) -> tuple[int | None, int | None]:
    """One seed for each network: two layers of one shape under the same seed would get equal weights."""
    if seed is None:
        return None, None
    first = 2 * check_whole_number("seed", seed, at_least=0)
    return first, first + 1


def _is_stream(x: Any) -> bool:
    """Whether Keras walks through ``x`` batch by batch: a PyDataset, a generator, a tf.data or a torch data set."""
    return isinstance(x, keras.utils.PyDataset) or any(
        hasattr(x, name) for name in ("__next__", "element_spec", "collate_fn")
    )


def _check_weights(weights: Any, n: int) -> None:
    array = np.asarray(weights)
    if array.shape != (n,) or array.dtype.kind not in "fiub" or not (np.isfinite(array) & (array >= 0)).all():
        raise BadInput(
            f"sample_weight has shape {array.shape} and dtype {array.dtype}: expected ({n},) finite numbers >= "
            f"0, one an "
            f"image; pass for example np.ones({n})."
        )


def _check_is_built(name: str, network: Any) -> None:
    known = isinstance(network, keras.Model) and network.built and hasattr(network, "output_shape")
    if network is not None and not known:
        raise BadInput(
            f"{name} is {type(network).__name__}: expected a built keras.Model with known shapes; make it with "
            f"companion.networks or keras.Model(inputs, outputs), or give a Sequential model a keras.Input first."
        )


def _check_decoder(decoder: keras.Model, latent_dim: int, image_shape: tuple[int, ...]) -> None:
    """A decoder must take the encoder's codes and give images of its shape."""
    takes, gives = _takes(decoder)[-1], tuple(decoder.output_shape[1:])
    if takes != latent_dim or gives != image_shape:
        raise BadInput(
            f"decoder maps {takes} numbers to {gives} and the encoder {image_shape} to {latent_dim}: expected the same "
            f"sizes; pass build_decoder({latent_dim}, {image_shape}) or the like."
        )


def _check_gives_logits(decoder: keras.Model) -> None:
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
