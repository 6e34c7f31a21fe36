"""Scores of spotted intervals against the true ones, as in the Micro-Expression Grand Challenge (MEGC 2020).

A spotted interval is right if it overlaps a true one by at least half of their union (IoU .5); each true interval
counts once. F1 is over all intervals of all films.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from infusenet.detection.spotting import Interval

OVERLAP = 0.5


def overlap(one: Interval, other: Interval) -> float:
    """Intersection over union, in frames; both ends belong to an interval."""
    common = min(one.offset, other.offset) - max(one.onset, other.onset) + 1
    lengths = one.offset - one.onset + other.offset - other.onset + 2
    return max(common, 0) / (lengths - max(common, 0))


def match(spotted: Sequence[Interval], true: Sequence[Interval]) -> list[tuple[Interval, Interval]]:
    """(spotted, true) pairs with an overlap of at least `OVERLAP`, the largest overlaps first; each once."""
    pairs = sorted(
        ((overlap(one, other), i, j) for i, one in enumerate(spotted) for j, other in enumerate(true)),
        key=lambda pair: (-pair[0], pair[1:]),
    )
    left, right, matches = set(), set(), []
    for share, i, j in pairs:
        if share >= OVERLAP and i not in left and j not in right:
            left.add(i)
            right.add(j)
            matches.append((spotted[i], true[j]))
    return matches


class FilmScore(NamedTuple):
    """Counts of a film, its length in minutes, and the apex errors of its matches, in frames and in ms."""

    spotted: int
    true: int
    right: int
    minutes: float
    apex_frames: tuple[int, ...]
    apex_ms: tuple[float, ...]


def score(spotted: Sequence[Interval], true: Sequence[Interval], rate: float, minutes: float) -> FilmScore:
    """The score of one film with ``rate`` frames per second."""
    matches = match(spotted, true)
    errors = tuple(abs(one.apex - other.apex) for one, other in matches)
    ms = tuple(1000 * error / rate for error in errors)
    return FilmScore(len(spotted), len(true), len(matches), minutes, errors, ms)


class Figures(NamedTuple):
    """``f1``, ``recall``, ``precision``: 0 to 1, NaN where nothing counts; ``apex_frames`` and ``apex_ms``: median
    errors of the matches; ``false_alarms``: wrong intervals per minute."""

    f1: float
    recall: float
    precision: float
    apex_frames: float
    apex_ms: float
    false_alarms: float


def figures(films: Iterable[FilmScore]) -> Figures:
    """Figures over several films."""
    films = list(films)
    spotted, true, right, minutes = (sum(film[n] for film in films) for n in range(4))
    frames, ms = ([e for film in films for e in film[n]] for n in (4, 5))
    return Figures(
        2 * right / (spotted + true) if spotted + true else np.nan,
        right / true if true else np.nan,
        right / spotted if spotted else np.nan,
        float(np.median(frames)) if frames else np.nan,
        float(np.median(ms)) if ms else np.nan,
        (spotted - right) / minutes,
    )
