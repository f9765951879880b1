"""Molecules as rows of whole numbers: how a string is cut into symbols, and the symbols numbered. Chapter 14."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from companion.errors import BadInput, check_choice
from companion.molecules.chemistry import canonical, from_selfies, to_selfies

#: One symbol of a string: in SELFIES what stands in brackets, in SMILES also chlorine, bromine and single characters.
SYMBOL = {"selfies": re.compile(r"\[[^\]]*\]"), "smiles": re.compile(r"\[[^\]]*\]|Cl|Br|.")}
#: The number that ends a string and fills the row behind it.
END = 0


def symbols(text: str, language: str = "selfies") -> list[str]:
    """The symbols of a string: ``"[C][O]"`` has two, and so has the SMILES ``"CCl"``.

    Raises :class:`~companion.errors.BadInput` where something between the symbols belongs to none.
    """
    cut = SYMBOL[check_choice("language", language, SYMBOL)].findall(text)
    if "".join(cut) != text:
        raise BadInput(
            f"{text!r} is not made of symbols of {language}: expected for example "
            f"{'[C][O]' if language == 'selfies' else 'CO'!r}; convert SMILES with companion.molecules.to_selfies."
        )
    return cut


class Alphabet:
    """The symbols of a set of molecules, numbered from 1; 0 ends a string.

    ``Alphabet.of(smiles, language)`` collects them from molecules in SMILES; ``language`` is how they are spelled from
    then on, ``"selfies"`` or ``"smiles"``. ``length`` is the length of a row: the longest string and its end.
    Taught in chapter 14.
    """

    def __init__(self, names: Sequence[str], length: int, language: str = "selfies"):
        self.language = check_choice("language", language, SYMBOL)
        self.names, self.length = tuple(names), int(length)
        self._number = {name: number for number, name in enumerate(self.names, start=1)}

    @classmethod
    def of(cls, smiles: Iterable[str], language: str = "selfies") -> Self:
        """The alphabet of molecules given in SMILES."""
        strings = [symbols(text, language) for text in spelled(smiles, language)]
        if not strings:
            raise BadInput("there are no molecules: expected at least one SMILES; pass a list of them.")
        names = sorted({name for string in strings for name in string})
        return cls(names, max(map(len, strings)) + 1, language)

    def __len__(self) -> int:
        """The number of symbols, with the end."""
        return len(self.names) + 1

    def encode(self, smiles: Iterable[str]) -> np.ndarray:
        """Rows ``(n, length)``, int32, of molecules given in SMILES.

        Raises :class:`~companion.errors.BadInput` for a symbol that the alphabet lacks and for a string that is too
        long.
        """
        strings = [symbols(text, self.language) for text in spelled(smiles, self.language)]
        rows = np.full((len(strings), self.length), END, "int32")
        for row, string in zip(rows, strings, strict=True):
            if unknown := set(string) - set(self.names):
                raise BadInput(
                    f"the alphabet has no {min(unknown)!r}: expected one of {', '.join(self.names)}; make it with "
                    f"Alphabet.of from all molecules."
                )
            if len(string) >= self.length:
                raise BadInput(
                    f"a molecule has {len(string)} symbols: expected at most {self.length - 1}; make the alphabet with "
                    f"Alphabet.of from all molecules."
                )
            row[: len(string)] = [self._number[name] for name in string]
        return rows

    def texts(self, rows: Any) -> list[str]:
        """The string of each row ``(n, length)``, up to its first end."""
        return ["".join(self.names[number - 1] for number in until_end(row)) for row in np.asarray(rows)]

    def molecules(self, rows: Any) -> list[str | None]:
        """The canonical SMILES of each row ``(n, length)``; None where the string is no molecule."""
        texts = self.texts(rows)
        return from_selfies(texts) if self.language == "selfies" else [canonical(text) for text in texts]


def spelled(smiles: Iterable[str], language: str) -> list[str]:
    """Molecules given in SMILES, in the ``language`` ``"selfies"`` or ``"smiles"``."""
    check_choice("language", language, SYMBOL)
    return to_selfies(smiles) if language == "selfies" else list(smiles)


def until_end(row: np.ndarray) -> np.ndarray:
    """The numbers of a row before its first end."""
    ends = np.flatnonzero(row == END)
    return row[: ends[0]] if len(ends) else row
