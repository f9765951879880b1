"""Controllers that look at a pole through a VAE's code, projections or pixels, and ones that learned in a dream.

Chapter 14. All arms of a seed share the recorded steps, the VAE and the recurrent model, so one process makes them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tools.experiments.kept import kept

CODE = 8
EYES = ("state", "code", "pca", "random", "pixels")
DREAMS = {"dream_mean": 0.0, "dream": 1.0, "dream_hot": 1.5}
Figures = dict[str, float | None]


def controller(
    seed: int,
    arm: str,
    recorded: int,
    budget: int,
    epochs: int,
    memory_epochs: int,
    generations: int,
    folder: Path,
) -> Figures:
    """The figures of one ``arm``: how long the pole stands under a linear controller, in 100 new episodes.

    The controller is found with ``budget`` steps of which ``recorded`` were random; those of the dreams take no other
    steps. ``no_controller`` pushes at random.
    """
    # Without a dream there is no return in it.
    path = (
        folder.parent / f"controllers-{seed}-{recorded}-{budget}-{epochs}-{memory_epochs}-{generations}.json"
    )
    found = kept(path, lambda: dict(_of_seed(seed, recorded, budget, epochs, memory_epochs, generations)))[
        arm
    ]
    return {"dreamed": None, **found}


def _of_seed(
    seed: int, recorded: int, budget: int, epochs: int, memory_epochs: int, generations: int
) -> Iterator[tuple[str, Figures]]:
    """The figures of all arms of one seed."""
    import keras

    from companion.vae import VAE
    from companion.world_model import (
        Dream,
        MixtureRNN,
        cross_entropy_search,
        draw,
        eye_of,
        in_new_episodes,
        in_reality,
        num_weights,
        record,
        returns,
        sequences_of,
    )

    rng, unseen = np.random.default_rng(seed), 10_000 + seed
    stood = returns(lambda states, begins: rng.integers(0, 2, len(states)), 100, unseen)
    yield "no_controller", {"test_return": float(stood.mean()), "steps": 0.0}

    episodes = record(recorded, seed)
    frames = draw(np.concatenate([episode.states for episode in episodes]))
    vae = VAE(**VAE.build_networks(frames.shape[1:], CODE, hidden=(128,), seed=seed), seed=seed)
    vae.compile(keras.optimizers.Adam(2e-3), jit_compile=False)
    vae.fit(frames, batch_size=50, epochs=epochs, verbose=0)
    for kind in EYES:
        evaluate = in_reality(eye := eye_of(kind, episodes, vae, CODE, seed))
        found = cross_entropy_search(evaluate, num_weights(eye.size), budget - recorded, seed=seed)
        stood = in_new_episodes(found.weights, evaluate, seed=unseen)
        yield kind, {"test_return": float(stood.mean()), "steps": float(found.steps + recorded)}

    eye = eye_of("code", episodes, vae, CODE, seed)
    model = MixtureRNN(CODE, seed=seed)
    model.compile(keras.optimizers.Adam(3e-3), jit_compile=False)
    model.fit(sequences_of(episodes, eye), batch_size=32, epochs=memory_epochs, verbose=0)
    for name, temperature in DREAMS.items():
        dream = Dream(model, eye, episodes, temperature).evaluator()
        found = cross_entropy_search(dream, num_weights(CODE), 10**9, generations=generations, seed=seed)
        yield (
            name,
            {
                "dreamed": float(in_new_episodes(found.weights, dream, seed=unseen).mean()),
                "test_return": float(in_new_episodes(found.weights, in_reality(eye), seed=unseen).mean()),
                "steps": float(recorded),
            },
        )
