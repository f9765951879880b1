"""Experiments made up for the tests, and the tasks that they name: they cost no training."""

import os
import time
from pathlib import Path

TASK = "tests.experiments.declared:figures"

DECLARATION = f"""
question = "Does a shift raise the height?"
task = "{TASK}"
seeds = 3

[settings]
slope = 2.0

[budgets.short]
[budgets.long]
slope = 3.0

[arms.flat]
says = "no shift"
at = 0
settings = {{ shift = 0.0 }}

[arms.raised]
says = "shifted by one"
at = 1
settings = {{ shift = 1.0 }}

[measures.height]
says = "height"
of = "height"
unit = "nats per image"

[measures.depth]
says = "depth"
of = "below.0"
sign = -1

[[claims]]
says = "the shift raises the height"
relation = "height[raised] > height[flat]"

[[claims]]
says = "the heights agree"
relation = "abs(height[raised] - height[flat]) < 0.5"
holds = false

[[claims]]
says = "a long run is steeper"
relation = "slope(height) > 2"
budget = "long"
"""


def figures(seed: int, shift: float, slope: float, wait: float = 0.0) -> dict[str, object]:
    """A height that grows with the shift and moves with the seed, and the height below zero in a list."""
    time.sleep(wait)
    if os.environ.get("FAIL_AT_SEED") == str(seed):
        raise RuntimeError(f"seed {seed} was told to fail")
    height = slope * shift + 0.01 * ((seed * 7919) % 13)
    return {"height": height, "below": [-height]}


def declare(results: Path, name: str = "shift", text: str = DECLARATION) -> Path:
    """Write a declaration into ``results/NAME`` and return the folder ``results``."""
    (results / name).mkdir(parents=True, exist_ok=True)
    (results / name / "experiment.toml").write_text(text, encoding="utf-8")
    return results
