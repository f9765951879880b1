"""What a controller gets to see of a frame: a code of a VAE, as many projections of its pixels, or all of them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from companion.errors import BadInput, check_choice, check_seed
from companion.world_model.episodes import Episode
from companion.world_model.frames import draw

KINDS = ("state", "code", "pca", "random", "pixels")
HEADS = ("z_mean", "raw_log_var")
Maps = Callable[[np.ndarray], np.ndarray]


class Eye:
    """Features ``(n, size)`` of states ``(n, 4)``, seen through their frames, each with mean 0 and spread 1.

    ``features`` maps frames ``(n, 20, 40, 1)`` to features; None lets the controller see the state itself. The means
    and spreads are those over ``states``, which should be many and varied. A feature that hardly varies there is
    divided by ``least`` instead, or the border of the picture would be noise magnified. Taught in chapter 14.
    """

    def __init__(self, features: Maps | None, states: np.ndarray, least: float = 0.02):
        self.features = features
        raw = self._raw(states)
        self.center, self.spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), least)
        self.size = raw.shape[1]

    def __call__(self, states: np.ndarray) -> np.ndarray:
        return (self._raw(states) - self.center) / self.spread

    def _raw(self, states: np.ndarray) -> np.ndarray:
        seen = states if self.features is None else self.features(draw(states))
        return np.asarray(seen, "float32").reshape(len(states), -1)


def eye_of(kind: str, episodes: Sequence[Episode], vae: Any = None, size: int = 8, seed: int = 0) -> Eye:
    """An :class:`Eye` that was fitted to recorded ``episodes``.

    ``kind``: ``"code"``, the mean codes of ``vae``; ``"pca"``, the first ``size`` principal components of the pixels;
    ``"random"``, ``size`` random projections of them; ``"pixels"``, all of them; ``"state"``, what no frame shows.
    Raises :class:`~companion.errors.BadInput` for another kind, and for ``"code"`` without a VAE.
    """
    check_choice("kind", kind, KINDS)
    states = np.concatenate([episode.states for episode in episodes])
    if kind == "state":
        return Eye(None, states)
    if kind == "pixels":
        return Eye(lambda frames: frames, states)
    if kind == "code":
        if vae is None:
            raise BadInput("kind='code' without a VAE: expected one trained on frames; pass vae=model.")
        return Eye(mean_codes(vae), states)
    frames = draw(states).reshape(len(states), -1)
    if kind == "pca":
        fitted = PCA(size, random_state=0).fit(frames)
        return Eye(lambda seen: fitted.transform(seen.reshape(len(seen), -1)), states)
    rng = np.random.default_rng(check_seed(seed, generator=False))
    directions = rng.normal(size=(frames.shape[1], size)) / np.sqrt(frames.shape[1])
    return Eye(lambda seen: (seen.reshape(len(seen), -1) - frames.mean(axis=0)) @ directions, states)


def mean_codes(vae: Any) -> Maps:
    """The mean codes ``(n, latent_dim)`` of frames as a function of NumPy alone, for many calls with few frames.

    It equals ``vae.encode(frames)[0]`` for the dense encoder of ``VAE.build_networks``, whose hidden layers are ReLU,
    and takes a tenth of its time. Raises :class:`~companion.errors.BadInput` for an encoder of other layers.
    """
    import keras

    dense = [layer for layer in vae.encoder.layers if isinstance(layer, keras.layers.Dense)]
    hidden = [layer.get_weights() for layer in dense if layer.name not in HEADS]
    heads = {layer.name: layer.get_weights() for layer in dense}
    others = {type(layer).__name__ for layer in vae.encoder.layers} - {
        "Dense",
        "InputLayer",
        "Flatten",
        "Reshape",
        "Sampling",
    }
    if others or not hidden or "z_mean" not in heads:
        raise BadInput(
            f"the encoder has layers of {', '.join(sorted(others)) or 'other names'}: expected dense ones; build it "
            f"with VAE.build_networks(frames.shape[1:], 8, hidden=(128,))."
        )

    def codes(frames: np.ndarray) -> np.ndarray:
        h = frames.reshape(len(frames), -1)
        for kernel, bias in hidden:
            h = np.maximum(h @ kernel + bias, 0.0)
        kernel, bias = heads["z_mean"]
        return h @ kernel + bias

    return codes
