"""The releases of the owners' tables in circulation, made up: the pieces that all databases share.

A database's builders start from ``truth``, CD6ME's clips: those that releases differ in exactly as they
are, among made-up clips up to CD6ME's count. A release is the truth with that release's cells.
"""

import csv
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import xlwt

from infusenet import databases
from infusenet.databases import Options, Reading
from infusenet.databases.clip_table import Clip
from infusenet.protocol import AUS

AU_STRINGS = ("4", "12", "1+2", "14", "R15", "4+7", "6+12", "L10", "17", "4+9", "5", "?", "1+2+5", "24")
EMOTIONS = ("happiness", "disgust", "surprise", "others")


class Truth(NamedTuple):
    """One clip of CD6ME: frame numbers, the AU cell, the emotion."""

    onset: int
    apex: int
    offset: int
    au: str
    emotion: str

    @property
    def window(self) -> tuple[int, int, int]:
        return self[:3]


class Difference(NamedTuple):
    """Keys (subject/clip) of the clips of a reading that are not as in CD6ME."""

    windows: set[str] = frozenset()
    labels: set[str] = frozenset()
    emotions: set[str] = frozenset()
    extra: set[str] = frozenset()
    absent: set[str] = frozenset()


@dataclass
class Copy:
    """A table and its frames: ``rows`` in the order of ``header``, ``frames`` {folder: frame numbers}."""

    key: str
    header: list[str]
    rows: list[list]
    frames: dict[str, set]
    name: str = "{}.jpg"
    preamble: list[list] = field(default_factory=list)

    def table(self) -> list[list]:
        return [*self.preamble, self.header, *self.rows]


def made_up(index: int) -> Truth:
    """The ``index``-th clip that no release differs in."""
    onset = 40 + index % 53
    apex = onset + 7 + index % 11
    au, emotion = AU_STRINGS[index % len(AU_STRINGS)], EMOTIONS[index % len(EMOTIONS)]
    return Truth(onset, apex, apex + 6 + index % 13, au, emotion)


def twelve(au: str) -> dict[int, int]:
    """The twelve labels of an AU cell of CD6ME; ``(k)`` means not active."""
    numbers = set(map(int, re.findall(r"[0-9]+", re.sub(r"[0-9]+\(k\)", "", au))))
    return {n: int(n in numbers) for n in AUS}


def compare(
    clips: Iterable[Clip], truth: Mapping[str, Truth], shifts: Mapping[str, int] | None = None
) -> Difference:
    """The clips that are not as in CD6ME, with windows less the ``shifts`` of raw numberings (key -> frames)."""
    clips = {clip.key: clip for clip in clips}
    shared = clips.keys() & truth.keys()

    def window(clip: Clip) -> tuple[int, ...]:
        shift = (shifts or {}).get(clip.key, 0)
        return tuple(number - shift for number in (clip.onset, clip.apex, clip.offset))

    return Difference(
        windows={key for key in shared if window(clips[key]) != truth[key].window},
        labels={key for key in shared if {n: clips[key].labels[n] for n in AUS} != twelve(truth[key].au)},
        emotions={key for key in shared if clips[key].emotion != truth[key].emotion},
        extra=clips.keys() - truth.keys(),
        absent=truth.keys() - clips.keys(),
    )


def read(
    key: str, annotations: Path | Sequence[Path], frames: Path, *exclude: str, keep: bool = False, **options
) -> Reading:
    """The reading of a table; rows outside CD6ME are left out unless ``keep``. ``cd6me`` is a folder of tables."""
    tables = {"cd6me": options.pop("cd6me")} if "cd6me" in options else {}
    policy = {"not_in_cd6me": "keep"} if keep else {}
    return databases.examine(
        key, annotations, frames, options=Options(**options, **policy), exclude=exclude, **tables
    )


def entries(reading: Reading, kind: str) -> set[str]:
    """Clips of the findings of one kind that are kept."""
    return {finding.clip for finding in reading.findings if finding.kind == kind}


def refused(reading: Reading, kind: str) -> list[int]:
    """Row numbers of what is left out for one reason."""
    return sorted(row.row for row in reading.refused if row.kind == kind)


def write_frames(root: Path, frames: Mapping[str, set], name: str = "{}.jpg") -> Path:
    """Frames hold their own path: readers look at names only, and no two clips may look the same.

    ``name`` may use the folder's own name: ``{folder}-{:03d}.jpg``.
    """
    for folder, numbers in frames.items():
        path = f"{root}/{folder}"
        os.makedirs(path, exist_ok=True)
        for number in numbers:
            with open(f"{path}/{name.format(number, folder=os.path.basename(path))}", "w") as file:
                file.write(f"{folder}/{number}")
    return root


def write_csv(path: Path, table: Iterable[Sequence]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)
    return path


def write_xls(path: Path, **sheets: Iterable[Sequence]) -> Path:
    """A workbook of named sheets; its cells are text, as CAS(ME)^3's are, where the table's are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    book = xlwt.Workbook()
    for title, table in sheets.items():
        sheet = book.add_sheet(title)
        for y, line in enumerate(table):
            for x, cell in enumerate(line):
                if cell not in (None, ""):
                    sheet.write(y, x, cell)
    book.save(str(path))
    return path


def numbers(*windows: Iterable) -> set[int]:
    """The frame numbers among the cells of windows."""
    return {int(cell) for window in windows for cell in window if str(cell).isdigit()}
