"""Record explorers again: ``python -m companion.explorers latent_plane --out results/explorers/latent_plane``."""

import argparse
import os
import pkgutil
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path

from companion.errors import BadInput
from companion.explorers import recipes
from companion.explorers.control_still import STILLS, record_stills

NAMES = sorted(
    found.name for found in pkgutil.iter_modules(recipes.__path__) if not found.name.startswith("_")
)
#: What can be recorded: the explorers, and the stills of the training controls.
ALL = [*NAMES, STILLS]


def main(argv: Sequence[str] | None = None) -> int:
    """Record the explorers that ``argv`` names, or all of them; return the exit code, 2 for wrong input."""
    parser = argparse.ArgumentParser(
        prog="python -m companion.explorers", description=__doc__.partition(":")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(ALL)} (default: all)")
    parser.add_argument("--out", type=Path, help="the explorer's folder (default: results/explorers/NAME)")
    chosen = parser.parse_args(argv)
    # TensorFlow keeps quiet only if this is set before it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        for name in _known(chosen.names or ALL, chosen.out):
            out = chosen.out or Path("results", "explorers", name)
            _recorder(name)(out)
            print(f"{name}: recorded in {out}", flush=True)
    except (BadInput, OSError) as error:
        print(f"companion.explorers: {error}", file=sys.stderr)
        return 2
    return 0


def _recorder(name: str) -> Callable[[Path], None]:
    """What records ``name`` into a folder."""
    if name == STILLS:
        return record_stills
    record: Callable[[Path], None] = import_module(f"companion.explorers.recipes.{name}").record
    return record


def _known(names: Sequence[str], out: Path | None) -> Sequence[str]:
    for name in names:
        if name not in ALL:
            raise BadInput(
                f"there is no explorer {name!r}: expected one of {', '.join(ALL)}; pass one of these names."
            )
    if out is not None and len(names) != 1:
        raise BadInput(
            f"--out={out} with {len(names)} explorers: expected one explorer; pass its name before --out."
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
