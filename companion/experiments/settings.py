"""The settings of a run, checked before anything slow starts."""

import math
import os
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, field, fields
from numbers import Real
from pathlib import Path
from typing import Any

from companion.data import BINARIZATIONS, NAMES
from companion.errors import BadInput, check_choice, check_whole_number

Option = int | float | str | bool | tuple[int, ...]


@dataclass(frozen=True)
class Family:
    """The import path of a model, and what the command line must know about it before it is imported.

    ``options`` are the settings of this family alone, with their defaults: arguments of the class by these names.
    ``networks`` are those it can be built with, the default first. ``labels`` says whether it needs labels, and
    ``latent_dim`` whether its code is a single vector of that size. ``batch_norm`` says whether its dense layers can be
    normalised and have another activation. ``of_data`` are options that concern the data, not the class.
    """

    path: str
    options: dict[str, Option] = field(default_factory=dict)
    networks: tuple[str, ...] = ("dense", "conv")
    labels: bool = False
    latent_dim: bool = True
    batch_norm: bool = True
    of_data: tuple[str, ...] = ()


# A family joins the command line with an entry here; nothing is imported before it is built.
MODELS = {
    "vae": Family("companion.vae:VAE"),
    "beta_vae": Family(
        "companion.beta_vae:BetaVAE",
        {
            "beta": 4.0,
            "warm_up_steps": 0,
            "gamma": 0.0,
            "capacity": 0.0,
            "capacity_steps": 0,
            "free_bits": 0.0,
        },
    ),
    "conditional_vae": Family(
        "companion.conditional_vae:ConditionalVAE", {"prior": "standard"}, labels=True, batch_norm=False
    ),
    "hierarchical_vae": Family(
        "companion.hierarchical_vae:HierarchicalVAE",
        {
            "latent_dims": (8, 2),
            "inference": "bottom_up",
            "merge": "precision",
            "free_bits": 0.0,
            "warm_up_steps": 0,
        },
        latent_dim=False,
    ),
    "vq_vae": Family(
        "companion.vq_vae:VQVAE",
        {
            "num_embeddings": 64,
            "embedding_dim": 16,
            "filters": (32, 64),
            "commitment": 0.25,
            "codebook": "ema",
            "reset": 0.5,
            "data_init": True,
            "prior": "pixel_cnn",
        },
        networks=("conv",),
        latent_dim=False,
        batch_norm=False,
    ),
    "discrete_vae": Family(
        "companion.discrete_vae:DiscreteVAE",
        {
            "num_latents": 16,
            "num_categories": 8,
            "temperature": 1.0,
            "last_temperature": 0.5,
            "cooling_steps": 0,
            "hard": False,
        },
        latent_dim=False,
    ),
    "iwae": Family("companion.iwae:IWAE", {"num_samples": 5, "doubly_reparameterized": False}),
    "aae": Family("companion.adversarial:AAE", {"adversarial_weight": 3.0}),
    "vae_gan": Family("companion.adversarial:VAEGAN", {"feature_weight": 1.0, "feature_scale": 0.1}),
    "semi_supervised_vae": Family(
        "companion.semi_supervised:SemiSupervisedVAE",
        {"labels_per_class": 10, "alpha": 10.0, "labelled_weight": 1.0},
        labels=True,
        batch_norm=False,
        of_data=("labels_per_class",),
    ),
    "prior_vae": Family("companion.priors:PriorVAE", {"prior": "vamp", "components": 50}),
    "iaf_vae": Family("companion.flow:IAFVAE", {"num_steps": 4}),
    "fsq_vae": Family(
        "companion.fsq:FSQVAE",
        {"levels": (4, 4, 4), "filters": (32, 64), "prior": "pixel_cnn"},
        networks=("conv",),
        latent_dim=False,
        batch_norm=False,
    ),
    "latent_diffusion": Family(
        "companion.latent_diffusion:LatentDiffusion", {"units": (128, 128), "frozen": False}
    ),
}
NETWORKS = ("dense", "conv")
SCHEDULES = ("constant", "burda")
ACTIVATIONS = ("relu", "tanh")
# The keys of companion.likelihoods.FAMILIES, repeated because that module imports Keras; a test compares the two.
LIKELIHOODS = ("bernoulli", "continuous_bernoulli", "normal", "discretized_logistic")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that determines a run; equal settings give equal batches, initial weights and noise.

    ``model`` is one of ``MODELS``; ``dataset`` a name of ``companion.data`` or the path of an .npz file. ``binarize``
    is applied to the training images, in every epoch again if dynamic. ``images``: how many test images get the bound
    with ``k`` samples (None: all). ``seed`` fixes weights, noise, order and binarisation, but not which images are test
    images: these are the same for every seed, so that runs can be compared. ``schedule="burda"`` is that of Burda et
    al. (2016): stage i takes 3^i epochs at the learning rate times 10^(-i/7). ``epsilon`` is Adam's; ``output_bias``
    starts the bias of the last dense layer at the logit of the mean training image. ``variant`` is the import path
    ``module:Class`` of a subclass of the model, which is trained in its place.

    Raises :class:`~companion.errors.BadInput` for the first value that is not allowed, naming those that are.
    Taught in chapter 11.
    """

    model: str = "vae"
    dataset: str = "digits"
    latent_dim: int | None = None
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 1e-3
    schedule: str = "constant"
    epsilon: float = 1e-7
    network: str | None = None
    hidden: tuple[int, ...] | None = None
    activation: str = "relu"
    batch_norm: bool = False
    output_bias: bool = False
    binarize: str = "none"
    likelihood: str = "bernoulli"
    seed: int = 0
    k: int = 100
    images: int | None = None
    variant: str | None = None
    options: dict[str, Option] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            check_choice(name, getattr(self, name), allowed)
        # NumPy's numbers and pathlib's paths become plain ones, for JSON.
        plain: dict[str, Any] = {
            name: check_whole_number(name, getattr(self, name), at_least=at_least)
            for name, at_least in _AT_LEAST.items()
            if not (name == "images" and self.images is None)
        }
        plain["latent_dim"] = _check_latent_dim(self.model, self.latent_dim)
        plain["network"] = _check_network(self.model, self.network)
        plain["hidden"] = _check_hidden(plain["network"], self.hidden)
        _check_dense_only(self.model, plain["network"], self.batch_norm, self.activation)
        plain["options"] = _check_options(self.model, self.options)
        plain["dataset"] = _check_dataset(self.dataset)
        plain["learning_rate"] = _check_rate("learning_rate", self.learning_rate, 1e-3)
        plain["epsilon"] = _check_rate("epsilon", self.epsilon, 1e-7)
        _check_output_bias(plain["network"], self.likelihood, self.output_bias)
        plain["variant"] = _check_variant(self.variant)
        for name, value in plain.items():
            object.__setattr__(self, name, value)

    @property
    def dataset_file(self) -> Path | None:
        """The path of your own images; None for a set that is known by name."""
        return None if self.dataset in NAMES else Path(self.dataset).expanduser()

    def recorded(self) -> dict[str, Any]:
        """The settings for run.json: of a file only its name, since its folder may differ on another machine."""
        file = self.dataset_file
        return {**asdict(self), "dataset": self.dataset if file is None else file.name}


_CHOICES: dict[str, tuple[str, ...]] = {
    "model": tuple(MODELS),
    "binarize": BINARIZATIONS,
    "likelihood": LIKELIHOODS,
    "schedule": SCHEDULES,
    "activation": ACTIVATIONS,
}
_AT_LEAST = {"epochs": 1, "batch_size": 1, "k": 1, "images": 1, "seed": 0}
SETTING_NAMES = tuple(setting.name for setting in fields(Settings) if setting.name != "options")
# The settings that have a default, but for the seed.
DEFAULTS = {
    setting.name: setting.default
    for setting in fields(Settings)
    if setting.default is not MISSING and setting.name != "seed"
}
# Every option of every family, with the families that have it.
OPTION_NAMES = {
    name: tuple(model for model, family in MODELS.items() if name in family.options)
    for listed in MODELS.values()
    for name in listed.options
}


def contradictions(asked: Settings, run: Settings) -> Iterator[str]:
    """The settings in ``asked`` that differ from those of the ``run`` to be resumed. More epochs are allowed."""
    there = run.recorded()
    for name, value in asked.recorded().items():
        if name == "epochs":
            if value < run.epochs:
                yield f"epochs={value} (there {run.epochs}; it can only be raised)"
        elif value != there[name]:
            yield f"{name}={value!r} (there {there[name]!r})"


def _check_latent_dim(model: str, latent_dim: Any) -> int | None:
    if MODELS[model].latent_dim:
        return 2 if latent_dim is None else check_whole_number("latent_dim", latent_dim, at_least=1)
    if latent_dim is not None:
        raise BadInput(
            f"latent_dim={latent_dim!r} with model {model!r}, whose code is not a single vector: expected its own "
            f"options, {', '.join(MODELS[model].options)}; leave latent_dim out."
        )
    return None


def _check_network(model: str, network: Any) -> str:
    allowed = MODELS[model].networks
    return allowed[0] if network is None else check_choice("network", network, allowed)


def _check_hidden(network: str, hidden: Any) -> tuple[int, ...] | None:
    """Widths of the hidden layers of a dense encoder, next to the pixels first; the decoder mirrors them."""
    if hidden is None:
        return None
    if network != "dense" or not isinstance(hidden, (tuple, list)) or not hidden:
        raise BadInput(
            f"hidden={hidden!r} with network {network!r}: expected one whole number per layer of a dense network; pass "
            f"for example hidden=(512, 256), or leave it out."
        )
    return tuple(check_whole_number("hidden", width) for width in hidden)


def _check_dense_only(model: str, network: str, batch_norm: Any, activation: str) -> None:
    """What only the dense networks of some models know."""
    if not isinstance(batch_norm, bool):
        raise BadInput(f"batch_norm={batch_norm!r}: expected True or False; pass one of them.")
    asked = "batch_norm=True" if batch_norm else f"activation={activation!r}" if activation != "relu" else ""
    if asked and not (MODELS[model].batch_norm and network == "dense"):
        raise BadInput(
            f"{asked} with model {model!r} and network {network!r}: expected the dense network of a model that knows "
            f"it; leave it out."
        )


def _check_output_bias(network: str, likelihood: str, output_bias: Any) -> None:
    if not isinstance(output_bias, bool):
        raise BadInput(f"output_bias={output_bias!r}: expected True or False; pass one of them.")
    if output_bias and (network != "dense" or likelihood != "bernoulli"):
        raise BadInput(
            f"output_bias=True with network {network!r} and likelihood {likelihood!r}: expected a dense network and "
            f"bernoulli, whose last layer has a bias for each pixel's logit; leave it out."
        )


def _check_options(model: str, options: Any) -> dict[str, Option]:
    """The options of a family, with defaults for those left out. The model itself checks their values."""
    known = MODELS[model].options
    foreign = [name for name in options if name not in known]
    if foreign:
        listed = f"expected {', '.join(known)}" if known else "it has no options of its own"
        raise BadInput(f"{foreign[0]}={options[foreign[0]]!r} with model {model!r}: {listed}; leave it out.")
    # JSON has no tuples, and the settings of a resumed run come from JSON.
    return {**known, **{n: tuple(v) if isinstance(v, list) else v for n, v in options.items()}}


def _check_dataset(dataset: Any) -> str:
    path = os.fspath(dataset) if isinstance(dataset, os.PathLike) else dataset
    if not isinstance(path, str) or not path:
        raise BadInput(
            f"dataset={dataset!r}: expected one of {', '.join(NAMES)}, or the path of an .npz file; pass a string."
        )
    return path


def _check_variant(variant: Any) -> str | None:
    """An import path; that it names a subclass is seen when it is imported."""
    if variant is None or (isinstance(variant, str) and all(variant.partition(":"))):
        return variant
    raise BadInput(
        f"variant={variant!r}: expected the import path of a subclass of the model; pass for example "
        f"variant='mine.models:MyVAE', or leave it out."
    )


def _check_rate(name: str, rate: Any, usual: float) -> float:
    number = float(rate) if isinstance(rate, Real) and not isinstance(rate, bool) else math.nan
    if not 0 < number < math.inf:
        raise BadInput(f"{name}={rate!r}: expected a number above 0; pass {name}={usual:g}.")
    return number
