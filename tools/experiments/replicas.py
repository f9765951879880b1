"""The same training on one device and on two logical ones, compared. Chapter 15."""

from __future__ import annotations

from pathlib import Path

from companion import experiments
from companion.distribute import plan
from companion.experiments.settings import Settings


def trained(seed: int, replicas: int, epochs: int, folder: Path) -> dict[str, float]:
    """The bound after ``epochs`` on the digits with ``replicas`` logical devices (1: no strategy), and seconds."""
    spread = plan("mirrored", replicas=replicas) if replicas > 1 else None
    settings = Settings(model="vae", epochs=epochs, seed=seed, k=1)
    out = folder / "run"
    record = experiments.run(settings, out, resume=(out / "run.json").exists(), quiet=True, plan=spread)
    return {
        "first": record["history"]["neg_elbo"][0],
        "last": record["history"]["neg_elbo"][-1],
        "test": record["test"]["neg_elbo"],
        "seconds": record["seconds"]["train"] / epochs,
    }
