"""Load a saved model whatever has been imported; tell Keras where the classes of this package are.

Nothing here imports Keras. Where ``companion`` is imported first, Keras learns of the classes when it is imported.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from os import PathLike, fspath
from pathlib import Path
from types import ModuleType
from typing import Any

from companion.errors import BadInput

PACKAGE = "companion"
# The classes that a saved file may name, by module.
REGISTERED = {
    "companion.adversarial.aae": ("AAE",),
    "companion.adversarial.optimizers": ("OptimizerPerPlayer",),
    "companion.adversarial.vae_gan": ("VAEGAN",),
    "companion.autoencoder": ("Autoencoder",),
    "companion.beta_vae": ("BetaVAE",),
    "companion.code_use": ("Perplexity",),
    "companion.conditional_vae.model": ("ConditionalVAE",),
    "companion.denoising": ("InputNoise",),
    "companion.discrete_vae": ("DiscreteVAE",),
    "companion.explorers.score_function": ("ScoreFunctionVAE",),
    "companion.flow.autoregressive": ("AutoregressiveStep", "IAFVAE"),
    "companion.flow.coupling": ("Coupling", "CouplingFlow"),
    "companion.fsq": (
        *("FSQVAE", "FiniteScalarQuantizer", "ResidualQuantizer", "ResidualVQVAE"),
        *("RotatingQuantizer", "RotatingVQVAE"),
    ),
    "companion.hierarchical_vae.model": ("HierarchicalVAE",),
    "companion.iwae": ("IWAE",),
    "companion.latent_diffusion.model": ("LatentDiffusion",),
    "companion.layers": ("Sampling",),
    "companion.likelihoods": ("Likelihood",),
    "companion.pixel_vae": ("PixelVAE",),
    "companion.schedules": ("Cyclical",),
    "companion.semi_supervised.model": ("SemiSupervisedVAE",),
    "companion.miwae": ("FillMissing", "MIWAE"),
    "companion.molecules.model": ("SequenceVAE", "Writer"),
    "companion.priors": ("MixturePrior", "PriorVAE", "VampPrior"),
    "companion.vae": ("VAE",),
    "companion.vq_vae.model": ("VQVAE",),
    "companion.vq_vae.pixel_cnn": ("MaskedConv2D", "PixelCNN", "UniformPrior"),
    "companion.vq_vae.quantizer": ("VectorQuantizer",),
    "companion.world_model.memory": ("MixtureRNN",),
}


def load(path: str | PathLike[str], **how: Any) -> Any:
    """The model saved in the ``.keras`` file ``path``, compiled, with its optimizer and noise where they stood.

    ``how`` goes to ``keras.models.load_model``. No family needs to be imported before. For the folder of a recorded
    run: :func:`companion.experiments.load`.
    Raises :class:`~companion.errors.BadInput` where there is no such file, or it has another ending.
    """
    file = Path(fspath(path)).expanduser()
    if file.is_dir() and (file / "run.json").is_file():
        raise BadInput(
            f"{file} is the folder of a recorded run: expected a .keras file; call companion.experiments.load, which "
            f"takes such a folder."
        )
    if file.suffix != ".keras":
        raise BadInput(
            f"{file} is no .keras file: expected what model.save('model.keras') wrote; pass the path of such a file."
        )
    if not file.is_file():
        raise BadInput(f"{file} does not exist: expected a file that model.save wrote; correct the path.")
    import keras

    return keras.models.load_model(file, **how)


def tell(keras: ModuleType) -> None:
    """Register with Keras a stand-in for each class; importing the class itself puts it in the stand-in's place."""
    known = keras.saving.get_custom_objects()
    for module, names in REGISTERED.items():
        for name in names:
            known.setdefault(f"{PACKAGE}>{name}", _stand_in(module, name))


def _stand_in(module: str, name: str) -> type:
    """A class whose ``from_config`` imports the class ``name`` of ``module`` and hands the config on."""

    def from_config(_: type, config: dict[str, Any], **how: Any) -> Any:
        return getattr(import_module(module), name).from_config(config, **how)

    return type(name, (), {"__module__": module, "from_config": classmethod(from_config)})


class WaitsForKeras(MetaPathFinder):
    """Asked by Python for every module that is imported; has :func:`tell` called once Keras is there."""

    def __init__(self) -> None:
        self.looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "keras" or self.looking:
            return None
        self.looking = True
        try:
            spec = find_spec(fullname)
        finally:
            self.looking = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_tell(module: ModuleType) -> None:
                execute(module)
                tell(module)

            spec.loader.exec_module = execute_and_tell  # type: ignore[method-assign]
        return spec


def prepare() -> None:
    """Have Keras told now if it is imported, else as soon as it is."""
    if hasattr(sys.modules.get("keras"), "saving"):
        tell(sys.modules["keras"])
    elif not any(isinstance(finder, WaitsForKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, WaitsForKeras())
