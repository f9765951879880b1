"""What RDKit and selfies know about molecules: which strings are one, their spelling, and properties. Chapter 14."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from companion.errors import BadInput
from companion.needed import needed


@cache
def _chem() -> Any:
    """RDKit's module of molecules, told not to print a line for each string that it refuses."""
    needed("rdkit.RDLogger").DisableLog("rdApp.*")
    return needed("rdkit.Chem")


def canonical(smiles: str) -> str | None:
    """The canonical SMILES of the molecule that ``smiles`` spells; None where it spells none.

    RDKit decides: rings have to be closed and no atom may have more bonds than its valence allows. The empty string
    and strings of several molecules are refused, too.
    """
    molecule = _chem().MolFromSmiles(smiles) if smiles and "." not in smiles else None
    if molecule is None or molecule.GetNumAtoms() == 0:
        return None
    return str(_chem().MolToSmiles(molecule))


def to_selfies(smiles: Iterable[str]) -> list[str]:
    """The SELFIES of each of the ``smiles``; raises :class:`~companion.errors.BadInput` where there is none."""
    selfies = needed("selfies")
    written = []
    for each in smiles:
        try:
            written.append(selfies.encoder(each))
        except selfies.EncoderError as error:
            raise BadInput(
                f"{each!r} has no SELFIES: expected the SMILES of one molecule; leave out those for which "
                f"companion.molecules.canonical returns None."
            ) from error
    return written


def from_selfies(selfies_strings: Iterable[str]) -> list[str | None]:
    """The canonical SMILES of each of the strings; None where no molecule is left, such as for the empty string."""
    decoder = needed("selfies").decoder
    return [canonical(decoder(each)) for each in selfies_strings]


def drug_likeness(smiles: Sequence[str]) -> np.ndarray:
    """QED of each molecule, ``(n,)``, between 0 and 1: how much it resembles drugs that are taken by mouth.

    It is a weighted geometric mean of eight desirabilities, such as those of the mass and of the number of rings.
    Raises :class:`~companion.errors.BadInput` where a string is no molecule.
    Source: Bickerton et al. (2012). Taught in chapter 14.
    """
    qed = needed("rdkit.Chem.QED").qed
    return np.array([qed(_molecule(each)) for each in smiles])


def _molecule(smiles: str) -> Any:
    molecule = _chem().MolFromSmiles(smiles) if smiles else None
    if molecule is None:
        raise BadInput(
            f"{smiles!r} is no molecule: expected SMILES that RDKit reads; keep those for which "
            f"companion.molecules.canonical is not None."
        )
    return molecule


def scores(
    found: Sequence[str | None], trained_on: Iterable[str], universe: Iterable[str] = ()
) -> dict[str, float]:
    """How good a set of generated molecules is; ``found`` holds canonical SMILES, and None for what is no molecule.

    ``valid``: the share that is a molecule. ``unique``: distinct molecules per valid one. ``novel``: the share of the
    distinct ones that is not among those ``trained_on``. ``in_rule``: the share of the valid ones that lies in the
    ``universe`` that the training molecules were drawn from. ``discovered``: how many distinct molecules of the
    universe were found that were not trained on. Shares of an empty set are 0.
    Raises :class:`~companion.errors.BadInput` where nothing was generated.
    Source of the first three: Brown et al. (2019). Taught in chapter 14.
    """
    if not len(found):
        raise BadInput("found is empty: expected generated molecules; draw some, for example 1,000.")
    known, possible = set(trained_on), set(universe)
    valid = [each for each in found if each is not None]
    distinct = set(valid)
    share = [
        len(valid) / len(found),
        _ratio(len(distinct), len(valid)),
        _ratio(len(distinct - known), len(distinct)),
    ]
    return {
        **dict(zip(("valid", "unique", "novel"), share, strict=True)),
        "in_rule": _ratio(sum(each in possible for each in valid), len(valid)),
        "discovered": float(len((distinct & possible) - known)),
    }


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
