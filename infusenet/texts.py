"""Text from tables that people typed: a plain form for comparison; for messages, one that hides no character.

Standard library only.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

# Characters without a picture beside the categories of control and format signs: joiners, fillers, variants.
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5" + "".join(map(chr, range(0xFE00, 0xFE10))))


def is_invisible(character: str) -> bool:
    """Whether a character has no picture and is no space: U+200B, U+FEFF, U+00AD, bidi marks and their kind."""
    if character in INVISIBLE:
        return True
    return unicodedata.category(character) in ("Cf", "Cc") and not character.isspace()


def plain(text: str) -> str:
    """``text`` in compatibility form (full-width signs and hard spaces become ASCII), without invisible
    characters, unquoted, trimmed."""
    if not (text.isascii() and text.isprintable()):  # else nothing changes, as in nearly all cells
        text = "".join(c for c in unicodedata.normalize("NFKC", text) if not is_invisible(c))
    return text.strip(" \t\r\n'\"`‘’“”")


def visible(text: str) -> str:
    """``text`` for a message: an invisible character is written as its escape, such as ``\\u200b``."""
    return "".join(
        c.encode("unicode_escape").decode() if is_invisible(c) or not c.isprintable() else c for c in text
    )


def plain_header(text: str) -> str:
    """Letters and digits in lower case: the same whatever the case, spaces, underscores and quotes."""
    return "".join(filter(str.isalnum, plain(text).lower()))


def first_few(items: Iterable[object], count: int) -> str:
    """The first ``count`` items with commas, and ``...`` in place of the others.

    Examples
    --------
    >>> first_few(range(9), 3)
    '0, 1, 2, ...'
    """
    texts = list(map(str, items))
    return ", ".join(texts[:count]) + (", ..." if len(texts) > count else "")


def aligned(lines: Mapping[str, object]) -> str:
    """Names and values in two columns, a line each.

    Examples
    --------
    >>> print(aligned({"clips": 5, "database": "samm"}))
    clips     5
    database  samm
    """
    width = max(map(len, lines))
    return "\n".join(f"{name:{width}}  {value}" for name, value in lines.items())


@lru_cache(maxsize=1000)  # every row of a table has the same headers
def au_number(header: str) -> int | None:
    """4 for ``AU4``, ``au4``, ``AU04`` and ``AU 4``; None for a header that names no AU.

    ``AU4.1`` is 4 too, because pandas writes a second column ``AU4`` as that.
    """
    match = re.fullmatch(r"au[\s_.-]*([0-9]+)(?:\.[0-9]+)?", plain(header).lower())
    return int(match[1]) if match else None


def duplicate_headers(headers: Sequence[str]) -> list[list[str]]:
    """Headers, blank ones aside, that mean the same column, in groups of two and more."""
    groups: dict[str | int, list[str]] = {}
    for header in filter(plain_header, headers):
        number = au_number(header)
        groups.setdefault(plain_header(header) if number is None else number, []).append(header)
    return [group for group in groups.values() if len(group) > 1]
