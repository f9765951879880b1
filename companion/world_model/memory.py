"""The M of a world model: a recurrent network that predicts the next code as a mixture of normal distributions."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from companion.errors import BadInput, check_seed, check_whole_number
from companion.tensors import Tensor
from companion.world_model.episodes import Episode
from companion.world_model.eyes import Eye

ACTIONS = 2
Sequences = dict[str, np.ndarray]


def mixture_log_prob(z: Tensor, log_shares: Tensor, means: Tensor, log_scales: Tensor) -> Tensor:
    """Log density of ``z`` ``(..., d)`` under a mixture of ``k`` diagonal normal distributions: ``(...)``, in nats.

    ``log_shares`` ``(..., k)`` are normalised; ``means`` and ``log_scales`` ``(..., k, d)``.
    Source: Bishop (1994), Mixture density networks. Taught in chapter 14.
    """
    standardized = (z[..., None, :] - means) * ops.exp(-log_scales)  # (..., k, d)
    each = -0.5 * ops.square(standardized) - log_scales - 0.5 * math.log(2 * math.pi)
    return ops.logsumexp(log_shares + ops.sum(each, axis=-1), axis=-1)


@keras.saving.register_keras_serializable(package="companion")
class MixtureRNN(keras.Model):
    """p(change of the code, end | the codes and actions so far): a GRU with a mixture of ``num_components`` on top.

    ``fit(sequences)`` takes what :func:`sequences_of` returns. The loss is minus the log density of each change of the
    code plus the cross-entropy of the end, in nats per step. ``seed`` fixes the weights.
    Raises :class:`~companion.errors.BadInput` for sizes that are not whole numbers.
    Source: Ha & Schmidhuber (2018). Taught in chapter 14.
    """

    def __init__(
        self,
        code_dim: int,
        *,
        units: int = 48,
        num_components: int = 3,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.code_dim, self.units = (
            check_whole_number("code_dim", code_dim),
            check_whole_number("units", units),
        )
        self.num_components = check_whole_number("num_components", num_components)
        self.seed = check_seed(seed, generator=False)
        if self.seed is not None:
            keras.utils.set_random_seed(self.seed)
        self.gru = layers.GRU(self.units, return_sequences=True)
        self.head = layers.Dense(self.num_components * (1 + 2 * self.code_dim) + 1)
        self.density_tracker = keras.metrics.Mean(name="code_loss")
        self.end_tracker = keras.metrics.Mean(name="end_loss")
        self({"codes": ops.zeros((1, 1, self.code_dim)), "actions": ops.zeros((1, 1), "int32")})

    def call(self, x: Any, training: bool | None = None) -> dict[str, Tensor]:
        """The mixture at each step of ``codes`` ``(batch, steps, d)`` and ``actions`` ``(batch, steps)``."""
        return self.mixture(self.gru(_seen(x["codes"], x["actions"])))

    def mixture(self, h: Tensor) -> dict[str, Tensor]:
        """``log_shares`` ``(..., k)``, ``means`` and ``log_scales`` ``(..., k, d)``, ``end`` ``(...)``, a logit."""
        k, d = self.num_components, self.code_dim
        raw = self.head(h)  # (..., k (1 + 2 d) + 1)
        shape = (*ops.shape(raw)[:-1], k, d)
        return {
            "log_shares": ops.log_softmax(raw[..., :k]),
            "means": ops.reshape(raw[..., k : k + k * d], shape),
            "log_scales": ops.clip(ops.reshape(raw[..., k + k * d : -1], shape), -5.0, 3.0),
            "end": raw[..., -1],
        }

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        counts, total = x["counts"], ops.maximum(ops.sum(x["counts"]), 1.0)
        parts = [y_pred[name] for name in ("log_shares", "means", "log_scales")]
        density = -mixture_log_prob(x["changes"], *parts)  # (batch, steps)
        end = ops.softplus(y_pred["end"]) - x["ended"] * y_pred["end"]  # cross-entropy from a logit
        for tracker, values in ((self.density_tracker, density), (self.end_tracker, end)):
            tracker.update_state(values, counts)
        return ops.sum((density + end) * counts) / total

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("code_dim", "units", "num_components", "seed")}
        return {**super().get_config(), **own}


def _seen(codes: Tensor, actions: Tensor) -> Tensor:
    """What the GRU reads: each code beside its action as one-hot numbers."""
    return ops.concatenate([codes, ops.one_hot(ops.cast(actions, "int32"), ACTIONS)], axis=-1)


def sequences_of(episodes: Sequence[Episode], eye: Eye, length: int = 16) -> Sequences:
    """Recorded ``episodes`` as codes, cut into sequences of at most ``length`` steps, filled up with zeros.

    Gives ``codes`` ``(n, length, d)``, ``actions`` ``(n, length)``, ``changes`` ``(n, length, d)`` to the next code,
    ``ended`` ``(n, length)``, 1 where the pole falls by that action, and ``counts``, 1 where there is a step.
    Raises :class:`~companion.errors.BadInput` without episodes.
    """
    if not episodes:
        raise BadInput("there are no episodes: expected some; call record(4000).")
    rows: list[Sequences] = []
    for episode in episodes:
        codes = eye(episode.states)
        ended = np.zeros(len(episode.actions), "float32")
        ended[-1] = episode.fell
        parts = {
            "codes": codes[:-1],
            "actions": episode.actions,
            "changes": np.diff(codes, axis=0),
            "ended": ended,
        }
        for start in range(0, len(episode.actions), length):
            cut = {name: part[start : start + length] for name, part in parts.items()}
            cut["counts"] = np.ones(len(cut["actions"]), "float32")
            rows.append({name: _filled(part, length) for name, part in cut.items()})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def _filled(part: np.ndarray, length: int) -> np.ndarray:
    filled = np.zeros((length, *part.shape[1:]), part.dtype)
    filled[: len(part)] = part
    return filled
