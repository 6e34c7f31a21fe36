"""The text of an AU cell as Action Units.

Its grammar reaches from ``4`` to ``ref(L10)+A12B`` and ``AU4+12(k)``. It is verified against the AU strings of
all 2,031 clips of the joint CD6ME table. Side, lip half, intensity and asymmetry are read and dropped,
because an AU is present or absent and nothing more.
"""

import re
from typing import NamedTuple

# The AUs that occur in the six databases. A general FACS list would be too weak a check: 40 is a
# FACS code, so it would let a mangled "4.0" pass.
AU_NUMBERS = (
    1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25, 26, 28, 30, 31,
    34, 38, 39, 43, 45, 56, 61, 63, 64,
)  # fmt: skip

TOKEN = re.compile(
    r"""(?P<ref>ref\()?
        (?:[LRATB](?:/[LRATB])?)?      # side, top or bottom lip, asymmetric; A/L
        (?P<number>[0-9]+)
        (?:[A-E](?:/[A-E])?)?          # intensity; A/B
        [LR]?                          # side after the number
        (?(ref)\))
        \s*(?P<mark>\(k\)|\(offset\))?""",
    re.VERBOSE | re.IGNORECASE,
)
NO_AU = ("?", "soft focus")


class ActionUnits(NamedTuple):
    """``plain`` AUs of a cell, and those marked ``(k)``: kept from before the clip, not active."""

    plain: frozenset[int]
    kept: frozenset[int]

    @property
    def active(self) -> frozenset[int]:
        """A ``(k)`` beats a plain copy of the same AU."""
        return self.plain - self.kept


def parse(text: str, comma: bool = False) -> ActionUnits:
    """Read one AU cell; ``comma`` allows ``,`` beside ``+`` between AUs.

    Raises
    ------
    ValueError
        With a sentence: blank cell, ``or``, two numbers around a slash, a number outside
        ``AU_NUMBERS``, or anything that is not in the grammar.
    """
    cell = text.strip()
    if not cell:
        raise ValueError("AU cell is blank, expected AUs joined by '+', or '?' for none")
    if re.search(r"(?<![a-z])or(?![a-z])", cell, re.IGNORECASE):
        raise ValueError(f"AU '{text}' offers a choice; put the one that holds into the errata table")
    if decimal := re.fullmatch(r"([0-9]{1,2})\.0+", cell):
        cell = decimal[1]
    if comma:
        cell = cell.replace(",", "+")
    plain, kept = set(), set()
    for token in re.sub(r"\AAU", "", cell, flags=re.IGNORECASE).split("+"):
        token = token.strip()
        if token.lower() in NO_AU:
            continue
        match = TOKEN.fullmatch(token)
        if not match:
            raise ValueError(
                f"AU '{text}': '{token}' is not understood, expected AUs joined by '+', or '?' for none"
            )
        number = int(match["number"])
        if len(match["number"]) > 2 or number not in AU_NUMBERS:
            raise ValueError(f"AU '{text}': {match['number']} is none of the known AUs; is a '+' lost?")
        (kept if (match["mark"] or "").lower() == "(k)" else plain).add(number)
    return ActionUnits(frozenset(plain), frozenset(kept))
