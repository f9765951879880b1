"""What a training control trains: one model of the digits for one chosen value, and the figure of what came out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import BadInput, check_choice
from companion.plots import BookFigure, originals_and_reconstructions

Progress = Callable[[float], object]
SHOWN_IMAGES = 8


@dataclass(frozen=True)
class Trained:
    """What came of one training: a figure, a line of measured figures, and the model itself."""

    figure: BookFigure
    words: str
    model: Any


@dataclass(frozen=True)
class Choice:
    """One thing to choose before a training: what it is called, the values that are offered, the one at first."""

    words: str
    values: tuple[float, ...]
    first: float


#: What can be chosen, and the chapters that teach it: 05, 06 and 10.
CHOICES = {
    "latent_dim": Choice("size of the code", (1, 2, 4, 8, 16), 2),
    "beta": Choice("beta, the price of the code", (0.5, 1, 2, 4, 8, 16), 4),
    "k": Choice("k, draws an image", (1, 2, 5, 10, 20), 5),
}


def train(choice: str, value: float, *, epochs: int = 15, progress: Progress = lambda part: None) -> Trained:
    """Train a small dense model of the digits with ``choice`` set to ``value``, and measure it on unseen images.

    ``choice`` is ``latent_dim`` (a VAE), ``beta`` (a beta-VAE with 8 coordinates) or ``k`` (an IWAE with 8).
    ``progress`` is told after each epoch which part is done, from 0 to 1. Figures are in nats per image.
    Raises :class:`~companion.errors.BadInput` for a choice or a value that is not offered, and for epochs below 1.
    """
    import keras

    from companion import data

    offered = CHOICES[check_choice("choice", choice, CHOICES)].values
    if value not in offered:
        raise BadInput(
            f"{choice}={value!r}: expected one of {', '.join(f'{v:g}' for v in offered)}; choose one of these."
        )
    if epochs < 1:
        raise BadInput(f"epochs={epochs!r}: expected a whole number of at least 1; pass epochs=15.")
    digits = data.load("digits")
    keras.utils.set_random_seed(0)
    model = _model(choice, value, digits.image_shape)
    model.compile(keras.optimizers.Adam(3e-3))
    told = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: progress((epoch + 1) / epochs))
    model.fit(digits.x_train, batch_size=100, epochs=epochs, verbose=0, callbacks=[told])
    terms = {name: float(np.mean(values)) for name, values in model.elbo_terms(digits.x_test).items()}
    shown = digits.x_test[:SHOWN_IMAGES]
    words = (
        f"{choice} = {value:g}, {epochs} epochs: negative ELBO {-terms['elbo']:.1f} = reconstruction "
        f"{-terms['log_likelihood']:.1f} + KL {terms['kl']:.1f} nats per unseen image."
    )
    return Trained(
        originals_and_reconstructions(shown, {"reconstructed": model.reconstruct(shown)}), words, model
    )


def _model(choice: str, value: float, shape: tuple[int, ...]) -> Any:
    from companion.beta_vae import BetaVAE
    from companion.iwae import IWAE
    from companion.vae import VAE

    kind: Any = {"latent_dim": VAE, "beta": BetaVAE, "k": IWAE}[choice]
    latent_dim = int(value) if choice == "latent_dim" else 8
    own: dict[str, Any] = {"latent_dim": {}, "beta": {"beta": value}, "k": {"num_samples": int(value)}}[
        choice
    ]
    return kind(**kind.build_networks(shape, latent_dim, hidden=(128,), seed=0), seed=0, **own)
