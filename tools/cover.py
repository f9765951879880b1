"""Draw the picture on the first page of the book and of the README from a recorded run with two latent numbers.

python -m companion run vae --dataset mnist --epochs 30 --out DIR
python tools/cover.py DIR
"""

import sys
from pathlib import Path

from companion import experiments, plots

COVER = Path(__file__).resolve().parent.parent / "book" / "assets" / "manifold.png"


def main(run: str) -> None:
    """Decode a grid of equal shares of the prior with the run's model and write it where both pages look for it."""
    model, _ = experiments.load(run)
    print(f"Drawn: {plots.manifold_grid(model, 20).save(COVER)}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the folder of one recorded run: python tools/cover.py DIR")
    main(sys.argv[1])
