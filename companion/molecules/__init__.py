"""Molecules as strings, and a VAE that writes them: SELFIES and SMILES, controls without a network, and a search for a
molecule with a high property. Needs the packages rdkit and selfies. Chapter 14."""

from companion.molecules.chemistry import canonical, drug_likeness, from_selfies, scores, to_selfies
from companion.molecules.model import SequenceVAE
from companion.molecules.ngram import NGram, random_rows
from companion.molecules.rules import enumerated, split
from companion.molecules.search import Evaluations, expected_improvement, search
from companion.molecules.strings import Alphabet, symbols

__all__ = [
    "Alphabet",
    "Evaluations",
    "NGram",
    "SequenceVAE",
    "canonical",
    "drug_likeness",
    "enumerated",
    "expected_improvement",
    "from_selfies",
    "random_rows",
    "scores",
    "search",
    "split",
    "symbols",
    "to_selfies",
]
