"""Episodes that happen in the recurrent model alone: no frame is drawn and no step of the environment taken."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from companion.errors import check_seed
from companion.schedules import check_number
from companion.world_model.controllers import Evaluate, Linear
from companion.world_model.episodes import LONGEST, Episode
from companion.world_model.eyes import Eye
from companion.world_model.memory import MixtureRNN


class Dream:
    """The recurrent model as an environment of codes, in NumPy, for many short calls.

    ``temperature`` widens what is drawn: shares of the mixture are taken to the power of 1 / temperature, and standard
    deviations times its square root. With 0 the likeliest component's mean is taken. Source: Ha & Schmidhuber (2018),
    where a higher temperature makes the dream harder to exploit. Taught in chapter 14.
    """

    def __init__(self, model: MixtureRNN, eye: Eye, episodes: Sequence[Episode], temperature: float = 1.0):
        self.temperature = check_number("temperature", temperature)
        self.starts = eye(np.stack([episode.states[0] for episode in episodes]))
        self.shape = (model.num_components, model.code_dim)
        self.weights = [np.array(ops.convert_to_numpy(weight)) for weight in model.gru.cell.weights]
        self.head = [np.array(ops.convert_to_numpy(weight)) for weight in model.head.weights]

    def step(
        self, codes: np.ndarray, actions: np.ndarray, h: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The next codes ``(n, d)``, the probability of a fall ``(n,)``, and the next state ``(n, units)``."""
        h = gru_step(np.concatenate([codes, np.eye(2)[actions]], axis=1), h, *self.weights)
        raw = h @ self.head[0] + self.head[1]
        k, d = self.shape
        logits, rows = raw[:, :k], np.arange(len(codes))
        means = raw[:, k : k + k * d].reshape(-1, k, d)
        scales = np.exp(np.clip(raw[:, k + k * d : -1].reshape(-1, k, d), -5.0, 3.0))
        if self.temperature:
            gumbel = -np.log(-np.log(rng.uniform(1e-12, 1, size=logits.shape)))
            chosen = np.argmax(logits / self.temperature + gumbel, axis=1)
        else:
            chosen = np.argmax(logits, axis=1)
        noise = np.sqrt(self.temperature) * rng.normal(size=codes.shape)
        change = means[rows, chosen] + scales[rows, chosen] * noise
        return codes + change, 1 / (1 + np.exp(-raw[:, -1])), h

    def evaluator(self) -> Evaluate:
        """Evaluates controllers in the dream; an episode ends as often as the model says that the pole falls."""

        def evaluate(weights: np.ndarray, seed: int) -> np.ndarray:
            rng = np.random.default_rng(check_seed(seed, generator=False))
            n, controllers = len(weights), Linear(weights)
            codes = self.starts[rng.integers(len(self.starts), size=n)]
            h = np.zeros((n, self.weights[1].shape[0]))
            stood, running = np.zeros(n, int), np.ones(n, bool)
            for place in range(LONGEST):
                actions = controllers.act(codes, begins=place == 0)
                codes, falls, h = self.step(codes, actions, h, rng)
                stood += running
                running &= rng.uniform(size=n) >= falls
                if not running.any():
                    break
            return stood

        return evaluate


def gru_step(x: np.ndarray, h: np.ndarray, kernel: Any, recurrent: Any, bias: Any) -> np.ndarray:
    """One step of Keras's GRU in NumPy: inputs ``(n, features)`` and a state ``(n, units)`` to the next state.

    The order of the gates is Keras's: update, reset, candidate; the reset is applied after the matrix.
    Source: Cho et al. (2014). A test holds it against the layer.
    """
    from_x, from_h = x @ kernel + bias[0], h @ recurrent + bias[1]
    x_update, x_reset, x_new = np.split(from_x, 3, axis=1)
    h_update, h_reset, h_new = np.split(from_h, 3, axis=1)
    update, reset = _sigmoid(x_update + h_update), _sigmoid(x_reset + h_reset)
    return update * h + (1 - update) * np.tanh(x_new + reset * h_new)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * x))
