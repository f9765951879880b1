"""Many poles at a time: episodes of CartPole, their steps counted, under any policy. Chapter 14."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import BadInput, check_seed, check_whole_number
from companion.needed import needed

#: An episode ends after so many steps, if the pole still stands.
LONGEST = 200
#: Asked with the states ``(n, 4)`` of ``n`` episodes and whether they begin; answers with actions ``(n,)``, 0 or 1.
Policy = Callable[[np.ndarray, bool], np.ndarray]


def make(n: int) -> Any:
    """``n`` copies of gymnasium's CartPole-v1 that step together, with episodes of at most 200 steps."""
    gymnasium = needed("gymnasium")
    how = "vector_entry_point"  # all copies in one computation of NumPy
    return gymnasium.make_vec("CartPole-v1", num_envs=n, vectorization_mode=how, max_episode_steps=LONGEST)


def returns(policy: Policy, n: int, seed: int | None = None) -> np.ndarray:
    """How many steps the pole stood in each of ``n`` episodes under ``policy``: ``(n,)``, from 1 to 200.

    The policy is called once per step with the states of all episodes. Taught in chapter 14.
    """
    n = check_whole_number("n", n)
    poles = make(n)
    states, _ = poles.reset(seed=check_seed(seed, generator=False))
    stood, running, begins = np.zeros(n, int), np.ones(n, bool), True
    while running.any():
        actions, begins = np.asarray(policy(states, begins)), False
        if actions.shape != (n,):
            raise BadInput(
                f"the policy answered with shape {actions.shape}: expected ({n},), one action, 0 or 1, per episode."
            )
        states, _, fallen, stopped, _ = poles.step(actions.astype(int))
        stood += running
        running &= ~(fallen | stopped)
    poles.close()
    return stood


@dataclass(frozen=True)
class Episode:
    """``states`` ``(steps + 1, 4)``, the ``actions`` ``(steps,)`` between them, and whether the pole ``fell``."""

    states: np.ndarray
    actions: np.ndarray
    fell: bool


def record(steps: int = 4000, seed: int | None = None, n: int = 20) -> list[Episode]:
    """Episodes of random actions, together ``steps`` steps of the environment or a few less.

    ``n`` episodes run side by side, and those that have not ended when the steps are used up are left out. An action is
    kept for one to four steps: pushes that change at every step hardly move the cart. Taught in chapter 14.
    """
    steps, n = check_whole_number("steps", steps), check_whole_number("n", n)
    rng = np.random.default_rng(check_seed(seed, generator=False))
    poles = make(n)
    now, _ = poles.reset(seed=seed)
    seen: list[list[np.ndarray]] = [[each] for each in now]
    done: list[list[int]] = [[] for _ in range(n)]
    action, left, begins_anew = np.zeros(n, int), np.zeros(n, int), np.zeros(n, bool)
    episodes: list[Episode] = []
    used = 0
    while used + n <= steps:
        action = np.where(left == 0, rng.integers(0, 2, n), action)
        left = np.where(left == 0, rng.integers(1, 5, n), left) - 1
        now, _, fallen, stopped, _ = poles.step(action)
        for i in range(n):
            if begins_anew[i]:  # after an end the environment spends one call on its new beginning
                seen[i], done[i] = [now[i]], []
                continue
            seen[i].append(now[i])
            done[i].append(int(action[i]))
            used += 1
            if fallen[i] or stopped[i]:
                episodes.append(Episode(np.stack(seen[i]), np.array(done[i], "int32"), bool(fallen[i])))
        begins_anew = fallen | stopped
    poles.close()
    return episodes
