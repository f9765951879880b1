"""The layer that replaces each vector by the nearest row of a codebook, and its two losses. Chapter 09."""

from typing import Any

import keras
from keras import ops, random

from companion.errors import BadInput, check_choice, check_whole_number
from companion.layers import straight_through
from companion.noise import KeepsNoise
from companion.schedules import check_number
from companion.tensors import Tensor
from companion.unsaved import Unsaved

CODEBOOKS = ("ema", "loss")
SMOOTHING = 1e-5  # added to every count, so that no sum is divided by zero


@keras.saving.register_keras_serializable(package="companion")
class VectorQuantizer(KeepsNoise, keras.layers.Layer):
    """Replaces each vector by the nearest of ``num_embeddings`` vectors, with a straight-through gradient.

    Called on ``(..., embedding_dim)``; returns a dict of ``codes`` ``(...)``, whole numbers below ``num_embeddings``;
    ``embedded``, those rows of the codebook; and ``z``, equal to ``embedded``, whose gradient goes to the input alone.
    For a batch of 2 maps of 7x7 vectors: codes ``(2, 7, 7)``, the others ``(2, 7, 7, embedding_dim)``.

    ``codebook="ema"`` sets each row to a running mean of the vectors it replaces, updated at every call with
    ``training=True``, with decay ``decay``; with ``"loss"`` the codebook is a weight that :func:`codebook_loss` trains.
    A row whose running count is below ``reset`` times the mean count is set to a vector of the batch (0: never).
    ``data_init`` takes the first rows from the first batch. ``seed`` fixes the first codebook and all draws.

    Raises :class:`~companion.errors.BadInput` for sizes that are not whole positive numbers, an unknown ``codebook``, a
    ``decay`` outside [0, 1), a ``reset`` outside [0, 1), and vectors of another length.
    Source: van den Oord et al. (2017), section 3.2 and appendix A.1. Taught in chapter 09.
    """

    def __init__(
        self,
        num_embeddings: int = 64,
        embedding_dim: int = 16,
        *,
        codebook: str = "ema",
        decay: float = 0.99,
        reset: float = 0.5,
        data_init: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ):
        # Distances between vectors need single precision, whatever the networks compute in.
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.num_embeddings = check_whole_number("num_embeddings", num_embeddings)
        self.embedding_dim = check_whole_number("embedding_dim", embedding_dim)
        self.codebook = check_choice("codebook", codebook, CODEBOOKS)
        self.decay, self.reset = _check_share("decay", decay), _check_share("reset", reset)
        self.data_init = bool(data_init)
        self.seed = seed if seed is None else check_whole_number("seed", seed, at_least=0)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self._make_weights()
        self.built = True

    def _make_weights(self) -> None:
        bound = 1.0 / self.num_embeddings
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_embeddings, self.embedding_dim),
            initializer=keras.initializers.RandomUniform(-bound, bound, seed=self.seed),
            trainable=self.codebook == "loss",
        )
        self.counts = self.add_weight(
            name="counts", shape=(self.num_embeddings,), initializer="ones", trainable=False
        )
        # With counts of one these sums mean that every row has replaced itself once.
        self.sums = self.add_weight(
            name="sums", shape=self.embeddings.shape, initializer="zeros", trainable=False
        )
        self.sums.assign(ops.copy(self.embeddings))  # JAX reuses the memory of variables: no two may share it
        # On JAX, Keras drops what is assigned to a trained weight within a step; see LandsShifts.
        shifts = self.codebook == "loss" and keras.backend.backend() == "jax"
        self.shift = Unsaved(self.embeddings.shape, name="shift") if shifts else None
        self.begun = self.add_weight(name="begun", shape=(), initializer="zeros", trainable=False)

    def call(self, inputs: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        if inputs.shape[-1] != self.embedding_dim:
            raise BadInput(
                f"vectors have {inputs.shape[-1]} coordinates: expected {self.embedding_dim}, those of a row of the "
                f"codebook; build the encoder with embedding_dim={self.embedding_dim}."
            )
        vectors = ops.stop_gradient(ops.reshape(inputs, (-1, self.embedding_dim)))
        found = ops.convert_to_tensor(self.embeddings)
        drawn = self._draw(vectors) if training else None
        if training and self.data_init:
            self._begin_with(drawn)
        codes = self._nearest(vectors)  # (vectors,)
        embedded = ops.reshape(self.look_up(codes), ops.shape(inputs))  # (..., embedding_dim)
        if training:
            # After the codes are chosen: a batch is quantised with the codebook as it was before the update.
            self._learn(vectors, codes, drawn)
            if self.shift is not None:
                self.shift.value.assign(ops.stop_gradient(ops.convert_to_tensor(self.embeddings) - found))
        return {
            "codes": ops.reshape(codes, ops.shape(inputs)[:-1]),  # (...)
            "embedded": embedded,
            "z": straight_through(inputs, embedded),
        }

    def look_up(self, codes: Tensor) -> Tensor:
        """The codebook's rows for whole numbers ``codes`` ``(...)``: shape ``(..., embedding_dim)``."""
        return ops.take(self.embeddings, codes, axis=0)

    def get_config(self) -> dict[str, Any]:
        names = ("num_embeddings", "embedding_dim", "codebook", "decay", "reset", "data_init", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _nearest(self, vectors: Tensor) -> Tensor:
        # |vector - row|^2 without |vector|^2, which is the same for every row: (vectors, num_embeddings)
        squares = ops.sum(ops.square(self.embeddings), axis=1)  # (num_embeddings,)
        distances = squares - 2.0 * ops.matmul(vectors, ops.transpose(self.embeddings))
        return ops.argmin(distances, axis=1)

    def _draw(self, vectors: Tensor) -> Tensor:
        """A random vector of the batch for every code; none is used twice before all are used once."""
        count = ops.shape(vectors)[0]
        order = ops.argsort(random.uniform((count,), seed=self.seed_generator))
        return ops.take(vectors, ops.take(order, ops.arange(self.num_embeddings) % count), axis=0)

    def _begin_with(self, drawn: Tensor) -> None:
        begun = self.begun > 0
        for rows in (self.embeddings, self.sums):
            rows.assign(ops.where(begun, ops.convert_to_tensor(rows), drawn))
        self.begun.assign(ops.ones(()))

    def _learn(self, vectors: Tensor, codes: Tensor, drawn: Tensor) -> None:
        chosen = ops.one_hot(codes, self.num_embeddings)  # (vectors, num_embeddings)
        counts = self.decay * self.counts + (1.0 - self.decay) * ops.sum(chosen, axis=0)
        mean = ops.mean(counts)
        dead = counts < self.reset * mean
        # The counts are stored without smoothing. Only the copy that divides the sums is smoothed.
        self.counts.assign(ops.where(dead, mean, counts))
        if self.codebook == "ema":
            batch_sums = ops.matmul(ops.transpose(chosen), vectors)  # (num_embeddings, embedding_dim)
            sums = self.decay * self.sums + (1.0 - self.decay) * batch_sums
            self.sums.assign(ops.where(dead[:, None], mean * drawn, sums))
            self.embeddings.assign(self.sums / smoothed(self.counts)[:, None])
        elif self.reset:
            self.embeddings.assign(ops.where(dead[:, None], drawn, ops.convert_to_tensor(self.embeddings)))


class LandsShifts:
    """For a model with a ``quantizer``: rows of a trained codebook that were replaced in a step stay so on JAX, too.

    There Keras keeps only the optimizer's update of a trained weight, so rows taken from the first batch and rows that
    were reset would be lost. Listed before the model's base class.
    """

    quantizer: VectorQuantizer

    def train_step(self, *arguments: Any) -> Any:
        """Keras's step; on JAX it takes and gives the values of all variables."""
        done = super().train_step(*arguments)  # type: ignore[misc] # the model's
        if self.quantizer.shift is None:
            return done
        logs, (trained, others, *rest) = done
        named = dict(zip(map(id, self.non_trainable_variables), others, strict=True))  # type: ignore[attr-defined]
        rows, shift = self.quantizer.embeddings, named[id(self.quantizer.shift.value)]
        both = zip(self.trainable_variables, trained, strict=True)  # type: ignore[attr-defined]
        return logs, ([value + shift if own is rows else value for own, value in both], others, *rest)


def commitment_loss(encoded: Tensor, embedded: Tensor) -> Tensor:
    """The squared distance of each image's vectors to their codes, ``(batch,)``; its gradient trains the encoder alone.

    Both arguments have shape ``(batch, ..., embedding_dim)``; squares are summed over all axes but the first.
    Source: van den Oord et al. (2017), equation 3, third term. Taught in chapter 09.
    """
    return _summed(ops.square(encoded - ops.stop_gradient(embedded)))


def codebook_loss(encoded: Tensor, embedded: Tensor) -> Tensor:
    """The same squared distance as :func:`commitment_loss`, ``(batch,)``; its gradient trains the codebook alone.

    Source: van den Oord et al. (2017), equation 3, second term. Taught in chapter 09.
    """
    return _summed(ops.square(ops.stop_gradient(encoded) - embedded))


def smoothed(counts: Tensor) -> Tensor:
    """``counts`` ``(num_embeddings,)`` with additive smoothing and the same sum, so that none is zero."""
    total = ops.sum(counts)
    return (counts + SMOOTHING) / (total + counts.shape[0] * SMOOTHING) * total


def _summed(values: Tensor) -> Tensor:
    """The sum over all axes but the first."""
    return ops.sum(values, axis=tuple(range(1, len(values.shape))))


def _check_share(name: str, value: Any) -> float:
    number = check_number(name, value)
    if number >= 1:
        raise BadInput(f"{name}={value!r}: expected a number from 0 to below 1; pass for example {name}=0.5.")
    return number
