"""All molecules that a short rule allows: a scaffold, and a group at each of its free places. Chapter 14."""

from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np

from companion.errors import BadInput, check_seed, check_whole_number
from companion.molecules.chemistry import canonical

#: Scaffolds in SMILES, with a place ``{}`` for each group.
SCAFFOLDS = (
    *("c1ccc({})c({})c1", "c1cc({})cc({})c1", "c1cc({})ccc1{}"),  # two groups on benzene
    *("c1cnc({})c({})c1", "c1nc({})ccc1{}", "c1nc({})ncc1{}"),  # on pyridine and pyrimidine
    *("o1c({})ccc1{}", "s1c({})ccc1{}"),  # on furan and thiophene
    *("C1CC({})CCC1{}", "C1CN({})CCC1{}", "N1C({})CCC1{}"),  # on rings without double bonds
    *("C({})CC{}", "C({})OC{}", "C({})NCC{}"),  # on chains
    *("c1c({})c({})ccc1{}", "C1C({})C({})CCC1{}"),  # three groups on a ring
)
#: The groups: methyl, ethyl, hydroxyl, methoxy, amine, fluorine, chlorine, nitrile, aldehyde.
GROUPS = ("C", "CC", "O", "OC", "N", "F", "Cl", "C#N", "C=O")


def _spelled() -> Iterator[str]:
    for scaffold in SCAFFOLDS:
        for groups in product(GROUPS, repeat=scaffold.count("{}")):
            yield scaffold.format(*groups)


@cache
def enumerated() -> tuple[str, ...]:
    """The canonical SMILES of all molecules of the rule, sorted: about 2,900, each once.

    Many spellings give one molecule: two groups on benzene may be named in either order. Taught in chapter 14.
    """
    return tuple(sorted({found for each in _spelled() if (found := canonical(each)) is not None}))


def split(n_train: int = 1500, seed: int = 0) -> tuple[list[str], list[str]]:
    """``n_train`` molecules of :func:`enumerated` to train on, and all others, both in random order.

    Raises :class:`~companion.errors.BadInput` where the rule has not that many, or nothing would be left.
    """
    everything, n = enumerated(), check_whole_number("n_train", n_train)
    if n >= len(everything):
        raise BadInput(
            f"n_train={n}: expected fewer than the {len(everything)} molecules of the rule; pass n_train=1500."
        )
    order = np.random.default_rng(check_seed(seed, generator=False)).permutation(len(everything))
    shuffled = [everything[i] for i in order]
    return shuffled[:n], shuffled[n:]
