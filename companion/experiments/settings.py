"""What a run is asked to do, checked before anything slow begins."""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from numbers import Real
from pathlib import Path
from typing import Any

from companion.data import BINARIZATIONS, NAMES
from companion.errors import BadInput, check_choice, check_whole_number

# Where each model lives. A family joins the command line with a line here; nothing is imported before it is built.
MODELS = {
    "vae": "companion.vae:VAE",
}
NETWORKS = ("dense", "conv")
# The keys of companion.likelihoods.FAMILIES, repeated because that room imports Keras; a test compares the two.
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "normal", "discretized_logistic")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides a run; equal settings give equal batches, first weights and noise.

    ``model`` is one of ``MODELS``; ``dataset`` a name of ``companion.data`` or the path of an .npz file. ``binarize``
    is applied to the training images as it says, anew every epoch if dynamic. ``images``: how many test images get
    the bound with ``k`` samples (None: all). ``seed`` fixes weights, noise, order and binarisation, but not which
    images are test images: these are the same for every seed, so that runs can be compared.

    Raises :class:`~companion.errors.BadInput` for the first value that is not allowed, naming those that are.
    Taught in chapter 11.
    """

    model: str = "vae"
    dataset: str = "digits"
    latent_dim: int = 2
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    network: str = "dense"
    binarize: str = "none"
    likelihood: str = "bernoulli"
    seed: int = 0
    k: int = 100
    images: int | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            check_choice(name, getattr(self, name), allowed)
        # Numpy's numbers and pathlib's paths become plain ones, which JSON can hold.
        plain: dict[str, Any] = {
            name: check_whole_number(name, getattr(self, name), at_least=at_least)
            for name, at_least in _AT_LEAST.items()
            if not (name == "images" and self.images is None)
        }
        plain["dataset"] = _check_dataset(self.dataset)
        plain["learning_rate"] = _check_learning_rate(self.learning_rate)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def dataset_file(self) -> Path | None:
        """The path of one's own images; None for a set that is known by name."""
        return None if self.dataset in NAMES else Path(self.dataset).expanduser()

    def recorded(self) -> dict[str, Any]:
        """The settings as run.json holds them: a file by its name alone, since a folder means nothing elsewhere."""
        file = self.dataset_file
        return {**asdict(self), "dataset": self.dataset if file is None else file.name}


_CHOICES: dict[str, tuple[str, ...]] = {
    "model": tuple(MODELS),
    "network": NETWORKS,
    "binarize": BINARIZATIONS,
    "likelihood": LIKELIHOODS,
}
_AT_LEAST = {"latent_dim": 1, "epochs": 1, "batch_size": 1, "k": 1, "images": 1, "seed": 0}
SETTING_NAMES = tuple(field.name for field in fields(Settings))


def contradictions(asked: Settings, run: Settings) -> Iterator[str]:
    """What ``asked`` says against the settings of the ``run`` to be resumed. More epochs are welcome."""
    there = run.recorded()
    for name, value in asked.recorded().items():
        if name == "epochs":
            if value < run.epochs:
                yield f"epochs={value} (there {run.epochs}; it can only be raised)"
        elif value != there[name]:
            yield f"{name}={value!r} (there {there[name]!r})"


def _check_dataset(dataset: Any) -> str:
    path = os.fspath(dataset) if isinstance(dataset, os.PathLike) else dataset
    if not isinstance(path, str) or not path:
        raise BadInput(
            f"dataset={dataset!r}: expected one of {', '.join(NAMES)}, or the path of an .npz file; pass a string."
        )
    return path


def _check_learning_rate(rate: Any) -> float:
    number = float(rate) if isinstance(rate, Real) and not isinstance(rate, bool) else math.nan
    if not 0 < number < math.inf:
        raise BadInput(
            f"learning_rate={rate!r}: expected a number above 0, such as 0.001; pass learning_rate=1e-3."
        )
    return number
