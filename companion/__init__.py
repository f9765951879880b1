"""The tested Keras package behind the book *Variational Autoencoders, Measured*.

Importing ``companion`` is quick: each room is imported when it is first named, so that neither Keras nor TensorFlow
is loaded by a program that only reads data or asks for help.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_ROOMS = (
    "autoencoder",
    "beta_vae",
    "code_use",
    "compression",
    "conditional_networks",
    "conditional_vae",
    "data",
    "discrete_vae",
    "disentanglement",
    "distributions",
    "errors",
    "evaluation",
    "exercises",
    "experiments",
    "explorers",
    "hierarchical_layers",
    "hierarchical_networks",
    "hierarchical_vae",
    "iwae",
    "judge",
    "layers",
    "likelihoods",
    "linear_gaussian",
    "listing",
    "machine",
    "networks",
    "objectives",
    "pixel_cnn",
    "plots",
    "quantizer",
    "schedules",
    "vae",
    "vq_networks",
    "vq_vae",
)


def __getattr__(name: str) -> ModuleType:
    """Import the room ``companion.name`` on first use (PEP 562)."""
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'companion' has no room {name!r}; it has {', '.join(_ROOMS)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
