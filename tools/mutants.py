"""Break the package on purpose and count how many of the mistakes the unit tests notice: ``make mutants``.

    make mutants                                   everything; fails below 90 % killed
    make mutants MUTANTS="--sample 40 --seed 1"    a quick look
    make mutants MUTANTS="companion/layers.py"     one module

A mutant is killed when a test fails, or when the tests run five times as long as they should (counted apart). One that
no test can kill, because it computes the same, is explained in tests/mutants_explained.toml; it counts as a survivor
all the same. Tests marked slow are left out.
"""

import argparse
import os
import random
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tools.mutant_runs import Target, measure, prepare, try_all
from tools.mutations import Mutant, mutants_of

REQUIRED = 0.9
EXPLANATIONS = Path("tests/mutants_explained.toml")
# The tests of each module, its own first. Those that are not there are passed over.
TESTS = {
    "companion/schedules.py": ["tests/test_schedules.py", "tests/test_beta_vae.py"],
    "companion/adversarial/losses.py": ["tests/adversarial/test_losses.py"],
    "companion/adversarial/networks.py": ["tests/adversarial/test_discriminators.py"],
    "companion/adversarial/optimizers.py": ["tests/adversarial/test_optimizers.py"],
    "companion/adversarial/model.py": ["tests/adversarial/test_models.py"],
    "companion/adversarial/aae.py": ["tests/adversarial/test_models.py"],
    "companion/adversarial/vae_gan.py": ["tests/adversarial/test_models.py"],
    "companion/adversarial/flow.py": ["tests/adversarial/test_models.py"],
    "companion/pixel_vae.py": ["tests/test_pixel_vae.py"],
    "companion/evaluation/two_sample.py": ["tests/evaluation/test_two_sample.py"],
    "companion/objectives.py": ["tests/test_objectives.py", "tests/test_linear_gaussian.py"],
    "companion/distributions.py": ["tests/test_distributions.py", "tests/test_likelihoods.py"],
    "companion/fused.py": ["tests/test_fused.py"],
    "companion/layers.py": ["tests/test_layers.py"],
    "companion/vae.py": ["tests/test_vae.py", "tests/evaluation/test_evaluation.py"],
    "companion/iwae.py": ["tests/test_iwae.py"],
    "companion/semi_supervised/model.py": [
        "tests/semi_supervised/test_semi_supervised_vae.py",
        "tests/semi_supervised/test_semi_supervised_bad_input.py",
    ],
    "companion/semi_supervised/labels.py": ["tests/semi_supervised/test_labels.py"],
    "companion/semi_supervised/networks.py": [
        "tests/semi_supervised/test_semi_supervised_vae.py",
        "tests/semi_supervised/test_semi_supervised_bad_input.py",
    ],
    "companion/semi_supervised/training.py": ["tests/semi_supervised/test_training_with_few_labels.py"],
    "companion/linear_classes.py": ["tests/semi_supervised/test_linear_classes.py"],
    "companion/miwae.py": ["tests/test_miwae.py"],
    "companion/denoising.py": ["tests/test_denoising.py"],
    "companion/evaluation/missing.py": ["tests/evaluation/test_missing.py"],
    "companion/evaluation/anomaly.py": ["tests/evaluation/test_anomaly.py"],
    "companion/scoring.py": ["tests/test_scoring.py"],
    "companion/data/chunks.py": ["tests/data/test_chunks.py"],
    "companion/flow/coupling.py": ["tests/test_flow.py"],
    "companion/flow/autoregressive.py": ["tests/test_flow.py"],
    "companion/fsq.py": ["tests/test_fsq.py"],
    "companion/priors.py": ["tests/test_priors.py"],
    "companion/distribute/plan.py": ["tests/distribute/test_plan.py"],
    "companion/distribute/shards.py": ["tests/distribute/test_shards.py"],
    "companion/export/files.py": ["tests/export/test_files.py"],
    "companion/world_model/memory.py": ["tests/world_model/test_world_model.py"],
    "companion/world_model/dream.py": ["tests/world_model/test_world_model.py"],
    "companion/molecules/model.py": ["tests/molecules/test_molecules.py"],
    "companion/molecules/search.py": ["tests/molecules/test_molecules.py"],
    "companion/latent_diffusion/model.py": ["tests/test_latent_diffusion.py"],
    "companion/latent_diffusion/process.py": ["tests/test_latent_diffusion.py"],
    "companion/latent_diffusion/labels.py": ["tests/test_latent_diffusion.py"],
    "companion/hierarchical_vae/model.py": [
        "tests/hierarchical_vae/test_hierarchical_vae.py",
        "tests/hierarchical_vae/test_hierarchical_bounds.py",
    ],
    "companion/hierarchical_vae/layers.py": [
        "tests/hierarchical_vae/test_hierarchical_bounds.py",
        "tests/hierarchical_vae/test_hierarchical_vae.py",
    ],
    "companion/hierarchical_vae/networks.py": [
        "tests/hierarchical_vae/test_hierarchical_networks.py",
        "tests/hierarchical_vae/test_hierarchical_vae.py",
    ],
    "companion/vq_vae/quantizer.py": ["tests/vq_vae/test_quantizer.py"],
    "companion/code_use.py": ["tests/vq_vae/test_quantizer.py"],
    "companion/vq_vae/model.py": ["tests/vq_vae/test_vq_vae.py"],
    "companion/vq_vae/networks.py": ["tests/vq_vae/test_vq_networks.py"],
    "companion/vq_vae/pixel_cnn.py": ["tests/vq_vae/test_pixel_cnn.py"],
    "companion/vq_vae/compression.py": ["tests/vq_vae/test_compression.py"],
    "companion/discrete_vae.py": ["tests/test_discrete_vae.py"],
    "companion/beta_vae.py": ["tests/test_beta_vae.py", "tests/test_beta_tcvae.py"],
    "companion/conditional_vae/networks.py": [
        "tests/conditional_vae/test_conditional_vae.py",
        "tests/conditional_vae/test_conditional_bad_input.py",
    ],
    "companion/conditional_vae/model.py": [
        "tests/conditional_vae/test_conditional_vae.py",
        "tests/conditional_vae/test_conditional_bad_input.py",
    ],
    "companion/evaluation/judge.py": ["tests/evaluation/test_judge.py"],
    "companion/evaluation/disentanglement.py": ["tests/evaluation/test_disentanglement.py"],
    "companion/data/drawn_shapes.py": ["tests/data/test_drawn_shapes.py"],
}


def explanations() -> dict[tuple[str, str, str, str], str]:
    """Why some survivors cannot be killed, by file, place, line of code and change."""
    if not EXPLANATIONS.exists():
        return {}
    entries = tomllib.loads(EXPLANATIONS.read_text(encoding="utf-8")).get("survivor", [])
    return {(e["file"], e["place"], e["code"], e["change"]): e["why"] for e in entries}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the root of the project; 0 if enough mutants were killed."""
    parser = argparse.ArgumentParser(
        prog="make mutants", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("files", nargs="*", default=list(TESTS), help="modules to break (default: all)")
    parser.add_argument("--tests", nargs="+", help="tests to run instead of the modules' own")
    parser.add_argument("--sample", type=int, help="try only so many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--least-seconds", type=float, default=20.0, help="time that every mutant is given")
    parser.add_argument("--list", action="store_true", help="only print the mutants")
    options = parser.parse_args(arguments)
    targets = [
        Target(file, options.tests or [t for t in TESTS[file] if Path(t).exists()]) for file in options.files
    ]
    work = [(target, mutant) for target in targets for mutant in mutants_of(target.source)]
    if options.sample is not None and options.sample < len(work):
        work = random.Random(options.seed).sample(work, options.sample)
    if options.list:
        for target, mutant in work:
            print(describe(target, mutant))
        return 0
    prepare()
    with tempfile.TemporaryDirectory() as folder:
        for target in targets:
            measure(target, Path(folder), options.least_seconds)
        began = time.monotonic()
        fates = [(t, m, show_progress(fate)) for t, m, fate in try_all(work, options.jobs, Path(folder))]
    print(f"\n{len(fates)} mutants in {time.monotonic() - began:.0f} s")
    return report(targets, fates, whole=options.sample is None)


def show_progress(fate: str) -> str:
    """Print one sign a mutant."""
    print({"killed": ".", "timed out": "t", "survived": "S"}[fate], end="", flush=True)
    return fate


def describe(target: Target, mutant: Mutant) -> str:
    """Where a mutant is and what it changes."""
    return f"{target.file}:{mutant.line} {mutant.place}: {mutant.change}"


def report(targets: Sequence[Target], fates: Sequence[tuple[Target, Mutant, str]], whole: bool) -> int:
    """Print killed over made, a line a module, and every survivor; 0 if enough were killed."""
    explained = explanations()
    for target in targets:
        print(summary(target.file, [fate for owner, _, fate in fates if owner is target]))
    print(summary("all", [fate for _, _, fate in fates]))
    unexplained, met = 0, set()
    for target, mutant, fate in fates:
        if fate == "survived":
            key = (target.file, mutant.place, mutant.code, mutant.change)
            why = explained.get(key, "")
            met.add(key)
            unexplained += not why
            print(f"survived: {describe(target, mutant)}\n    {why or 'NOT EXPLAINED'}")
    if whole:
        for key in explained.keys() - met:
            print(f"{EXPLANATIONS} explains what did not survive: {': '.join(key)}")
    killed = sum(fate != "survived" for _, _, fate in fates) / max(1, len(fates))
    print(f"{unexplained} survivors without an explanation in {EXPLANATIONS}")
    print(f"killed {killed:.1%}, required {REQUIRED:.0%}: {'enough' if killed >= REQUIRED else 'TOO FEW'}")
    return 0 if killed >= REQUIRED else 1


def summary(name: str, fates: Sequence[str]) -> str:
    """One line: killed over made, and how many of those by the time limit."""
    killed = sum(fate != "survived" for fate in fates)
    late = fates.count("timed out")
    return (
        f"{name:<28} {killed}/{len(fates)} killed ({killed / max(1, len(fates)):.1%}), {late} of them by time"
    )


if __name__ == "__main__":
    sys.exit(main())
