"""Record explorers anew: ``python -m companion.explorers latent_plane --out results/explorers/latent_plane``."""

import argparse
import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from companion.errors import BadInput
from companion.explorers import recipes

NAMES = sorted(
    found.name for found in pkgutil.iter_modules(recipes.__path__) if not found.name.startswith("_")
)


def main(argv: Sequence[str] | None = None) -> int:
    """Record the explorers that ``argv`` names, all where it names none; 2 for input that cannot be used."""
    parser = argparse.ArgumentParser(
        prog="python -m companion.explorers", description=__doc__.partition(":")[0]
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--out", type=Path, help="the explorer's folder (default: results/explorers/NAME)")
    chosen = parser.parse_args(argv)
    # TensorFlow keeps quiet only if both are set before it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    try:
        for name in _known(chosen.names or NAMES, chosen.out):
            out = chosen.out or Path("results", "explorers", name)
            import_module(f"companion.explorers.recipes.{name}").record(out)
            print(f"{name}: recorded in {out}", flush=True)
    except (BadInput, OSError) as error:
        print(f"companion.explorers: {error}", file=sys.stderr)
        return 2
    return 0


def _known(names: Sequence[str], out: Path | None) -> Sequence[str]:
    for name in names:
        if name not in NAMES:
            raise BadInput(
                f"the explorer {name!r} is unknown: expected one of {', '.join(NAMES)}; name one of these."
            )
    if out is not None and len(names) != 1:
        raise BadInput(f"{len(names)} explorers and one folder {out}: expected one; name it before --out.")
    return names


if __name__ == "__main__":
    sys.exit(main())
