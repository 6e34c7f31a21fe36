"""Which file names are a clip's own frames: those that are formed like their neighbours.

Pure: names in, names out. ``reg_img46.jpg`` is what stands before the number, the number, what stands
after it, and the kind of picture. Imported while Snakemake parses: standard library only.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

NUMBER = re.compile(r"[0-9]+")
LAST_NUMBER = re.compile(r"([0-9]+)([^0-9]*)\Z")
SAME_KIND = {".jpeg": ".jpg"}


class Pattern(NamedTuple):
    """Lower case, because file systems and cameras do not agree on it."""

    before: str
    after: str
    kind: str


@dataclass(frozen=True)
class Name:
    text: str
    pattern: Pattern
    digits: str

    @property
    def number(self) -> int:
        return int(self.digits)


def parse(text: str) -> Name | None:
    """A file name by the last digit run of its stem; None where it has none."""
    stem, suffix = os.path.splitext(text)
    match = LAST_NUMBER.search(stem)
    if not match:
        return None
    kind = suffix.lower()
    before, after = stem[: match.start()].lower(), match[2].lower()
    return Name(text, Pattern(before, after, SAME_KIND.get(kind, kind)), match[1])


def own_frames(texts: Iterable[str]) -> tuple[list[Name], list[Name]]:
    """The frames among file names, and the other names with a number that are no copies of a frame's.

    Most files decide: what stands before and after the number, the kind of picture, and whether numbers
    are padded with zeros to one width. Of patterns with equally many files all count, but for copies of
    another one's files (``img20 (24)`` beside ``img20``).
    """
    names = [name for text in texts if (name := parse(text))]
    groups: dict[Pattern, list[Name]] = {}
    for name in names:
        groups.setdefault(name.pattern, []).append(name)
    groups = {pattern: _padded_alike(members) for pattern, members in groups.items()}
    most = max(map(len, groups.values()), default=0)
    leading = [pattern for pattern, members in groups.items() if len(members) == most]
    afters: dict[str, set[str]] = {}
    for pattern in leading:
        afters.setdefault(pattern.before, set()).add(pattern.after)
    own = [n for pattern in leading if not _is_copy(groups[pattern][0], afters) for n in groups[pattern]]
    texts_of_own = {name.text for name in own}
    others = [name for name in names if name.text not in texts_of_own]
    return own, [name for name in others if not _is_copy(name, afters)]


def _is_copy(name: Name, afters: Mapping[str, set[str]]) -> bool:
    """Whether a name goes on after what would be a frame's whole name: ``img20 - Copy`` after ``img20``.

    ``afters``: what stands before the number in a pattern -> what stands after it.
    """
    stem = os.path.splitext(name.text)[0].lower()
    return any(
        rest.startswith(after) and not NUMBER.match(rest, len(after)) and rest != after
        for run in NUMBER.finditer(stem)
        for rest in [stem[run.end() :]]
        for after in afters.get(stem[: run.start()], ())
    )


def numbers_in(text: str) -> set[int]:
    """Every number that a name could stand for."""
    return {int(run) for run in NUMBER.findall(os.path.splitext(text)[0])}


def _padded_alike(names: list[Name]) -> list[Name]:
    """The largest part whose numbers are padded to one width; 1 is no padding."""
    widths = {1} | {len(name.digits) for name in names if name.digits.startswith("0")}
    parts = [[n for n in names if n.digits == str(n.number).zfill(width)] for width in sorted(widths)]
    return max(parts, key=len)
