"""Molecules as SELFIES and SMILES: VAEs with and without a collapsed code, controls without a network, and searches.

Chapter 14. One process makes all arms of a seed, since the searches need the models.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tools.experiments.kept import kept

MODELS = {"plain": ("selfies", 1.0), "mended": ("selfies", 0.2), "smiles": ("smiles", 0.2)}
N_TRAIN, HELD_OUT, DRAWN, LABELLED = 1200, 300, 1000, 300
Figures = dict[str, float | None]


def strings(seed: int, arm: str, epochs: int, evaluations: int, folder: Path) -> Figures:
    """The figures of one ``arm``: generated molecules, reconstruction and KL, or the best molecule of a search."""
    path = folder.parent / f"molecules-{seed}-{epochs}-{evaluations}.json"
    found = kept(path, lambda: dict(_of_seed(seed, epochs, evaluations)))[arm]
    nothing = dict.fromkeys(("valid", "unique", "in_rule", "discovered", "kl", "exact", "neg_elbo", "best"))
    return {**nothing, **found}


def _of_seed(seed: int, epochs: int, evaluations: int) -> Iterator[tuple[str, Figures]]:
    """The figures of all arms of one seed."""
    import keras

    from companion.molecules import (
        Alphabet,
        NGram,
        SequenceVAE,
        drug_likeness,
        enumerated,
        random_rows,
        scores,
        search,
        split,
    )

    everything = enumerated()
    known, others = split(N_TRAIN, seed)
    held_out, rest = others[:HELD_OUT], others[HELD_OUT:]
    alphabets = {language: Alphabet.of(everything, language) for language in ("selfies", "smiles")}

    def generated(alphabet: Alphabet, rows: Any) -> Figures:
        found = scores(alphabet.molecules(rows), known, everything)
        return {name: found[name] for name in ("valid", "unique", "in_rule", "discovered")}

    for language, alphabet in alphabets.items():
        rows = alphabet.encode(known)
        yield f"ngram_{language}", generated(alphabet, NGram(5).fit(rows).sample(DRAWN, seed))
        yield f"random_{language}", generated(alphabet, random_rows(rows, len(alphabet), DRAWN, seed))
    for name, (language, beta) in MODELS.items():
        alphabet = alphabets[language]
        rows = alphabet.encode(known)
        model: Any = SequenceVAE(len(alphabet), alphabet.length, beta=beta, seed=seed)
        model.compile(keras.optimizers.Adam(4e-3), jit_compile=False)
        model.fit(rows, batch_size=60, epochs=epochs, verbose=0)
        unseen = alphabet.encode(held_out)
        terms = model.elbo_terms(unseen)
        again = alphabet.molecules(model.reconstruct(unseen))
        yield (
            name,
            {
                **generated(alphabet, model.sample(DRAWN, seed=seed)),
                "kl": float(terms["kl"].mean()),
                "neg_elbo": float(-terms["elbo"].mean()),
                "exact": float(np.mean([a == b for a, b in zip(again, held_out, strict=True)])),
            },
        )
        if name != "mended":
            continue
        labelled = known[:LABELLED]
        values = drug_likeness(labelled)
        yield "labelled", {"best": float(values.max())}
        yield "screened", {"best": float(drug_likeness(rest[:evaluations]).max())}
        for method in ("random", "gradient", "bayesian"):
            done = search(
                model, alphabet, drug_likeness, alphabet.encode(labelled), values,
                method=method, budget=evaluations, seed=seed,
            )  # fmt: skip
            yield f"search_{method}", {"best": float(max(done.values)), "in_rule": None}
