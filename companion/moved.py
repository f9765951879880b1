"""Import paths of earlier versions: each raises an error that names the new path."""

from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType

MOVED = {
    "companion.compression": "companion.vq_vae.compression",
    "companion.conditional_networks": "companion.conditional_vae",
    "companion.disentanglement": "companion.evaluation.disentanglement",
    "companion.hierarchical_layers": "companion.hierarchical_vae",
    "companion.hierarchical_networks": "companion.hierarchical_vae",
    "companion.judge": "companion.evaluation.judge",
    "companion.pixel_cnn": "companion.vq_vae",
    "companion.quantizer": "companion.vq_vae",
    "companion.vq_networks": "companion.vq_vae",
}


class MovedModules(MetaPathFinder):
    """The last finder that Python asks for a module; raises ``ModuleNotFoundError`` for those in ``MOVED``."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if fullname in MOVED:
            new = MOVED[fullname]
            raise ModuleNotFoundError(
                f"{fullname} has moved: expected {new}; write `from {new} import ...`.", name=fullname
            )
