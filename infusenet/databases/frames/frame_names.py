"""The file names that are a clip's own frames: those formed like most others of their folder.

Pure: names in, names out. A name such as ``reg_img46.jpg`` is the text before the number, the number, the
text after it, and the kind of picture. Imported while Snakemake parses: standard library only.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

NUMBER = re.compile(r"[0-9]+")
LAST_NUMBER = re.compile(r"([0-9]+)([^0-9]*)\Z")
SAME_KIND = {".jpeg": ".jpg"}

IMAGE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".bmp"))


class Pattern(NamedTuple):
    """Lower case, because file systems and cameras do not agree on it."""

    before: str
    after: str
    kind: str


class Name(NamedTuple):
    text: str
    pattern: Pattern
    digits: str
    number: int


def parse(text: str) -> Name | None:
    """A file name by the last digit run of its stem; None where it has none."""
    stem, suffix = os.path.splitext(text)
    match = LAST_NUMBER.search(stem)
    if not match:
        return None
    kind = suffix.lower()
    before, after = stem[: match.start()].lower(), match[2].lower()
    return Name(text, Pattern(before, after, SAME_KIND.get(kind, kind)), match[1], int(match[1]))


def own_frames(texts: Iterable[str]) -> tuple[list[Name], list[Name]]:
    """The frames among file names, and the other names with a number that are no copies of a frame's.

    Most files decide: what stands before and after the number, the kind of picture, and whether numbers
    are padded with zeros to one width. Where no pattern has half of the files, names may hold a time or
    the like, so other digits before the number then make no difference. Where even that does not help,
    every file counts that is no copy of another one (``img20 (24)`` beside ``img20``).
    """
    names = [name for text in texts if (name := parse(text))]
    for key in (str, _without_digits):
        groups = _groups(names, key)
        most = max(map(len, groups.values()), default=0)
        own, others = _split(names, {p: group for p, group in groups.items() if len(group) == most}, key)
        if len(own) == most >= len(others):
            return own, others
    return _split(names, _groups(names, str), str)


def _groups(names: Sequence[Name], key: Callable[[str], str]) -> dict[Pattern, list[Name]]:
    """Names by pattern, in which ``key`` is applied to the text before the number; padded alike."""
    groups: dict[Pattern, list[Name]] = {}
    for name in names:
        groups.setdefault(name.pattern._replace(before=key(name.pattern.before)), []).append(name)
    return {pattern: _padded_alike(group) for pattern, group in groups.items()}


def _split(
    names: Sequence[Name], groups: Mapping[Pattern, list[Name]], key: Callable[[str], str]
) -> tuple[list[Name], list[Name]]:
    """The members of those groups that are no copies of another one's, and other names that are no copies."""
    afters: dict[str, set[str]] = {}
    for pattern in groups:
        afters.setdefault(pattern.before, set()).add(pattern.after)
    own = [name for group in groups.values() if not _is_copy(group[0], afters, key) for name in group]
    texts = {name.text for name in own}
    return own, [name for name in names if name.text not in texts and not _is_copy(name, afters, key)]


def _is_copy(name: Name, afters: Mapping[str, set[str]], key: Callable[[str], str]) -> bool:
    """Whether a name goes on after what would be a frame's whole name: ``img20 - Copy`` after ``img20``.

    ``afters``: ``key`` of what stands before the number in a pattern -> what stands after it.
    """
    stem = os.path.splitext(name.text)[0].lower()
    return any(
        rest.startswith(after) and not NUMBER.match(rest, len(after)) and rest != after
        for run in NUMBER.finditer(stem)
        for rest in [stem[run.end() :]]
        for after in afters.get(key(stem[: run.start()]), ())
    )


def _without_digits(text: str) -> str:
    return NUMBER.sub("#", text)


def numbers_in(text: str) -> set[int]:
    """Every number in a name's stem."""
    return {int(run) for run in NUMBER.findall(os.path.splitext(text)[0])}


def _padded_alike(names: list[Name]) -> list[Name]:
    """The largest part whose numbers are padded to one width; 1 is no padding."""
    widths = {1} | {len(name.digits) for name in names if name.digits.startswith("0")}
    parts = [[n for n in names if n.digits == str(n.number).zfill(width)] for width in sorted(widths)]
    return max(parts, key=len)
