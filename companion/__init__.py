"""The tested Keras package behind the book *Variational Autoencoders, Measured*.

Importing ``companion`` is quick: each module is imported when it is first named, so that neither Keras nor TensorFlow
is loaded by a program that only reads data or asks for help.
"""

import sys
from importlib import import_module
from types import ModuleType

from companion.backend_needed import BackendNeeded
from companion.loading import load, prepare
from companion.moved import MOVED, MovedModules

__all__ = ["load"]

__version__ = "0.1.0"

_MODULES = (
    "adversarial",
    "autoencoder",
    "base",
    "batching",
    "beta_vae",
    "categorical",
    "code_use",
    "conditional_vae",
    "data",
    "denoising",
    "diagnosis",
    "discrete_vae",
    "distribute",
    "distributions",
    "errors",
    "evaluation",
    "evidence",
    "exercises",
    "experiments",
    "explorers",
    "export",
    "flow",
    "fsq",
    "hierarchical_vae",
    "iwae",
    "latent_diffusion",
    "layers",
    "likelihoods",
    "linear_classes",
    "linear_gaussian",
    "listing",
    "machine",
    "miwae",
    "molecules",
    "networks",
    "objectives",
    "one_page",
    "pixel_vae",
    "plots",
    "priors",
    "schedules",
    "semi_supervised",
    "scoring",
    "vae",
    "vq_vae",
    "world_model",
)


def __getattr__(name: str) -> ModuleType:
    """Import ``companion.name`` on first use (PEP 562)."""
    # A module that has moved says so when it is imported.
    if name in _MODULES or f"companion.{name}" in MOVED:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module 'companion' has no module {name!r}; it has {', '.join(_MODULES)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])


sys.meta_path.insert(0, BackendNeeded())
sys.meta_path.append(MovedModules())
prepare()
