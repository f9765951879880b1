"""A VAE of strings: one recurrent network reads a molecule, another writes it symbol by symbol. Chapter 14."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops, random

from companion import schedules
from companion.base.keras_arguments import by_name
from companion.batching import map_batches
from companion.distributions import DiagonalNormal
from companion.errors import BadInput, check_codes, check_seed, check_whole_number
from companion.layers import Sampling
from companion.molecules.strings import END
from companion.noise import KeepsNoise
from companion.objectives import elbo_terms, free_bits, kl_per_unit, vae_loss
from companion.tensors import Seed, Tensor


def build_reader(num_symbols: int, length: int, latent_dim: int, *, units: int = 64) -> keras.Model:
    """Rows ``(batch, length)`` to ``[z_mean, z_log_var, z]``, each ``(batch, latent_dim)``.

    A GRU reads from right to left. So the ends that fill a row come first, and the molecule last. Taught in chapter 14.
    """
    rows = keras.Input((length,), dtype="int32", name="rows")
    h = layers.Embedding(num_symbols, units // 2)(rows)  # (batch, length, units / 2)
    h = layers.GRU(units, go_backwards=True)(h)  # (batch, units)
    z_mean = layers.Dense(latent_dim, name="z_mean")(h)
    z_log_var = layers.Dense(latent_dim, name="z_log_var")(h)
    return keras.Model(rows, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])], name="reader")


@keras.saving.register_keras_serializable(package="companion")
class Writer(keras.Model):
    """p(symbol | z, the symbols before it) as a GRU: logits ``(batch, length, num_symbols)``.

    Called on ``[z, before]``: codes ``(batch, latent_dim)``, and rows ``(batch, length)`` that hold at each place the
    symbol before it. ``step`` computes one place. Taught in chapter 14.
    """

    def __init__(self, num_symbols: int, latent_dim: int, *, units: int = 64, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_symbols, self.latent_dim, self.units = num_symbols, latent_dim, units
        # One more than there are symbols: the last one stands for a symbol that is hidden.
        self.embedding = layers.Embedding(num_symbols + 1, units // 2)
        self.start = layers.Dense(units, activation="tanh")
        self.gru = layers.GRU(units, return_sequences=True)
        self.head = layers.Dense(num_symbols)

    def call(self, inputs: Any) -> Tensor:
        z, before = inputs
        shown = ops.repeat(z[:, None], before.shape[1], axis=1)  # (batch, length, latent_dim)
        h = ops.concatenate([self.embedding(before), shown], axis=-1)
        return self.head(self.gru(h, initial_state=self.start(z)))

    def step(self, z: Tensor, before: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``(batch, num_symbols)`` of the next symbol after ``before`` ``(batch,)``, and the next state."""
        inputs = ops.concatenate([self.embedding(before), z], axis=-1)
        h, (state,) = self.gru.cell(inputs, [state])
        return self.head(h), state

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("num_symbols", "latent_dim", "units")}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="companion")
class SequenceVAE(schedules.FollowsSchedules, KeepsNoise, keras.Model):
    """A VAE of rows of symbols, such as those of an :class:`~companion.molecules.Alphabet`.

    ``fit(rows)`` takes rows ``(n, length)`` of whole numbers from 0, the end, to ``num_symbols - 1``, and minimises the
    negative ELBO in nats per molecule; places behind the first end do not count. ``beta``, a number or a schedule,
    weighs the KL. ``least`` nats of every unit's KL are free. ``hidden`` is the share of the preceding symbols that the
    writer does not see in training. History and ``evaluate`` report ``loss``, ``neg_elbo``, ``reconstruction_loss`` and
    ``kl_loss``.
    Raises :class:`~companion.errors.BadInput` for settings and rows that do not fit.
    Sources: Bowman et al. (2016); Gómez-Bombarelli et al. (2018). Taught in chapter 14.
    """

    def __init__(
        self,
        num_symbols: int,
        length: int,
        *,
        latent_dim: int = 16,
        units: int = 64,
        beta: Any = 1.0,
        least: float = 0.0,
        hidden: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        sizes = {"num_symbols": num_symbols, "length": length, "latent_dim": latent_dim, "units": units}
        self.sizes = {name: check_whole_number(name, size, at_least=2) for name, size in sizes.items()}
        self.beta, self.least = schedules.check_schedule("beta", beta), schedules.check_number("least", least)
        self.hidden = schedules.check_number("hidden", hidden)
        if self.hidden > 1:
            raise BadInput(f"hidden={hidden!r}: expected a share from 0 to 1; pass for example hidden=0.3.")
        self.seed = check_seed(seed, generator=False)
        if self.seed is not None:
            keras.utils.set_random_seed(self.seed)
        self.reader = build_reader(num_symbols, length, latent_dim, units=units)
        self.writer = Writer(num_symbols, latent_dim, units=units)
        self.writer([ops.zeros((1, latent_dim)), ops.zeros((1, length), "int32")])
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        names = ("neg_elbo", "reconstruction_loss", "kl_loss")
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    def call(self, x: Tensor, training: bool | None = None) -> dict[str, Tensor]:
        """Logits ``(batch, length, num_symbols)``, and ``z_mean``, ``z_log_var`` and a draw ``z``."""
        x = ops.cast(x, "int32")
        z_mean, z_log_var, z = self.reader(x, training=training)  # (batch, latent_dim) each
        before = ops.pad(x[:, :-1], [[0, 0], [1, 0]], constant_values=END)  # (batch, length)
        if training and self.hidden:
            drawn = random.uniform(ops.shape(before), seed=self.seed_generator)
            before = ops.where(drawn < self.hidden, self.sizes["num_symbols"], before)
        return {"logits": self.writer([z, before]), "z_mean": z_mean, "z_log_var": z_log_var, "z": z}

    def compute_loss(
        self,
        x: Tensor = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        terms = self.terms(x, y_pred)
        for tracker, value in zip(self.trackers, ("elbo", "log_likelihood", "kl"), strict=True):
            tracker.update_state(terms[value] if value == "kl" else -terms[value])
        if not self.least:
            return ops.mean(vae_loss(terms["log_likelihood"], self.now(self.beta) * terms["kl"]))
        units = kl_per_unit(y_pred["z_mean"], y_pred["z_log_var"])  # (batch, latent_dim)
        return self.now(self.beta) * free_bits(units, self.least) - ops.mean(terms["log_likelihood"])

    def terms(self, x: Tensor, y_pred: dict[str, Tensor]) -> dict[str, Tensor]:
        """``log_likelihood``, ``kl`` and ``elbo`` of rows ``x``, each ``(batch,)``, in nats per molecule."""
        x = ops.cast(x, "int32")
        counts = ops.cast(
            ops.cumsum(ops.cast(x == END, "int32"), axis=1) - ops.cast(x == END, "int32") < 1, "float32"
        )
        log_p = -keras.losses.sparse_categorical_crossentropy(x, y_pred["logits"], from_logits=True)
        log_likelihood = ops.sum(counts * log_p, axis=1)  # (batch,)
        kl = DiagonalNormal(y_pred["z_mean"], y_pred["z_log_var"]).kl(
            DiagonalNormal(ops.zeros(self.sizes["latent_dim"]), ops.zeros(self.sizes["latent_dim"]))
        )
        return elbo_terms(log_likelihood, kl)

    def fit(self, x: Any = None, y: Any = None, *more: Any, **how: Any) -> Any:
        """Keras's ``fit`` on rows ``(n, length)`` alone, checked first, those of ``validation_data`` as well."""
        how |= by_name(super().fit, more)
        given = [name for name in ("sample_weight", "class_weight") if how.get(name) is not None]
        given += ["y"] if y is not None else []
        if given:
            raise BadInput(f"got {given[0]}: SequenceVAE learns from rows alone; call fit(rows).")
        validation = how.get("validation_data")
        if validation is not None:
            rows = validation[0] if isinstance(validation, (tuple, list)) else validation
            how["validation_data"] = (self.checked(rows),)
        return super().fit(self.checked(x), **how)

    def elbo_terms(self, x: Any) -> dict[str, np.ndarray]:
        """The terms of the ELBO of rows ``x``, each ``(n,)`` in nats, with one draw of z per molecule."""
        return map_batches(lambda batch: self.terms(batch, self(batch)), self.checked(x))

    def encode(self, x: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """``z_mean``, ``z_log_var`` and one draw ``z`` of rows ``x``: arrays ``(n, latent_dim)``."""
        return tuple(map_batches(lambda batch: tuple(self.reader(batch)), self.checked(x)))

    def decode(self, z: Any, temperature: float = 0.0, seed: Seed = None) -> np.ndarray:
        """Rows ``(n, length)``, int32, written for codes ``z`` ``(n, latent_dim)``, one symbol after the other.

        With ``temperature`` 0 each symbol is the likeliest one, with 1 it is drawn, and below 1 likely ones gain.
        """
        z = ops.convert_to_tensor(check_codes(z, self.sizes["latent_dim"]))
        generator = self.generator_of(seed)
        schedules.check_number("temperature", temperature)
        state, symbol = self.writer.start(z), ops.full((z.shape[0],), END, "int32")
        written = []
        for _ in range(self.sizes["length"]):
            logits, state = self.writer.step(z, symbol, state)
            if temperature:
                symbol = random.categorical(logits / temperature, 1, seed=generator, dtype="int32")[:, 0]
            else:
                symbol = ops.cast(ops.argmax(logits, axis=-1), "int32")
            written.append(ops.convert_to_numpy(symbol))
        return np.stack(written, axis=1).astype("int32")

    def sample(self, n: int, temperature: float = 1.0, seed: Seed = None) -> np.ndarray:
        """``n`` rows ``(n, length)`` drawn from the model: z from N(0, I), then symbol after symbol."""
        generator = self.generator_of(seed)
        shape = (check_whole_number("n", n), self.sizes["latent_dim"])
        return self.decode(random.normal(shape, seed=generator), temperature, generator)

    def reconstruct(self, x: Any) -> np.ndarray:
        """Rows written for the mean codes of rows ``x``, each symbol the likeliest: ``(n, length)``."""
        return self.decode(self.encode(x)[0])

    def checked(self, x: Any) -> np.ndarray:
        """Rows ``x`` as int32; raises :class:`~companion.errors.BadInput` for others."""
        rows = np.asarray(x)
        length, symbols = self.sizes["length"], self.sizes["num_symbols"]
        if (
            rows.ndim != 2
            or rows.shape[1] != length
            or not len(rows)
            or not np.issubdtype(rows.dtype, np.integer)
        ):
            raise BadInput(
                f"rows have shape {rows.shape} and dtype {rows.dtype}: expected (n, {length}) whole numbers; make them "
                f"with Alphabet.encode."
            )
        if rows.min() < 0 or rows.max() >= symbols:
            raise BadInput(
                f"rows hold numbers from {rows.min()} to {rows.max()}: expected 0 to {symbols - 1}; make them with the "
                f"alphabet whose size is num_symbols={symbols}."
            )
        return rows.astype("int32")

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("least", "hidden", "seed")}
        beta = schedules.to_config(self.beta)
        return {**super().get_config(), **self.sizes, **own, "beta": beta}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "SequenceVAE":
        return cls(**{**config, "beta": schedules.from_config(config["beta"])})
