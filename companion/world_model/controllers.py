"""Linear controllers, and the search for a good one by the cross-entropy method. Chapter 14."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from companion.errors import BadInput, check_seed, check_whole_number
from companion.world_model.episodes import returns
from companion.world_model.eyes import Eye

#: Returns ``(n,)`` of ``n`` controllers ``(n, size)``, one episode each, for a seed.
Evaluate = Callable[[np.ndarray, int], np.ndarray]


def num_weights(features: int) -> int:
    """How many weights a linear controller of so many features has: one per feature, one per change, and a constant."""
    return 2 * features + 1


class Linear:
    """Controllers ``(n, 2 * features + 1)``, one per episode: push right where a weighted sum is above 0.

    The sum is over the features of a frame, over their change since the frame before, and a constant. The change stands
    for the speeds, which a single frame does not show. Source: Ha & Schmidhuber (2018), whose controller is linear,
    too. Taught in chapter 14.
    """

    def __init__(self, weights: np.ndarray):
        self.weights = np.asarray(weights, "float32")
        self.before: np.ndarray | None = None

    def act(self, features: np.ndarray, begins: bool) -> np.ndarray:
        """Actions ``(n,)``, 0 or 1, for features ``(n, features)``; ``begins`` says that there is no frame before."""
        size = features.shape[1]
        if self.weights.shape != (len(features), num_weights(size)):
            raise BadInput(
                f"the controllers have shape {self.weights.shape}: expected {(len(features), num_weights(size))}, a "
                f"row per episode; pass np.tile(weights, ({len(features)}, 1)) for one in all of them."
            )
        before = features if begins or self.before is None else self.before
        self.before = features
        seen = np.concatenate([features, features - before, np.ones((len(features), 1))], axis=1)
        return (np.sum(seen * self.weights, axis=1) > 0).astype(int)


def in_reality(eye: Eye) -> Evaluate:
    """Evaluates controllers in the environment itself, through ``eye``."""

    def evaluate(weights: np.ndarray, seed: int) -> np.ndarray:
        controllers = Linear(weights)
        return returns(lambda states, begins: controllers.act(eye(states), begins), len(weights), seed)

    return evaluate


def in_new_episodes(weights: np.ndarray, evaluate: Evaluate, n: int = 100, seed: int = 10_000) -> np.ndarray:
    """Returns ``(n,)`` of one controller ``(size,)`` in ``n`` new episodes."""
    return evaluate(np.tile(weights, (check_whole_number("n", n), 1)), seed)


@dataclass(frozen=True)
class Found:
    """What a search found: the ``weights`` ``(size,)``, the ``steps`` used, and the mean return per generation."""

    weights: np.ndarray
    steps: int
    means: list[float]


def cross_entropy_search(
    evaluate: Evaluate,
    size: int,
    budget: int,
    *,
    population: int = 40,
    kept: int = 8,
    generations: int = 1000,
    seed: int = 0,
) -> Found:
    """Draw controllers from a normal distribution, keep the best, fit the distribution to these, and again.

    It begins at N(0, I) over ``size`` weights. Each generation draws ``population`` controllers, each lives one
    episode, and the ``kept`` best give the next mean and spread; the spread gets a little extra that shrinks, or it
    would fall to zero too early. The search ends before the generation that would take it beyond ``budget`` steps, or
    after ``generations``, and returns the last mean.
    Source: Rubinstein (1999); Szita & Lőrincz (2006) for the extra. Taught in chapter 14.
    """
    size, budget = check_whole_number("size", size), check_whole_number("budget", budget)
    if not 1 < check_whole_number("kept", kept) <= check_whole_number("population", population):
        raise BadInput(f"kept={kept}: expected from 2 to population={population}; pass for example kept=8.")
    rng = np.random.default_rng(check_seed(seed, generator=False))
    mean, spread = np.zeros(size), np.ones(size)
    used, means = 0, []
    for generation in range(generations):
        drawn = mean + spread * rng.normal(size=(population, size))
        stood = evaluate(drawn, seed + 1000 * (generation + 1))
        if used + stood.sum() > budget:
            break
        used += int(stood.sum())
        means.append(float(stood.mean()))
        best = drawn[np.argsort(-stood, kind="stable")[:kept]]
        mean, spread = best.mean(axis=0), best.std(axis=0) + max(0.5 - generation / 20, 0.05)
    return Found(mean, used, means)
